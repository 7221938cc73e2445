"""Verilator: the fast two-state simulator of the co-simulation.

It is called without its Perl script and make, so that neither need be installed; besides, the makefile of the PyPI wheel
names the compiler of the machine that built the wheel. Two choices make the build fast: only the top's ports are public,
and the run-time library and its headers are compiled once a machine, not once a design. Measured on 6,000 adders of 12 bits
(some 70k LUTs by estimate), in one file at -O1: 6 s of g++, where `--public-flat-rw`, which makes every signal public, had
not ended after 150 s.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from fpga_ml.tb import tools
from fpga_ml.tb.tools import LINT, VERILATE, Verilator, linking, public
from fpga_ml.tb.tools import find_verilator as find
from fpga_ml.toolchain import cache
from fpga_ml.toolchain.cache import made_once
from fpga_ml.toolchain.find import compiler, compiler_version, precompiles
from fpga_ml.toolchain.gxx import compiled
from fpga_ml.toolchain.links import linked, plain_folder
from fpga_ml.toolchain.run import Command, run, side_by_side

__all__ = ["Verilator", "build", "check", "command", "find"]
_PROGRAM = "design"
_UNIT_BYTES = 400_000
_HEADERS = ("verilated.h", "verilated_vpi.h", "verilated_sym_props.h", "verilated_syms.h")


def build(
    tool: Verilator,
    sources: Sequence[Path],
    top: str,
    ports: Sequence[str],
    main: Path,
    libraries: Path,
    folder: Path,
    *,
    optimise: bool,
) -> None:
    """Compile into `folder`, or have it from the cache.

    ports: those of the top that the testbench reads and writes; main: C++ file with main(); libraries: folder of
    libcocotbvpi_verilator, which stays where it is; optimise: compiling takes three times as long, and a cycle a fifth of
    the time.
    """
    (folder / "ports.vlt").write_text(public(top, ports))
    what = f"compiling '{top}' with Verilator"
    verilate = partial(_run, tool, folder=folder, what=what)
    with linked(sources, folder) as links:
        arguments = ["--top-module", top, *(f"-I{d}" for d in links.folders), *links.files]

        def decides() -> list[str]:
            text = verilate(["-E", "-P", *arguments])
            folders = dict.fromkeys(s.parent for s in sources)
            others = [f for d in folders for f in sorted(d.glob("*.*v")) if f not in sources and f.is_file()]
            read = [text, *(f.read_text(errors="replace") for f in others)]
            return _decides(tool, top, str(optimise), *ports, main.read_text(), str(libraries), *read)

        def make(program: Path) -> None:
            verilate([*VERILATE, *arguments, "ports.vlt"])
            _compile(tool, _units(folder / "cpp", main, optimise=optimise), folder / "cpp", libraries, program, what)
            shutil.rmtree(folder / "cpp")

        made_once(folder / _PROGRAM, "verilator", decides, make)


def check(tool: Verilator, sources: Sequence[Path], top: str) -> None:
    """Raise FpgaMlError for what `build` would not compile; nothing is written."""
    with plain_folder() as folder, linked(sources, folder) as links:
        arguments = ["--lint-only", *LINT, "--top-module", top, *(f"-I{d}" for d in links.folders), *links.files]
        _run(tool, arguments, folder=folder, what=f"compiling '{top}' with Verilator")


def _run(tool: Verilator, arguments: Sequence[str], *, folder: Path, what: str) -> str:
    command = Command([str(tool.program), *arguments], folder, {"VERILATOR_ROOT": str(tool.root)})
    return run(command, what=what, do="see its message").stdout


def _compile(tool: Verilator, units: Mapping[str, str], cpp: Path, libraries: Path, program: Path, what: str) -> None:
    """The units, {file in `cpp`: optimisation level}, with the run-time library into `program`."""
    cxx, do = compiler(), "see the compiler's message"
    for level in {*units.values()} if cache.find() and precompiles(cxx) else ():
        _precompile(tool, cxx, level, cpp)
    compile_each = [
        Command([cxx, level, "-I.", *tool.flags, *_before(level, cpp), "-c", unit, "-o", f"{unit}.o"], cpp)
        for unit, level in units.items()
    ]
    _compile_each(compile_each, what, do)
    made_once(cpp / "runtime.o", "verilated", lambda: _decides(tool), lambda target: _runtime(tool, cxx, target))
    objects = [*(f"{unit}.o" for unit in units), "runtime.o"]
    run(Command([cxx, *objects, "-o", str(program), *linking(libraries)], cpp), what=what, do=do)


def command(folder: Path, seed: int) -> tuple[str, ...]:
    """How to run what `build` made; registers without a start value get random ones from `seed`."""
    return (str(folder / _PROGRAM), "+verilator+rand+reset+2", f"+verilator+seed+{seed % 0x7FFF_FFFE + 1}")


def _units(cpp: Path, main: Path, *, optimise: bool) -> dict[str, str]:
    """A few files that include the generated ones, with their optimisation level: parsing the headers is most of the work.

    What runs once (constructors, initial values) is not optimised.
    """
    made = sorted(cpp.glob("*.cpp"))
    slow = [p for p in made if p.stem.endswith("__Slow")]
    fast = sorted(set(made) - set(slow), key=lambda p: -p.stat().st_size)
    count = min(os.cpu_count() or 1, 1 + sum(p.stat().st_size for p in fast) // _UNIT_BYTES)
    units = {"unit_slow.cc": ("-O0", [*slow, main])}
    units |= {f"unit_{k}.cc": ("-O1" if optimise else "-O0", fast[k::count]) for k in range(count)}
    for name, (_, files) in units.items():
        (cpp / name).write_text("".join(f'#include "{f.name if f.parent == cpp else f}"\n' for f in files))
    return {name: level for name, (level, _) in units.items()}


def _precompile(tool: Verilator, cxx: str, level: str, cpp: Path) -> None:
    """The headers that all generated files include, compiled: reading them is half of the work on a small design."""
    header = cpp / f"headers{level}.h"
    header.write_text("".join(f'#include "{name}"\n' for name in _HEADERS))
    what, do = "compiling Verilator's headers", "see the compiler's message"

    def make(target: Path) -> None:
        command = [cxx, level, *tool.flags, "-x", "c++-header", header.name, "-o", str(target)]
        compiled(Command(command, cpp), what=what, do=do)

    made_once(header.with_suffix(".h.gch"), "headers", lambda: _decides(tool, level, *_HEADERS), make, link=True)


def _before(level: str, cpp: Path) -> list[str]:
    """The flags that put the compiled headers, where they are, before a unit."""
    header = f"headers{level}.h"
    return ["-include", header] if (cpp / header).exists() else []


def _compile_each(commands: Sequence[Command], what: str, do: str) -> None:
    """Side by side, as many at a time as there are cores."""
    side_by_side([partial(compiled, command, what=what, do=do) for command in commands], at_most=os.cpu_count())


def _runtime(tool: Verilator, cxx: str, target: Path) -> None:
    """Verilator's run-time library as one object file."""
    what, do = "compiling Verilator's run-time library", "see the compiler's message"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        commands = [Command([cxx, "-O1", *tool.flags, "-c", str(s), "-o", f"{s.stem}.o"], folder) for s in tool.runtime]
        _compile_each(commands, what, do)
        objects = [f"{s.stem}.o" for s in tool.runtime]
        run(Command([cxx, "-r", "-nostdlib", *objects, "-o", str(target)], folder), what=what, do=do)


def _decides(tool: Verilator, *more: str) -> list[str]:
    """What decides the result of any compilation: tools, flags, Verilator's own C++, how we call it."""
    own = [f.read_text() for f in sorted((tool.root / "include").glob("verilated*")) if f.is_file()]
    ours = [Path(f).read_text() for f in (__file__, tools.__file__)]
    return [str(tool.root), tool.version, compiler_version(compiler()), *ours, *own, *more]
