"""Values against the range of their types."""

from __future__ import annotations

import math
from typing import Any

from markupsafe import Markup

from fpga_ml.report.figures import Figures
from fpga_ml.report.plots.svg import LETTER, Scale, short, svg, tag, tick, x_axis

_ROW, _LINE, _TOP = 20.0, 1000.0, 10.0
_LEAST_OF_STEP = 2.0**-24  # of the smallest step of all types; smaller magnitudes are drawn at the edge


def spreads(figures: Figures, title: str) -> Markup:
    """A row a tensor: the magnitudes that its type holds as a band, and on it those of the values before rounding."""
    rows = [(k, row) for k, row in enumerate(figures.at("/quantisation")) if row.get("quantiles")]
    names = [short(row["tensor"]) for _, row in rows]
    steps, tops = ([row[end] for _, row in rows if row[end]] for end in ("step", "largest"))
    low = max(min([*steps, *(row["quantiles"][1] for _, row in rows)]) / 2, min(steps, default=1.0) * _LEAST_OF_STEP)
    high = max([*tops, *(row["quantiles"][-1] for _, row in rows)]) * 1.5
    bottom, gutter = _TOP + _ROW * len(rows) + 4, LETTER * max(map(len, names), default=0) + 12
    x = Scale(2.0 ** math.floor(math.log2(low)), 2.0 ** math.ceil(math.log2(high)), gutter, _LINE - 20, log=True, base=2)
    parts = [x_axis(x, bottom, _TOP, "magnitude", [(v, tick(v, x)) for v in x.ticks()])]
    for line, (name, (k, row)) in enumerate(zip(names, rows, strict=True)):
        parts.append(_row(name, row, f"{figures.prefix}/quantisation/{k}", _TOP + _ROW * line, x))
    about = "A row a tensor, the band is what its type holds; the table below has the numbers."
    return svg(figures, "types", title, about, _LINE, bottom + 40, *parts)


def _row(name: str, row: Any, place: str, top: float, x: Scale) -> Markup:
    quantiles = row["quantiles"]
    least, low, first, middle, third, high, most = map(x, quantiles)
    y = top + _ROW / 2
    parts = [tag("text", tag("title", row["tensor"]), name, x=x.begin - 10, y=y + 4, class_="tick end")]
    if row["step"] is not None:
        begin, end = x(row["step"]), x(row["largest"])
        parts.append(tag("rect", x=begin, y=top + 2, width=end - begin, height=_ROW - 4, class_="held"))
        if quantiles[-1] > row["largest"]:
            parts.append(tag("rect", x=end, y=top + 2, width=most - end, height=_ROW - 4, class_="lost"))
    parts += [
        tag("line", x1=least, x2=most, y1=y, y2=y, class_="reach"),
        tag("line", x1=low, x2=high, y1=y, y2=y, class_="most"),
        tag("rect", x=first, y=y - 4, width=max(third - first, 1.0), height=8, class_=f"half {row['kind']}"),
        tag("line", x1=middle, x2=middle, y1=y - 4, y2=y + 4, class_="median"),
    ]
    return tag("g", *parts, data_json=place)
