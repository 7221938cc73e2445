"""hls4ml's C++ as a shared library that Python calls."""

from __future__ import annotations

import tempfile
from pathlib import Path

from fpga_ml.errors import FpgaMlError
from fpga_ml.toolchain.find import compiler
from fpga_ml.toolchain.run import Command, run, run_all

# Where each backend's project keeps its arbitrary-precision types. The projects of oneAPI and Libero compile with
# their vendors' compilers only.
_INCLUDES = {
    "Vitis": ("firmware/ap_types",),
    "Vivado": ("firmware/ap_types",),
    "Quartus": ("firmware/ac_types", "firmware/ap_types"),
    "Catapult": (
        "firmware/ac_types/include",
        "firmware/ac_math/include",
        "firmware/ac_simutils/include",
        "firmware/nnet_utils",
    ),
}
# The library finds its weights by this variable, not by a path compiled in: a project is built in one folder and then
# renamed into place.
WEIGHTS_VARIABLE = "FPGA_ML_WEIGHTS"
_FLAGS = ("-O3", "-fPIC", "-std=c++17", "-fno-gnu-unique", "-w")


def can_compile(backend: str) -> bool:
    return backend in _INCLUDES


def build_library(project: Path, name: str, backend: str, library: Path) -> None:
    """Compile PROJECT/firmware/NAME.cpp and NAME_bridge.cpp, side by side, into the shared object `library`."""
    cxx = compiler()
    flags = [*_FLAGS, *(f"-I{d}" for d in _INCLUDES[backend]), f'-DWEIGHTS_DIR=getenv("{WEIGHTS_VARIABLE}")']
    what = f"compiling the C-simulation of '{name}'"
    with tempfile.TemporaryDirectory() as scratch:
        objects = {f"firmware/{name}.cpp": f"{scratch}/top.o", f"{name}_bridge.cpp": f"{scratch}/bridge.o"}
        compile_each = [Command([cxx, *flags, "-c", source, "-o", made], project) for source, made in objects.items()]
        do = "see the compiler's message; the project is hls4ml's own"
        try:
            run_all(compile_each, what=what, do=do)
            library.parent.mkdir(parents=True, exist_ok=True)
            run(Command([cxx, "-shared", *objects.values(), "-o", str(library)], project), what=what, do=do)
        except FpgaMlError as error:
            raise FpgaMlError(error.what, where=f"backend {backend}", do=do) from None


def build_testbench(project: Path, name: str, program: Path) -> None:
    """Compile the project's own testbench, as the vendor's csim does; like the vendor's it runs in the project's folder."""
    flags = [*_FLAGS, *(f"-I{d}" for d in _INCLUDES["Vitis"]), '-DWEIGHTS_DIR="firmware/weights"']
    sources = [f"firmware/{name}.cpp", f"{name}_test.cpp"]
    run(
        Command([compiler(), *flags, *sources, "-o", str(program.resolve())], project),
        what=f"compiling the testbench of '{name}'",
        do="see the compiler's message",
    )
