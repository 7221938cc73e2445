"""Types: spelling, ranges, and real values in and out."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from fpga_ml.errors import FpgaMlError
from fpga_ml.numerics import FixedType, Overflow, Rounding

from .strategies import meaning, rounded, types

finite = st.floats(allow_nan=False, allow_infinity=False)
ordinary = st.floats(-1e30, 1e30, allow_nan=False)


@given(types)
def test_the_spelling_reads_back(t: FixedType) -> None:
    assert FixedType.parse(t.cpp()) == t


@given(types, st.booleans(), st.sampled_from(["", "ap_", "ac_"]))
def test_hls4ml_spells_all_modes(t: FixedType, spaced: bool, prefix: str) -> None:
    comma = ", " if spaced else ","
    parts = comma.join([str(t.width), str(t.integer), t.rounding.value, t.overflow.value, "0"])
    assert FixedType.parse(f"{prefix}{'' if t.signed else 'u'}fixed<{parts}>") == t


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ap_fixed<16,6>", FixedType(True, 16, 6)),
        ("ap_fixed<8,-3,AP_RND_CONV>", FixedType(True, 8, -3, Rounding.RND_CONV)),
        ("ap_fixed<8, 5, AP_RND_CONV, AP_SAT>", FixedType(True, 8, 5, Rounding.RND_CONV, Overflow.SAT)),
        ("ufixed<8,0,TRN,SAT_SYM>", FixedType(False, 8, 0, Rounding.TRN, Overflow.SAT_SYM)),
        ("ap_int<4>", FixedType(True, 4, 4)),
        ("ap_uint<4>", FixedType(False, 4, 4)),
        ("uint<1>", FixedType(False, 1, 1)),
    ],
)
def test_spellings(text: str, expected: FixedType) -> None:
    assert FixedType.parse(text) == expected


@pytest.mark.parametrize(
    ("t", "expected"),
    [
        (FixedType(True, 16, 6), "ap_fixed<16,6>"),
        (FixedType(False, 16, 20), "ap_ufixed<16,20>"),
        (FixedType(True, 8, -2, Rounding.RND), "ap_fixed<8,-2,AP_RND>"),
        (FixedType(True, 8, 2, overflow=Overflow.SAT_ZERO), "ap_fixed<8,2,AP_TRN,AP_SAT_ZERO>"),
    ],
)
def test_cpp_leaves_defaults_out(t: FixedType, expected: str) -> None:
    assert t.cpp() == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "float",
        "ap_fixed<8>",
        "ap_fixed<8,4",
        "ap_fixed<8,4.0>",
        "ap_fixed<8,4,AP_ROUND>",
        "ap_fixed<8,4,AP_SAT>",
        "ap_fixed<8,4,AP_RND,AP_WRAP_SM>",
        "ap_fixed<8,4,AP_TRN,AP_WRAP,1>",
        "ap_int<8,8>",
        "ap_fixed<8,4>>",
    ],
)
def test_what_is_no_type_is_named(text: str) -> None:
    with pytest.raises(FpgaMlError) as caught:
        FixedType.parse(text)
    assert str(caught.value) == (
        f"'{text}' is not a fixed-point type\n"
        "  do:    write ap_fixed<width,integer[,rounding[,overflow]]>, ap_ufixed<...>, ap_int<width> or ap_uint<width>"
    )


@pytest.mark.parametrize("width", [0, 129])
def test_a_width_out_of_bounds_is_named(width: int) -> None:
    with pytest.raises(FpgaMlError) as caught:
        FixedType.parse(f"ap_fixed<{width},6>")
    assert str(caught.value) == (
        f"a width of {width} bits is outside 1..128\n"
        f"  where: type ap_fixed<{width},6>\n"
        "  do:    choose fewer bits (--bits, or the layer's type in fpga_ml.toml)"
    )


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("ap_fixed<4,4>", -8, 7),
        ("ap_fixed<4,4,AP_TRN,AP_SAT>", -8, 7),
        ("ap_fixed<4,4,AP_TRN,AP_SAT_ZERO>", -8, 7),
        ("ap_fixed<4,4,AP_TRN,AP_SAT_SYM>", -7, 7),
        ("ap_ufixed<4,4,AP_TRN,AP_SAT_SYM>", 0, 15),
        ("ap_fixed<1,1>", -1, 0),
        ("ap_fixed<1,1,AP_TRN,AP_SAT_SYM>", -1, 0),
        ("ap_fixed<64,64>", -(2**63), 2**63 - 1),
        ("ap_ufixed<64,64>", 0, 2**64 - 1),
        ("ap_fixed<128,-20,AP_TRN,AP_SAT_SYM>", 1 - 2**127, 2**127 - 1),
    ],
)
def test_ranges(text: str, low: int, high: int) -> None:
    t = FixedType.parse(text)
    assert (t.min_raw, t.max_raw) == (low, high)


def test_derived_numbers() -> None:
    t = FixedType.parse("ap_fixed<8,3>")
    assert (t.fraction, t.lsb, t.min, t.max) == (5, 1 / 32, -4.0, 127 / 32)
    assert FixedType.parse("ap_fixed<8,11>").lsb == 8.0


@given(st.lists(finite, min_size=1, max_size=20), types)
@example([-0.49999999999999994, 0.49999999999999994], FixedType(True, 8, 8, Rounding.RND_MIN_INF))
@example([-0.49999999999999994, 0.49999999999999994], FixedType(True, 8, 8, Rounding.RND_INF))
@example([-5e-324, 5e-324], FixedType(True, 8, 80, Rounding.TRN))
@example([1e300, -1e300], FixedType(True, 60, 60, Rounding.TRN, Overflow.SAT))
@example([1e300], FixedType(False, 64, 64, Rounding.TRN, Overflow.SAT))
@example([2.0**63 - 1024, -(2.0**63)], FixedType(True, 64, 64, Rounding.TRN, Overflow.SAT_SYM))
def test_real_values_are_rounded_exactly(values: list[float], t: FixedType) -> None:
    assert t.raw(np.array(values)).tolist() == [meaning(Fraction(value), t) for value in values]


@given(st.lists(finite, min_size=1, max_size=20), types)
@example([2.0**63, 2.0**64, -1.0], FixedType(False, 64, 64))
@example([2.0**63, -(2.0**63), -(2.0**63) - 2048], FixedType(True, 64, 64))
@example([-(2.0**59), -(2.0**59) + 64], FixedType(True, 60, 60, Rounding.TRN, Overflow.SAT_SYM))
@example([7.5, 7.4, -8.5, -8.6], FixedType(True, 4, 4, Rounding.RND_CONV))
def test_overflows_are_counted_after_rounding(values: list[float], t: FixedType) -> None:
    wholes = [rounded(Fraction(v) * Fraction(2) ** t.fraction, t.rounding) for v in values]
    assert t.overflows(np.array(values)) == sum(not t.min_raw <= n <= t.max_raw for n in wholes)


@given(st.lists(st.integers(-(2**127), 2**128 - 1), min_size=1, max_size=9), st.integers(-80, 80))
def test_real_values_are_the_nearest_doubles(raws: list[int], fraction: int) -> None:
    t = FixedType(True, 129, 129 - fraction)
    want = [float(Fraction(raw) / Fraction(2) ** fraction) for raw in raws]
    assert t.real(np.array(raws, object)).tolist() == want


@given(types, st.integers())
def test_a_types_own_values_come_back(t: FixedType, seed: int) -> None:
    t = replace(t, width=min(t.width, 53))
    raw = np.array([t.min_raw, t.max_raw, 0, t.min_raw + seed % (t.max_raw - t.min_raw + 1)], np.int64)
    assert t.raw(t.real(raw)).tolist() == raw.tolist()
    assert t.holds(t.real(raw))
    assert not t.holds(t.real(raw) + t.lsb / 2)


def test_quantise_gives_the_types_values() -> None:
    t = FixedType.parse("ap_fixed<4,3,AP_RND,AP_SAT>")
    assert t.quantise(np.array([[0.25, -0.25], [9.0, -9.0]])).tolist() == [[0.5, 0.0], [3.5, -4.0]]


def test_infinities_saturate_or_wrap_to_zero() -> None:
    both = np.array([np.inf, -np.inf])
    assert FixedType.parse("ap_fixed<8,8,AP_RND,AP_SAT>").raw(both).tolist() == [127, -128]
    assert FixedType.parse("ap_fixed<8,8,AP_RND,AP_SAT_SYM>").raw(both).tolist() == [127, -127]
    assert FixedType.parse("ap_fixed<8,8,AP_RND,AP_SAT_ZERO>").raw(both).tolist() == [0, 0]
    assert FixedType.parse("ap_fixed<8,8>").raw(both).tolist() == [0, 0]
    assert FixedType.parse("ap_fixed<8,8>").overflows(both) == 2


@pytest.mark.parametrize("method", ["raw", "overflows", "quantise", "holds"])
def test_nan_is_refused(method: str) -> None:
    with pytest.raises(FpgaMlError) as caught:
        getattr(FixedType(True, 8, 4), method)(np.array([0.0, np.nan]))
    assert str(caught.value) == (
        "NaN has no fixed-point value\n  where: type ap_fixed<8,4>\n  do:    remove NaN from the weights or data"
    )


@given(ordinary, ordinary, st.integers(1, 53))
@example(0.0, 0.0, 8)
@example(-4.0, 3.0, 8)
@example(-4.0, 4.0, 8)
@example(-4.1, 0.0, 1)
@example(0.0, 127.5, 8)
@example(0.0, 255.5, 8)
def test_for_range_is_the_finest_that_does_not_overflow(a: float, b: float, width: int) -> None:
    low, high = min(a, b), max(a, b)
    t = FixedType.for_range(low, high, width)
    assert (t.width, t.signed, t.rounding, t.overflow) == (width, low < 0, Rounding.RND_CONV, Overflow.SAT)
    ends = np.array([low, high])
    assert t.overflows(ends) == 0
    if low or high:
        assert replace(t, integer=t.integer - 1).overflows(ends) > 0


@given(st.floats(0, 1e30), st.integers(2, 53))
def test_for_range_keeps_a_sign_that_is_asked_for(high: float, width: int) -> None:
    t = FixedType.for_range(0.0, high, width, signed=True)
    assert t.signed
    assert t.overflows(np.array([0.0, high])) == 0
    assume(high > 0)
    assert replace(t, integer=t.integer - 1).overflows(np.array([0.0, high])) > 0


@pytest.mark.parametrize(("low", "high"), [(0.0, math.inf), (-math.inf, 0.0), (math.nan, 1.0)])
def test_for_range_refuses_what_is_not_finite(low: float, high: float) -> None:
    with pytest.raises(FpgaMlError) as caught:
        FixedType.for_range(low, high, 8)
    assert str(caught.value) == (
        f"no fixed-point type holds the range {low} to {high}\n"
        "  do:    remove NaN and infinite values from the weights or data it was measured on"
    )
