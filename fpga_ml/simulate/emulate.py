"""The emulator: a whole model on a batch, in exact integers, layer by layer."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fpga_ml.layers.base import Input, Layer, Tensor

Array = npt.NDArray[np.float64]
_TIMED_SECONDS = 0.5


@dataclass(frozen=True)
class Emulation:
    """The emulator beside C-simulation: values that differ, and how fast it is."""

    mismatches: int
    samples_per_s: float


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


def check_emulator(
    layers: Sequence[Layer], heads: Sequence[str], x: Sequence[Array], expected: Sequence[Array]
) -> Emulation:
    """Emulate all samples and count the outputs that differ from those of C-simulation."""
    found, runs, start = emulate(layers, x, heads), 1, time.perf_counter()
    while runs == 1 or time.perf_counter() - start < _TIMED_SECONDS:
        emulate(layers, x, heads)
        runs += 1
    seconds = (time.perf_counter() - start) / (runs - 1)
    wrong = sum(int((f.reshape(-1) != e.reshape(-1)).sum()) for f, e in zip(found, expected, strict=True))
    return Emulation(wrong, round(len(x[0]) / seconds, 1))


def emulate(layers: Sequence[Layer], x: Sequence[Array], outputs: Sequence[str]) -> list[Array]:
    """Outputs (N, ...) as real values for real inputs (N, ...), which are first assigned to the input types."""
    inputs = [layer for layer in layers if isinstance(layer, Input)]
    raw = {layer.name: layer.result.raw(np.asarray(a, np.float64)) for layer, a in zip(inputs, x, strict=True)}
    known = emulate_raw(layers, raw)
    shapes = {layer.name: layer.shape for layer in layers}
    return [known[o].type.real(known[o].raw).reshape(len(known[o].raw), *shapes[o]) for o in outputs]
