"""Layers that are several in one, taken apart: what comes out holds only layers with one result.

TimeDistributed is what it holds. Recurrent layers that are given a state, give theirs, keep it or go backwards, and
Bidirectional ones, become layers of one direction, the two of frontend/walk.py and merges.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.rebuild import Call, calls, copy_layer, rebuild
from fpga_ml.frontend.recurrent import is_recurrent
from fpga_ml.frontend.walk import Pick, Walk, parts_of

# Layers that do the same at every place before the last axis: TimeDistributed adds nothing to them.
_POINTWISE = frozenset(
    [
        *("Dense", "QDense", "Activation", "QActivation", "ReLU", "LeakyReLU", "ELU", "Softmax"),
        *("BatchNormalization", "QBatchNormalization", "Dropout"),
    ]
)
_MERGES = {
    "concat": keras.layers.Concatenate,
    "sum": keras.layers.Add,
    "mul": keras.layers.Multiply,
    "ave": keras.layers.Average,
}


def unwrapped(model: Any) -> Any:
    """The model with such layers taken apart; the model itself where there is none."""
    every = calls(model)
    read = {id(t) for c in every for t in c.inputs} | {id(t) for t in model.outputs}
    apart: dict[int, _Apart] = {}
    for c in every:
        if id(c.layer) not in apart and _is_several(c, every):
            apart[id(c.layer)] = _apart(c, model.name, sum(d.layer is c.layer for d in every))
        if id(c.layer) in apart:
            apart[id(c.layer)].used.update(k for k, t in enumerate(c.outputs) if id(t) in read)
    if not apart:
        return model
    new = rebuild(model, lambda layer: apart.get(id(layer)) or copy_layer(layer))
    weights = {layer.name: layer.get_weights() for layer in model.layers if id(layer) not in apart}
    for part in apart.values():
        weights |= part.weights
    for layer in new.layers:
        if layer.weights:
            layer.set_weights(weights[layer.name])
    return new


def _is_several(c: Call, every: Sequence[Call]) -> bool:
    layer = c.layer
    if not is_recurrent(layer) or isinstance(layer, Walk):
        return type(layer).__name__ in ("TimeDistributed", "Bidirectional")
    given = any(len(d.inputs) > 1 for d in every if d.layer is layer)
    return bool(layer.return_state or layer.stateful or layer.go_backwards or given)


def _apart(c: Call, model: str, times: int) -> _Apart:
    """times: how often the layer is called."""
    layer, batch = c.layer, c.inputs[0].shape[0]
    if type(layer).__name__ == "TimeDistributed":
        return _Pointwise(layer, model)
    if layer.stateful and batch != 1:
        raise FpgaMlError(
            f"layer '{layer.name}' is stateful and keeps {batch} states side by side: the hardware keeps one",
            where=f"layer '{layer.name}'",
            do="build the model with Input(batch_shape=(1, ...)): each sample goes on where the one before ended",
        )
    if layer.stateful and times > 1:
        raise FpgaMlError(
            f"layer '{layer.name}' is stateful and called {times} times, so that one call would go on where another ended",
            where=f"layer '{layer.name}'",
            do="use a layer for each call",
        )
    return _TwoWays(layer) if type(layer).__name__ == "Bidirectional" else _OneWay(layer, layer.name)


class _Apart(ABC):
    """What stands in a layer's place: called like it, of Keras tensors. weights: {layer of the parts: its weights}; used:
    the results that something reads, by number."""

    def __init__(self, weights: dict[str, list[np.ndarray]]) -> None:
        self.weights = weights
        self.used: set[int] = set()
        self._made: dict[str, Any] = {}

    def __call__(self, x: Any, initial_state: Any = None, mask: Any = None, **_: Any) -> Any:
        if mask is not None:
            raise FpgaMlError(
                "a layer is given a mask, which has no C++", where=f"layers {', '.join(self.weights)}", do="leave it out"
            )
        first = [] if initial_state is None else initial_state
        found = self.results(x, list(first) if isinstance(first, (list, tuple)) else [first])
        return found if len(found) > 1 else found[0]

    @abstractmethod
    def results(self, x: Any, first: list[Any]) -> list[Any]:
        """As many as the layer has; first: its first state."""

    def _once(self, kind: Callable[..., Any], name: str, *arguments: Any) -> Any:
        """The layer of this name, the same at each call."""
        if name not in self._made:
            self._made[name] = kind(*arguments, name=name)
        return self._made[name]


class _Pointwise(_Apart):
    def __init__(self, layer: Any, model: str) -> None:
        super().__init__({layer.name: layer.get_weights()})
        inner = type(layer.layer).__name__
        if inner not in _POINTWISE or getattr(layer.layer, "axis", -1) != -1:
            raise FpgaMlError(
                f"layer '{layer.name}' applies a {inner} to each time step, which hls4ml cannot read under Keras 3",
                where=f"model '{model}'",
                do=f"use a layer that takes sequences, or TimeDistributed of one of {', '.join(sorted(_POINTWISE))}",
            )
        self.layer = copy_layer(layer.layer)
        self.layer.name = layer.name

    def results(self, x: Any, first: list[Any]) -> list[Any]:
        return [self.layer(x)]


class _OneWay(_Apart):
    """A layer of one direction under a name; behind its result, the parts of its last state, whether it gives them or
    not."""

    def __init__(self, layer: Any, name: str) -> None:
        super().__init__({name: layer.get_weights()})
        self.layer, self.name = layer, name
        plain = {"stateful": False, "return_state": False, "go_backwards": False, "unroll": False}
        self.inner = copy_layer(layer, changes=plain)
        self.inner.name = name

    def results(self, x: Any, first: list[Any]) -> list[Any]:
        layer, name, units, parts = self.layer, self.name, self.layer.cell.units, parts_of(self.layer)
        whole = parts > 1 and 2 in self.used
        if layer.go_backwards:
            x = self._once(Pick, f"{name}_reversed", 0, x.shape[-1], "reversed")(x)
        if len(first) > 1:
            first = [self._once(keras.layers.Concatenate, f"{name}_start")(first)]
        if whole or first or layer.stateful:
            walk = self._once(Walk, name, self.inner, whole, layer.stateful and not first)
            shown = walk([x, *first] if first else x)
        else:
            shown = self.inner(x)
        if not layer.return_state:
            return [shown]
        steps = "last" if layer.return_sequences else "all"
        output = self._once(Pick, f"{name}_output", 0, units)(shown) if whole else shown
        h = self._once(Pick, f"{name}_state_h", 0, units, steps)(shown)
        if parts == 1:
            return [output, h]
        return [output, h, self._once(Pick, f"{name}_state_c", units, units, steps)(shown) if whole else h]


class _TwoWays(_Apart):
    """Two layers side by side, the second on the reversed sequence, and what becomes of their results; then their states."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer
        both = {"forward": layer.forward_layer, "backward": layer.backward_layer}
        self.ways = [_OneWay(one, f"{layer.name}_{way}") for way, one in both.items()]
        super().__init__({name: values for way in self.ways for name, values in way.weights.items()})

    def results(self, x: Any, first: list[Any]) -> list[Any]:
        layer, name, half = self.layer, self.layer.name, len(first) // 2
        at, both, states = 2 if layer.merge_mode is None else 1, [], []
        for way, own in zip(self.ways, (first[:half], first[half:]), strict=True):
            way.used = {1 + k - at for k in self.used}
            output, *kept = way.results(x, own)
            both.append(output)
            states += kept
            at += len(kept)
        if layer.return_sequences:
            both[1] = self._once(Pick, f"{name}_turned", 0, both[1].shape[-1], "reversed")(both[1])
        if layer.merge_mode is not None:
            both = [self._once(_MERGES[layer.merge_mode], name)(both)]
        return [*both, *states]
