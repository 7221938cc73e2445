"""search.html: one file that shows a search for the best bits of a network, made of nothing but search.json."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from fpga_ml.errors import FpgaMlError
from fpga_ml.explore.findings import BITS, Side, compared, label, measured, summary
from fpga_ml.report.figures import spoken

_PROVED = {True: ("pass", "proved"), False: ("fail", "differs"), None: ("part", "not checked")}


def write(search: Mapping[str, Any], path: Path) -> None:
    path.write_text(render(search), encoding="utf-8", errors="replace")


def render(search: Mapping[str, Any]) -> str:
    cleaned = _clean(search)
    side = Side(cleaned, cleaned["model"])
    return _page([side], side.name, summary(side))


def render_comparison(a: Mapping[str, Any], b: Mapping[str, Any], names: tuple[str, str]) -> str:
    """A page with the fronts of both; names: what to call them."""
    sides = [Side(_clean(search), name, key) for search, name, key in zip((a, b), names, ("a-", "b-"), strict=True)]
    return _page(sides, " and ".join(names), compared(*sides))


def _shade(value: Any, knobs: Sequence[Any]) -> float:
    """Where a value lies among the choices of knobs of its kind, from 0 to 1."""
    choices = [c for knob in knobs for c in knob["choices"]]
    if value in choices and not all(isinstance(c, (int, float)) for c in choices):
        value, choices = choices.index(value), list(range(len(choices)))
    if not isinstance(value, (int, float)) or not choices or max(choices) == min(choices):
        return 0.0
    part = float((value - min(choices)) / (max(choices) - min(choices)))
    return min(1.0, max(0.0, part))


def _clean(value: Any) -> Any:
    """JSON without numbers that are none."""
    if isinstance(value, Mapping):
        return {str(k): _clean(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _page(sides: Sequence[Side], title: str, sentence: str) -> str:
    asked = [name for side in sides for name in side.search["costs"]]
    costs = list(dict.fromkeys(asked + [name for side in sides for t in side.done for name in t["costs"]]))
    merit = " or ".join(dict.fromkeys(side.merit for side in sides))
    weighed = list(dict.fromkeys([merit, *(label(name).split(",")[0] for name in asked)]))
    axes = {"score": f"{merit}, validation", "score_test": f"{merit}, test"} | {name: label(name) for name in costs}
    names = {
        "weighed": " and ".join(filter(None, (", ".join(weighed[:-1]), weighed[-1]))),
        "told": [name for name in costs if name in asked or any(t["costs"].get(name) for side in sides for t in side.front)],
        "sides": sides,
        "title": title,
        "summary": sentence,
        "costs": costs,
        "merit": merit,
        "axes": axes,
        "plotly": _plotly,
    }
    return _environment().get_template("search.html.j2").render(names)


@cache
def _plotly() -> Markup:
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        raise FpgaMlError("plotly is not there: it draws the page", do="pip install 'fpga_ml[search]'") from None
    return Markup(get_plotlyjs())


@cache
def _environment() -> jinja2.Environment:
    loaders = [jinja2.PackageLoader(package, "templates") for package in ("fpga_ml.explore", "fpga_ml.report")]
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(loaders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False}
    environment.filters["spoken_cost"] = label
    environment.globals |= {
        "spoken": spoken,
        "measured": measured,
        "label": label,
        "shade": _shade,
        "proved": _PROVED,
        "bits": BITS,
    }
    return environment
