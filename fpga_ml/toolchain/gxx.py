"""hls4ml's C++ as a shared library that Python calls."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from fpga_ml import progress
from fpga_ml.backends import BACKENDS, OURS
from fpga_ml.errors import FpgaMlError
from fpga_ml.toolchain import cache
from fpga_ml.toolchain.cache import made_once
from fpga_ml.toolchain.find import compiler, compiler_version, precompiles
from fpga_ml.toolchain.run import Command, run

# The library finds its weights by this variable, not by a path compiled in: a project is built in one folder and then
# renamed into place.
WEIGHTS_VARIABLE = "FPGA_ML_WEIGHTS"
# Of -O3 the types of fixed point need the inlining only: they run as fast, and compile in three quarters of the time.
_INLINING = ("-O1", "-finline-small-functions", "-finline-functions", "-findirect-inlining")
_FLAGS = (*_INLINING, "-pipe", "-fPIC", "-std=c++17", "-fno-gnu-unique", "-w", "-iquote.")
_DO = "see the compiler's message; the project is hls4ml's own"
# What every project of Vitis and Vivado includes, whatever its layers; the headers of its layers cost little to read.
_COMMON_HEADERS = """\
#include <algorithm>
#include <iostream>
#include <map>
#include "ap_fixed.h"
#include "ap_int.h"
#include "hls_stream.h"
#include "firmware/nnet_utils/nnet_types.h"
#include "firmware/nnet_utils/nnet_helpers.h"
#include "firmware/nnet_utils/nnet_common.h"
"""
_HEADER = "common.h"


@dataclass(frozen=True)
class _Compiler:
    """The compiler with its flags, run in a project's folder, whose files it names from there; what: its job, for errors."""

    program: str
    flags: tuple[str, ...]
    project: Path
    what: str

    def command(self, *arguments: str) -> Command:
        return Command([self.program, *self.flags, *arguments], self.project)

    def run(self, *arguments: str) -> None:
        run(self.command(*arguments), what=self.what, do=_DO)

    def compile(self, *arguments: str) -> None:
        compiled(self.command(*arguments), what=self.what, do=_DO)

    def decides(self, source: Path, headers: str = "") -> list[str | bytes]:
        """All that decides what is made of a source: this module, the compiler, its flags, the text with every header in its
        place.

        headers: the text that goes before it.
        """
        with tempfile.TemporaryDirectory() as scratch:
            text = Path(scratch) / "text"
            self.run(*_before(headers, Path(scratch)), "-E", "-P", str(source), "-o", str(text))
            return [Path(__file__).read_text(), compiler_version(self.program), *self.flags, text.read_bytes()]


def compiled(command: Command, *, what: str, do: str) -> None:
    """Run the compiler; whoever watches is told how many functions it has come to, which takes it a tenth longer."""
    if progress.watched():
        program, *arguments = command.arguments
        try:
            run(replace(command, arguments=[program, "-Q", *arguments]), what=what, do=do, on_errors=_counted)
        except FpgaMlError:
            pass  # its words stand among the names of thousands of functions: once more without them
        else:
            return
    run(command, what=what, do=do)


def _counted(said: bytes) -> None:
    """Each function is named with its parameters in brackets."""
    progress.done(said.count(b"("), "functions")


def build_library(project: Path, name: str, backend: str, library: Path) -> None:
    """Compile PROJECT/firmware/NAME.cpp and NAME_bridge.cpp into the shared object `library`, or have it from the cache.

    Weights are read at run time and are no part of it: two networks that differ in their weights alone may share a library.
    """
    includes = [f"-I{folder}" for folder in BACKENDS[backend].includes]
    flags = (*_FLAGS, *includes, f'-DWEIGHTS_DIR=getenv("{WEIGHTS_VARIABLE}")')
    cxx = _Compiler(compiler(), flags, project, f"compiling the C-simulation of '{name}'")
    headers = _COMMON_HEADERS if backend in OURS and precompiles(cxx.program) else ""
    library.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        # Both files include the same headers, so that one unit of both takes less time than the two.
        unit = Path(scratch) / "unit.cpp"
        unit.write_text(f'#include "firmware/{name}.cpp"\n#include "{name}_bridge.cpp"\n')
        try:
            made_once(library, "csim", lambda: cxx.decides(unit, headers), lambda target: _link(cxx, unit, headers, target))
        except FpgaMlError as error:
            raise FpgaMlError(error.what, where=f"backend {backend}", do=error.do) from None


def _link(cxx: _Compiler, source: Path, headers: str, library: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        before = _before(headers, Path(scratch))
        if headers and cache.find():
            _precompile(cxx, Path(scratch) / _HEADER)
        cxx.compile(*before, "-shared", str(source), "-o", str(library))


def _before(headers: str, folder: Path) -> list[str]:
    """The flags that put `headers`, a file in `folder`, before every source."""
    if not headers:
        return []
    (folder / _HEADER).write_text(headers)
    return ["-include", str(folder / _HEADER)]


def _precompile(cxx: _Compiler, header: Path) -> None:
    """The header's compiled form beside it, which g++ reads in its place, or ignores where it does not suit.

    Compiling it takes 3 s, once; every file then takes 0.8 s less.
    """

    def make(target: Path) -> None:
        cxx.compile("-x", "c++-header", str(header), "-o", str(target))

    made_once(header.with_suffix(".h.gch"), "headers", lambda: cxx.decides(header), make, link=True)


def build_testbench(project: Path, name: str, program: Path) -> None:
    """Compile the project's own testbench, as the vendor's csim does; like the vendor's it runs in the project's folder."""
    includes = [f"-I{folder}" for folder in BACKENDS["Vitis"].includes]
    flags = [*_FLAGS, *includes, '-DWEIGHTS_DIR="firmware/weights"']
    sources = [f"firmware/{name}.cpp", f"{name}_test.cpp"]
    run(
        Command([compiler(), *flags, *sources, "-o", str(program.resolve())], project),
        what=f"compiling the testbench of '{name}'",
        do="see the compiler's message",
    )
