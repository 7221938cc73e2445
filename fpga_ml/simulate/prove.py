"""RTL against C-simulation: the same vectors, in two simulators, bit for bit."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fpga_ml import progress
from fpga_ml.ir.network import Network
from fpga_ml.ir.network.channel import filled
from fpga_ml.layers.base import Layer
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.numerics import FixedType
from fpga_ml.numerics.types import Raw
from fpga_ml.rtl.network import Rtl
from fpga_ml.rtl.text import fifo_faults, table_count, table_faults
from fpga_ml.simulate.alone import Alone, module_faults
from fpga_ml.simulate.corners import corner_rows
from fpga_ml.simulate.cosim import (
    MODES,
    CosimResult,
    Edges,
    Guarantee,
    Mismatch,
    Mode,
    Simulator,
    Tensor,
    Vectors,
    bound,
    compile_rtl,
    cosim,
)
from fpga_ml.simulate.foreign import Foreign
from fpga_ml.simulate.holders import holder_bench
from fpga_ml.simulate.kernels import kernel_bench
from fpga_ml.simulate.reach import reaching
from fpga_ml.tb.settings import FEWER
from fpga_ml.toolchain.run import side_by_side

Array = npt.NDArray[np.float64]
Simulate = Callable[[list[Raw]], Sequence[Raw]]  # raw outputs of raw inputs
SIMULATORS: tuple[Simulator, ...] = ("verilator", "icarus")
_OWN = 64  # vectors over the inputs' types
_REACHING = 512  # that meet inner edges
_OWN_CYCLES = 10_000  # of each kind, at most, but for four
_MOST_LUT_CYCLES = {"verilator": 4_000_000_000, "icarus": 5_000_000}  # in a mode: 8 s and 1 s
_LEAST_FRAMES = 6


def corners(graph: LayerGraph) -> list[Raw]:
    """Raw vectors at the ends of what the inputs may be, one array (N, ...) an input: all lowest, all highest, zero, the two
    ends in turn, and the smallest steps around zero."""
    found = []
    for layer in graph.inputs:
        low, high = (np.full(layer.size, end, layer.result.kind) for end in _reach(graph, layer))
        found.append(corner_rows(low, high).reshape(-1, *layer.shape))
    return found


def _reach(graph: LayerGraph, layer: Layer) -> tuple[int, int]:
    """The least and the greatest raw value of an input: its type's, within what every layer that reads it accepts."""
    t = layer.result
    accepted = [t.raw(np.array(a)) for a in (k.accepts for k in graph.layers if layer.name in k.reads) if a is not None]
    bounds = [(t.min_raw, t.max_raw), *((int(low), int(high)) for low, high in accepted)]
    return max(low for low, _ in bounds), min(high for _, high in bounds)


def raw_inputs(graph: LayerGraph, x: Sequence[Array]) -> list[Raw]:
    """Real inputs, one array (N, ...) an input, assigned to the inputs' types."""
    return [layer.result.raw(a).reshape(-1, *layer.shape) for layer, a in zip(graph.inputs, x, strict=True)]


def random_inputs(graph: LayerGraph, n: int, seed: int = 1) -> list[Raw]:
    """Raw values, uniform over what the inputs may be, one array (n, ...) an input."""
    rng = np.random.default_rng(seed)
    found = []
    for layer in graph.inputs:
        (low, high), shape = _reach(graph, layer), (n, *layer.shape)
        if layer.result.kind is np.int64:
            found.append(rng.integers(low, high, size=shape, endpoint=True))
        else:
            drawn = random.Random(int(rng.integers(1 << 62)))
            found.append(np.array([drawn.randint(low, high) for _ in range(n * layer.size)], object).reshape(shape))
    return found


