"""PROJECT/tests/: tests of the C++ and the RTL that need neither fpga_ml nor NumPy, and so travel with the project."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fpga_ml import errors, tb
from fpga_ml.backends import BACKENDS
from fpga_ml.bridge.convert import Graph
from fpga_ml.hls.csim import CSim
from fpga_ml.hls.words import DOUBLE_BITS, CppPort
from fpga_ml.ir.network.channel import filled
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.numerics.types import Raw
from fpga_ml.rtl.network import Rtl
from fpga_ml.simulate.prove import SIMULATORS, corners, default_vectors, most_frames, patience_cycles
from fpga_ml.tb import compiled, simulated
from fpga_ml.tb.cosim_types import Tensor, Vectors

Array = npt.NDArray[np.float64]
_BENCH = Path(tb.__file__).parent
_STAYS = ("errors",)  # copied from elsewhere
_CSIM_VECTORS = 100
_MOST_BYTES = 1_000_000  # of vectors.json, but for one group of samples, which is always there


def write_tests(
    folder: Path,
    name: str,
    backend: str,
    graph: Graph,
    csim: CSim,
    x: Sequence[Array],
    layers: LayerGraph | None,
    rtl: Rtl | None,
    proven: Vectors | None = None,
) -> None:
    """x: samples (N, ...), one array an input; layers: None where the emulator does not run; rtl: None where there is
    none; proven: the vectors of the co-simulation where it ran, as many of them as fit; otherwise samples, and corners of
    the inputs' types.

    Writes nothing where a port's values cross into the C++ neither exactly as doubles nor as words: of a type that is not
    fixed-point, or wider than 53 bits in another vendor's types.
    """
    ports = (*csim.inputs, *csim.outputs)
    if any(p.type is None or (p.type.width > DOUBLE_BITS and not p.wide) for p in ports):
        return
    tests, interleave = folder / "tests", 1 if rtl is None else rtl.interleave
    if proven is None:
        most = _CSIM_VECTORS if rtl is None else default_vectors(rtl)
        vectors = _of_samples(graph, csim, _inputs(csim, x, layers, most, interleave))
    else:
        vectors = _called(graph, proven.spread(_fitting(csim, interleave) // interleave, interleave))
    program = compiled.Program(name, csim.function, BACKENDS[backend].includes, *map(_crossing, (csim.inputs, csim.outputs)))
    told = {"csim": asdict(program), "rtl": None if rtl is None else asdict(_design(rtl))}
    shutil.copytree(_BENCH / "project", tests, ignore=shutil.ignore_patterns("__pycache__"))
    vectors.save(tests / "vectors.json")
    (tests / "project.json").write_text(json.dumps(told, indent=1) + "\n")
    if rtl is None:
        (tests / "test_rtl.py").unlink()
    (tests / "tb").mkdir()
    bench = [f for f in _BENCH.glob("*.py") if f.stem not in _STAYS]
    for file in (*bench, Path(errors.__file__), _BENCH / "README.md"):
        shutil.copy(file, tests / "tb")


def _of_samples(graph: Graph, csim: CSim, given: list[Raw]) -> Vectors:
    """Raw inputs with what C-simulation gives for them."""
    inputs = _tensors(graph.inputs, csim.inputs, given)
    return Vectors(inputs, _tensors(graph.outputs, csim.outputs, csim.run_raw(given, jobs=1)), csim.ordered)


def _called(graph: Graph, vectors: Vectors) -> Vectors:
    """Under the names of the ports of our own top, which RTL from elsewhere may call otherwise."""

    def named(ports: Sequence[tuple[str, str, tuple[int, ...]]], tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        return tuple(replace(t, name=n.rpartition(".")[2]) for (n, _, _), t in zip(ports, tensors, strict=True))

    return replace(vectors, inputs=named(graph.inputs, vectors.inputs), outputs=named(graph.outputs, vectors.outputs))


def _fitting(csim: CSim, interleave: int) -> int:
    """How many samples fit into the file, in whole groups."""
    digits = sum(int(np.prod(p.shape)) * (p.fixed.width // 3 + 4) for p in (*csim.inputs, *csim.outputs))
    return max(_MOST_BYTES // (digits * interleave), 1) * interleave


def _inputs(csim: CSim, x: Sequence[Array], layers: LayerGraph | None, most: int, interleave: int) -> list[Raw]:
    """Raw samples and, where there are layers, corners of the types, (N, ...): whole groups, no more than fit into the
    file."""
    fitting = _fitting(csim, interleave)
    ends = corners(layers) if layers is not None else [np.zeros((0, *p.shape), np.int64) for p in csim.inputs]
    count = max(min(most, fitting - len(ends[0])), 1)
    raw = [p.fixed.raw(a[:count]).reshape(-1, *p.shape) for p, a in zip(csim.inputs, x, strict=True)]
    return [filled(np.concatenate([a, e])[:fitting], interleave) for a, e in zip(raw, ends, strict=True)]


def _tensors(
    named: Sequence[tuple[str, str, tuple[int, ...]]], ports: Sequence[CppPort], raw: Sequence[Raw]
) -> tuple[Tensor, ...]:
    """At the ports; Quartus' are members of a structure."""
    return tuple(
        Tensor.of(n.rpartition(".")[2], a.reshape(-1, *p.shape), width_bits=p.fixed.width, signed=p.fixed.signed)
        for (n, _, _), p, a in zip(named, ports, raw, strict=True)
    )


def _crossing(ports: Sequence[CppPort]) -> tuple[compiled.Port, ...]:
    return tuple(compiled.Port(p.fixed.fraction, p.words) for p in ports)


def _design(rtl: Rtl) -> simulated.Design:
    files, guarantee = tuple(f"rtl/{name}" for name in rtl.files), (rtl.latency_cycles, rtl.interval_cycles)
    frames = {simulator: most_frames(rtl, simulator) for simulator in SIMULATORS}
    return simulated.Design(rtl.top, files, rtl.interleave, *guarantee, patience_cycles(rtl), frames)
