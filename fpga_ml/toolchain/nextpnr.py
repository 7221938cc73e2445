"""nextpnr: place and route of a netlist that Yosys made, and the clock that it reaches."""

from __future__ import annotations

import importlib.metadata
import json
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fpga_ml.devices import Family
from fpga_ml.errors import FpgaMlError
from fpga_ml.toolchain.run import Command, run

_GET = "pip install 'fpga_ml[synth]'"
_RUN = "import sys, {module} as tool; sys.exit(tool.run_nextpnr_{family}(sys.argv[1:]))"
# Pins without a place may be anywhere.
_FREE_PINS: Mapping[Family, Sequence[str]] = {
    "ecp5": ("--lpf-allow-unconstrained",),
    "ice40": ("--pcf-allow-unconstrained",),
    "nexus": (),
}
_PLACED_CLOCK = re.compile(r"Max frequency for clock\s+'[^']*':\s*([\d.]+) MHz")


@dataclass(frozen=True)
class PathPiece:
    """A piece of the critical path: kind as nextpnr has it (clk-to-q, logic, routing, setup), the cell at its end, ns."""

    kind: str
    cell: str
    ns: float


@dataclass(frozen=True)
class Placement:
    """period_ns: the shortest clock period between registers, of all clocks; paths to and from pins do not count. path: the
    one that takes it, () before routing; used: {kind of cell: (of the design, of the device)}; memory_mb: the most that
    nextpnr held."""

    period_ns: float
    path: tuple[PathPiece, ...]
    used: Mapping[str, tuple[int, int]]
    version: str
    seconds: float
    memory_mb: float


def place_and_route(
    netlist: Path,
    family: Family,
    options: Sequence[str],
    goal_ns: float,
    seed: int,
    timeout_s: float | None,
    *,
    route: bool = True,
    log: Path | None = None,
    on_line: Callable[[str], None] | None = None,
) -> Placement:
    """For a clock period that it need not reach. options: the device, and what else nextpnr is to be told; route: else it is
    only placed, and times are those before routing.

    The first call on a machine compiles the tool, about a minute. Raises FpgaMlError where it is missing, where the design
    does not fit, where it has no path between registers, and where it takes too long.
    """
    version = nextpnr_version(family)
    start = time.perf_counter()
    report = netlist.with_name(f"report_{seed}.json")
    module = f"yowasp_nextpnr_{family}"
    words = [*options, "--json", netlist.name, "--report", report.name, "--seed", str(seed)]
    words += [
        "--freq",
        f"{1000 / goal_ns:.3f}",
        "--timing-allow-fail",
        *_FREE_PINS[family],
        *(() if route else ("--no-route",)),
    ]
    code = _RUN.format(module=module, family=family)
    ran = run(
        Command([sys.executable, "-c", code, *words], netlist.parent),
        what=f"{'placing and routing' if route else 'placing'} '{netlist}' with nextpnr-{family} {version}",
        do=(
            "see its message; for a device that is too small choose a larger one, share hardware (--interval-cycles,"
            " --max-luts) or prune; with a time limit, a longer one, or --effort place"
        ),
        timeout_s=timeout_s,
        log=log or netlist.with_name(f"nextpnr_{seed}.log"),
        on_line=on_line,
    )
    found = json.loads(report.read_text())
    clocks_mhz = [row["achieved"] for row in found["fmax"].values()] or map(float, _PLACED_CLOCK.findall(ran.stdout))
    period_ns = max((1000 / mhz for mhz in clocks_mhz), default=None)
    if period_ns is None:
        raise FpgaMlError("no path between registers to time", where=str(netlist), do="give a design with registers")
    return Placement(
        period_ns,
        _path(found),
        {kind: (row["used"], row["available"]) for kind, row in found["utilization"].items()},
        version,
        time.perf_counter() - start,
        ran.memory_mb,
    )


def _path(report: Mapping[str, Any]) -> tuple[PathPiece, ...]:
    """Of the longest path that begins and ends at a clock."""
    paths = [p for p in report["critical_paths"] if "<async>" not in (p["from"], p["to"])]
    pieces: list[Any] = max((p["path"] for p in paths), key=lambda path: sum(piece["delay"] for piece in path), default=[])
    return tuple(PathPiece(piece["type"], piece["to"]["cell"], float(piece["delay"])) for piece in pieces)


def nextpnr_version(family: Family) -> str:
    """Raises FpgaMlError where it is not installed."""
    package = f"yowasp-nextpnr-{family}"
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        raise FpgaMlError(f"place and route needs nextpnr, and the package '{package}' is not installed", do=_GET) from None
