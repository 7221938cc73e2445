"""Intervals of raw values: the exact reach of a fixed-point expression, from which the width it needs follows.

Both operands of `add`, `sub` and `union` have the same fraction bits; `mul` adds theirs. Every result is the smallest
interval that holds all results of independent operands.
"""

from __future__ import annotations

from dataclasses import dataclass

from fpga_ml.errors import FpgaMlError
from fpga_ml.numerics.cast import cast_raw, rescaled
from fpga_ml.numerics.types import FixedType, Overflow


@dataclass(frozen=True)
class Interval:
    """All raw values from low to high, both included. Raises FpgaMlError if low is above high."""

    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise FpgaMlError(f"an interval from {self.low} to {self.high} holds nothing", do="give its lower end first")

    @classmethod
    def of(cls, t: FixedType) -> Interval:
        """Every raw value of a type."""
        return cls(t.min_raw, t.max_raw)

    def add(self, other: Interval) -> Interval:
        """All sums."""
        return Interval(self.low + other.low, self.high + other.high)

    def sub(self, other: Interval) -> Interval:
        """All differences self - other."""
        return self.add(other.neg())

    def neg(self) -> Interval:
        """All values negated."""
        return Interval(-self.high, -self.low)

    def mul(self, other: Interval) -> Interval:
        """All products."""
        corners = [a * b for a in (self.low, self.high) for b in (other.low, other.high)]
        return Interval(min(corners), max(corners))

    def shift(self, bits: int) -> Interval:
        """All values times 2**bits; to the right (bits < 0) the low bits are dropped, as by an arithmetic shift."""
        if bits < 0:
            return Interval(self.low >> -bits, self.high >> -bits)
        return Interval(self.low << bits, self.high << bits)

    def union(self, other: Interval) -> Interval:
        """The smallest interval around both."""
        return Interval(min(self.low, other.low), max(self.high, other.high))


def type_of(interval: Interval, fraction: int) -> FixedType:
    """The narrowest type of so many fraction bits that holds the interval: signed only if it goes below zero."""
    signed = interval.low < 0
    # ~n is the non-negative number that needs as many bits beside the sign as the negative n does.
    magnitude = max(interval.high, ~interval.low if signed else 0)
    width = max(magnitude.bit_length() + signed, 1)
    return FixedType(signed, width, width - fraction)


def cast(interval: Interval, source_fraction: int, target: FixedType) -> Interval:
    """The reach of `cast_raw` over the interval: the smallest one, except where values wrap apart: then the full range."""
    shift = source_fraction - target.fraction
    low = rescaled(interval.low, shift, target.rounding)
    high = rescaled(interval.high, shift, target.rounding)
    if target.min_raw <= low and high <= target.max_raw:
        return Interval(low, high)
    if target.overflow is Overflow.SAT_ZERO:
        return _zeroed(low, high, max(-shift, 0), target)
    if target.overflow is Overflow.WRAP and _turn(low, target) != _turn(high, target):
        return Interval.of(target)
    return Interval(*(cast_raw(end, source_fraction, target) for end in (interval.low, interval.high)))


def _zeroed(low: int, high: int, left: int, target: FixedType) -> Interval:
    """The values of low..high, of which every 2**left-th occurs, that are in range, and the zero of those that are not."""
    first = max(low, -(-target.min_raw >> left << left))
    last = min(high, target.max_raw >> left << left)
    return Interval(0, 0) if first > last else Interval(min(first, 0), max(last, 0))


def _turn(whole: int, target: FixedType) -> int:
    """How many times the range is passed before the value: two of one turn keep their order when they wrap."""
    return (whole - target.min_raw) >> target.width
