"""Hypothesis strategies shared by the tests of numbers, and the meaning of a cast in exact fractions."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

from hypothesis import strategies as st

from fpga_ml.numerics import FixedType, Overflow, Rounding

int64s = st.integers(-(2**63), 2**63 - 1)
fractions = st.integers(-80, 80)
types = st.builds(
    FixedType, st.booleans(), st.integers(1, 128), fractions, st.sampled_from(Rounding), st.sampled_from(Overflow)
)

_TIES: dict[Rounding, Callable[[int, Fraction], int]] = {
    Rounding.RND: lambda low, value: low + 1,
    Rounding.RND_MIN_INF: lambda low, value: low,
    Rounding.RND_ZERO: lambda low, value: low + (value < 0),
    Rounding.RND_INF: lambda low, value: low + (value > 0),
    Rounding.RND_CONV: lambda low, value: low + low % 2,
}


def meaning(value: Fraction, target: FixedType) -> int:
    """The raw value that UG1399 gives for `target = value`, written down without shifts and masks."""
    scaled: Fraction = value * Fraction(2) ** target.fraction
    whole = rounded(scaled, target.rounding)
    if target.min_raw <= whole <= target.max_raw:
        return whole
    if target.overflow is Overflow.SAT_ZERO:
        return 0
    if target.overflow is Overflow.WRAP:
        return (whole - target.min_raw) % (1 << target.width) + target.min_raw
    return target.min_raw if whole < target.min_raw else target.max_raw


def rounded(scaled: Fraction, mode: Rounding) -> int:
    """The whole number a mode gives."""
    low = math.floor(scaled)
    if mode is Rounding.TRN:
        return low
    if mode is Rounding.TRN_ZERO:
        return math.trunc(scaled)
    rest = scaled - low
    if rest == Fraction(1, 2):
        return _TIES[mode](low, scaled)
    return low + (rest > Fraction(1, 2))
