"""Channels last: layers of channels first, and normalisations of another axis, between two permutations."""

from __future__ import annotations

from typing import Any

import keras

from fpga_ml.frontend.rebuild import Call, copy_layer, over_last_axis
from fpga_ml.frontend.standins import Composed, replaced


def channels_last(model: Any) -> Any:
    """The model with channels last in every layer; the model itself where that is so."""
    return replaced(model, _of)


def _of(c: Call) -> Composed | None:
    layer, kind = c.layer, type(c.layer).__name__
    if getattr(layer, "data_format", None) == "channels_first":
        return _Flat(layer) if kind == "Flatten" else _Turned(layer, 1, {"data_format": "channels_last"})
    if "BatchNormalization" in kind and not over_last_axis(c):
        axis = layer.axis[0] if isinstance(layer.axis, (list, tuple)) else layer.axis
        return _Turned(layer, axis % len(c.inputs[0].shape), {"axis": -1})
    return None


class _Turned(Composed):
    """axis: that becomes the last one for the layer, which then has these other arguments."""

    def __init__(self, layer: Any, axis: int, changes: dict[str, Any]) -> None:
        super().__init__(layer)
        self.axis, self.changes = axis, changes

    def results(self, x: Any, *_: Any, **__: Any) -> Any:
        rank, weights = len(x.shape), self.layer.get_weights()
        there = [*(n for n in range(1, rank) if n != self.axis), self.axis]
        turned = self.part("turned", lambda name: keras.layers.Permute(there, name=name))(x)
        made = self.part("", lambda name: copy_layer(self.layer, changes={**self.changes, "name": name}), weights)(turned)
        if len(made.shape) < rank:
            return made
        back = [1 + there.index(n) for n in range(1, rank)]
        return self.part("placed", lambda name: keras.layers.Permute(back, name=name))(made)


class _Flat(Composed):
    """Keras turns channels last before it flattens."""

    def results(self, x: Any, *_: Any, **__: Any) -> Any:
        rank = len(x.shape)
        if rank > 2:
            x = self.part("turned", lambda name: keras.layers.Permute([*range(2, rank), 1], name=name))(x)
        return self.part("", lambda name: keras.layers.Flatten(name=name))(x)
