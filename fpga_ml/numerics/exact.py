"""Arithmetic on arrays of whole numbers whose reach is known: int64 as long as nothing can pass it, Python integers beyond.

What decides is the reach of the types, never the values: a sum or a product is made in int64 if no values of its operands'
types can leave it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fpga_ml.numerics.cast import as_kind, cast_array
from fpga_ml.numerics.interval import Interval
from fpga_ml.numerics.types import FixedType, Raw


@dataclass(frozen=True)
class Exact:
    """raw: whole numbers, any shape, all of them within the interval."""

    raw: Raw
    reach: Interval

    @classmethod
    def of(cls, raw: Any, t: FixedType) -> Exact:
        """Raw values of a type."""
        return cls(np.asarray(raw), Interval.of(t))

    @classmethod
    def given(cls, raw: Any) -> Exact:
        """Constants, an array or a number: they reach as far as they do."""
        values = np.asarray(raw)
        return cls(values, Interval(int(values.min()), int(values.max())) if values.size else Interval(0, 0))

    def __add__(self, other: Exact | int) -> Exact:
        b = _exact(other)
        return self._made(np.add, b, self.reach.add(b.reach))

    def __sub__(self, other: Exact | int) -> Exact:
        b = _exact(other)
        return self._made(np.subtract, b, self.reach.sub(b.reach))

    def __mul__(self, other: Exact | int) -> Exact:
        b = _exact(other)
        return self._made(np.multiply, b, self.reach.mul(b.reach))

    def __lshift__(self, bits: int) -> Exact:
        return self * (1 << bits) if bits else self

    def __neg__(self) -> Exact:
        return Exact(np.asarray(0), Interval(0, 0)) - self

    def __getitem__(self, place: Any) -> Exact:
        return Exact(self.raw[place], self.reach)

    def sum(self, count: int) -> Exact:
        """Over the last axis, of `count` elements."""
        reach = Interval(min(count * self.reach.low, self.reach.low), max(count * self.reach.high, self.reach.high))
        kind = _kind(reach)
        return Exact(np.asarray(as_kind(self.raw, kind).sum(-1), kind), reach)

    def clip(self, low: int, high: int) -> Exact:
        """The nearest number from low to high."""
        reach = Interval(min(max(self.reach.low, low), high), max(min(self.reach.high, high), low))
        return self.extreme(np.maximum, _exact(low)).extreme(np.minimum, _exact(high), reach)

    def extreme(self, pick: np.ufunc, other: Exact, reach: Interval | None = None) -> Exact:
        """The greater or the smaller of both (np.maximum, np.minimum)."""
        return self._made(pick, other, reach or self.reach.union(other.reach))

    def over(self, other: Exact) -> npt.NDArray[np.bool_]:
        """Where this is greater."""
        a, b = self._alike(other)
        return np.asarray(a > b, bool)

    def where(self, condition: npt.NDArray[np.bool_], other: Exact) -> Exact:
        """This where the condition holds, the other elsewhere."""
        a, b = self._alike(other)
        return Exact(np.where(condition, a, b), self.reach.union(other.reach))

    def cast(self, fraction: int, target: FixedType) -> Exact:
        """Of numbers with so many fraction bits, assigned to a type."""
        return Exact.of(cast_array(self.raw, fraction, target), target)

    def _alike(self, other: Exact) -> tuple[Raw, Raw]:
        kind = _kind(self.reach, other.reach)
        return as_kind(self.raw, kind), as_kind(other.raw, kind)

    def _made(self, operation: np.ufunc, other: Exact, reach: Interval) -> Exact:
        kind = _kind(self.reach, other.reach, reach)
        return Exact(np.asarray(operation(as_kind(self.raw, kind), as_kind(other.raw, kind)), kind), reach)


def _exact(value: Exact | int) -> Exact:
    return (
        value
        if isinstance(value, Exact)
        else Exact(np.asarray(value, _kind(Interval(value, value))), Interval(value, value))
    )


def _kind(*reaches: Interval) -> type[Any]:
    fits = all(r.low >= -(1 << 63) and r.high < 1 << 63 for r in reaches)
    return np.int64 if fits else object
