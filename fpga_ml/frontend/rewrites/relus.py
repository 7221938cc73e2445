"""relu with a bound, a slope or a threshold, and parametric relu with parameters that positions share."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

from fpga_ml.frontend.layers import Clipped, Steps
from fpga_ml.frontend.rebuild import Call
from fpga_ml.frontend.standins import Composed, replaced


def plain_relus(model: Any) -> Any:
    """The model without these options; the model itself where there is none."""
    return replaced(model, _of)


def _of(c: Call) -> Composed | None:
    layer, kind = c.layer, type(c.layer).__name__
    if kind == "PReLU" and layer.shared_axes:
        return _Shared(layer)
    if kind == "ReLU" and (layer.threshold or layer.max_value is not None):
        return _Relu(layer)
    if kind == "Activation" and layer.activation is keras.activations.relu6:
        return _Relu6(layer)
    return None


class _Relu(Composed):
    """x above the threshold, held between 0 and max_value where there is one; below it, slope * (x - threshold)."""

    def results(self, x: Any, *_: Any, **__: Any) -> Any:
        layer = self.layer
        slope, at = float(layer.negative_slope), float(layer.threshold)
        high = math.inf if layer.max_value is None else float(layer.max_value)
        if not at:
            low = -math.inf if slope else 0.0
            return self.part("", lambda name: Clipped(slope, low, high, name=name))(x)
        is_above = self.part("is_above", lambda name: Steps([at], [False], [0.0, 1.0], name=name))(x)
        held = x if math.isinf(high) else self.part("held", lambda name: Clipped(1.0, 0.0, high, name=name))(x)
        if not slope:
            return self.merged("", keras.layers.Multiply, held, is_above)
        above = self.merged("above", keras.layers.Multiply, held, is_above)
        under = self.part("under", lambda name: keras.layers.ReLU(name=name))(self.affine("distance", x, -1.0, at))
        return self.merged("", keras.layers.Add, above, self.affine("below", under, -slope))


class _Relu6(Composed):
    def results(self, x: Any, *_: Any, **__: Any) -> Any:
        return self.part("", lambda name: Clipped(0.0, 0.0, 6.0, name=name))(x)


class _Shared(Composed):
    """A parameter for each place."""

    def results(self, x: Any, *_: Any, **__: Any) -> Any:
        every = np.broadcast_to(np.asarray(self.layer.alpha), x.shape[1:])
        return self.part("", lambda name: keras.layers.PReLU(name=name), [every])(x)
