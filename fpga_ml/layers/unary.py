"""Functions of one value through tables of ours: what such a table is, and the layer that reads it.

C++: nnet_table.h, for which bridge/tables.py writes the same entries. hls4ml's own tables are in tables.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fpga_ml.ir.kernel import Builder
from fpga_ml.layers.base import Layer, Tensor
from fpga_ml.numerics import FixedType, Overflow


@dataclass(frozen=True)
class UnaryTable:
    """A function by its values in equal steps, straight lines in between where `fine` is not 0.

    place: the type that the argument is first assigned to; its raw value, less its `fine` lowest bits, is the number of a
    step, and these bits say where in the step. first: the number of the first entry; arguments outside the table have the
    value of its nearest end. entries: raw, with `fraction` fraction bits. result: the type that a value is assigned to.
    cost: the most that the table adds to the rounding of the result, in the result's steps.
    """

    place: FixedType
    fine: int
    first: int
    entries: tuple[int, ...]
    fraction: int
    result: FixedType
    cost: float

    @cached_property
    def rises(self) -> tuple[int, ...]:
        """From each entry to the next; none behind the last one."""
        return (*(b - a for a, b in zip(self.entries, self.entries[1:], strict=False)), 0)

    @property
    def ends(self) -> tuple[int, int]:
        """The raw places of the first and of the last entry."""
        return self.first << self.fine, (self.first + len(self.entries) - 1) << self.fine

    @cached_property
    def value(self) -> FixedType:
        """Of a value before it is assigned to the result. (ap_types stop at a value whose highest bit lies below the last
        one that is rounded to: with these spare bits none does.)"""
        width = max(8, *(v.bit_length() for v in self.entries)) + self.fine + 2
        return FixedType(True, width, width - self.fraction - self.fine)

    @cached_property
    def _padded(self) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
        """(first, entries, rises): up to the ends of the place's type, which saturates, so that no comparison is needed; as
        it is where that would more than double the table."""
        steps = 1 << max(self.place.width - self.fine, 0)
        below, above = self.first + steps // 2, steps // 2 - self.first - len(self.entries)
        if steps > 2 * len(self.entries) or min(below, above) < 0:
            return self.first, self.entries, self.rises
        entries = (*self.entries[:1] * below, *self.entries, *self.entries[-1:] * above)
        return -steps // 2, entries, (*(0,) * below, *self.rises, *(0,) * above)

    def evaluate(self, x: Tensor) -> Tensor:
        place = x.cast(self.place).raw.clip(*self.ends)
        number = (place >> self.fine) - self.first
        value = np.asarray(self.entries, np.int64)[number] << self.fine
        value += np.asarray(self.rises, np.int64)[number] * (place & (1 << self.fine) - 1)
        return Tensor(value, self.value).cast(self.result)

    def lower(self, b: Builder, x: int) -> int:
        first, entries, rises = self._padded
        low, high = (b.const(end << self.fine, self.place.fraction) for end in (first, first + len(entries) - 1))
        place = b.cast(x, self.place)
        if len(entries) << self.fine < 1 << self.place.width:
            place = b.min(b.max(place, low), high)
        place = b.scale(place, self.place.fraction - self.fine)
        width = max(self.place.width - self.fine, 1) + 1
        number = b.cast(place, FixedType(True, width, width))
        value = b.lookup(number, entries, first, self.fraction)
        if self.fine:
            part = b.cast(place, FixedType(False, self.fine, 0, overflow=Overflow.WRAP))
            value = b.add(value, b.mul(b.lookup(number, rises, first, self.fraction), part))
        return b.cast(value, self.result)


@dataclass(frozen=True)
class Unary(Layer):
    """A table of each element; its values are assigned to the table's result, and then to the layer's."""

    table: UnaryTable

    def evaluate(self, *x: Tensor) -> Tensor:
        return self.table.evaluate(x[0]).cast(self.result)

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        return [b.cast(self.table.lower(b, v), self.result) for v in x[0]]
