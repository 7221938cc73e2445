"""What Quartus says of a design: NAME.fit.rpt (or NAME.fit.summary) and NAME.sta.rpt, of Standard, Lite and Pro editions.

A report's tables have a line with their title first, then one with headings, if any.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fpga_ml.errors import FpgaMlError
from fpga_ml.synthesise.vendor.tables import capacity, missing, number, read, tables

_FIT, _STA = "fit report", "timing report"
# Our name: lines of the Fitter Summary, and for look-up tables of the Fitter Resource Usage Summary. Devices without ALMs
# count logic elements.
_LINES: Mapping[str, tuple[str, ...]] = {
    "alms": ("Logic utilization (in ALMs)", "Total logic elements"),
    "luts": ("Combinational ALUT usage for logic", "Total combinational functions"),
    "ffs": ("Total registers", "Total dedicated logic registers", "Dedicated logic registers"),
    "dsps": ("Total DSP Blocks", "Embedded Multiplier 9-bit elements"),
    "brams": ("Total RAM Blocks", "M20K blocks", "M10K blocks", "M9Ks"),
    "memory_bits": ("Total block memory bits", "Total memory bits"),
}
_NEEDED = ("alms", "ffs")


@dataclass(frozen=True)
class Fit:
    """used, available: by alms, luts, ffs, dsps, brams, memory_bits, as far as the report has them."""

    top: str
    device: str
    version: str
    used: Mapping[str, int]
    available: Mapping[str, int]


@dataclass(frozen=True)
class Speed:
    """fmax_mhz: of the slowest clock in the slowest model (corner), not above what the device's clock network bears."""

    clock: str
    fmax_mhz: float
    corner: str


def read_fit(path: Path) -> Fit:
    """Raises FpgaMlError for a file that is missing or broken, and for a fit that failed."""
    text = read(path, _FIT)
    cells = dict[str, str]()
    for name, value in _lines(text):
        cells.setdefault(name.rstrip("-").strip(), value)
    state = cells.get("Fitter Status")
    if state is None:
        raise missing("'Fitter Status'", _FIT, path)
    if not state.startswith("Successful"):
        raise FpgaMlError(
            f"the fit is '{state}'", where=str(path), do="see the errors in the report; the device may be small"
        )
    used, available = dict[str, int](), dict[str, int]()
    for ours, theirs in _LINES.items():
        cell = next((cells[name] for name in theirs if name in cells and number(cells[name]) is not None), None)
        if cell is not None:
            used[ours] = int(number(cell) or 0)
            most = capacity(cell)
            available |= {} if most is None else {ours: int(most)}
    for name in _NEEDED:
        if name not in used:
            raise missing(f"'{_LINES[name][0]}'", _FIT, path)
    version = cells.get("Quartus Prime Version", cells.get("Quartus II Version", ""))
    return Fit(cells.get("Top-level Entity Name", ""), cells.get("Device", ""), version, used, available)


def _lines(text: str) -> list[tuple[str, str]]:
    """(name, value) of every table's rows, and of a summary file's `name : value` lines."""
    rows = [row for table in tables(text, ";") for block in table for row in block]
    plain = re.findall(r"^([^;:+\n][^:\n]*?)[ \t]+:[ \t]+(.*?)[ \t]*$", text, re.MULTILINE)
    return [(row[0], row[1]) for row in rows if len(row) > 1] + plain


def read_speed(path: Path) -> Speed:
    """From the Fmax summaries, one a model in Standard and Lite, one for all in Pro. Raises FpgaMlError where there is none:
    Quartus gives no Fmax for a design without a path from register to register, and where the report is not whole."""
    found, text = [], read(path, _STA)
    if "Timing Analyzer was successful" not in text:  # its last messages: without them a corner may be missing
        raise missing("'was successful' at the end of the timing analysis", _STA, path)
    for table in tables(text, ";"):
        title = table[0][0][0]
        heads = next((row for block in table for row in block if "Restricted Fmax" in row), None)
        if heads is None or not title.endswith("Fmax Summary"):
            continue
        for row in (row for block in table for row in block if row != heads and len(row) == len(heads)):
            named = dict(zip(heads, row, strict=True))
            mhz = number(named["Restricted Fmax"])
            if mhz is not None:
                corner = named.get("Worst-Case Operating Conditions") or title.removesuffix("Fmax Summary").strip()
                found.append(Speed(named["Clock Name"], mhz, corner))
    if not found:
        raise missing("Fmax summary", _STA, path)
    return min(found, key=lambda speed: speed.fmax_mhz)
