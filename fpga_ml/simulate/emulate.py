"""The emulator: a whole model on a batch, in exact integers, layer by layer."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fpga_ml.layers.base import Input, Layer, Tensor
from fpga_ml.numerics.cast import cast_real

Array = npt.NDArray[np.float64]
_TIMED_SECONDS = 0.5
_CHUNK_ELEMENTS = 400_000
_MAX_CHUNK = 4096


@dataclass(frozen=True)
class Emulation:
    """The emulator beside C-simulation: values that differ, and how fast it is."""

    mismatches: int
    samples_per_s: float


def emulate_raw(layers: Sequence[Layer], x: Mapping[str, npt.NDArray[np.int64]]) -> dict[str, Tensor]:
    """{layer: result} for raw inputs (N, ...) by name."""
    inputs = {name: np.asarray(raw, np.int64) for name, raw in x.items()}
    return _run(layers, inputs, keep=[layer.name for layer in layers])


def _run(layers: Sequence[Layer], x: Mapping[str, npt.NDArray[Any]], keep: Collection[str]) -> dict[str, Tensor]:
    """{layer: result} of the layers in `keep`; the others are let go once all have read them, while caches are warm."""
    known: dict[str, Tensor] = {}
    last = {name: layer.name for layer in layers for name in layer.reads}
    for layer in layers:
        if isinstance(layer, Input):
            held = x[layer.name]
            known[layer.name] = Tensor(held.reshape(len(held), layer.size), layer.result)
        else:
            known[layer.name] = layer.evaluate(*(known[name] for name in layer.reads))
        for name in layer.reads:
            if last[name] == layer.name and name not in keep:
                known.pop(name, None)
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
    n, largest = len(x[0]), max(layer.size for layer in layers)
    size = min(max(_CHUNK_ELEMENTS // largest // 16 * 16, 16), _MAX_CHUNK)
    chunks = [[a[at : at + size] for a in x] for at in range(0, max(n, 1), size)]
    workers = min(len(chunks), len(os.sched_getaffinity(0)))
    if workers == 1:
        parts = [_emulate_chunk(layers, chunk, outputs) for chunk in chunks]
    else:
        # NumPy and BLAS let go of the interpreter's lock.
        with ThreadPoolExecutor(workers) as pool:
            parts = list(pool.map(lambda chunk: _emulate_chunk(layers, chunk, outputs), chunks))
    return [np.concatenate(pieces) for pieces in zip(*parts, strict=True)]


def _emulate_chunk(layers: Sequence[Layer], x: Sequence[Array], outputs: Sequence[str]) -> list[Array]:
    """`emulate` of so few samples that the largest tensor stays in a core's cache."""
    inputs = [layer for layer in layers if isinstance(layer, Input)]
    held = {layer.name: cast_real(np.asarray(a, np.float64), layer.result) for layer, a in zip(inputs, x, strict=True)}
    known = _run(layers, held, keep=outputs)
    shapes = {layer.name: layer.shape for layer in layers}
    return [known[o].type.real(known[o].raw).reshape(len(x[0]), *shapes[o]) for o in outputs]
