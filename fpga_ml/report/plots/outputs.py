"""What the outputs look like: histograms and ROC curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import Any

from markupsafe import Markup

from fpga_ml.report.figures import Figures
from fpga_ml.report.plots.svg import Scale, axes, svg, tag

STAGES = ("float", "quantised", "csim")
_WIDTH, _HEIGHT = 370.0, 232.0
_ROC_WIDTH, _ROC_HEIGHT = 560.0, 380.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 50.0, 12.0, 10.0, 40.0
_COLOURS = 10
_LEAST = 1e-6  # a background efficiency that no plot shows


def _frame(width: float = _WIDTH, height: float = _HEIGHT) -> tuple[float, float, float, float]:
    """Pixels of the left, right, lower and upper edge."""
    return _LEFT, width - _RIGHT, height - _BOTTOM, _TOP


def histogram(figures: Figures, places: Sequence[int], title: str) -> Markup:
    """Histograms of /distributions in one frame: float filled, quantised a line, C-simulation points. places: one, or
    the class and then the rest."""
    rows = [figures.at(f"/distributions/{p}") for p in places]
    edges = rows[0]["edges"]
    left, right, lower, upper = _frame()
    most = max((n for r in rows for counts in r["counts"].values() for n in counts), default=1)
    x, y = Scale(edges[0], edges[-1], left, right), Scale(0.5, max(most, 1) * 1.6, lower, upper, log=True)
    drawn = []
    for row, place, group in reversed(list(zip(rows, places, ("own", "rest"), strict=False))):
        for stage in [s for s in STAGES if s in row["counts"]]:
            counts, where = row["counts"][stage], f"{figures.prefix}/distributions/{place}/counts/{stage}"
            shape = _points(edges, counts, x, y) if stage == "csim" else _steps(edges, counts, x, y, closed=stage == "float")
            drawn.append(tag("path", d=shape, class_=f"{stage} {group}", data_json=where))
    quantity = rows[0]["quantity"]
    about = "; ".join(f"{r['samples']} samples" for r in rows) + ": " + ", ".join(rows[0]["counts"])
    name = f"distribution-{places[0]}"
    return svg(figures, name, title, about, _WIDTH, _HEIGHT, axes(x, y, quantity, "samples a bin"), *drawn)


def _steps(edges: Sequence[float], counts: Sequence[int], x: Scale, y: Scale, *, closed: bool) -> str:
    words = [f"M{x(edges[0]):.2f} {y.begin:.2f}"]
    for right, n in zip(edges[1:], counts, strict=True):
        words.append(f"V{y(n):.2f}H{x(right):.2f}")
    return "".join(words) + f"V{y.begin:.2f}" + "Z" * closed


def _points(edges: Sequence[float], counts: Sequence[int], x: Scale, y: Scale) -> str:
    """A dot a bin that is not empty: a line of no length, with a round end."""
    middles = [(a + b) / 2 for a, b in pairwise(edges)]
    return "".join(f"M{x(m):.2f} {y(n):.2f}h0" for m, n in zip(middles, counts, strict=True) if n)


def roc(figures: Figures, title: str) -> Markup:
    """Background over signal efficiency of every class: C-simulation, or what ran instead, with its band of 68.3 %
    confidence, and the float model dashed. Where no background is left, only the band goes on, up to its upper limit."""
    rows = figures.at("/roc")
    left, right, lower, upper = _frame(_ROC_WIDTH, _ROC_HEIGHT)
    shown = [v for row in rows for of in (*row["background_efficiency"].values(), *_upper(row)) for v in of if v > _LEAST]
    x = Scale(0, 1, left, right)
    y = Scale(10.0 ** min(-1, math.floor(math.log10(min(shown, default=0.1)))), 1.0, lower, upper, log=True)
    bands, lines = [], []
    for k, row in enumerate(rows):
        signal, at = row["signal_efficiency"], f"{figures.prefix}/roc/{k}"
        stages = [s for s in STAGES if s in row["background_efficiency"]]
        if band := row.get("band", {}).get(stages[-1]):
            there = [*zip(signal, band["high"], strict=True), *reversed([*zip(signal, band["low"], strict=True)])]
            path = "M" + "L".join(f"{x(a):.2f} {y(b):.2f}" for a, b in there) + "Z"
            bands.append(tag("path", d=path, class_=f"band class{k % _COLOURS}", data_json=f"{at}/band/{stages[-1]}"))
        for stage in dict.fromkeys((stages[0], stages[-1])):
            path = _line(signal, row["background_efficiency"][stage], x, y)
            kind = "own" if stage == stages[-1] else "other"
            place = f"{at}/background_efficiency/{stage}"
            lines.append(tag("path", d=path, class_=f"roc {kind} class{k % _COLOURS}", data_json=place))
    chance = "M" + "L".join(f"{x(v / 100):.2f} {y(v / 100):.2f}" for v in range(1, 101))
    about = "Background against signal efficiency, a curve a class; the table beside it has the areas."
    inside = (axes(x, y, "signal efficiency", "background efficiency"), tag("path", d=chance, class_="chance"))
    return svg(figures, "roc", title, about, _ROC_WIDTH, _ROC_HEIGHT, *inside, *bands, *lines)


def _upper(row: Any) -> list[list[float]]:
    return [band["high"] for band in row.get("band", {}).values()]


def _line(signal: Sequence[float], background: Sequence[float], x: Scale, y: Scale) -> str:
    """Broken where there is no background: zero has no place on a logarithmic scale."""
    parts = groupby(zip(signal, background, strict=True), key=lambda point: point[1] > 0)
    return "".join("M" + "L".join(f"{x(a):.2f} {y(b):.2f}" for a, b in points) for above, points in parts if above)


def panels(report: Any) -> list[dict[str, Any]]:
    """What is drawn together: of each output and element its values, by class or not, and its errors.

    {output, element, values: [indices], others: [indices]}.
    """
    found: dict[tuple[str, int | None], dict[str, Any]] = {}
    for k, row in enumerate(report["distributions"]):
        key = (row["output"], row["element"])
        panel = found.setdefault(key, {"output": key[0], "element": key[1], "values": [], "others": []})
        panel["values" if row["quantity"] == "value" else "others"].append(k)
    return list(found.values())
