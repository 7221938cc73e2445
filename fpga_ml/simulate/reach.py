"""Vectors that drive a network's inner values to where its hardware can go wrong.

Samples rarely meet the values at which a cast saturates, a rounding carries into the top bit, or two operands of a
comparison are equal. The intervals of the network say which of these goals can be met at all. From each the search goes
backwards to the inputs, by the slope of the value over the inputs (differences of evaluations), and again from the nearest
vector that it found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fpga_ml.ir.kernel import Kernel, watching
from fpga_ml.ir.kernel.ops import Cast, Less, Max, Min, Op
from fpga_ml.ir.kernel.wire import Wire
from fpga_ml.ir.network import Network
from fpga_ml.numerics import FixedType, Interval
from fpga_ml.numerics.types import Raw

Rows = npt.NDArray[np.int64]  # (vectors, elements of all inputs)
Reals = npt.NDArray[np.float64]
Goals = Reals  # (goals, 2): least and greatest raw value
Bound = tuple[int, int] | tuple[Raw, Raw]
_ROUNDS = 6
_MOVED = 64  # elements that a slope is measured for, a round
_MOST_CHILDREN = 1024  # vectors tried a round
_MOST_TRIES = 8  # of them for one goal
MOST_WORK = 20_000_000  # values computed and compared in all; a larger network gets fewer vectors
_MOST_BITS = 52


@dataclass(frozen=True)
class Reaching:
    """vectors: raw, one array (n, tokens, elements) an input; goals: how many there are; unmet: those that neither the
    vectors nor the first ones meet."""

    vectors: list[Raw]
    goals: int
    unmet: int


def reaching(
    network: Network, base: Sequence[Raw], bounds: Sequence[Bound], most: int, seed: int, work: int = MOST_WORK
) -> Reaching:
    """At most `most` raw vectors that meet goals which no vector of `base` meets.

    base: one array (N, ...) an input; bounds: least and greatest raw value of each, or of each of its elements; work: values
    that may be computed and compared in all. None are found for inputs beyond 62 bits, and where one evaluation of the
    network is work for long.
    """
    if any(a.dtype != np.int64 for a in base) or not len(base[0]):
        return Reaching([np.zeros((0, c.tokens, len(c.types)), np.int64) for c in network.inputs], 0, 0)
    search = _Search(network, bounds, np.random.default_rng(seed))
    rows = np.concatenate([a.reshape(len(a), -1) for a in base], axis=1)
    search.evaluate(rows[:1])
    affordable = work // search.work
    search.evaluate(rows[1 : affordable // 4])
    search.settle()
    moved = min(_MOVED, rows.shape[1]) + 1
    children = min(_MOST_CHILDREN, affordable // _ROUNDS - moved)
    for k in range(_ROUNDS if children > 0 else 0):
        search.measure(rows[k * len(rows) // _ROUNDS], moved - 1)
        search.evaluate(search.children(children))
    rows, left_out = search.chosen(most)
    watches = search.watches.values()
    unmet = sum(len(watch.open()) for watch in watches) + left_out
    return Reaching(search.split(rows), sum(len(watch.goals) for watch in watches), unmet)


class _Watch:
    """A value that is watched, over `elements` inputs.

    distance, nearest: by goal, from below and from above, how far the nearest vector is, and that vector; met: by the first
    vectors; place: where in a frame the slope is measured; slope: of the value over the inputs; at: the value of the vector
    at which it was.
    """

    def __init__(self, goals: Goals, elements: int, place: int) -> None:
        self.goals, self.place = goals, place
        self.distance = np.full((2, len(goals)), np.inf)
        self.nearest = np.zeros((2, len(goals), elements), np.int64)
        self.met = np.zeros(len(goals), np.bool_)
        self.slope, self.at = np.zeros(elements), 0.0

    def keep(self, value: Reals, rows: Rows) -> None:
        """value: (vectors, places)."""
        low, high = self.goals.T
        for side, away in enumerate((low - value[..., None], value[..., None] - high)):
            best = np.where(away >= low - high, away, np.inf).min(1).clip(0)  # (vectors, goals)
            first = best.argmin(0)
            for g in np.flatnonzero(best[first, np.arange(len(low))] < self.distance[side]):
                self.distance[side, g], self.nearest[side, g] = best[first[g], g], rows[first[g]]

    def open(self) -> list[int]:
        """Goals that no vector has met."""
        return [int(g) for g in np.flatnonzero(self.distance.min(0) > 0)]


class _Search:
    def __init__(self, network: Network, bounds: Sequence[Bound], rng: np.random.Generator) -> None:
        self.network, self.rng = network, rng
        sizes = [c.tokens * len(c.types) for c in network.inputs]
        self.low, self.high = (
            np.concatenate([np.broadcast_to(b[end], n) for b, n in zip(bounds, sizes, strict=True)]) for end in (0, 1)
        )
        self.sizes = np.cumsum(sizes)[:-1]
        self.goals: dict[str, list[Goals]] = {}
        self.watches: dict[tuple[str, int], _Watch] = {}
        self.seen: dict[tuple[str, int], Reals] = {}
        self.work = 0
        self.centre = self.low

    def split(self, rows: Rows) -> list[Raw]:
        """One array (vectors, tokens, elements) an input."""
        parts = np.split(rows, self.sizes, axis=1)
        return [p.reshape(len(rows), c.tokens, len(c.types)) for p, c in zip(parts, self.network.inputs, strict=True)]

    def evaluate(self, rows: Rows) -> None:
        """Run the vectors through the network and keep those that come nearest to a goal."""

        def see(kernel: Kernel, found: Sequence[Raw]) -> None:
            self.work += sum(np.size(v) for v in found)
            for number, goals, value in self._watched(kernel, found):
                if isinstance(value, np.ndarray) and value.ndim and len(value) == len(rows) and value.dtype == np.int64:
                    self._keep((kernel.name, number), goals, value.reshape(len(rows), -1).astype(np.float64), rows)

        if len(rows):
            with watching(see):
                self.network.evaluate(dict(zip([c.name for c in self.network.inputs], self.split(rows), strict=True)))

    def _watched(self, kernel: Kernel, found: Sequence[Raw]) -> Iterator[tuple[int, Goals, Raw]]:
        """(number, goals, values) of each operation that has edges."""
        if kernel.name not in self.goals:
            self.goals[kernel.name] = [_edges(v.op, kernel.wires(k)) for k, v in enumerate(kernel.values)]
        for number, (v, goals) in enumerate(zip(kernel.values, self.goals[kernel.name], strict=True)):
            if len(goals):
                wires = kernel.wires(number)
                fraction = max(w.fraction for w in wires)
                a, *b = (found[k] << (fraction - w.fraction) for k, w in zip(v.operands, wires, strict=True))
                yield number, goals, a - b[0] if b else a

    def _keep(self, key: tuple[str, int], goals: Goals, value: Reals, rows: Rows) -> None:
        if key not in self.watches:
            self.watches[key] = _Watch(goals, rows.shape[1], int(self.rng.integers(value.shape[1])))
        self.work += value.size * len(goals)
        self.watches[key].keep(value, rows)
        self.seen[key] = value

    def settle(self) -> None:
        """What the first vectors meet needs no others."""
        for watch in self.watches.values():
            watch.met = watch.distance.min(0) == 0

    def measure(self, row: Rows, moved: int) -> None:
        """The slope of each value about a vector, over some of its elements; one of a single value has none."""
        some = self.rng.permutation(np.flatnonzero(self.high > self.low))[:moved]
        there = np.where(row[some] > (self.low[some] + self.high[some]) // 2, -1, 1)
        step = there * np.maximum(1, (self.high[some] - self.low[some]) // 8)
        rows = np.repeat(row[None], len(some) + 1, axis=0)
        rows[np.arange(len(some)) + 1, some] += step
        self.evaluate(rows)
        self.centre = row
        for key, watch in self.watches.items():
            value = self.seen[key][:, min(watch.place, self.seen[key].shape[1] - 1)]
            watch.at = float(value[0])
            watch.slope = np.zeros(len(row))
            watch.slope[some] = (value[1:] - value[0]) / step

    def children(self, most: int) -> Rows:
        """New vectors, each towards a goal that is still open."""
        targets = [(watch, g) for watch in self.watches.values() if watch.slope.any() for g in watch.open()]
        often = max(1, min(_MOST_TRIES, most // max(1, len(targets))))
        picked = self.rng.permutation(len(targets) * often)[:most]
        made = [self._child(*targets[k // often]) for k in picked]
        return np.array(made, np.int64).reshape(-1, len(self.low))

    def _child(self, watch: _Watch, goal: int) -> Rows:
        """A step by the slope from the nearest vector, or from the one about which the slope is right."""
        low, high = watch.goals[goal]
        side = int(watch.distance[:, goal].argmin())
        if self.rng.random() < 0.5 and np.isfinite(watch.distance[side, goal]):
            row: Rows = watch.nearest[side, goal].copy()
            off = watch.distance[side, goal] + (high - low) / 2
            off = -off if side else off
        else:
            row, off = self.centre.copy(), (low + high) / 2 - watch.at
        moved = np.flatnonzero(watch.slope)
        moved = moved[self.rng.random(len(moved)) < 0.8]
        for j in moved[np.argsort(-np.abs(watch.slope[moved]))]:
            whole = int(np.floor(off / watch.slope[j] + self.rng.random()))  # one more at random: the rest may then fit
            step = int(np.clip(whole, self.low[j] - row[j], self.high[j] - row[j]))
            row[j] += step
            off -= step * watch.slope[j]
        return row

    def chosen(self, most: int) -> tuple[Rows, int]:
        """Vectors that meet what the first do not, those before others that meet more; and how many goals the others
        meet."""
        hits: dict[bytes, int] = {}
        for watch in self.watches.values():
            for g in np.flatnonzero(~watch.met & (watch.distance.min(0) == 0)):
                row = watch.nearest[int(watch.distance[:, g].argmin()), g].tobytes()
                hits[row] = hits.get(row, 0) + 1
        ranked = sorted(hits, key=lambda row: -hits[row])
        rows = np.array([np.frombuffer(row, np.int64) for row in ranked[:most]], np.int64).reshape(-1, len(self.low))
        return rows, sum(hits[row] for row in ranked[most:])


def _edges(op: Op, wires: tuple[Wire, ...]) -> Goals:
    """Ranges of raw operands, or of differences of two operands, in each of which an operation does something of its own."""
    match op:
        case Cast():
            return _within(_cast_edges(wires[0].fraction - op.target.fraction, op.target), wires[0].interval)
        case Less() | Max() | Min():
            fraction = max(w.fraction for w in wires)
            return _within([(k, k) for k in (-1, 0, 1)], wires[0].at(fraction).sub(wires[1].at(fraction)))
    return np.zeros((0, 2))


def _cast_edges(dropped: int, target: FixedType) -> list[tuple[int, int]]:
    """dropped: bits that the cast rounds away. About each end of the target and about zero: up to half a step and from there
    on; ties, and one beside each; and beyond each end every bit that alone says that the value is too large."""
    step = 1 << max(dropped, 0)
    half = max(step // 2, 1)
    found = []
    for end in (target.min_raw * step, target.max_raw * step, 0):
        for begin in (end - step, end, end + step):
            tie = begin + half
            found += [(begin, tie - 1), (tie, begin + step - 1), *((k, k) for k in (tie - 1, tie, tie + 1))]
    beyond = (target.max_raw + 1) * step
    bits = [1 << k for k in range(beyond.bit_length() - 1, _MOST_BITS)]
    return [*found, *((b, b + beyond - 1) for b in bits), *((-b - beyond, -b - 1) for b in bits)]


def _within(ranges: Sequence[tuple[int, int]], reach: Interval) -> Goals:
    """Those that can be met, and both ends of what the operand can be."""
    low, high = reach.low, reach.high
    width = (high - low) // 16
    met = {(max(a, low), min(b, high)) for a, b in ranges if a <= min(b, high) and b >= low}
    return np.array(sorted(met | {(low, low + width), (high - width, high)}), np.float64)