def vectors_of(graph: LayerGraph, x: Sequence[Raw], y: Sequence[Raw]) -> Vectors:
    """Raw inputs and outputs (N, ...) at the graph's ports."""

    def tensors(layers: Sequence[Layer], arrays: Sequence[Raw]) -> tuple[Tensor, ...]:
        pairs = zip(layers, arrays, strict=True)
        return tuple(_tensor(graph.port(layer.name), layer.result, layer.shape, a) for layer, a in pairs)

    return Vectors(tensors(graph.inputs, x), tensors(graph.results, y), graph.ordered)


@dataclass(frozen=True)
class Given:
    """What goes into the RTL. x: raw inputs (N, ...), one array an input; vectors: the same at its ports, every output zero
    until it is known."""

    bench: Bench
    x: list[Raw]
    vectors: Vectors

    def answered(self, y: Sequence[Raw]) -> Vectors:
        """The vectors with the raw outputs (N, ...) that x has to give."""
        return replace(self.vectors, outputs=vectors_of(self.bench.called, self.x, y).outputs)


def proof_inputs(bench: Bench, x: Sequence[Raw]) -> Given:
    """Raw inputs x, one array (N, ...) an input, and some of our own: the corners of the inputs' types, some that drive
    inner values to edges which no sample reaches (simulate/reach.py), and some over the whole types. Filled up with zeros to
    whole groups where samples are interleaved."""
    graph, rtl = bench.graph, bench.rtl
    affordable = max(4, _OWN_CYCLES // rtl.interval_cycles)
    uniform = random_inputs(graph, min(_OWN, affordable), bench.seed)
    parts = {"samples": list(x), "corners": corners(graph), "uniform": uniform}
    edges = None
    if bench.network is not None and rtl.interleave == 1 and not graph.ordered:
        bounds = [_reach(graph, layer) for layer in graph.inputs]
        known = [np.concatenate(a) for a in zip(*parts.values(), strict=True)]
        found = reaching(bench.network, known, bounds, min(_REACHING, affordable), bench.seed)
        parts["edges"] = [f.reshape(-1, *a.shape[1:]) for a, f in zip(known, found.vectors, strict=True)]
        edges = Edges(found.goals, found.unmet)
    given = [filled(np.concatenate(a), rtl.interleave) for a in zip(*parts.values(), strict=True)]
    kinds = [kind for kind, arrays in parts.items() for _ in arrays[0]]
    kinds += ["zeros"] * (len(given[0]) - len(kinds))
    unknown = [np.zeros((len(given[0]), *layer.shape), layer.result.kind) for layer in graph.results]
    vectors = vectors_of(bench.called, given, unknown)
    return Given(bench, given, replace(vectors, kinds=tuple(kinds), edges=edges))


def proof_vectors(bench: Bench, x: Sequence[Raw], outputs: Simulate) -> Vectors:
    """The vectors of `proof_inputs`, with what `outputs` makes of them."""
    given = proof_inputs(bench, x)
    return given.answered(outputs(given.x))


def _tensor(name: str, t: FixedType, shape: tuple[int, ...], raw: Raw) -> Tensor:
    return Tensor.of(name, raw.reshape(-1, *shape), width_bits=t.width, signed=t.signed)


def default_vectors(rtl: Rtl) -> int:
    """As many as take about 5,000 cycles, from 3 to 100 frames."""
    return max(3, min(100, 5000 // rtl.interval_cycles)) * rtl.interleave


def patience_cycles(rtl: Rtl) -> int:
    """Without any progress before a run is given up."""
    return max(10_000, 4 * (rtl.latency_cycles + rtl.interval_cycles))


def prove(
    files: Sequence[Path],
    rtl: Rtl,
    vectors: Vectors,
    workdir: Path,
    seed: int,
    simulators: Sequence[str] = SIMULATORS,
    *,
    foreign: Foreign | None = None,
    stop_at: int = 0,
) -> tuple[CosimResult, ...]:
    """Every simulator asked for, every mode: back to back, with random gaps, with resets in mid-run.

    files: of `rtl`, whose timing is checked; foreign: RTL in its place, which guarantees no timing. Where samples are
    interleaved, vectors are whole groups; latency and interval are a group's. A simulator gets as many vectors as it can
    simulate in its time, from all over; where that is not all of them, a third of it with gaps and with resets. stop_at: so
    many differences end a run, 0 for never.
    """
    given = foreign or Foreign(tuple(files))
    top = given.top or rtl.top
    unasked, ports = _elsewhere(foreign, top, vectors) if foreign else ((), {})
    modes: list[Mode] = [m for m in MODES if m != "reset_mid_run" or "resets" not in given.skip]

    def proven(simulator: Simulator) -> CosimResult:
        own = _share(vectors, rtl, simulator)
        run = cosim(
            given.files,
            top,
            own.interleaved(rtl.interleave),
            workdir,
            simulator,
            modes,
            seed=seed,
            guarantee=_timing(rtl, foreign),
            patience_cycles=patience_cycles(rtl),
            stop_at=stop_at,
            idle="idle" not in given.skip,
            flush=given.flush,
            probes=None if foreign else rtl.probes,
            luts=rtl.area.luts,
            fewer=FEWER if len(own) == len(vectors) else max(_LEAST_FRAMES, len(own) // rtl.interleave // len(MODES)),
        )
        return replace(
            _by_sample(run, own, rtl.interleave),
            not_asked=(*_left_out(own, vectors), *unasked),
            kinds=dict(Counter(own.kinds)),
            edges=own.edges,
            ports=ports,
        )

    return tuple(side_by_side([partial(proven, s) for s in SIMULATORS if s in simulators]))


def _timing(rtl: Rtl, foreign: Foreign | None) -> Guarantee | None:
    return None if foreign else Guarantee(rtl.latency_cycles, rtl.interval_cycles)


def _elsewhere(foreign: Foreign, top: str, vectors: Vectors) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """(checks that are left out, ports with other names than ours) of RTL from elsewhere."""
    ports = bound(foreign.files, top, vectors)
    return foreign.not_asked(type(ports)), foreign.differing(ports)


def _share(vectors: Vectors, rtl: Rtl, simulator: Simulator) -> Vectors:
    """Of the vectors those for which a simulator has the time."""
    return vectors.spread(most_frames(rtl, simulator), rtl.interleave)


def most_frames(rtl: Rtl, simulator: Simulator) -> int:
    """How many frames a simulator takes its time for, a mode: the time grows with cycles and with LUTs."""
    work = rtl.interval_cycles * max(1, rtl.area.luts)
    return max(_LEAST_FRAMES, _MOST_LUT_CYCLES[simulator] // work)


def _left_out(own: Vectors, vectors: Vectors) -> list[str]:
    if len(own) == len(vectors):
        return []
    return [f"{len(vectors) - len(own)} of {len(vectors)} vectors, taken from all over: they take too long here"]


@dataclass(frozen=True)
class Bench:
    """What simulates a project's RTL. seed: of gaps, resets and vectors; given: RTL from elsewhere in the place of ours;
    network: what the RTL was written from."""

    rtl: Rtl
    graph: LayerGraph
    seed: int = 1
    simulators: Sequence[str] = SIMULATORS
    given: Foreign | None = None
    network: Network | None = None

    def run(self, folder: Path, x: Sequence[Raw], outputs: Simulate) -> tuple[CosimResult, ...]:
        """Every sample of x, one raw array (N, ...) an input, and vectors of our own, against what `outputs` makes of them;
        folder: the project's, with our files in rtl/."""
        return self.simulate(folder, proof_vectors(self, x, outputs))

    def compile(self, folder: Path, vectors: Vectors) -> None:
        """The RTL in folder/rtl for each simulator, which `simulate` then finds; outputs need not be known yet."""
        given = self.given or Foreign(self._files(folder))

        def compiled(simulator: Simulator) -> None:
            own = _share(vectors, self.rtl, simulator).interleaved(self.rtl.interleave)
            timing = _timing(self.rtl, self.given)
            compile_rtl(
                given.files, given.top or self.rtl.top, own, folder / "sim", simulator, seed=self.seed, guarantee=timing
            )
            progress.done(1, "simulators")

        progress.expect(len(self.simulators), "simulators")
        side_by_side([partial(compiled, s) for s in SIMULATORS if s in self.simulators])

    def simulate(self, folder: Path, vectors: Vectors, *, stop_at: int = 0) -> tuple[CosimResult, ...]:
        """All checks of the RTL in folder/rtl. stop_at: so many differences end a simulation, 0 for never."""
        found: list[CosimResult] = []
        faults: list[str] = []
        asked = (self._files(folder), self.rtl, vectors, folder / "sim", self.seed, self.simulators)
        side_by_side(
            [
                lambda: found.extend(prove(*asked, foreign=self.given, stop_at=stop_at)),
                lambda: faults.extend(self.module_faults(folder)),
            ]
        )
        own: dict[str, Any] = {"text_faults": tuple(self.text_faults(folder)), "tables": self._tables(folder)}
        own |= {"module_faults": tuple(faults), "modules": self._alone}
        return tuple(replace(run, **own) for run in found)

    def module_faults(self, folder: Path) -> list[str]:
        """Kernels and holders in folder/rtl whose modules are wrong on their own (simulate/alone.py); none of RTL from
        elsewhere."""
        if not self._alone:
            return []
        benches: list[Alone] = [kernel_bench(m, self.seed) for m in self.rtl.kernels]
        benches += [holder_bench(m, self.seed) for m in self.rtl.holders]
        return module_faults(benches, self._files(folder))

    @property
    def _alone(self) -> int:
        """How many modules are simulated on their own: by Icarus, so where it is one of the simulators."""
        return 0 if self.given or "icarus" not in self.simulators else len(self.rtl.kernels) + len(self.rtl.holders)

    def text_faults(self, folder: Path) -> list[str]:
        """Tables and FIFOs in the RTL of folder/rtl that are not the network's; none of RTL from elsewhere."""
        if self.network is None or self.given:
            return []
        texts = self._texts(folder)
        sizes = [(b.width_bits, b.depth) for b in self.rtl.buffers]
        return [*table_faults(texts, self.network), *fifo_faults(texts[f"{self.rtl.top}.sv"], sizes)]

    def _tables(self, folder: Path) -> int:
        """How many tables of the RTL in folder/rtl `text_faults` compares."""
        return 0 if self.network is None or self.given else table_count(self._texts(folder))

    def _files(self, folder: Path) -> tuple[Path, ...]:
        return tuple(folder / "rtl" / name for name in self.rtl.files)

    def _texts(self, folder: Path) -> dict[str, str]:
        return {name: (folder / "rtl" / name).read_text() for name in self.rtl.files}

    @property
    def called(self) -> LayerGraph:
        """With the ports of the top that is simulated."""
        return self.given.bound(self.graph) if self.given else self.graph


def check_ports(foreign: Foreign, graph: LayerGraph) -> None:
    """Raise FpgaMlError where RTL from elsewhere has not the ports that the graph's tensors need."""
    x, y = ([np.zeros((1, *layer.shape), np.int64) for layer in ends] for ends in (graph.inputs, graph.results))
    bound(foreign.files, foreign.top or graph.name, vectors_of(foreign.bound(graph), x, y))


def _by_sample(run: CosimResult, vectors: Vectors, interleave: int) -> CosimResult:
    """Mismatches of groups of interleaved samples, given by sample."""
    sizes = {t.name: t.shape[-1] for t in vectors.outputs}

    def of(m: Mismatch) -> Mismatch:
        if m.vector is None:
            return m
        token, element = divmod(m.element, sizes[m.output])
        step, place = divmod(token, interleave)
        return replace(m, vector=m.vector * interleave + place, element=step * sizes[m.output] + element)

    return replace(run, vectors=len(vectors), mismatches=tuple(map(of, run.mismatches)))
