"""The emulator: a whole model on a batch, in exact integers, layer by layer."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fpga_ml import progress
from fpga_ml.layers.base import Held, Input, Layer, Tensor
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.numerics.cast import cast_real
from fpga_ml.numerics.types import Raw
from fpga_ml.passes import BEFORE_EMULATION, applied

Array = npt.NDArray[np.float64]
_TIMED_SECONDS = 0.5
_CACHED_ELEMENTS = 220_000
_LEAST, _MOST = 32, 4096
_MUCH_SMALLER = 8


@dataclass(frozen=True)
class Emulation:
    """The emulator beside C-simulation: values that differ, and how fast it is."""

    mismatches: int
    samples_per_s: float


def emulate_raw(graph: LayerGraph, x: Mapping[str, Raw]) -> dict[str, Tensor]:
    """{layer: result} of all layers, for raw inputs (N, ...) by name."""
    return graph.evaluate({layer.name: _taken(x[layer.name], layer) for layer in graph.inputs})


def _run(steps: Sequence[Layer], x: Mapping[str, Tensor], keep: Collection[str]) -> dict[str, Tensor]:
    """{name: result} of those in `keep`, from the results x of earlier steps; the others are let go once all have read
    them, while caches are warm."""
    known = dict(x)
    last = {name: step.name for step in steps for name in step.reads}
    for step in steps:
        known[step.name] = step.evaluate(*(known[name] for name in step.reads))
        for name in step.reads:
            if last[name] == step.name and name not in keep:
                known.pop(name, None)
    return known


def check_emulator(
    graph: LayerGraph, x: Sequence[Array], expected: Sequence[Array], exact: Sequence[Raw | None]
) -> Emulation:
    """Emulate all samples and count the outputs that differ from those of C-simulation; exact: raw, of those that a double
    does not hold."""
    found, runs, start = emulate(graph, x), 1, time.perf_counter()
    with progress.unseen():  # again, for its speed
        while runs == 1 or time.perf_counter() - start < _TIMED_SECONDS:
            emulate(graph, x)
            runs += 1
    seconds = (time.perf_counter() - start) / (runs - 1)
    if any(raw is not None for raw in exact):
        inputs = [layer.result.raw(a) for layer, a in zip(graph.inputs, x, strict=True)]
        found, types = list(emulate_outputs(graph, inputs)), [layer.result for layer in graph.results]
        expected = [t.raw(e) if r is None else r for t, e, r in zip(types, expected, exact, strict=True)]
    wrong = sum(int((f.reshape(-1) != e.reshape(-1)).sum()) for f, e in zip(found, expected, strict=True))
    return Emulation(wrong, round(len(x[0]) / seconds, 1))


def emulate(graph: LayerGraph, x: Sequence[Array]) -> list[Array]:
    """Outputs (N, ...) as real values for real inputs (N, ...), which are first assigned to the input types."""
    return [tensor.type.real(tensor.raw).reshape(-1, *shape) for tensor, shape in _emulated(graph, x, _assigned)]


def emulate_outputs(graph: LayerGraph, x: Sequence[Raw]) -> list[Raw]:
    """As `emulate`, raw integers for raw integers: exact whatever their width."""
    return [tensor.raw.reshape(-1, *shape) for tensor, shape in _emulated(graph, x, _taken)]


def _assigned(values: Array, layer: Input) -> Tensor:
    """Real values as an input's."""
    return Tensor(cast_real(np.asarray(values, np.float64), layer.result).reshape(-1, layer.size), layer.result)


def _taken(raw: Raw, layer: Input) -> Tensor:
    """Raw values as an input's."""
    return Tensor(np.asarray(raw, layer.result.kind).reshape(-1, layer.size), layer.result)


