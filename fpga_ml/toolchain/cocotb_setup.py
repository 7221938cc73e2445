"""Where cocotb is, and what a simulator needs in its environment to load it.

The simulators are run by our own commands, not by cocotb's runner: a failure then reads like that of any other tool.
"""

from __future__ import annotations

import importlib.metadata
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fpga_ml.errors import FpgaMlError
from fpga_ml.tb.tools import cocotb_environment
from fpga_ml.toolchain.run import Command, run

_OLDEST = (2, 1)
_GET = "pip install 'cocotb>=2.1'"


@dataclass(frozen=True)
class Cocotb:
    """libraries: folder of the simulator interfaces; icarus_module: what vvp loads; verilator_main: C++ main()."""

    version: str
    libraries: Path
    icarus_module: str
    verilator_main: Path
    environment: tuple[tuple[str, str], ...]


def find() -> Cocotb:
    """The installed cocotb; raises where it is missing or too old."""
    try:
        version = importlib.metadata.version("cocotb")
    except importlib.metadata.PackageNotFoundError:
        raise FpgaMlError("RTL co-simulation needs cocotb, which is not installed", do=_GET) from None
    if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST:
        raise FpgaMlError(f"cocotb {version} is older than {'.'.join(map(str, _OLDEST))}", do=_GET)
    from cocotb_tools import config

    return Cocotb(
        version,
        config.libs_dir,
        config.lib_entry("vpi", "icarus"),
        config.share_dir / "lib" / "verilator" / "verilator.cpp",
        tuple(cocotb_environment(_libpython()).items()),
    )


@cache
def _libpython() -> str:
    """Python as a shared library, which the simulator loads; found by the package that cocotb itself uses."""
    do = "apt-get install libpython3-dev, or build Python with --enable-shared"
    command = Command([sys.executable, "-m", "find_libpython"], Path.cwd())
    found = run(command, what="looking for libpython", do=do, timeout_s=60).stdout.strip()
    if not found:
        raise FpgaMlError("cocotb needs Python as a shared library, which was not found", where=sys.executable, do=do)
    return found
