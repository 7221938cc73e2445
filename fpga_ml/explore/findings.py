"""What a search found: its front, what was saved, and that in a sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fpga_ml.report.figures import spoken

BITS = ("weights", "results", "input")
"""Kinds of knobs that are a number of bits."""
HOW = {
    "bits": "bits of a trained network",
    "training": "bits, the network trained on with each choice",
    "hgq": "bits that training finds by itself, HGQ",
    "architecture": "sizes of layers and their bits, each network trained",
}
COSTS = {
    "luts": "LUTs",
    "ffs": "flip-flops",
    "dsps": "DSPs",
    "rom_bits": "ROM bits",
    "memory_bits": "memory bits",
    "latency_cycles": "latency, cycles",
    "latency_ns": "latency, ns",
    "interval_cycles": "interval, cycles",
}
_FEWER = {
    "latency_cycles": "fewer cycles of latency",
    "latency_ns": "less latency",
    "interval_cycles": "fewer cycles between inferences",
}
_OBJECTIVES = {"auc": "AUC"}
_USUAL_BITS = 8
_ERRORS = 2.0
"""A loss of so many of its errors may be none."""


@dataclass(frozen=True)
class Side:
    """One search of a page; key: what the ids of its elements begin with."""

    search: Mapping[str, Any]
    name: str
    key: str = ""

    @property
    def merit(self) -> str:
        name: str = self.search["objective"]["name"]
        return _OBJECTIVES.get(name, name.replace("_", " "))

    @cached_property
    def done(self) -> list[Any]:
        return [t for t in self.search["trials"] if _has_figures(t)]

    @cached_property
    def failed(self) -> list[Any]:
        return [t for t in self.search["trials"] if not _has_figures(t)]

    @cached_property
    def front(self) -> list[Any]:
        """The cheapest first."""
        found = (t for t in self.done if t["number"] in self.search["front"])
        return sorted(found, key=lambda t: [math.inf if c is None else c for c in self.paid(t)])

    @cached_property
    def points(self) -> dict[int, Any]:
        return {point["number"]: point for point in self.search["points"]}

    def paid(self, trial: Any) -> list[Any]:
        return [trial["costs"].get(name) for name in self.search["costs"]]

    def worse(self, trial: Any) -> float:
        """Than the float model, on the validation samples."""
        by = float(trial["score"] - (self.search["objective"]["float"] or 0.0))
        return by if self.search["objective"]["better"] == "lower" else -by

    def uniform_bits(self, trial: Any) -> int | None:
        """What all tensors have, where it is one number."""
        found = {trial["params"].get(k["name"]) for k in self.search["knobs"] if k["kind"] in BITS}
        only = found.pop() if len(found) == 1 else None
        return only if isinstance(only, int) and trial["origin"] == "uniform" else None

    def saving(self) -> tuple[int, Any, Any] | None:
        """Uniform bits, the trial with them, and the point that compares: each the cheapest of its kind that is as good as 8
        bits on the validation samples, or as good as the float model within the error of 8 bits."""
        cost, uniform = self.search["costs"][0], {b: t for t in self.done if (b := self.uniform_bits(t)) is not None}
        if not uniform:
            return None
        usual = uniform[min(uniform, key=lambda bits: abs(bits - _USUAL_BITS))]
        most = max(self.worse(usual), _ERRORS * ((usual["loss"] or {}).get("error") or 0.0))
        good = [t for t in self.done if self.worse(t) <= most and t["costs"].get(cost) is not None]
        good.sort(key=lambda t: t["costs"][cost])
        bits, base = next(((b, t) for t in good for b, u in uniform.items() if t is u), (0, None))
        best = next((t for t in good if t["number"] in self.search["front"]), None)
        return (bits, base, best) if base and best else None


def _has_figures(trial: Any) -> bool:
    return trial["state"] == "done" and trial["score"] is not None and bool(trial["costs"])


def summary(side: Side) -> str:
    name, trials, first = side.name, side.search["trials"], (side.search["costs"] or [""])[0]
    if not trials:
        return f"No trial of {name} has run yet."
    if not side.done:
        every = "The only trial" if len(trials) == 1 else f"All {len(trials):,} trials"
        return f"{every} of {name} failed, so there is nothing to compare; the reasons are below."
    how = HOW.get(side.search["how"], side.search["how"])
    begin = f"Of {len(trials):,} trials of {name} ({how}), " if len(trials) > 1 else f"The only trial of {name} ({how}) "
    if not side.front:
        return begin + ("none is" if len(trials) > 1 else "is not") + " kept as one of the best."
    if side.search["costs"] and (found := side.saving()):
        bits, base, best = found
        more, less, fewer = base["costs"][first], best["costs"][first], _FEWER.get(first, f"fewer {label(first)}")
        if not 0 < less < more:
            return f"{begin}none is as good and needs {fewer} than uniform {bits} bits."
        instead = f"({_text(less)} instead of {_text(more)})"
        theirs = f" (that of uniform {bits} bits: {measured(base['loss'])})" if _measured(base) and _measured(best) else ""
        need = f"{_text(more / less, 2)} times {fewer} than uniform {bits} bits {instead}"
        return f"{begin}the best needs {need}, {_at_loss(best, side.merit)}{theirs}."
    near = [t for t in side.front if _measured(t) and side.worse(t) <= _ERRORS * (t["loss"]["error"] or 0.0)]
    best, which = near[0] if near else min(side.front, key=side.worse), f"the best in {side.merit}"
    which = "the cheapest within two errors of the float model" if near else which
    count = f"{len(side.front)} {'is' if len(side.front) == 1 else 'are'} on the front; {which} "
    need = f"needs {_text(best['costs'].get(first))} {label(first)}, " if first else "is "
    return f"{begin}{count if len(trials) > 1 else ''}{need}{_at_loss(best, side.merit)}."


def _text(value: Any, digits: int = 4) -> str:
    """A value in a sentence: without the markup of a power of ten."""
    text = spoken(value, digits)
    return f"{value:.{digits}g}" if "<sup>" in text else str(text)


def _measured(trial: Any) -> bool:
    return bool(trial["loss"]) and trial["loss"]["mean"] is not None


def _at_loss(trial: Any, merit: str) -> str:
    if _measured(trial):
        return f"at a loss of {measured(trial['loss'])} in {merit}"
    return f"at {merit} {_text(trial['score'], 5)}"


def compared(a: Side, b: Side) -> str:
    for one, other in ((a, b), (b, a)):
        if not one.front:
            return f"'{one.name}' has no point on its front, '{other.name}' has {len(other.front)}."
    if (a.merit, a.search["objective"]["better"]) != (b.merit, b.search["objective"]["better"]):
        return f"'{a.name}' is judged by {a.merit}, '{b.name}' by {b.merit}: compare their costs, not these figures."
    lost = f"{_beaten(a, b)} of the {len(a.front)} best points of '{a.name}' are beaten by a point of '{b.name}'"
    return f"{lost}, and {_beaten(b, a)} of the {len(b.front)} of '{b.name}' by one of '{a.name}'."


def _beaten(a: Side, b: Side) -> int:
    """How many points of a are no better than one of b in anything, and worse in something."""
    shared = [c for c in a.search["costs"] if c in b.search["costs"]]
    sign = -1 if a.search["objective"]["better"] == "higher" else 1

    def figures(trial: Any) -> list[float]:
        costs = [trial["costs"].get(c) for c in shared]
        return [sign * trial["score"], *(math.inf if c is None else c for c in costs)]

    theirs = [figures(t) for t in b.front]
    ours = [figures(t) for t in a.front]
    return sum(any(f != own and all(x <= y for x, y in zip(f, own, strict=True)) for f in theirs) for own in ours)


def measured(figure: Mapping[str, Any]) -> str:
    """A mean with its error, to the first digit of the error, or the second where the first is 1 or 2."""
    mean, error = figure["mean"], figure["error"]
    if mean is None or not error:
        return _text(mean)
    power = math.floor(math.log10(error))
    places = min(12, max(0, -power + (error < 2.95 * 10.0**power)))
    text = f"{mean:.{places}f}\N{NO-BREAK SPACE}\N{PLUS-MINUS SIGN}\N{NO-BREAK SPACE}{error:.{places}f}"
    return text.replace("-", "\N{MINUS SIGN}")


def label(cost: str) -> str:
    return COSTS.get(cost, cost.replace("_", " "))
