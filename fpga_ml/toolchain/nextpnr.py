"""nextpnr: place and route of a netlist that Yosys made, and the clock that it reaches."""

from __future__ import annotations

import importlib.metadata
import json
import math
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fpga_ml.devices import Cells, Family
from fpga_ml.errors import FpgaMlError
from fpga_ml.toolchain.netlists import for_nextpnr
from fpga_ml.toolchain.run import Command, run

_GET = "pip install 'fpga_ml[synth]'"
_RUN = "import sys, yowasp_nextpnr_{name} as tool; sys.exit(tool.run_nextpnr_{name}(sys.argv[1:]))"


@dataclass(frozen=True)
class _Dialect:
    """What a family's nextpnr is told in words of its own. pins: the file of constraints; free: that pins without a place
    may be anywhere, () where each must have one; routed: where what was routed goes, for the program that makes a bitstream
    of it, () where we have none."""

    pins: tuple[str, ...]
    free: tuple[str, ...]
    routed: tuple[str, ...] = ()


_DIALECTS: Mapping[Family, _Dialect] = {
    "ecp5": _Dialect(("--lpf", "{file}"), ("--lpf-allow-unconstrained",), ("--textcfg", "{file}")),
    "ice40": _Dialect(("--pcf", "{file}"), ("--pcf-allow-unconstrained",)),
    "nexus": _Dialect(("--pdc", "{file}"), ()),
    "himbaechel-gowin": _Dialect(("--vopt", "cst={file}"), (), ("--write", "{file}")),
    "himbaechel-gatemate": _Dialect(("--vopt", "ccf={file}"), ("--vopt", "allow-unconstrained"), ("--vopt", "out={file}")),
}
# Names of the utilization, with how many of our Cells each takes, for the families that have a board. An element of GateMate
# has two halves; of what takes a whole one, only the upper half has a name there.
_COUNTS: Mapping[Family, Mapping[str, Mapping[str, float]]] = {
    "ecp5": {"luts": {"TRELLIS_COMB": 1}, "ffs": {"TRELLIS_FF": 1}, "dsps": {"MULT18X18D": 1}, "brams": {"DP16KD": 1}},
    "himbaechel-gowin": {
        "luts": {"LUT4": 1, "ALU": 1, "RAM16SDP4": 8},
        "ffs": {"DFF": 1},
        "dsps": {"MULT9X9": 0.5, "MULT18X18": 1, "MULT36X36": 4},
        "brams": {"BSRAM": 1},
    },
    "himbaechel-gatemate": {
        "luts": {"CPE_LT": 1, "CPE_ADDF": 2, "CPE_ADDF2": 2, "CPE_MULT": 2, "CPE_MX4": 2},
        "ffs": {"CPE_FF": 1},
        "dsps": {},
        "brams": {"RAM_HALF": 1},
    },
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
    pins: Path | None = None,
    routed: Path | None = None,
    route: bool = True,
    log: Path | None = None,
    on_line: Callable[[str], None] | None = None,
) -> Placement:
    """For a clock period that it need not reach. options: the device, and what else nextpnr is to be told; pins: a file of
    constraints (devices/pins.py), routed: what is to be packed into a bitstream, both in the netlist's folder: the tool sees
    no other; route: else it is only placed, and times are those before routing.

    The first call on a machine compiles the tool, about a minute. Raises FpgaMlError where it is missing, where the design
    does not fit, where it has no path between registers, and where it takes too long.
    """
    version = nextpnr_version(family)
    start = time.perf_counter()
    report = netlist.with_name(f"report_{seed}.json")
    dialect = _DIALECTS[family]
    given = for_nextpnr(netlist, family)
    words = [*options, "--json", given.name, "--report", report.name, "--seed", str(seed)]
    for file, told in ((pins, dialect.pins), (routed, dialect.routed)):
        words += [word.format(file=file.name) for word in told] if file else []
    words += [
        "--freq",
        f"{1000 / goal_ns:.3f}",
        "--timing-allow-fail",
        *dialect.free,
        *(() if route else ("--no-route",)),
    ]
    code = _RUN.format(name=family.replace("-", "_"))
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
    clocks_mhz = [row["achieved"] for row in found["fmax"].values()]
    if not route:
        clocks_mhz = clocks_mhz or [float(mhz) for mhz in _PLACED_CLOCK.findall(ran.stdout)]
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


def cells_placed(family: Family, used: Mapping[str, tuple[int, int]]) -> Cells:
    """used: of a Placement, with what is around the design. Of a family that has a board."""

    def number(kind: str) -> float:
        return sum(used[name][0] * each for name, each in _COUNTS[family][kind].items() if name in used)

    luts, ffs, dsps = (math.ceil(number(kind)) for kind in ("luts", "ffs", "dsps"))
    return Cells(luts, ffs, dsps, number("brams"))


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
