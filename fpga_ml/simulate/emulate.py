"""The emulator: a whole model on a batch, in exact integers, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from fpga_ml.layers.base import Input, Layer, Tensor

Array = npt.NDArray[np.float64]


def emulate_raw(layers: Sequence[Layer], x: Mapping[str, npt.NDArray[np.int64]]) -> dict[str, Tensor]:
    """{layer: result} for raw inputs (N, ...) by name."""
    known: dict[str, Tensor] = {}
    for layer in layers:
        if isinstance(layer, Input):
            raw = np.asarray(x[layer.name], np.int64)
            known[layer.name] = Tensor(raw.reshape(len(raw), -1), layer.result)
        else:
            known[layer.name] = layer.evaluate(*(known[name] for name in layer.reads))
    return known


def emulate(layers: Sequence[Layer], x: Sequence[Array], outputs: Sequence[str]) -> list[Array]:
    """Outputs (N, ...) as real values for real inputs (N, ...), which are first assigned to the input types."""
    inputs = [layer for layer in layers if isinstance(layer, Input)]
    raw = {layer.name: layer.result.raw(np.asarray(a, np.float64)) for layer, a in zip(inputs, x, strict=True)}
    known = emulate_raw(layers, raw)
    shapes = {layer.name: layer.shape for layer in layers}
    return [known[o].type.real(known[o].raw).reshape(len(known[o].raw), *shapes[o]) for o in outputs]
