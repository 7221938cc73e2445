"""Draws docs/benchmarks/*.svg from the tables of docs/benchmarks.md, so that a plot says what its table says.

python scripts/plot_benchmarks.py    # needs pip install 'fpga_ml[jets,search]'
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "fpga_ml", "svg.fonttype": "none", "font.size": 9, "figure.figsize": (5.6, 3.2)})
import matplotlib.pyplot as plt  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
PAGE, OUT = ROOT / "docs" / "benchmarks.md", ROOT / "docs" / "benchmarks"
Row = dict[str, str]


def table(heading: str, column: str) -> list[Row]:
    """Rows of the table under a heading that has a column of this name, by the names of all columns."""
    section = PAGE.read_text().split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    for block in section.split("\n\n"):
        names, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in block.strip().splitlines())
        if column in names:
            return [dict(zip(names, row, strict=True)) for row in rows[1:]]
    raise ValueError(f"no table with a column '{column}' under '{heading}'")


def number(cell: str) -> float:
    """The first one of a cell."""
    found = re.search(r"[\d.,]*\d", cell)
    if found is None:
        raise ValueError(f"no number in '{cell}'")
    return float(found.group().replace(",", ""))


def save(figure: Any, name: str) -> None:
    OUT.mkdir(exist_ok=True)
    figure.savefig(OUT / f"{name}.svg", bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
    print(OUT / f"{name}.svg")


def alkaid() -> None:
    """Ours over alkaid's, LUTs across and nanoseconds up, a mark a network."""
    figure, axes = plt.subplots()
    for k, row in enumerate(table("Is our RTL smaller and faster than alkaid's?", "LUT ratio")):
        axes.plot(number(row["LUT ratio"]), number(row["ns ratio"]), "osD^v<>ph"[k], label=row["network"])
    axes.axhline(1, color="0.7", lw=0.8)
    axes.axvline(1, color="0.7", lw=0.8)
    axes.set(
        xlim=(0.6, 1.05), ylim=(0.45, 1.05), xlabel="LUTs, ours over alkaid's", ylabel="nanoseconds, ours over alkaid's"
    )
    axes.legend(fontsize=6, loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    save(figure, "alkaid")


def estimate() -> None:
    """Estimate over Yosys: least, median and greatest of each kind of network."""
    figure, axes = plt.subplots(figsize=(5.6, 2.4))
    column = "LUT, estimate over Yosys: least, median, greatest"
    rows = table("Is the estimate right?", column)
    for k, row in enumerate(rows):
        least, median, greatest = (
            number(cell) for cell in row["LUT, estimate over Yosys: least, median, greatest"].split(", ")
        )
        axes.plot([least, greatest], [k, k], "0.6", lw=4, solid_capstyle="butt")
        axes.plot(median, k, "k|", ms=12)
    axes.axvline(1, color="0.7", lw=0.8)
    axes.set_yticks(range(len(rows)), [f"{row['networks']} ({row['number']})" for row in rows])
    axes.set(xlabel="LUTs, estimate over Yosys", ylim=(len(rows) - 0.5, -0.5))
    save(figure, "estimate")


def celeste() -> None:
    """Pixels a second of each implementation, with moments."""
    figure, axes = plt.subplots()
    heading, column = "Is the Celeste kernel faster than a CPU?", "value and moments, Mpixel/s"
    kernels = [(f"kernel, {row['device']}, {row['kernel, D16']}", row["Mpixel/s"]) for row in table(heading, "Mpixel/s")]
    cpus = [(f"{row['one core']}, {row['components']} components", row[column]) for row in table(heading, column)]
    names, rates = zip(*kernels, *cpus, strict=True)
    axes.barh(names, list(map(number, rates)), color=["tab:red"] * len(kernels) + ["tab:blue"] * len(cpus))
    axes.invert_yaxis()
    axes.set(xscale="log", xlabel="Mpixel/s, with moments")
    axes.tick_params(axis="y", labelsize=6)
    save(figure, "celeste")


def main() -> None:
    for draw in (alkaid, estimate, celeste):
        draw()


if __name__ == "__main__":
    main()
