"""What stands in a layer's place: other layers that compute the same, put there by a rebuild of the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.rebuild import copy_layer, copy_weights, rebuild

Shape = tuple[int | None, ...]


class StandIn:
    """Called like a layer, of Keras tensors, it calls layers of its own: its parts. weights: {name of a part: its weights}.

    A layer that is called again has the same parts, unless the tensors have other shapes: parts are of a shape. each_call:
    parts of its own at every call.
    """

    each_call = False

    def __init__(self, layer: Any) -> None:
        self.layer, self.name = layer, layer.name
        self.weights: dict[str, list[np.ndarray]] = {}
        self._made: dict[str, Any] = {}
        self._shapes: list[Any] = []
        self.shape = 0  # number of the shapes that are read now

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
            self._made[name] = make(name)
            if weights is not None:
                self.weights[name] = [np.asarray(w, np.float64) for w in weights]
        return self._made[name]

    def multiplied(self, suffix: str, x: Any, scale: float, shift: float = 0.0) -> Any:
        """scale * x + shift, two weights like those of any float layer: a batch normalisation, which may fold."""
        channels = x.shape[-1]
        weights = [np.full(channels, v) for v in (scale, shift, 0.0, 1.0)]
        return self.part(suffix, lambda name: keras.layers.BatchNormalization(epsilon=0.0, name=name), weights)(x)

    def refused(self, what: str, do: str) -> FpgaMlError:
        kind = type(self.layer).__name__
        return FpgaMlError(f"layer '{self.layer.name}' ({kind}) {what}", where=f"layer '{self.layer.name}'", do=do)


def with_standins(model: Any, standins: Mapping[int, StandIn]) -> Any:
    """The model with these in place of the layers of these ids; the model itself where there is none."""
    if not standins:
        return model
    new = rebuild(model, lambda layer: standins.get(id(layer)) or copy_layer(layer))
    weights = {layer.name: layer.get_weights() for layer in model.layers if layer.weights and id(layer) not in standins}
    for standin in standins.values():
        weights |= standin.weights
    return copy_weights(new, weights)
