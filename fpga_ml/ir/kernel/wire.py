"""What is known of a value in a kernel: where its binary point stands and which raw values it can take."""

from __future__ import annotations

from dataclasses import dataclass

from fpga_ml.numerics import FixedType, Interval
from fpga_ml.numerics.interval import type_of


@dataclass(frozen=True)
class Wire:
    """value = raw * 2**-fraction with raw in the interval; the width follows, it is never stated."""

    fraction: int
    interval: Interval

    @classmethod
    def of(cls, t: FixedType) -> Wire:
        """Any value of a type."""
        return cls(t.fraction, Interval.of(t))

    @property
    def type(self) -> FixedType:
        """The narrowest type that holds every value."""
        return type_of(self.interval, self.fraction)

    def within(self, interval: Interval) -> Wire:
        """Narrowed to an interval in which every value is known to be."""
        own = self.interval
        return Wire(self.fraction, Interval(max(own.low, interval.low), min(own.high, interval.high)))

    def at(self, fraction: int) -> Interval:
        """The interval with at least as many fraction bits, as an adder aligns it."""
        return self.interval.shift(fraction - self.fraction)
