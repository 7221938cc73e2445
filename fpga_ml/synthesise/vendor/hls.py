"""What Vitis HLS and Vivado HLS say of C synthesis, in NAME_csynth.xml and NAME_csynth.rpt (AMD UG1399, "C synthesis
results"; older versions say DSP48E where newer say DSP)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from fpga_ml.errors import FpgaMlError
from fpga_ml.synthesise.vendor.tables import ReportTable, missing, number, read, tables

_KIND, _COSIM = "C synthesis report", "co-simulation report"
# Our name: the tool's, newest first. Block RAMs are counted in halves of 18 kbit.
_RESOURCES: Mapping[str, tuple[str, ...]] = {
    "luts": ("LUT",),
    "ffs": ("FF",),
    "dsps": ("DSP", "DSP48E"),
    "brams_18k": ("BRAM_18K",),
    "urams": ("URAM",),
}
_NEEDED = ("luts", "ffs")


@dataclass(frozen=True)
class HlsReport:
    """Estimates of C synthesis, before any logic synthesis.

    latency_cycles, interval_cycles: worst case, None where the tool cannot tell (`undef`, `?`); used, available: by luts,
    ffs, dsps, brams_18k, urams.
    """

    top: str
    part: str
    version: str
    target_ns: float
    estimated_ns: float
    latency_cycles: int | None
    interval_cycles: int | None
    used: Mapping[str, int]
    available: Mapping[str, int]


@dataclass(frozen=True)
class CosimReport:
    """status: `Pass`, `Fail` or what the tool says; latency_cycles, interval_cycles: the longest seen, None for NA."""

    status: str
    latency_cycles: int | None
    interval_cycles: int | None


def read_cosim(path: Path) -> CosimReport:
    """NAME_cosim.rpt: the row of Verilog. Raises FpgaMlError as `read_csynth`."""
    rows = [row for table in tables(read(path, _COSIM), "|") for block in table for row in block]
    row = next((r for r in rows if r[0] == "Verilog" and len(r) >= 8), None)
    if row is None:
        raise missing("row of Verilog", _COSIM, path)
    return CosimReport(row[1], _cycles(row[4]), _cycles(row[7]))


def read_csynth(path: Path) -> HlsReport:
    """Of either format, by its suffix. Raises FpgaMlError for a file that is missing, broken, or lacks a figure."""
    return _read_xml(path) if path.suffix == ".xml" else _read_text(path)


def _read_xml(path: Path) -> HlsReport:
    try:
        root = ElementTree.fromstring(read(path, _KIND))
    except ElementTree.ParseError as error:
        raise FpgaMlError(f"the {_KIND} is not valid XML: {error}", where=str(path), do="run the tool again") from None

    def text(place: str) -> str:
        found = root.findtext(f".//{place}")
        if found is None:
            raise missing(f"'{place}'", _KIND, path)
        return found.strip()

    def resources(place: str) -> dict[str, int]:
        node = root.find(f".//{place}")
        return {} if node is None else _resources({child.tag: (child.text or "").strip() for child in node})

    return HlsReport(
        text("UserAssignments/TopModelName"),
        text("UserAssignments/Part"),
        (root.findtext(".//ReportVersion/Version") or "").strip(),
        _period(text("UserAssignments/TargetClockPeriod"), "target clock period", path),
        _period(text("SummaryOfTimingAnalysis/EstimatedClockPeriod"), "estimated clock period", path),
        _cycles(text("SummaryOfOverallLatency/Worst-caseLatency")),
        _cycles(text("SummaryOfOverallLatency/Interval-max")),
        _complete(resources("AreaEstimates/Resources"), path),
        resources("AreaEstimates/AvailableResources"),
    )


def _read_text(path: Path) -> HlsReport:
    text = read(path, _KIND)
    found = list(tables(text, "|"))
    clock = _headed(found, "Target", "clock table", path)
    heads, row = clock[0][-1], clock[1][0]
    used = next((t for t in found if "LUT" in t[0][0] and t[0][0][0] == "Name"), None)
    if used is None:
        raise missing("utilisation table", _KIND, path)
    lines = {r[0]: r for block in used for r in block}
    latency, interval = _latency(found, path)

    def resources(name: str) -> dict[str, int]:
        return _resources(dict(zip(used[0][0], lines.get(name, ()), strict=False)))

    return HlsReport(
        _line(text, r"Report for '([^']+)'", "name of the top", path),
        _line(text, r"\* Target device:\s*(\S+)", "target device", path),
        _line(text, r"\* Version:\s*(\S+)", "version", path),
        _period(row[heads.index("Target")], "target clock period", path),
        _period(row[next(i for i, h in enumerate(heads) if h.lower().startswith("estimated"))], "estimated period", path),
        latency,
        interval,
        _complete(resources("Total"), path),
        resources("Available"),
    )


def _headed(found: list[ReportTable], column: str, what: str, path: Path) -> ReportTable:
    """The first table with a heading, and rows below it."""
    table = next((t for t in found if len(t) > 1 and any(column in row for row in t[0])), None)
    if table is None:
        raise missing(what, _KIND, path)
    return table


def _latency(found: list[ReportTable], path: Path) -> tuple[int | None, int | None]:
    """Its headings are two lines, min and max below each of Latency and Interval: the worst latency is the first max, the
    worst interval the last. Vivado HLS has no column of absolute times."""
    table = next((t for t in found if len(t) > 1 and len(t[0]) > 1 and t[0][-1].count("max") >= 2), None)
    if table is None:
        raise missing("latency table", _KIND, path)
    heads, row = table[0][-1], table[1][0]
    places = [i for i, head in enumerate(heads) if head == "max"]
    return _cycles(row[places[0]]), _cycles(row[places[-1]])


def _line(text: str, pattern: str, what: str, path: Path) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise missing(what, _KIND, path)
    return found[1]


def _period(cell: str, what: str, path: Path) -> float:
    value = number(cell)
    if not value:
        raise missing(f"{what} (it says '{cell}')", _KIND, path)
    return value


def _cycles(cell: str) -> int | None:
    value = number(cell)
    return None if value is None or cell == "-" else int(value)


def _resources(cells: Mapping[str, str]) -> dict[str, int]:
    """By our names; kinds that we do not know are passed over."""
    found = {}
    for ours, theirs in _RESOURCES.items():
        value = next((number(cells[name]) for name in theirs if name in cells), None)
        if value is not None:
            found[ours] = int(value)
    return found


def _complete(used: dict[str, int], path: Path) -> dict[str, int]:
    for name in _NEEDED:
        if name not in used:
            raise missing(f"number of {_RESOURCES[name][0]}", _KIND, path)
    return used
