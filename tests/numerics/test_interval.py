"""Intervals hold every result, and no more than needed, as trying every value shows."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fpga_ml.errors import FpgaMlError
from fpga_ml.numerics import FixedType, Interval, Overflow, Rounding, cast_raw
from fpga_ml.numerics.interval import cast, type_of

intervals = st.tuples(st.integers(-40, 40), st.integers(-40, 40)).map(lambda ends: Interval(min(ends), max(ends)))
small_types = st.builds(
    FixedType, st.booleans(), st.integers(1, 6), st.integers(-4, 8), st.sampled_from(Rounding), st.sampled_from(Overflow)
)


def values(interval: Interval) -> range:
    return range(interval.low, interval.high + 1)


def hull(found: Iterable[int]) -> Interval:
    every = sorted(found)
    return Interval(every[0], every[-1])


@pytest.mark.parametrize(
    ("method", "meaning"), [(Interval.add, operator.add), (Interval.sub, operator.sub), (Interval.mul, operator.mul)]
)
@given(a=intervals, b=intervals)
def test_two_operands(
    method: Callable[[Interval, Interval], Interval], meaning: Callable[[int, int], int], a: Interval, b: Interval
) -> None:
    assert method(a, b) == hull(meaning(x, y) for x in values(a) for y in values(b))


@given(intervals, intervals)
def test_union(a: Interval, b: Interval) -> None:
    assert a.union(b) == hull([*values(a), *values(b)])


@given(intervals)
def test_neg(a: Interval) -> None:
    assert a.neg() == hull(-x for x in values(a))


@given(intervals, st.integers(0, 70))
def test_shift(a: Interval, bits: int) -> None:
    assert a.shift(bits) == hull(x << bits for x in values(a))
    assert a.shift(-bits) == hull(x >> bits for x in values(a))


@given(intervals, st.integers(-10, 10))
@example(Interval(0, 0), 3)
@example(Interval(-1, 0), 3)
@example(Interval(-8, 7), 0)
@example(Interval(-8, 8), 0)
def test_type_of_is_the_narrowest(a: Interval, fraction: int) -> None:
    t = type_of(a, fraction)
    assert t.fraction == fraction
    assert t.signed == (a.low < 0)
    assert t.min_raw <= a.low
    assert a.high <= t.max_raw
    if t.width > 1:
        narrower = replace(t, width=t.width - 1)
        assert a.low < narrower.min_raw or narrower.max_raw < a.high


def test_type_of_edges() -> None:
    assert type_of(Interval(0, 0), 4) == FixedType(False, 1, -3)
    assert type_of(Interval(-1, -1), 0) == FixedType(True, 1, 1)
    assert type_of(Interval(-(2**63), 2**63 - 1), 10) == FixedType(True, 64, 54)
    assert type_of(Interval(0, 2**64 - 1), 0) == FixedType(False, 64, 64)


def test_exact_results_may_be_wider_than_types_that_are_written_down() -> None:
    wide = Interval.of(FixedType(True, 128, 64))
    assert type_of(wide.mul(wide), 128) == FixedType(True, 256, 128)


@given(small_types)
def test_of_a_type(t: FixedType) -> None:
    whole = Interval.of(t)
    assert (whole.low, whole.high) == (t.min_raw, t.max_raw)
    assert cast(whole, t.fraction, t) == whole


@given(intervals, st.integers(-6, 10), small_types)
@example(Interval(-40, 5), 0, FixedType(True, 4, 4, Rounding.TRN, Overflow.SAT_ZERO))
@example(Interval(9, 40), 0, FixedType(True, 4, 4, Rounding.TRN, Overflow.SAT_ZERO))
@example(Interval(-3, 3), 0, FixedType(True, 4, 2, Rounding.TRN, Overflow.SAT_ZERO))
@example(Interval(8, 11), 0, FixedType(True, 4, 4))
def test_cast_holds_every_result_and_no_more(a: Interval, source_fraction: int, target: FixedType) -> None:
    exact = hull(cast_raw(x, source_fraction, target) for x in values(a))
    reach = cast(a, source_fraction, target)
    if target.overflow is Overflow.WRAP and reach == Interval.of(target):
        assert reach.union(exact) == reach
    else:
        assert reach == exact


def test_cast_keeps_an_interval_that_wraps_as_a_whole() -> None:
    target = FixedType.parse("ap_fixed<4,4>")
    assert cast(Interval(17, 19), 0, target) == Interval(1, 3)
    assert cast(Interval(6, 9), 0, target) == Interval(-8, 7)


def test_an_empty_interval_is_refused() -> None:
    with pytest.raises(FpgaMlError) as caught:
        Interval(3, 2)
    assert str(caught.value) == "an interval from 3 to 2 holds nothing\n  do:    give its lower end first"


def test_an_interval_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Interval(0, 1).low = 5  # type: ignore[misc]
