"""Plots as inline SVG: small, searchable, coloured by the page's style sheet, so that they follow light, dark and print.

Every curve carries data-json, the JSON pointer of what it shows; ticks carry data-x or data-y, the value that they stand at.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from fpga_ml.report.figures import Figures, real, spoken

_WIDTH, _HEIGHT = 370.0, 232.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 50.0, 12.0, 10.0, 40.0
_ROW, _LINE, _LETTER = 20.0, 1000.0, 6.4
STAGES = ("float", "quantised", "csim")


def tag(name: str, *inside: Any, **attributes: Any) -> Markup:
    """An element; `data_x` becomes data-x, `class_` class, and None is left out."""
    words = ((k.rstrip("_").replace("_", "-"), v) for k, v in attributes.items() if v is not None)
    shown = Markup("").join(Markup(' {}="{}"').format(k, round(v, 2) if isinstance(v, float) else v) for k, v in words)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), shown, Markup("").join(inside))


@dataclass(frozen=True)
class Scale:
    """Values low..high onto pixels begin..end, evenly or by their logarithm."""

    low: float
    high: float
    begin: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The pixel; what lies outside is drawn at the edge."""
        v = min(max(value, self.low), self.high)
        part = (
            math.log(v / self.low) / math.log(self.high / self.low) if self.log else (v - self.low) / (self.high - self.low)
        )
        return self.begin + part * (self.end - self.begin)

    def ticks(self, count: int = 5) -> list[float]:
        """Round values, about so many; powers of ten on a logarithmic scale."""
        if self.log:
            decades = range(math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9) + 1)
            return [10.0**d for d in decades]
        rough = (self.high - self.low) / count
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(s * power for s in (1, 2, 5, 10) if s * power >= rough * 0.999)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [k * step for k in range(first, last + 1)]


def svg(figures: Figures, name: str, title: str, about: str, width: float, height: float, *inside: Any) -> Markup:
    """A drawing with a name and a description for those who do not see it."""
    name = f"plot-{name}{figures.prefix.rstrip(':')}"
    return tag(
        "svg",
        tag("title", title, id=f"{name}-title"),
        tag("desc", about, id=f"{name}-desc"),
        *inside,
        viewBox=f"0 0 {width:g} {height:g}",
        width=f"{width:g}",
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
    )


def _axes(x: Scale, y: Scale, x_label: str, y_label: str) -> Markup:
    parts = []
    for v in x.ticks():
        parts.append(tag("line", x1=x(v), x2=x(v), y1=y.begin, y2=y.end, class_="grid"))
        parts.append(tag("text", _tick(v, x), x=x(v), y=y.begin + 15, class_="tick middle", data_x=repr(v)))
    for v in y.ticks(5):
        parts.append(tag("line", x1=x.begin, x2=x.end, y1=y(v), y2=y(v), class_="grid"))
        parts.append(tag("text", _tick(v, y), x=x.begin - 6, y=y(v) + 4, class_="tick end", data_y=repr(v)))
    parts.append(tag("line", x1=x.begin, x2=x.end, y1=y.begin, y2=y.begin, class_="axis"))
    parts.append(tag("text", x_label, x=(x.begin + x.end) / 2, y=y.begin + 33, class_="label middle"))
    middle = (y.begin + y.end) / 2
    parts.append(tag("text", y_label, transform=f"translate(11 {middle:g}) rotate(-90)", class_="label middle"))
    return Markup("").join(parts)


def _tick(value: float, scale: Scale) -> Markup:
    if not scale.log:
        return real(round(value, 12), 6)
    power = round(math.log10(value))
    if -2 <= power <= 3:
        return real(value)
    return Markup('10<tspan dy="-4" font-size="8">{}</tspan>').format(str(power).replace("-", "\N{MINUS SIGN}"))


def _frame() -> tuple[float, float, float, float]:
    """Pixels of the left, right, lower and upper edge."""
    return _LEFT, _WIDTH - _RIGHT, _HEIGHT - _BOTTOM, _TOP


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
    return svg(figures, name, title, about, _WIDTH, _HEIGHT, _axes(x, y, quantity, "samples a bin"), *drawn)


def _steps(edges: Sequence[float], counts: Sequence[int], x: Scale, y: Scale, *, closed: bool) -> str:
    words = [f"M{x(edges[0]):.2f} {y.begin:.2f}"]
    for right, n in zip(edges[1:], counts, strict=True):
        words.append(f"V{y(n):.2f}H{x(right):.2f}")
    return "".join(words) + f"V{y.begin:.2f}" + "Z" * closed


def _points(edges: Sequence[float], counts: Sequence[int], x: Scale, y: Scale) -> str:
    """A dot a bin that is not empty: a line of no length, with a round end."""
    middles = [(a + b) / 2 for a, b in pairwise(edges)]
    return "".join(f"M{x(m):.2f} {y(n):.2f}h0" for m, n in zip(middles, counts, strict=True) if n)


