"""One piece of hardware used in turn: a kernel that walks over a token's elements and over words of a ROM.

This is what a reuse factor asks for. Sums of products with constants walk over their inputs and weights and accumulate;
a convolution whose positions come all at once walks over them and accumulates nothing. Sums of products of two tensors
walk over a token of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import numpy as np

from fpga_ml.ir.kernel import Kernel, Wire
from fpga_ml.ir.network.channel import Channel, Raw
from fpga_ml.ir.network.process import Process, Wires, applied, beyond, input_wires, kernel_faults, too_narrow
from fpga_ml.numerics import FixedType, Interval


@dataclass(frozen=True)
class Fold(Process):
    """In round r the step's inputs are elements walk[r] of what is read (-1: zero) and then words[r]. The tokens of several
    reads are one, side by side.

    walk (rounds, J); words (rounds, W) raw, of word_types; accumulated: that many rounds, one after the other, are added
    up, output by output, exactly. The write is what comes of all such groups in turn, as far as it has elements.
    """

    step: Kernel
    walk: tuple[tuple[int, ...], ...]
    words: tuple[tuple[int, ...], ...]
    word_types: tuple[FixedType, ...]
    accumulated: int
    kind: ClassVar[str] = "fold"

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        return (self.step,)

    @property
    def rounds(self) -> int:
        return len(self.walk)

    @property
    def groups(self) -> int:
        return self.rounds // self.accumulated

    @property
    def interval_cycles(self) -> int:
        return self.rounds

    @cached_property
    def data_types(self) -> tuple[FixedType, ...]:
        """Of what the walk hands to the step: for each place the type that holds the elements of all rounds."""
        types = self.read_types
        return tuple(_common([types[row[j]] for row in self.walk if row[j] >= 0]) for j in range(self._width))

    @cached_property
    def read_types(self) -> tuple[FixedType, ...]:
        """Of the elements of all that is read, side by side."""
        return tuple(t for c in self.reads for t in c.types)

    @cached_property
    def periods(self) -> tuple[int, ...]:
        """Of each place of the walk: after how many rounds what it reads comes again."""
        columns = [*zip(*self.walk, strict=True)]
        found = {c: next(n for n in range(1, len(c) + 1) if c[n:] == c[:-n] or n == len(c)) for c in set(columns)}
        return tuple(found[c] for c in columns)

    @property
    def _width(self) -> int:
        return len(self.walk[0])

    @property
    def word_wires(self) -> Wires:
        """What each constant can be, over all rounds."""
        columns = zip(*self.words, strict=True)
        return tuple(Wire(t.fraction, Interval(min(c), max(c))) for t, c in zip(self.word_types, columns, strict=False))

    def detail(self) -> str:
        added = f", {self.accumulated} added up" if self.accumulated > 1 else ""
        rom = f", ROM {self.rounds} x {sum(t.width for t in self.word_types)} bits" if self.word_types else ""
        return f"  {self.rounds} rounds of {self._width} elements{added}{rom}"

    def faults(self) -> list[str]:
        where, elements = self.name, len(self.read_types)
        if not self.reads or len(self.writes) != 1 or len({c.tokens for c in (*self.reads, *self.writes)}) != 1:
            return [f"{where}: a fold reads channels and writes one, token by token"]
        own = kernel_faults(self.step, self._width + len(self.word_types))
        if any(not -1 <= k < elements for row in self.walk for k in row):
            names = "' and '".join(c.name for c in self.reads)
            own.append(f"{where}: walks over elements that the {elements} of '{names}' do not have")
        if len({len(row) for row in self.walk}) > 1 or any(len(row) != len(self.word_types) for row in self.words):
            own.append(f"{where}: rounds differ in how much they read")
        if len(self.words) != self.rounds or self.rounds % self.accumulated:
            own.append(f"{where}: {self.rounds} rounds, {len(self.words)} words, {self.accumulated} rounds added up")
        if len(self.writes[0].types) > self.groups * len(self.step.outputs):
            own.append(f"{where}: writes more elements than {self.groups} x {len(self.step.outputs)}")
        return own or too_narrow(where, self.writes[0], self.reach(*(c.wires for c in self.reads))[0])

    def not_within(self, *reads: Wires) -> list[str]:
        elements = [w for wires in reads for w in wires]
        given = [[elements[k] if k >= 0 else ZERO for k in row] for row in self.walk]
        columns = [hull(column) for column in zip(*given, strict=True)]
        return beyond(self.name, [*columns, *self.word_wires], input_wires(self.step))

    def reach(self, *reads: Wires) -> list[Wires]:
        totals = [w for _ in range(self.groups) for w in self.sums]
        return [tuple(totals[: len(self.writes[0].types)])]

    def writing(self, channel: Channel) -> Fold:
        """The same to another channel."""
        other = replace(self, writes=(channel,))
        other.__dict__["sums"] = self.sums  # which take long to find, and do not depend on it
        return other

    @cached_property
    def sums(self) -> Wires:
        """What the accumulators can be, after any number of rounds: every round with its own words."""
        found: list[Wire] = []
        for group in range(self.groups):
            total: list[Wire] = []
            for r in range(group * self.accumulated, (group + 1) * self.accumulated):
                step = self._reach_of(r)
                total = [_plus(a, b) for a, b in zip(total, step, strict=True)] if total else step
                found = [hull([a, b]) for a, b in zip(found, total, strict=True)] if found else total
        return tuple(found)

    def _reach_of(self, r: int) -> list[Wire]:
        """Of the step's outputs in round r."""
        words = [Wire(t.fraction, Interval(raw, raw)) for t, raw in zip(self.word_types, self.words[r], strict=True)]
        data = [Wire.of(self.read_types[k]) if k >= 0 else ZERO for k in self.walk[r]]
        aligned = [_aligned(w, own) for w, own in zip([*data, *words], input_wires(self.step), strict=True)]
        return self.step.reach(aligned)

    def evaluate(self, *x: Raw) -> list[Raw]:
        given = [*map(Wire.of, self.data_types), *map(Wire.of, self.word_types)]
        own, padded = [*map(Wire.of, self.read_types)], np.concatenate([*x, np.zeros_like(x[0][..., :1])], axis=-1)
        results, total = [], np.zeros(0, np.int64)
        for r, (row, word) in enumerate(zip(self.walk, self.words, strict=True)):
            data = [
                padded[..., k] << (given[j].fraction - own[k].fraction) if k >= 0 else padded[..., -1]
                for j, k in enumerate(row)
            ]
            constant = [np.full(x[0].shape[:-1], raw, x[0].dtype) for raw in word]
            made = applied(self.step, given, np.stack([*data, *constant], axis=-1), self.sums)
            total = made if r % self.accumulated == 0 else total + made
            if (r + 1) % self.accumulated == 0:
                results.append(total)
        elements = np.concatenate(results, axis=-1)
        target = self.writes[0].wires
        aligned = [elements[..., k] << (w.fraction - self.sums[k % len(self.sums)].fraction) for k, w in enumerate(target)]
        return [np.stack(aligned, axis=-1)]


ZERO = Wire(0, Interval(0, 0))


def _common(types: Sequence[FixedType]) -> FixedType:
    """The narrowest type that holds all values of all of them."""
    return hull([Wire.of(t) for t in types] or [ZERO]).type


def hull(wires: Sequence[Wire]) -> Wire:
    fraction = max(w.fraction for w in wires)
    reaches = [w.at(fraction) for w in wires]
    return Wire(fraction, Interval(min(i.low for i in reaches), max(i.high for i in reaches)))


def _plus(a: Wire, b: Wire) -> Wire:
    fraction = max(a.fraction, b.fraction)
    return Wire(fraction, a.at(fraction).add(b.at(fraction)))


def _aligned(wire: Wire, like: Wire) -> Wire:
    """The same values with the binary point of another wire, which is no coarser unless the value is 0."""
    return Wire(like.fraction, wire.at(like.fraction)) if like.fraction >= wire.fraction else like
