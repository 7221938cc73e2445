"""RTL co-simulation: a top with Vitis HLS ports, under Verilator or Icarus, against expected raw integers.

The testbench is tb/, driven by cocotb inside the simulator's process. Builds are kept beside it and used again while
sources, tools and options are the same.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fpga_ml import progress
from fpga_ml.errors import FpgaMlError
from fpga_ml.tb.cosim_types import (
    MODES,
    CosimResult,
    Edges,
    Fault,
    Guarantee,
    Mismatch,
    Mode,
    ModeResult,
    Simulator,
    Tensor,
    Vectors,
    load_results,
)
from fpga_ml.tb.ports import Parallel, Stream, bind
from fpga_ml.tb.settings import FEWER, Settings
from fpga_ml.tb.verilog import read_top
from fpga_ml.toolchain import cocotb_setup, icarus, verilator
from fpga_ml.toolchain.run import Command, run_all

__all__ = [
    "MODES",
    "CosimResult",
    "Edges",
    "Fault",
    "Guarantee",
    "Mismatch",
    "Mode",
    "ModeResult",
    "Simulator",
    "Tensor",
    "Vectors",
    "bound",
    "compile_rtl",
    "cosim",
    "rtl_files_of",
]
_MEMORIES = ("*.dat", "*.mem", "*.hex")
_TAIL_LINES = 25
_FEW_CYCLES = 25_000  # back to back: so few are simulated faster than optimised C++ is compiled
# Back to back: so few take less time than a second process takes to start (0.4 s, most of it cocotb's imports).
_TINY_CYCLES, _TINY_LUT_CYCLES = 5_000, 1_000_000


@dataclass(frozen=True)
class _Engine:
    """A simulator that is there: its version, how to compile into a folder, how to run what is there."""

    version: str
    build: Callable[[Path], None]
    command: Callable[[Path], tuple[str, ...]]


def cosim(
    rtl_files: Sequence[Path],
    top: str,
    vectors: Vectors,
    workdir: Path,
    simulator: Simulator,
    modes: Sequence[Mode] = MODES,
    *,
    seed: int = 1,
    guarantee: Guarantee | None = None,
    patience_cycles: int = 10_000,
    stop_at: int = 0,
    idle: bool = True,
    flush: int = 0,
    timeout_s: float = 3600,
    probes: Mapping[str, tuple[Sequence[str], int]] | None = None,
    luts: int = 0,
    fewer: int = FEWER,
) -> CosimResult:
    """Drive `top` with every vector in each mode and compare every output, exactly.

    workdir: receives WORKDIR/SIMULATOR/, builds and results; seed: of gaps, resets and start values; guarantee: guaranteed
    timing of our own RTL, for which more rules are checked (tb/README.md); None for a vendor's; patience_cycles: without any
    progress before a run is given up; stop_at: so many differences end a run, 0 for never; idle: ap_idle has to be high when
    all is through; flush: vectors that are sent after the last, to push it out; timeout_s: of each run; probes: {name:
    (signals of the top that are all high when a token is made, tokens of a vector)}, for a timeline, which Icarus alone can
    see; luts: an estimate of the size. The modes of a small simulation run in one process, one after the other; those of a
    larger one, or of RTL without guaranteed timing, in a process each, side by side; fewer: vectors at most with gaps and
    with resets.

    Raises FpgaMlError for a missing tool, RTL that does not compile, ports that do not fit the vectors. Wrong outputs
    are a result, not an error: see CosimResult.passed and .texts().
    """
    began = time.perf_counter()
    sources = [Path(f).resolve() for f in rtl_files]
    version, command = compile_rtl(sources, top, vectors, workdir, simulator, seed=seed, guarantee=guarantee)
    build_seconds = time.perf_counter() - began
    folder = workdir.resolve() / simulator
    settings = Settings(
        folder / "vectors.json",
        tuple(sources),
        top,
        seed,
        guarantee,
        patience_cycles,
        stop_at,
        idle,
        flush,
        probes or {} if simulator == "icarus" else {},
        fewer,
    )
    vectors.save(settings.vectors)
    environment = {
        **dict(cocotb_setup.find().environment),
        **settings.environment,
        "COCOTB_TEST_MODULES": "fpga_ml.tb.test_top",
    }
    if simulator == "verilator":
        environment["COCOTB_TRUST_INERTIAL_WRITES"] = "1"
    cycles = _cycles(vectors, guarantee)
    tiny = cycles <= _TINY_CYCLES and cycles * luts <= _TINY_LUT_CYCLES
    progress.expect(sum(len(vectors) if mode == "back_to_back" else min(len(vectors), fewer) for mode in modes), "vectors")
    runs = [tuple(modes)] if tiny else [(mode,) for mode in modes]
    results = _run(folder, command, environment, sources, runs, timeout_s)
    return _together(simulator, version, len(vectors), results, build_seconds, time.perf_counter() - began)


def compile_rtl(
    rtl_files: Sequence[Path],
    top: str,
    vectors: Vectors,
    workdir: Path,
    simulator: Simulator,
    *,
    seed: int = 1,
    guarantee: Guarantee | None = None,
) -> tuple[str, tuple[str, ...]]:
    """(version of the simulator, command that simulates). `cosim` of the same arguments finds what was compiled; outputs of
    the vectors need not be known yet."""
    sources = [Path(f).resolve() for f in rtl_files]
    ports = bound(sources, top, vectors)
    cocotb = cocotb_setup.find()
    optimise = _cycles(vectors, guarantee) > _FEW_CYCLES
    engine = _engine(simulator, sources, top, ports, cocotb, seed, optimise=optimise)
    built = workdir.resolve() / simulator / "build"
    built.parent.mkdir(parents=True, exist_ok=True)
    _build(built, _key(sources, top, ports, engine.version, cocotb.version, str(optimise)), engine.build)
    return engine.version, engine.command(built)


def _cycles(vectors: Vectors, guarantee: Guarantee | None) -> float:
    """Of all vectors back to back; unknown, so without bound, of RTL from elsewhere."""
    return float("inf") if guarantee is None else len(vectors) * guarantee.interval_cycles


def rtl_files_of(folder: Path) -> tuple[Path, ...]:
    """The Verilog files of a folder, such as a vendor's syn/verilog: those with packages first, then by name."""
    files = sorted(f for f in folder.rglob("*") if f.suffix in (".v", ".sv"))
    if not files:
        raise FpgaMlError("no .v or .sv file", where=str(folder), do="give a folder of RTL, such as syn/verilog")
    return tuple(sorted(files, key=lambda f: "endpackage" not in f.read_text(errors="replace")))


