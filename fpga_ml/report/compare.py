"""Two reports side by side: what they have in common by name, and where it differs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fpga_ml.report.figures import Figures, escaped

RESULTS = ("Agreement", "Figures of merit", "Hardware", "Synthesis")
PARTS = ("Layers", "Rounding", "FIFOs")
CAUSES = ("Settings", "Model")
SECTIONS = (*RESULTS, *PARTS, *CAUSES)
_LARGE = 9
_COMPARED_OF_CSIM = (
    "bit_exact_vs_quantised_model",
    "argmax_flips",
    "argmax_flips_vs_float",
    "max_abs_err_vs_quantised",
    "max_abs_err_vs_float",
)
Report = Mapping[str, Any]
Entries = Iterator[tuple[tuple[str, str], str]]  # ((section, name), JSON pointer)


@dataclass(frozen=True)
class Row:
    """One figure of two reports. a_at, b_at: JSON pointers into them, '' where one has no such figure; change: relative, of
    numbers, from a to b."""

    section: str
    name: str
    a_at: str
    b_at: str
    a: Any
    b: Any

    @property
    def differs(self) -> bool:
        return bool(self.a != self.b) or bool(self.a_at) != bool(self.b_at)

    @property
    def change(self) -> float | None:
        numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in (self.a, self.b))
        return (self.b - self.a) / abs(self.a) if numbers and self.a else None

    @property
    def told(self) -> tuple[Literal["difference", "part", "factor"], float] | None:
        """How a change is told: of a figure of merit the difference; of others the part by which they change, from ten times
        on the factor. None where there is no number to tell."""
        if self.change is None or not self.differs:
            return None
        if self.section == "Figures of merit":
            return "difference", self.b - self.a
        return ("factor", 1 + self.change) if abs(self.change) >= _LARGE else ("part", self.change)

    @property
    def effect(self) -> float:
        """How much it changes, the same for a factor and its inverse: the logarithm of the ratio. Without bound for a
        verdict, and where zero becomes something; none for a figure that only one of them has."""
        if not self.differs:
            return 0.0
        if self.a is None or self.b is None or isinstance(self.a, (str, list, dict)):
            return 0.0
        numbers = self.change is not None and self.a * self.b > 0
        return abs(math.log(self.b / self.a)) if numbers else math.inf


def changed(rows: Iterable[Row], sections: Iterable[str]) -> list[Row]:
    """Those of some sections that differ, the largest effect first."""
    wanted = tuple(sections)
    return sorted((r for r in rows if r.differs and r.section in wanted), key=lambda r: -r.effect)


def compare(a: Report, b: Report) -> list[Row]:
    """Every figure of either, in the order of the sections; times of the build are left out, for they always differ.

    Layers are paired by their names; in two networks of the same kinds of layers one after the other, by their order.
    """
    paired = _paired(a, b)
    of_a = dict(_figures(a, {one: name for one, _, name in paired}))
    of_b = dict(_figures(b, {other: name for _, other, name in paired}))
    in_a, in_b = Figures(a), Figures(b)
    rows = []
    for section in SECTIONS:
        for key in [k for k in {**of_a, **of_b} if k[0] == section]:
            a_at, b_at = of_a.get(key, ""), of_b.get(key, "")
            rows.append(Row(*key, a_at, b_at, in_a.at(a_at) if a_at else None, in_b.at(b_at) if b_at else None))
    return rows


def as_json(rows: list[Row], a: Report, b: Report) -> dict[str, Any]:
    """What `fpga-ml report A B --json` prints: name and hash of both models, and every row."""
    ends = {side: {k: r["model"][k] for k in ("name", "origin", "sha256")} for side, r in (("a", a), ("b", b))}
    found = [
        {"section": r.section, "name": r.name, "a": r.a, "b": r.b, "differs": r.differs, "change": r.change} for r in rows
    ]
    return {**ends, "differences": sum(r.differs for r in rows), "rows": found}


def _paired(a: Report, b: Report) -> list[tuple[str, str, str]]:
    """(layer of a, layer of b, what both are called) where names differ but the networks are alike."""
    one, other = ([(layer["kind"], layer["name"]) for layer in r["layers"]] for r in (a, b))
    if [kind for kind, _ in one] != [kind for kind, _ in other]:
        return []
    pairs = [(x, y) for (_, x), (_, y) in zip(one, other, strict=True) if x != y]
    return [(x, y, f"{x} / {y}") for x, y in pairs]


def renamed(a: Report, b: Report) -> list[str]:
    """Layers that are the same, by their place, under two names."""
    return [name for _, _, name in _paired(a, b)]


def _called(name: str, pairs: Mapping[str, str]) -> str:
    """A layer, or what is called after it, with the name that both reports share."""
    owners = [layer for layer in pairs if re.match(rf"{re.escape(layer)}(?![A-Za-z0-9])", name)]
    layer = max(owners, key=len, default="")
    return pairs[layer] + name[len(layer) :] if layer else name


def _figures(report: Report, pairs: Mapping[str, str]) -> Entries:
    """Everything that is compared; pairs: {layer: name that both reports share}."""
    yield from _fields("Model", "/model", ("name", "origin", "sha256", "kind", "parameters"))
    yield from _fields("Model", "/data", ("origin", "samples"), "data ")
    yield from _fields("Model", "/versions", report["versions"])
    yield from _fields("Settings", "/config", report["config"])
    yield from _agreement(report)
    for stage, figures in report["metrics"].items():
        yield from _fields("Figures of merit", f"/metrics/{stage}", figures, f"{stage} ")
    if report["rtl"]:
        yield from _fields("Hardware", "/rtl", ("latency_cycles", "interval_cycles", "clock_ns", "register_bits"))
        yield from _fields("Hardware", "/rtl/area", report["rtl"]["area"], "estimated ")
    for k, run in enumerate(report["synth"]):
        name = f"{run['device']}, {run['effort']}, {run['tool']}: "
        yield from _fields("Synthesis", f"/synth/{k}", ("luts", "ffs", "dsps", "brams", "fmax_mhz", "latency_ns"), name)
    yield from _layers(report, pairs)
    for k, row in enumerate(report["quantisation"]):
        name = f"{_called(row['tensor'], pairs)}: "
        yield from _fields("Rounding", f"/quantisation/{k}", ("type", "added_rms", "saturated"), name)
    for k, row in enumerate(report["rtl"]["buffers"] if report["rtl"] else []):
        reader = _called(row["reader"], pairs) or "the output"
        name = f"{_called(row['channel'], pairs)} before {reader}: "
        yield from _fields("FIFOs", f"/rtl/buffers/{k}", ("depth", "high_water", "width_bits"), name)


def _fields(section: str, at: str, names: Iterable[str], before: str = "") -> Entries:
    for name in names:
        yield (section, before + name), f"{at}/{escaped(name)}"


def _agreement(report: Report) -> Entries:
    if report["csim"]:
        yield from _fields("Agreement", "/csim", _COMPARED_OF_CSIM)
    if report["emulator"]:
        yield from _fields("Agreement", "/emulator", ("mismatches",), "emulator: ")
    measured = ("latency_cycles", "interval_cycles") if "foreign_rtl" in report else ()  # our own are under Hardware
    for k, run in enumerate(report["cosim"]):
        names = ("passed", "mismatches", *measured)
        yield from _fields("Agreement", f"/cosim/{k}", names, f"{run['simulator']}: ")
        yield from _fields("Settings", f"/cosim/{k}", ("vectors",), f"{run['simulator']}: ")


def _layers(report: Report, pairs: Mapping[str, str]) -> Entries:
    for k, layer in enumerate(report["layers"]):
        name, at = f"{_called(layer['name'], pairs)}: ", f"/layers/{k}"
        yield from _fields("Layers", at, ("kind", "shape", "reuse_factor"), name)
        types = [t for t in ("result", "weight", "accum") if t in layer["types"]]
        yield from _fields("Layers", f"{at}/types", types, name)
    for k, process in enumerate(report["rtl"]["layers"] if report["rtl"] else []):
        name, at = f"{_called(process['name'], pairs)}: ", f"/rtl/layers/{k}"
        yield from _fields("Layers", at, ("start_cycle", "latency_cycles", "interval_cycles"), name)
        yield from _fields("Layers", f"{at}/area", ("luts", "multipliers"), f"{name}estimated ")
