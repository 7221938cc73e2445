"""The network as a diagram: a box a layer, an arrow to each that reads it, coloured by what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from fpga_ml.report.figures import Figures, spoken
from fpga_ml.report.plots.svg import short, svg, tag

_BOX, _HEIGHT, _GAP, _TRACK, _EDGE = 300.0, 38.0, 16.0, 12.0, 6.0
_LONGEST_TYPE = 20


@dataclass(frozen=True)
class Cost:
    """Of a layer. tensors: the rows of /quantisation that belong to it; processes: those of /rtl/layers; own: the one with
    its name; the rest: shares, 0 to 1, of the largest of all layers."""

    tensors: tuple[int, ...]
    processes: tuple[int, ...]
    own: int | None
    latency: float
    luts: float
    error: float

    def pointers(self, what: str) -> list[str]:
        """To that figure of each of its rows."""
        return [f"/rtl/layers/{k}/{what}" for k in self.processes]


def costs(report: Any) -> list[Cost]:
    """Of every layer. error: the largest noise that a rounding in it adds, to the signal."""
    rows = report["rtl"]["layers"] if report["rtl"] else []
    processes = [_processes(report, layer["name"]) for layer in report["layers"]]
    latency = _parts([float(sum(rows[k]["latency_cycles"] for k in own)) for own in processes])
    luts = _parts([float(sum(rows[k]["area"]["luts"] for k in own)) for own in processes])
    tensors = [_tensors(report, layer["name"]) for layer in report["layers"]]
    noise = _parts([_noise([report["quantisation"][k] for k in own]) for own in tensors])
    found = []
    for layer, own, made, *shares in zip(report["layers"], tensors, processes, latency, luts, noise, strict=True):
        named = next((k for k in made if rows[k]["name"] == layer["name"]), None)
        found.append(Cost(own, made, named, *shares))
    return found


def _processes(report: Any, layer: str) -> tuple[int, ...]:
    """Those called as the layer, or as a part of it that belongs to no layer with a longer name."""
    others = [row["name"] for row in report["layers"] if row["name"].startswith(f"{layer}_")]

    def owned(name: str) -> bool:
        return name == layer or (
            name.startswith(f"{layer}_") and not any(name == o or name.startswith(f"{o}_") for o in others)
        )

    rows = report["rtl"]["layers"] if report["rtl"] else []
    return tuple(k for k, row in enumerate(rows) if owned(row["name"]))


def _tensors(report: Any, layer: str) -> tuple[int, ...]:
    """Its weights (`layer.kernel`) and what it gives (`layer`, `layer#1`)."""
    rows = enumerate(report["quantisation"])
    return tuple(k for k, row in rows if row["tensor"].partition(".")[0].partition("#")[0] == layer)


def _noise(rows: Sequence[Any]) -> float:
    return max((row["added_rms"] / row["signal_rms"] for row in rows if row["signal_rms"]), default=0.0)


def _parts(values: Sequence[float]) -> list[float]:
    most = max(values, default=0.0)
    return [v / most if most else 0.0 for v in values]


def network(figures: Figures, title: str) -> Markup:
    """The layers from the first to the last; a click on one shows its details (`:target` of the style sheet)."""
    layers = figures.at("/layers")
    places = {row["name"]: k for k, row in enumerate(layers)}
    edges = [(places[r], k) for k, row in enumerate(layers) for r in row.get("reads", ()) if r in places]
    tracks = _tracks(edges)
    boxes = [_box(figures, k, row, cost) for k, (row, cost) in enumerate(zip(layers, costs(figures.report), strict=True))]
    width = _BOX + _EDGE + _TRACK * (max(tracks.values(), default=-1) + 2)
    height = (_HEIGHT + _GAP) * len(layers) - _GAP + 2
    about = "A box a layer, in the order of the data; the table beside it has what they hold."
    arrows = (_arrow(a, b, tracks.get((a, b))) for a, b in edges)
    return svg(figures, "network", title, about, width, height, *arrows, *boxes, role="group")


def _tracks(edges: Sequence[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """{edge that passes other boxes: the track beside them in which it runs}; no two of a track overlap."""
    found: dict[tuple[int, int], int] = {}
    for a, b in sorted((e for e in edges if e[1] - e[0] > 1), key=lambda e: e[1] - e[0]):
        taken = {found[(c, d)] for c, d in found if c < b and a < d}
        found[(a, b)] = next(t for t in range(len(edges)) if t not in taken)
    return found


def _arrow(a: int, b: int, track: int | None) -> Markup:
    begin, end = a * (_HEIGHT + _GAP) + _HEIGHT + 1, b * (_HEIGHT + _GAP) + 1
    if track is None:
        x = _EDGE + _BOX / 2
        return tag("path", d=f"M{x} {begin}V{end}m-3.5 -6l3.5 6l3.5 -6", class_="edge")
    out, into, side, x = begin - _HEIGHT / 3, end + _HEIGHT / 3, _EDGE + _BOX, _EDGE + _BOX + _TRACK * (track + 1)
    return tag("path", d=f"M{side} {out}H{x}V{into}H{side}m6 -3.5l-6 3.5l6 3.5", class_="edge")


def _box(figures: Figures, k: int, row: Any, cost: Cost) -> Markup:
    top = k * (_HEIGHT + _GAP) + 1
    inner = _EDGE + 9
    parts = (
        tag("rect", x=_EDGE, y=top, width=_BOX, height=_HEIGHT, rx=5),
        tag("text", short(row["name"]), x=inner, y=top + 16, class_="name"),
        tag("text", row["kind"], x=inner, y=top + 31),
        tag("text", spoken(row["shape"]), x=_EDGE + _BOX - 9, y=top + 16, class_="end"),
        tag("text", _type(row), x=_EDGE + _BOX - 9, y=top + 31, class_="end"),
    )
    heat = f"--latency: {cost.latency:.3f}; --luts: {cost.luts:.3f}; --error: {cost.error:.3f}"
    place = f"{figures.prefix}/layers/{k}"
    label = f"{row['name']}, {row['kind']}: details"
    return tag("a", *parts, href=f"#layer-{k}", class_="node", style=heat, data_json=place, aria_label=label)


def _type(row: Any) -> str:
    """Of the result, without its modes and prefix."""
    text = str(row["types"].get("result", "")).partition(",AP_")
    return short(text[0].removeprefix("ap_") + (">" if text[1] else ""), _LONGEST_TYPE)