def bound(sources: Sequence[Path], top: str, vectors: Vectors) -> Parallel | Stream:
    """The ports that the testbench will use; raises FpgaMlError where they do not fit."""
    return bind(read_top(sources, top), vectors)


def _engine(
    simulator: Simulator,
    sources: Sequence[Path],
    top: str,
    ports: Parallel | Stream,
    cocotb: cocotb_setup.Cocotb,
    seed: int,
    *,
    optimise: bool,
) -> _Engine:
    if simulator == "icarus":
        vvp = icarus.find()
        return _Engine(
            vvp.version,
            lambda folder: icarus.build(vvp, sources, top, folder),
            lambda folder: icarus.command(vvp, folder, cocotb.icarus_module),
        )
    tool = verilator.find()
    main, libraries = cocotb.verilator_main, cocotb.libraries
    return _Engine(
        tool.version,
        lambda folder: verilator.build(tool, sources, top, ports.names, main, libraries, folder, optimise=optimise),
        lambda folder: verilator.command(folder, seed),
    )


def _key(sources: Sequence[Path], top: str, ports: Parallel | Stream, *versions: str) -> str:
    """What a build depends on, as one hash."""
    made_by = [Path(m.__file__ or "").read_text() for m in (icarus, verilator)]
    texts = [*(f"{s}\n{s.read_text(errors='replace')}" for s in sources), top, *ports.names, *versions, *made_by]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def _build(folder: Path, key: str, make: Callable[[Path], None]) -> None:
    """Make the folder anew unless it was made from the same; a build that fails leaves nothing half done."""
    mark = folder / "key"
    if mark.exists() and mark.read_text() == key:
        return
    beside = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    try:
        make(beside)
        (beside / "key").write_text(key)
        shutil.rmtree(folder, ignore_errors=True)
        beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _run(
    folder: Path,
    program: Sequence[str],
    environment: dict[str, str],
    sources: Sequence[Path],
    runs: Sequence[Sequence[Mode]],
    timeout_s: float,
) -> tuple[ModeResult, ...]:
    """Each run, some modes one after the other, in a process and a folder of its own, side by side."""
    commands, places = [], [folder / "-".join(modes) for modes in runs]
    for modes, place in zip(runs, places, strict=True):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        _link_memories(sources, place)
        only = {"COCOTB_TEST_FILTER": f"({'|'.join(modes)})$", "COSIM_RESULTS": str(place / "results.json")}
        commands.append(Command(program, place, {**environment, **only}))
    what, do = "RTL simulation", "see the simulator's message"
    said = run_all(commands, what=what, do=do, timeout_s=timeout_s, on_line=_counted)
    results: list[ModeResult] = []
    for modes, place, text in zip(runs, places, said, strict=True):
        (place / "log.txt").write_text(text)
        found = load_results(place / "results.json") if (place / "results.json").exists() else ()
        if len(found) < len(modes):
            tail = "\n    ".join(text.splitlines()[-_TAIL_LINES:])
            ended = f"{what} ended without a result ({modes[len(found)]})"
            raise FpgaMlError(f"{ended}:\n    {tail}", where=str(place), do=do)
        results += found
    return tuple(results)


def _counted(line: str) -> None:
    """What the testbench says of the vectors that are through."""
    if found := re.fullmatch(r"done (\d+)", line):
        progress.done(int(found[1]), "vectors")


def _link_memories(sources: Sequence[Path], place: Path) -> None:
    """Vitis HLS's ROMs read their contents from the folder in which the simulator runs ($readmemh("./name.dat"))."""
    for folder in dict.fromkeys(s.parent for s in sources):
        for pattern in _MEMORIES:
            for file in folder.glob(pattern):
                if not (place / file.name).exists():
                    (place / file.name).symlink_to(file)


def _together(
    simulator: Simulator,
    version: str,
    vectors: int,
    modes: tuple[ModeResult, ...],
    build_seconds: float,
    seconds: float,
) -> CosimResult:
    return CosimResult(
        simulator,
        version,
        vectors,
        tuple(m for mode in modes for m in mode.mismatches),
        sum(mode.mismatch_count for mode in modes),
        tuple(f for mode in modes for f in mode.faults),
        next((m.latency_cycles for m in modes if m.latency_cycles is not None), None),
        next((m.interval_cycles for m in modes if m.interval_cycles is not None), None),
        sum(m.stalls for m in modes),
        sum(m.x_values for m in modes),
        modes,
        build_seconds,
        seconds,
        next((m.timeline for m in modes if m.timeline), {}),
    )
