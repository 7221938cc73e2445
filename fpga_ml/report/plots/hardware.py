"""When the hardware works: a bar a process, and the wires of one inference."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from fpga_ml.numerics import FixedType
from fpga_ml.report.figures import Figures, real
from fpga_ml.report.plots.svg import LETTER, Scale, cycles_axis, short, svg, tag

_ROW, _LINE, _TOP = 20.0, 1000.0, 10.0
_WAVE, _HIGH, _SLANT = 26.0, 14.0, 3.0  # pixels of a wire's row, of its swing, of a change of a value
_FINEST = 3.0  # pixels of what is drawn as a change; faster ones are one block


def timeline(figures: Figures, title: str) -> Markup:
    """A bar a process, in cycles after the frame's first token; a process that takes none is a mark."""
    rows = figures.at("/rtl/layers")
    stream = figures.at("/rtl/arch") == "stream"
    last = max([figures.at("/rtl/latency_cycles"), *(r["start_cycle"] + r["latency_cycles"] for r in rows), 1])
    names = [short(row["name"]) for row in rows]
    bottom, gutter = _TOP + _ROW * len(rows) + 4, LETTER * max(map(len, names), default=0) + 12
    x = Scale(0, last, gutter, _LINE - 85)
    y = Scale(0, len(rows), bottom, _TOP)
    parts = [cycles_axis(x, y.begin, y.end)]
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


def waves(figures: Figures, run: int, title: str) -> Markup:
    """Wires over clock cycles: a handshake as a line that is high or low, a number as a bar that changes."""
    rows = figures.at(f"/cosim/{run}/waves")
    steps = _steps(figures.report)
    first = min(row["cycles"][0] for row in rows)
    last = max([figures.at(f"/cosim/{run}/latency_cycles") or 0, *(row["cycles"][-1] for row in rows)]) + 1
    names = [short(row["signal"]) for row in rows]
    bottom, gutter = _TOP + _WAVE * len(rows) + 4, LETTER * max(map(len, names)) + 12
    x = Scale(first, last, gutter, _LINE - 10)
    parts = [cycles_axis(x, bottom, _TOP)]
    for k, (name, row) in enumerate(zip(names, rows, strict=True)):
        middle, place = _TOP + _WAVE * k + _WAVE / 2, f"{figures.prefix}/cosim/{run}/waves/{k}"
        step = steps.get(row["tensor"])
        drawn = _bus(row, step, x, middle, last) if row["tensor"] else [_bit(row, x, middle, last)]
        label = tag("text", tag("title", row["signal"]), name, x=gutter - 10, y=middle + 4, class_="tick end")
        parts.append(tag("g", label, *drawn, data_json=place))
    about = "One row a wire, from the cycle before the first input to the last output; the table below has the numbers."
    return svg(figures, "waves", title, about, _LINE, bottom + 40, *parts)


def _steps(report: Any) -> dict[str, float]:
    """{port: value of its lowest bit}."""
    ports = [*report["model"]["inputs"], *report["model"]["outputs"]]
    return {name: FixedType.parse(p["type"]).lsb for p in ports for name in (p["name"], p.get("identifier", p["name"]))}


def _spans(row: Any, x: Scale, last: int) -> Iterator[tuple[float, float, Any, bool]]:
    """(pixel where it begins, where it ends, value, whether it is several that change too fast to be drawn)."""
    ends = [*row["cycles"], last]
    begin, many = x(ends[0]), 0
    for (_, stop), value in zip(pairwise(ends), row["values"], strict=True):
        many += 1
        if x(stop) - begin >= _FINEST or stop == last:
            yield begin, x(stop), value, many > 1
            begin, many = x(stop), 0


def _bit(row: Any, x: Scale, middle: float, last: int) -> Markup:
    low, high = middle + _HIGH / 2, middle - _HIGH / 2
    words: list[str] = []
    for begin, end, value, many in _spans(row, x, last):
        level = high if value else low
        word = f"V{low:.1f}V{high:.1f}H{end:.2f}V{low:.1f}V{level:.1f}" if many else f"V{level:.1f}H{end:.2f}"
        words.append(f"M{begin:.2f} {level:.1f}H{end:.2f}" if not words else word)
    return tag("path", d="".join(words), class_="wire")


def _bus(row: Any, step: float | None, x: Scale, middle: float, last: int) -> list[Markup]:
    low, high = middle + _HIGH / 2, middle - _HIGH / 2
    found: list[Markup] = []
    for begin, end, value, many in _spans(row, x, last):
        slant = min(_SLANT, (end - begin) / 2)
        above, below = ([(begin + slant, y), (end - slant, y)] for y in (high, low))
        points = [(begin, middle), *above, (end, middle), *reversed(below)]
        kind = "many" if many else "value" if value is not None else "unknown"
        found.append(tag("polygon", points=" ".join(f"{a:.2f},{b:.2f}" for a, b in points), class_=f"bus {kind}"))
        text = Markup("X") if value is None else real(value * (step or 1), 3)
        if not many and LETTER * len(text.striptags()) + 2 * _SLANT < end - begin:
            found.append(tag("text", text, x=(begin + end) / 2, y=middle + 4, class_="tick middle"))
    return found
