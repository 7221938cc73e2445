"""Merges of tensors of different shapes: the smaller one is repeated by layers of its own.

hls4ml repeats it as a whole, which is right only along the first axes; and in a stream it stops.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import qkeras

from fpga_ml.frontend.rebuild import calls, copy_layer
from fpga_ml.frontend.standins import StandIn, with_standins
from fpga_ml.frontend.tensors import numbers

_MERGES = frozenset({"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"})
Shape = tuple[int, ...]


def spread_merges(model: Any) -> Any:
    """The model with inputs of merges brought to one shape; the model itself where they have one."""
    mixed = {
        id(c.layer): c for c in calls(model) if type(c.layer).__name__ in _MERGES and len({t.shape for t in c.inputs}) > 1
    }
    return with_standins(model, {key: _Spread(c.layer) for key, c in mixed.items()})


class _Spread(StandIn):
    def results(self, tensors: Sequence[Any], *_: Any, **given: Any) -> Any:
        shapes = [tuple(t.shape[1:]) for t in tensors]
        rank = max(map(len, shapes))
        whole = np.broadcast_shapes(*((1,) * (rank - len(s)) + s for s in shapes))
        return self.part("", lambda _: copy_layer(self.layer))([self._repeated(t, whole, k) for k, t in enumerate(tensors)])

    def _repeated(self, tensor: Any, whole: Shape, number: int) -> Any:
        """The tensor with the shape of the whole, axis by axis, the channels first."""
        suffix = f"input{number + 1}"
        shape = (1,) * (len(whole) - len(tensor.shape) + 1) + tuple(tensor.shape[1:])
        if len(whole) > 3 and shape != whole:
            return self.arranged(suffix, tensor, np.broadcast_to(numbers(shape), whole))
        tensor = self.reshaped(f"{suffix}_shape", tensor, shape)
        if shape[-1] != whole[-1]:
            tensor = self.part(f"{suffix}_channels", lambda name: _ones(whole[-1], name), [np.ones((1, whole[-1]))])(tensor)
        times = tuple(n // m for n, m in zip(whole[:-1], shape[:-1], strict=True))
        if any(n > 1 for n in times):
            kind, size = (keras.layers.UpSampling1D, times[0]) if len(times) == 1 else (keras.layers.UpSampling2D, times)
            tensor = self.part(f"{suffix}_positions", lambda name: kind(size, name=name))(tensor)
        return tensor


def _ones(units: int, name: str) -> Any:
    """A layer that repeats one channel."""
    return qkeras.QDense(units, use_bias=False, kernel_quantizer=qkeras.quantized_bits(3, 1, alpha=1), name=name)