def _emulated(
    graph: LayerGraph, x: Sequence[Held], enter: Callable[[Held, Input], Tensor]
) -> list[tuple[Tensor, tuple[int, ...]]]:
    """Each output and its shape; enter: makes an input's tensor of what is given."""
    plan, n, cores = _Plan.of(graph), len(x[0]), len(os.sched_getaffinity(0))
    rounds = max(-(-n // (plan.chunk * cores)), 1)
    size = max(n if plan.ordered else -(-n // (rounds * cores)), _LEAST)  # as many chunks on every core, all alike
    chunks = [[a[at : at + size] for a in x] for at in range(0, max(n, 1), size)]
    progress.expect(n, "samples")
    parts = []
    # NumPy and BLAS let go of the interpreter's lock.
    with ThreadPoolExecutor(cores) as pool:
        for chunk, part in zip(chunks, pool.map(lambda chunk: plan.run(chunk, enter), chunks), strict=True):
            progress.done(len(chunk[0]), "samples")
            parts.append(part)
    joined = [_joined(pieces) for pieces in zip(*parts, strict=True)]
    return [(tensor, layer.shape) for tensor, layer in zip(joined, plan.outputs, strict=True)]


@dataclass(frozen=True)
class _Plan:
    """A model in two parts: `front` is run on pieces of a chunk so small that the largest tensor stays in a core's cache,
    `back`, whose tensors are smaller by far, on the whole chunk, for a call of NumPy costs more than its few elements.

    live: what front hands to back; piece, chunk: samples; ordered: all samples are one piece.
    """

    inputs: tuple[Input, ...]
    front: tuple[Layer, ...]
    back: tuple[Layer, ...]
    live: tuple[str, ...]
    outputs: tuple[Layer, ...]
    piece: int
    chunk: int
    ordered: bool

    @classmethod
    def of(cls, graph: LayerGraph) -> _Plan:
        graph = applied(BEFORE_EMULATION, graph)
        outputs = graph.outputs
        steps = [layer for layer in graph.layers if not isinstance(layer, Input)]
        sizes = {layer.name: layer.size for layer in graph.layers}
        cut, live = len(steps), tuple(dict.fromkeys(outputs))
        largest = rest = max(sizes.values())
        for i in range(len(steps)):
            late = {step.name for step in steps[i:]}
            needed = [*(name for step in steps[i:] for name in step.reads), *outputs]
            alive = tuple(name for name in dict.fromkeys(needed) if name not in late)
            widest = max(sizes[name] for name in (*alive, *late))
            if widest * _MUCH_SMALLER <= largest:
                cut, live, rest = i, alive, widest
                break
        samples = (sys.maxsize, sys.maxsize) if graph.ordered else (_samples(largest), _samples(rest))
        return cls(graph.inputs, tuple(steps[:cut]), tuple(steps[cut:]), live, graph.results, *samples, graph.ordered)

    def run(self, x: Sequence[Held], enter: Callable[[Held, Input], Tensor]) -> list[Tensor]:
        """The outputs of one chunk."""
        n = len(x[0])
        parts = [self._front([a[at : at + self.piece] for a in x], enter) for at in range(0, max(n, 1), self.piece)]
        joined = {name: _joined([part[name] for part in parts]) for name in self.live}
        known = _run(self.back, joined, [layer.name for layer in self.outputs])
        return [known[o.name] for o in self.outputs]

    def _front(self, x: Sequence[Held], enter: Callable[[Held, Input], Tensor]) -> dict[str, Tensor]:
        """What one piece hands on."""
        held = {layer.name: enter(a, layer) for layer, a in zip(self.inputs, x, strict=True)}
        return _run(self.front, held, self.live)


def _joined(parts: Sequence[Tensor]) -> Tensor:
    """The samples of all parts of one tensor."""
    return Tensor(np.concatenate([part.rows for part in parts], axis=1).T, parts[0].type)


def _samples(largest: int) -> int:
    """How many samples keep a tensor of so many elements in the cache."""
    return min(max(_CACHED_ELEMENTS // largest // _LEAST * _LEAST, _LEAST), _MOST)
