"""What Vivado says of a design: report_utilization and report_timing_summary (AMD UG835, UG906).

Names of sites differ by family: `Slice LUTs` of 7 series are `CLB LUTs` of UltraScale, which count LUTs of six inputs alike.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fpga_ml.synthesise.vendor.tables import missing, number, read, tables, values_by_name

_UTILISATION, _TIMING = "utilisation report", "timing summary"
_SITES: Mapping[str, tuple[str, ...]] = {
    "luts": ("CLB LUTs", "Slice LUTs"),
    "ffs": ("CLB Registers", "Slice Registers", "Registers"),
    "carries": ("CARRY8", "CARRY4", "LOOKAHEAD8"),
    "dsps": ("DSPs", "DSP Slices"),
    "brams": ("Block RAM Tile",),
    "urams": ("URAM",),
}
_NEEDED = ("luts", "ffs")
_HEADINGS = ("WNS(ns)", "TNS(ns)", "TNS Failing Endpoints", "TNS Total Endpoints", "WHS(ns)", "THS(ns)")


@dataclass(frozen=True)
class Utilisation:
    """used, available: by luts, ffs, carries, dsps, brams (tiles of 36 kbit, halves possible), urams, as far as the device
    has them; device and version: as the report's head says, '' where it has none."""

    used: Mapping[str, float]
    available: Mapping[str, float]
    device: str
    version: str


@dataclass(frozen=True)
class Timing:
    """Of the slowest clock. slack_ns, total_slack_ns, hold_slack_ns: negative where the clock is missed; failing: end
    points; source, destination: registers of the path with the least slack, '' where the report lists no path; delay_ns: of
    that path, or None."""

    period_ns: float
    slack_ns: float
    total_slack_ns: float
    hold_slack_ns: float | None
    failing: int
    source: str
    destination: str
    delay_ns: float | None

    @property
    def fmax_mhz(self) -> float:
        """From the slack at the clock that was asked for."""
        return 1000 / (self.period_ns - self.slack_ns)


def read_utilisation(path: Path) -> Utilisation:
    """Raises FpgaMlError for a file that is missing, empty, or names no LUTs or registers."""
    text = read(path, _UTILISATION)
    found = [t for t in tables(text, "|") if values_by_name(t, "Used")]
    used: dict[str, float] = {}
    available: dict[str, float] = {}
    for ours, sites in _SITES.items():
        for side, column in ((used, "Used"), (available, "Available")):
            cells = (cell for t in found for name, cell in values_by_name(t, column).items() if name in sites)
            value = next((v for cell in cells if (v := number(cell)) is not None), None)
            if value is not None:
                side[ours] = value
    for name in _NEEDED:
        if name not in used:
            raise missing(f"number of {' or '.join(_SITES[name])}", _UTILISATION, path)
    return Utilisation(used, available, _head(text, "Device"), _head(text, "Tool Version"))


def read_timing(path: Path) -> Timing:
    """Raises FpgaMlError for a file that is missing or broken, and for a design without a constrained path."""
    text = read(path, _TIMING)
    figures = _below(text, _HEADINGS)
    if figures is None:
        raise missing("'WNS(ns)' line", _TIMING, path)
    slack, total, failing, hold = (number(figures[k]) for k in (0, 1, 2, 4))
    if slack is None or total is None or failing is None:
        raise missing(f"path that a clock constrains (WNS is '{figures[0]}')", _TIMING, path)
    # A name may not hold blanks; of generated clocks the name is indented.
    clocks = dict(re.findall(r"^[ \t]*(\S+)[ \t]+\{[^}]*\}[ \t]+([\d.]+)[ \t]+[\d.]+[ \t]*$", text, re.MULTILINE))
    if not clocks:
        raise missing("clock summary", _TIMING, path)
    at = re.search(r"Max Delay Paths\n(.*?)Slack", text, re.DOTALL)
    paths = text[at.start() :] if at else ""
    group = re.search(r"Path Group:[ \t]+(\S+)", paths)
    slowest = group[1] if group and group[1] in clocks else min(clocks, key=lambda name: float(clocks[name]))
    source, destination, delay = (_end(paths, name) for name in ("Source", "Destination", "Data Path Delay"))
    period_ns = float(clocks[slowest])
    return Timing(period_ns, slack, total, hold, int(failing), source, destination, number(delay))


def _head(text: str, name: str) -> str:
    """`| Device       : xcvu13p-...` in the first lines."""
    found = re.search(rf"^\|\s*{name}\s*:\s*(.+?)\s*\|?\s*$", text, re.MULTILINE)
    return found[1] if found else ""


def _below(text: str, headings: tuple[str, ...]) -> list[str] | None:
    """The words of the line two below the one that holds these headings in this order, and nothing before them."""
    lines = text.splitlines()
    pattern = re.compile(r"\s*" + r"\s+".join(map(re.escape, headings)))
    place = next((k for k, line in enumerate(lines) if pattern.match(line)), None)
    words = lines[place + 2].split() if place is not None and place + 2 < len(lines) else []
    return words if len(words) >= len(headings) else None


def _end(paths: str, name: str) -> str:
    found = re.search(rf"^[ \t]*{name}:[ \t]+(\S+)", paths, re.MULTILINE)
    return found[1] if found else ""
