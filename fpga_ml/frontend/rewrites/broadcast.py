"""Merges of tensors of different shapes: the smaller one is repeated by layers of its own.

hls4ml repeats it as a whole, which is right only along the first axes; and in a stream it stops.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import qkeras

from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.rebuild import calls, copy_layer, copy_weights, rebuild

_MERGES = frozenset({"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"})
Shape = tuple[int, ...]


def spread_merges(model: Any) -> Any:
    """The model with inputs of merges brought to one shape; the model itself where they have one."""
    mixed = {
        id(c.layer): c for c in calls(model) if type(c.layer).__name__ in _MERGES and len({t.shape for t in c.inputs}) > 1
    }
    if not mixed:
        return model
    spread = {key: _Spread(copy_layer(c.layer)) for key, c in mixed.items()}
    new = rebuild(model, lambda layer: spread.get(id(layer)) or copy_layer(layer))
    weights = {layer.name: layer.get_weights() for layer in model.layers if layer.weights}
    for made in spread.values():
        weights |= made.weights
    return copy_weights(new, weights)


class _Spread:
    """Called like a merge, of Keras tensors. weights: {layer: values} of the layers that repeat."""

    def __init__(self, merge: Any) -> None:
        self.merge = merge
        self.weights: dict[str, list[np.ndarray]] = {}
        self._calls = 0

    def __call__(self, tensors: Sequence[Any]) -> Any:
        shapes = [tuple(t.shape[1:]) for t in tensors]
        rank = max(map(len, shapes))
        whole = np.broadcast_shapes(*((1,) * (rank - len(s)) + s for s in shapes))
        self._calls += 1
        return self.merge([self._repeated(t, whole, k) for k, t in enumerate(tensors)])

    def _repeated(self, tensor: Any, whole: Shape, number: int) -> Any:
        """The tensor with the shape of the whole, axis by axis, the channels first."""
        name = f"{self.merge.name}_input{number + 1}" + (f"_call{self._calls}" if self._calls > 1 else "")
        shape = (1,) * (len(whole) - len(tensor.shape) + 1) + tuple(tensor.shape[1:])
        if len(whole) > 3 and shape != whole:
            raise FpgaMlError(
                f"layer '{self.merge.name}' repeats a tensor of shape {shape} to {whole}, of more than three axes",
                where=f"layer '{self.merge.name}'",
                do="give both inputs the same shape",
            )
        if shape != tuple(tensor.shape[1:]):
            tensor = keras.layers.Reshape(shape, name=f"{name}_shape")(tensor)
        if shape[-1] != whole[-1]:
            ones = qkeras.QDense(
                whole[-1],
                use_bias=False,
                kernel_quantizer=qkeras.quantized_bits(3, 1, alpha=1),
                name=f"{name}_channels",
            )
            tensor = ones(tensor)
            self.weights[ones.name] = [np.ones((1, whole[-1]), np.float32)]
        times = tuple(n // m for n, m in zip(whole[:-1], shape[:-1], strict=True))
        if any(n > 1 for n in times):
            kind = keras.layers.UpSampling1D if len(times) == 1 else keras.layers.UpSampling2D
            tensor = kind(times[0] if len(times) == 1 else times, name=f"{name}_positions")(tensor)
        return tensor
