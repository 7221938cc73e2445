"""Layers of tensors with more axes than hls4ml's have.

A Dense over three axes of positions or more reads them as one: hls4ml's is a convolution, of two axes at most. A
Concatenate of tensors with four axes or more joins vectors, and puts their elements into place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from fpga_ml.frontend.rebuild import Call, copy_layer
from fpga_ml.frontend.standins import StandIn, replaced
from fpga_ml.frontend.tensors import numbers

_MOST = 4  # axes of a tensor, the batch counted


def far_layers(model: Any) -> Any:
    """The model with other layers in the place of such ones; the model itself where there is none."""
    return replaced(model, _of)


def _of(c: Call) -> StandIn | None:
    kinds = {"Dense": _Dense, "QDense": _Dense, "Concatenate": _Concatenate}
    kind = kinds.get(type(c.layer).__name__)
    return kind(c.layer) if kind is not None and len(c.inputs[0].shape) > _MOST else None


class _Dense(StandIn):
    def results(self, x: Any, *_: Any, **given: Any) -> Any:
        positions = x.shape[1:-1]
        layer = self.once(self.name, lambda _: copy_layer(self.layer), self.layer.get_weights())
        if len(positions) + 2 <= _MOST:
            return layer(x)
        y = layer(self.reshaped("joined", x, (math.prod(positions), x.shape[-1])))
        return self.reshaped("apart", y, (*positions, y.shape[-1]))


class _Concatenate(StandIn):
    def results(self, tensors: Sequence[Any], *_: Any, **given: Any) -> Any:
        shapes, axis = [tuple(t.shape[1:]) for t in tensors], self.layer.axis % len(tensors[0].shape) - 1
        sizes = [math.prod(s) for s in shapes]
        flat = [self.reshaped(f"flat{k + 1}", t, (size,)) for k, (t, size) in enumerate(zip(tensors, sizes, strict=True))]
        joined = self.part("joined", lambda n: keras.layers.Concatenate(name=n))(flat)
        first = np.cumsum([0, *sizes])
        index = np.concatenate([numbers(s) + f for s, f in zip(shapes, first[:-1], strict=True)], axis)
        return self.arranged("", joined, index)
