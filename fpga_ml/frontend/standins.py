"""What stands in a layer's place: other layers that compute the same, put there by a rebuild of the model."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.layers import Affine, exact_type
from fpga_ml.frontend.quantizers import signed_quantizer
from fpga_ml.frontend.rebuild import Call, calls, copy_layer, copy_weights, rebuild
from fpga_ml.frontend.tensors import Arrange, Reduce, numbers

_MOST_BITS = 18  # of a constant that is taken as it is


class Unknown(Exception):
    """No layer stands for this use of an operation; in words, what to use instead."""


class StandIn:
    """Called like a layer, of Keras tensors, it calls layers of its own: its parts. weights: {name of a part: its weights}.

    A layer that is called again has the same parts, unless the tensors have other shapes: parts are of a shape. each_call:
    parts of its own at every call; taken: names that parts may not have.
    """

    each_call = False

    def __init__(self, layer: Any) -> None:
        self.layer, self.name = layer, layer.name
        self.weights: dict[str, list[np.ndarray]] = {}
        self._made: dict[str, Any] = {}
        self._shapes: list[Any] = []
        self.shape = 0  # number of the shapes that are read now
        self.taken: set[str] = set()

    def __call__(self, x: Any, *others: Any, **given: Any) -> Any:
        tensors = [*(x if isinstance(x, (list, tuple)) else [x]), *others]
        shapes = [tuple(t.shape) for t in tensors if hasattr(t, "shape")]
        if self.each_call or shapes not in self._shapes:
            self._shapes.append(shapes)
        self.shape = len(self._shapes) - 1 if self.each_call else self._shapes.index(shapes)
        return self.results(x, *others, **{k: v for k, v in given.items() if k != "training" and v is not None})

    def results(self, *args: Any, **kwargs: Any) -> Any:
        """What the layer gives; kwargs: arguments of the call that are not None."""
        raise NotImplementedError

    def part(self, suffix: str, make: Callable[[str], Any], weights: Sequence[Any] | None = None) -> Any:
        """The part of this name behind the layer's, the same at each call; '' is the layer's own."""
        name = f"{self.name}_{suffix}" if suffix else self.name
        return self.once(f"{name}_shape{self.shape}" if self.shape else name, make, weights)

    def once(self, name: str, make: Callable[[str], Any], weights: Sequence[Any] | None = None) -> Any:
        """The part of this name."""
        if name not in self._made:
            free = name
            while free in self.taken and free != self.name:
                free += "_"
            self.taken.add(free)
            self._made[name] = make(free)
            if weights is not None:
                self.weights[free] = [np.asarray(w, np.float64) for w in weights]
        return self._made[name]

    def reshaped(self, suffix: str, x: Any, shape: Sequence[int]) -> Any:
        """The elements of x, in their order, in this shape."""
        if tuple(x.shape[1:]) == tuple(shape):
            return x
        return self.part(suffix, lambda name: keras.layers.Reshape(tuple(shape), name=name))(x)

    def arranged(self, suffix: str, x: Any, index: np.ndarray) -> Any:
        """Elements of x by their numbers, in the shape of the index."""
        if np.array_equal(index.reshape(-1), np.arange(math.prod(x.shape[1:]))):
            return self.reshaped(suffix, x, index.shape)
        return self.part(suffix, lambda name: Arrange(index, index.shape, name=name))(x)

    def refused(self, what: str, do: str) -> FpgaMlError:
        kind = type(self.layer).__name__
        return FpgaMlError(f"layer '{self.layer.name}' ({kind}) {what}", where=f"layer '{self.layer.name}'", do=do)


class Composed(StandIn):
    """One with words for the parts that many are made of."""

    def affine(self, suffix: str, x: Any, scale: Any = 1.0, offset: Any = 0.0) -> Any:
        """x * scale + offset: numbers, or arrays that broadcast to a sample of x, or to which it does."""
        arrays = [_of_sample(v, len(x.shape)) for v in (scale, offset)]
        if not all(np.isfinite(a).all() for a in arrays):
            raise self.refused("multiplies by, or adds, what is no finite number", "look at the numbers that it was given")
        shape = np.broadcast_shapes(tuple(x.shape[1:]), *(a.shape for a in arrays))
        x = self.arranged(f"{suffix}_repeated", x, np.broadcast_to(numbers(x.shape[1:]), shape))
        if (arrays[0] == 1).all() and not arrays[1].any():
            return x
        if all(is_of_channels(a) for a in arrays):
            return self._channels(suffix, x, *(np.broadcast_to(a.reshape(-1), shape[-1:]) for a in arrays))
        flat = self.reshaped(f"{suffix}_flat", x, (math.prod(shape),))
        flat = self._channels(suffix, flat, *(np.broadcast_to(a, shape).reshape(-1) for a in arrays))
        return self.reshaped(f"{suffix}_shaped", flat, shape)

    def _channels(self, suffix: str, x: Any, scale: np.ndarray, offset: np.ndarray) -> Any:
        """Exact where fixed point holds both in a few bits; else they are rounded as weights are."""
        types = [exact_type(v) for v in (scale, offset)]
        exact = all(t.width <= _MOST_BITS for t in types)
        own = [signed_quantizer(t, f"layer '{self.name}'") for t in types] if exact else [None, None]
        return self.part(suffix, lambda name: Affine(*own, name=name), [scale, offset])(x)

    def merged(self, suffix: str, kind: Any, *tensors: Any) -> Any:
        return self.part(suffix, lambda name: kind(name=name))(list(tensors))

    def reduced(self, suffix: str, x: Any, op: Any, axes: Sequence[int], keepdims: bool) -> Any:
        return self.part(suffix, lambda name: Reduce(op, axes, keepdims, name=name))(x)


def is_of_channels(a: np.ndarray) -> bool:
    """Whether it has numbers for the last axis only."""
    return a.size == 1 or a.size == a.shape[-1]


def _of_sample(constant: Any, rank: int) -> np.ndarray:
    """A constant without the axis of samples; rank: of the tensor that it meets."""
    found = constant if isinstance(constant, np.ndarray) else np.asarray(constant, np.float64)
    if found.ndim < rank:
        return found
    if found.ndim > rank or found.shape[0] != 1:
        raise Unknown
    sample: np.ndarray = found[0]
    return sample


# Puts a layer behind a tensor: of a stand-in, with a suffix for its name.
Part = Callable[[StandIn, str, Any], Any]


def layer_part(make: Callable[[str], Any]) -> Part:
    """One that is a layer."""
    return lambda standin, suffix, x: standin.part(suffix, make)(x)


class Activated(StandIn):
    """Parts, in a row, in the place of an activation: of the whole layer, or of the one that stands inside of it."""

    def __init__(self, layer: Any, parts: Sequence[Part], *, inside: bool) -> None:
        super().__init__(layer)
        self.parts, self.inside = parts, inside

    def results(self, x: Any, *_: Any, **__: Any) -> Any:
        own = "activation" if self.inside else ""
        if self.inside:
            bare = {"activation": None}
            x = self.once(self.name, lambda _: copy_layer(self.layer, changes=bare), self.layer.get_weights())(x)
        for k, put in enumerate(self.parts):
            last = k == len(self.parts) - 1
            x = put(self, own if last else f"{own}{'_' * bool(own)}part{k + 1}", x)
        return x


def replaced(model: Any, rule: Callable[[Call], StandIn | None]) -> Any:
    """The model with what a rule gives for a call in the place of its layer, the same at all its calls; the model itself
    where it gives nothing."""
    standins: dict[int, StandIn] = {}
    for c in calls(model):
        if id(c.layer) not in standins and (made := rule(c)) is not None:
            standins[id(c.layer)] = made
    return with_standins(model, standins)


def by_class(model: Any, kinds: Mapping[str, type[StandIn]]) -> Any:
    """The model with a stand-in for each layer of these classes; the model itself where there is none."""
    return replaced(model, lambda c: kind(c.layer) if (kind := kinds.get(type(c.layer).__name__)) else None)


def with_standins(model: Any, standins: Mapping[int, StandIn]) -> Any:
    """The model with these in place of the layers of these ids; the model itself where there is none."""
    if not standins:
        return model
    taken = {layer.name for layer in model.layers}
    for standin in standins.values():
        standin.taken = taken
    new = rebuild(model, lambda layer: standins.get(id(layer)) or copy_layer(layer))
    weights = {layer.name: layer.get_weights() for layer in model.layers if layer.weights and id(layer) not in standins}
    for standin in standins.values():
        weights |= standin.weights
    return copy_weights(new, weights)
