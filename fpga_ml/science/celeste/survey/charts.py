"""Plots of a survey's page, as plain SVG."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from fpga_ml.report.figures import Figures
from fpga_ml.report.plots.svg import Scale, axes, svg, tag
from fpga_ml.science.celeste.evaluator import Floats
from fpga_ml.science.celeste.survey.score import PULL_EDGES, Pulls, Share

_WIDTH, _HEIGHT = 370.0, 232.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 50.0, 12.0, 10.0, 40.0


def histogram(name: str, title: str, counts: Sequence[int], edges: Sequence[float], label: str) -> Markup:
    x, y = _scales(edges[0], edges[-1], 1.1 * max(*counts, 1))
    shown = tag("path", d=_steps(counts, edges, x, y), class_="bars")
    about = f"{sum(counts)} sources in {len(counts)} bins"
    return svg(Figures({}), name, title, about, _WIDTH, _HEIGHT, axes(x, y, label, "sources a bin"), shown)


def pulls(name: str, title: str, found: Pulls) -> Markup:
    """A histogram and the normal distribution of unit width that it should follow."""
    edges = PULL_EDGES.tolist()
    step = edges[1] - edges[0]
    at = np.linspace(edges[0], edges[-1], 101)
    normal = found.number * step * np.exp(-(at**2) / 2) / np.sqrt(2 * np.pi)
    x, y = _scales(edges[0], edges[-1], 1.1 * max(*found.counts, float(normal.max()), 1.0))
    line = "M" + "L".join(f"{x(a):.1f} {y(n):.1f}" for a, n in zip(at.tolist(), normal.tolist(), strict=True))
    about = f"{found.number} sources: mean {found.mean:.2f}, standard deviation {found.deviation:.2f}"
    drawn = (tag("path", d=_steps(found.counts, edges, x, y), class_="bars"), tag("path", d=line, class_="expected"))
    return svg(
        Figures({}),
        name,
        title,
        about,
        _WIDTH,
        _HEIGHT,
        axes(x, y, "(catalogue \N{MINUS SIGN} truth) / error", "sources"),
        *drawn,
    )


def shares(name: str, title: str, bins: Sequence[Share], label: str, quantity: str) -> Markup:
    """Points with binomial intervals, in the middle of their bins, or at the probability that is expected."""
    x, y = _scales(bins[0].low, bins[-1].high, 1.0)
    drawn = []
    if any(one.expected is not None for one in bins):
        drawn.append(tag("path", d=f"M{x(0):.1f} {y(0):.1f}L{x(1):.1f} {y(1):.1f}", class_="expected"))
    for one in bins:
        if one.number:
            at = x((one.low + one.high) / 2 if one.expected is None else one.expected)
            low, high = (y(v) for v in one.interval)
            hint = tag("title", f"{one.low:g} to {one.high:g}: {one.hits} of {one.number}")
            drawn.append(tag("line", x1=at, x2=at, y1=low, y2=high, class_="interval"))
            drawn.append(tag("circle", hint, cx=at, cy=y(one.value), r=3.5, class_="point"))
    about = "; ".join(f"{one.low:g} to {one.high:g}: {one.hits} of {one.number}" for one in bins if one.number)
    return svg(Figures({}), name, title, about, _WIDTH, _HEIGHT, axes(x, y, label, quantity), *drawn)


def _scales(low: float, high: float, most: float) -> tuple[Scale, Scale]:
    return Scale(low, high, _LEFT, _WIDTH - _RIGHT), Scale(0, most, _HEIGHT - _BOTTOM, _TOP)


def _steps(counts: Sequence[int], edges: Sequence[float] | Floats, x: Scale, y: Scale) -> str:
    parts = [f"M{x(edges[0]):.1f} {y(0):.1f}"]
    for right, count in zip(edges[1:], counts, strict=True):
        parts.append(f"V{y(count):.1f}H{x(right):.1f}")
    return "".join(parts) + f"V{y(0):.1f}Z"
