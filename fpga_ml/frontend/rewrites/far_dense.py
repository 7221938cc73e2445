"""A Dense over three axes of positions or more reads them as one: hls4ml's is a convolution, of two axes at most."""

from __future__ import annotations

import math
from typing import Any

import keras

from fpga_ml.frontend.rebuild import calls, copy_layer
from fpga_ml.frontend.standins import StandIn, with_standins

_MOST = 4  # axes of a tensor, the batch counted


def far_denses(model: Any) -> Any:
    """The model with such layers between two reshapes; the model itself where there is none."""
    dense = [c for c in calls(model) if type(c.layer).__name__ in ("Dense", "QDense")]
    return with_standins(model, {id(c.layer): _Far(c.layer) for c in dense if len(c.inputs[0].shape) > _MOST})


class _Far(StandIn):
    def results(self, x: Any, *_: Any, **given: Any) -> Any:
        positions = x.shape[1:-1]
        layer = self.once(self.name, lambda _: copy_layer(self.layer), self.layer.get_weights())
        if len(positions) + 2 <= _MOST:
            return layer(x)
        y = layer(self.part("joined", lambda n: keras.layers.Reshape((math.prod(positions), x.shape[-1]), name=n))(x))
        return self.part("apart", lambda n: keras.layers.Reshape((*positions, y.shape[-1]), name=n))(y)
