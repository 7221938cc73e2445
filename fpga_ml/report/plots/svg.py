"""Elements, scales and axes of which all plots are made."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from fpga_ml.report.figures import Figures, real, spoken

LETTER = 6.4  # pixels of a letter, about
_LONGEST_NAME = 30
_MOST_TICKS = 12
_SUPERSCRIPT = '<tspan dy="-4" font-size="8">{}</tspan>'


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
    base: int = 10

    def __call__(self, value: float) -> float:
        """The pixel; what lies outside is drawn at the edge."""
        v = min(max(value, self.low), self.high)
        part = (
            math.log(v / self.low) / math.log(self.high / self.low) if self.log else (v - self.low) / (self.high - self.low)
        )
        return self.begin + part * (self.end - self.begin)

    def ticks(self, count: int = 5) -> list[float]:
        """Round values, about so many; powers of the base on a logarithmic scale."""
        if self.log:
            first, last = (math.log(v) / math.log(self.base) for v in (self.low, self.high))
            powers = range(math.ceil(first - 1e-9), math.floor(last + 1e-9) + 1)
            ticks = [float(self.base) ** d for d in powers[:: math.ceil(len(powers) / _MOST_TICKS) or 1]]
            if self.base == 10 and len(powers) < 3:
                between = [m * 10.0**d for d in range(powers.start - 1, powers.stop) for m in (1, 2, 5)]
                ticks = [v for v in between if self.low <= v <= self.high]
            return ticks
        rough = (self.high - self.low) / count
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(s * power for s in (1, 2, 5, 10) if s * power >= rough * 0.999)
        return [k * step for k in range(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1)]


def svg(
    figures: Figures, name: str, title: str, about: str, width: float, height: float, *inside: Any, role: str = "img"
) -> Markup:
    """A drawing with a name and a description for those who do not see it; role: 'group' for one with links."""
    name = f"plot-{name}{figures.prefix.rstrip(':')}"
    return tag(
        "svg",
        tag("title", title, id=f"{name}-title"),
        tag("desc", about, id=f"{name}-desc"),
        *inside,
        viewBox=f"0 0 {width:g} {height:g}",
        width=f"{width:g}",
        role=role,
        aria_labelledby=f"{name}-title {name}-desc",
    )


def axes(x: Scale, y: Scale, x_label: str, y_label: str) -> Markup:
    parts = [x_axis(x, y.begin, y.end, x_label, [(v, tick(v, x)) for v in x.ticks()])]
    for v in y.ticks(5):
        parts.append(tag("line", x1=x.begin, x2=x.end, y1=y(v), y2=y(v), class_="grid"))
        parts.append(tag("text", tick(v, y), x=x.begin - 6, y=y(v) + 4, class_="tick end", data_y=repr(v)))
    parts.append(tag("line", x1=x.begin, x2=x.end, y1=y.begin, y2=y.begin, class_="axis"))
    middle = (y.begin + y.end) / 2
    parts.append(tag("text", y_label, transform=f"translate(11 {middle:g}) rotate(-90)", class_="label middle"))
    return Markup("").join(parts)


def tick(value: float, scale: Scale) -> Markup:
    if not scale.log:
        return real(round(value, 12), 6)
    power = round(math.log(value) / math.log(scale.base))
    if scale.base == 10 and -3 < power < 4:
        return real(value)
    return Markup("{}{}").format(scale.base, Markup(_SUPERSCRIPT).format(str(power).replace("-", "\N{MINUS SIGN}")))


def short(name: str, longest: int = _LONGEST_NAME) -> str:
    """A name that fits beside a drawing, or into its box."""
    return name if len(name) <= longest else name[: longest - 1] + "\N{HORIZONTAL ELLIPSIS}"


def x_axis(x: Scale, lower: float, upper: float, label: str, ticks: Iterable[tuple[float, Markup]]) -> Markup:
    """Lines at some values, what is written below them, and below all of it the label."""
    parts = []
    for v, text in ticks:
        parts.append(tag("line", x1=x(v), x2=x(v), y1=lower, y2=upper, class_="grid"))
        parts.append(tag("text", text, x=x(v), y=lower + 15, class_="tick middle", data_x=repr(v)))
    parts.append(tag("text", label, x=(x.begin + x.end) / 2, y=lower + 33, class_="label middle"))
    return Markup("").join(parts)


def cycles_axis(x: Scale, lower: float, upper: float) -> Markup:
    """Whole numbers of clock cycles."""
    return x_axis(x, lower, upper, "cycles", [(v, spoken(int(v))) for v in x.ticks(8) if v == int(v)])
