"""The text tables of vendor reports: `+---+` rules, and rows between bars, `|` with AMD's tools and `;` with Intel's.

A table is read as blocks of rows, one block between two rules, and looked up by what stands in its cells: rows and columns
that a version of the tool adds, or puts elsewhere, do no harm.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from fpga_ml.errors import FpgaMlError

Row = tuple[str, ...]
Block = tuple[Row, ...]
ReportTable = tuple[Block, ...]

_BROKEN = "run the tool again; the report is cut off, or of a version whose format is another"


def read(path: Path, kind: str) -> str:
    """The text of a report; kind: what it is, for the error where it is missing or empty. A last line without an end was
    cut off and does not count (XML says itself where it is cut off)."""
    try:
        text = path.read_text(errors="replace")
    except OSError as error:
        raise FpgaMlError(f"no {kind}: {error.strerror}", where=str(path), do="run the tool again") from None
    if not text.strip():
        raise FpgaMlError(f"the {kind} is empty", where=str(path), do="run the tool again")
    return text if path.suffix == ".xml" else text[: text.rfind("\n") + 1]


def missing(what: str, kind: str, path: Path) -> FpgaMlError:
    """The one error of a report that does not hold what it must."""
    return FpgaMlError(f"no {what} in the {kind}", where=str(path), do=_BROKEN)


def tables(text: str, bar: str) -> Iterator[ReportTable]:
    """Every table of a text, in its order."""
    blocks: list[Block] = []
    rows: list[Row] = []
    for line in (*(raw.strip() for raw in text.splitlines()), ""):
        if line.startswith(bar) and line.endswith(bar) and len(line) > 1:
            rows.append(tuple(cell.strip() for cell in line[1:-1].split(bar)))
            continue
        if rows:
            blocks.append(tuple(rows))
            rows = []
        if blocks and not line.startswith("+"):
            yield tuple(blocks)
            blocks = []


def values_by_name(found: ReportTable, column: str) -> dict[str, str]:
    """{first cell: the cell under `column`} of a table with a line of headings; {} where it has no such column.

    Footnote marks (`CLB LUTs*`) belong to no name. Of a name that stands twice the first counts: indented parts of a total
    come after it.
    """
    heads = next((row for block in found[:-1] for row in block if column in row), None)
    if heads is None:
        return {}
    place, named = heads.index(column), dict[str, str]()
    for row in (row for block in found for row in block if row != heads and len(row) == len(heads)):
        named.setdefault(row[0].rstrip("*").strip(), row[place])
    return named


def number(cell: str) -> float | None:
    """`1,234`, `34.5`, `1,234 / 18,480 ( 7 % )`, `187.2 MHz`, `3.480 ns`: the first number. `-` is zero in AMD's tables;
    None for anything else (`undef`, `N/A`, `?`)."""
    if cell == "-":
        return 0.0
    found = re.match(r"<?\s*(-?[\d,]*\.?\d+)", cell)
    return float(found[1].replace(",", "")) if found else None


def capacity(cell: str) -> float | None:
    """What stands behind the slash of `1,234 / 18,480 ( 7 % )`."""
    _, slash, rest = cell.partition("/")
    return number(rest.strip()) if slash else None