def roc(figures: Figures, place: int, title: str) -> Markup:
    """Background efficiency over signal efficiency, one line a stage."""
    row, at = figures.at(f"/roc/{place}"), f"{figures.prefix}/roc/{place}"
    curves = row["background_efficiency"]
    left, right, lower, upper = _frame()
    least = min((v for curve in curves.values() for v in curve if v > 0), default=1.0)
    bottom = 10.0 ** min(-1, math.floor(math.log10(least)))
    x, y = Scale(0, 1, left, right), Scale(bottom, 1.0, lower, upper, log=True)
    chance = "M" + "L".join(f"{x(v):.2f} {y(v):.2f}" for v in row["signal_efficiency"])
    drawn = [tag("path", d=chance, class_="chance")]
    for stage in [s for s in STAGES if s in curves]:
        points = zip(row["signal_efficiency"], curves[stage], strict=True)
        line = "M" + "L".join(f"{x(a):.2f} {y(b):.2f}" for a, b in points)
        drawn.append(tag("path", d=line, class_=f"{stage} line", data_json=f"{at}/background_efficiency/{stage}"))
    axes = _axes(x, y, "signal efficiency", "background efficiency")
    about = "Background against signal efficiency, one curve a stage: " + ", ".join(curves)
    return svg(figures, f"roc-{place}", title, about, _WIDTH, _HEIGHT, axes, *drawn)


def timeline(figures: Figures, title: str) -> Markup:
    """A bar a process, in cycles after the frame's first token; a process that takes none is a mark."""
    rows = figures.at("/rtl/layers")
    stream = figures.at("/rtl/arch") == "stream"
    last = max([figures.at("/rtl/latency_cycles"), *(r["start_cycle"] + r["latency_cycles"] for r in rows), 1])
    names = [row["name"] if len(row["name"]) <= 30 else row["name"][:29] + "\N{HORIZONTAL ELLIPSIS}" for row in rows]
    bottom, gutter = _TOP + _ROW * len(rows) + 4, _LETTER * max(map(len, names), default=0) + 12
    x = Scale(0, last, gutter, _LINE - 85)
    y = Scale(0, len(rows), bottom, _TOP)
    parts = []
    for v in [v for v in x.ticks(8) if v == int(v)]:
        parts.append(tag("line", x1=x(v), x2=x(v), y1=y.begin, y2=y.end, class_="grid"))
        parts.append(tag("text", spoken(int(v)), x=x(v), y=bottom + 15, class_="tick middle", data_x=repr(v)))
    parts.append(tag("text", "cycles", x=(x.begin + x.end) / 2, y=bottom + 33, class_="label middle"))
    for k, (name, row) in enumerate(zip(names, rows, strict=True)):
        top, begin, end = _TOP + _ROW * k, row["start_cycle"], row["start_cycle"] + row["latency_cycles"]
        said = f"{begin:,} \N{EN DASH} {end - stream:,}" if end > begin + stream else f"{begin:,}"
        hint = f"{row['name']} ({row['kind']}): from cycle {begin} to {end}, a new input every {row['interval_cycles']}"
        width = max(x(end) - x(begin), 3.0)
        bar = {"x": x(begin), "y": top + 4, "width": width, "height": _ROW - 7, "rx": 2}
        parts += [
            tag("text", tag("title", row["name"]), name, x=gutter - 10, y=top + 15, class_="tick end"),
            tag(
                "rect",
                tag("title", hint),
                **bar,
                class_=f"bar kind-{row['kind']}",
                data_json=f"{figures.prefix}/rtl/layers/{k}",
            ),
            tag("text", said, x=x(begin) + width + 6, y=top + 15, class_="tick"),
        ]
    about = "One bar a process, from its first to its last cycle; the table below has the numbers."
    return svg(figures, "timeline", title, about, _LINE, bottom + 40, *parts)


def places(report: Any) -> list[dict[str, Any]]:
    """What is drawn together: of each output and element its values, by class or not, its error, and its ROC curve.

    {output, element, values: [indices], others: [indices], roc: index or None}.
    """
    found: dict[tuple[str, int | None], dict[str, Any]] = {}

    def panel(output: str, element: int | None) -> dict[str, Any]:
        empty: dict[str, Any] = {"output": output, "element": element, "values": [], "others": [], "roc": None}
        return found.setdefault((output, element), empty)

    for k, row in enumerate(report["distributions"]):
        panel(row["output"], row["element"])["values" if row["quantity"] == "value" else "others"].append(k)
    first = next(iter(found), ("", None))[0]
    alone = sum(output == first for output, _ in found) == 1
    for k, row in enumerate(report["roc"]):
        panel(first, 0 if alone else row["class"])["roc"] = k
    return list(found.values())
