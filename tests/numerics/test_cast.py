"""Casts equal ap_types in every bit: Python integers, NumPy int64 and doubles."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fpga_ml.errors import FpgaMlError
from fpga_ml.numerics import FixedType, Overflow, Rounding, cast_array, cast_raw

from .oracle import Oracle, Pair, pairs
from .strategies import fractions, int64s, meaning, types

PAIRS = pairs()
IN_INT64 = [p for p in PAIRS if p.source.kind is np.int64]
IN_DOUBLE = [p for p in IN_INT64 if p.source.width <= 53]

SPECIAL = [
    *(0.0, -0.0, 0.49999999999999994, -0.49999999999999994, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5),
    *(5e-324, -5e-324, 1e-300, -1e-300, 1e300, -1e300, np.inf, -np.inf),
    *(2.0**53, -(2.0**53), 2.0**62, 2.0**63, -(2.0**63), -(2.0**63) - 2048, 2.0**64, -(2.0**64), 2.0**64 - 2048),
]


def differences(pair: Pair, inputs: Sequence[object], expected: Sequence[int], got: Sequence[int]) -> list[str]:
    """One line for each vector on which a road leaves ap_types."""
    rows = zip(inputs, expected, got, strict=True)
    return [f"{pair}: {value!r} gives {b}, ap_types {a}" for value, a, b in rows if a != b]


def doubles(pair: Pair) -> npt.NDArray[np.float64]:
    """The pair's fixed vectors as real values, and doubles that are extreme for any type."""
    scale = 2.0**-pair.source.fraction
    last_bit = 2.0**-pair.target.fraction
    return np.array([*(raw * scale for raw in pair.raws), *SPECIAL, *(value * last_bit for value in SPECIAL)])


def test_every_mode_and_sign_is_among_the_types() -> None:
    covered = {(p.source.signed, p.target.signed, p.target.rounding, p.target.overflow) for p in PAIRS}
    assert covered == set(itertools.product((False, True), (False, True), Rounding, Overflow))


def test_python_integers_equal_ap_types(oracle: Oracle) -> None:
    found = []
    for p in PAIRS:
        got = [cast_raw(raw, p.source.fraction, p.target) for raw in p.raws]
        found += differences(p, p.raws, oracle.assign(p, p.raws), got)
    assert found == []


def test_arrays_equal_ap_types(oracle: Oracle) -> None:
    found = []
    for p in PAIRS:
        got = cast_array(np.array(p.raws, p.source.kind), p.source.fraction, p.target)
        assert got.dtype == p.target.kind
        found += differences(p, p.raws, oracle.assign(p, p.raws), got.tolist())
    assert found == []


def test_doubles_equal_ap_types(oracle: Oracle) -> None:
    found = []
    for p in IN_DOUBLE:
        values = doubles(p)
        found += differences(p, values.tolist(), oracle.convert(p, values), p.target.raw(values).tolist())
    assert found == []


@given(st.data())
def test_any_raw_equals_ap_types(oracle: Oracle, data: st.DataObject) -> None:
    p = data.draw(st.sampled_from(IN_INT64), "types")
    raws = data.draw(st.lists(st.integers(p.source.min_raw, p.source.max_raw), min_size=1, max_size=20), "raws")
    expected = oracle.assign(p, raws)
    assert [cast_raw(raw, p.source.fraction, p.target) for raw in raws] == expected
    assert cast_array(np.array(raws, np.int64), p.source.fraction, p.target).tolist() == expected


@given(st.sampled_from(IN_INT64), st.lists(st.floats(allow_nan=False), min_size=1, max_size=20))
def test_any_double_equals_ap_types(oracle: Oracle, pair: Pair, values: list[float]) -> None:
    assert pair.target.raw(np.array(values)).tolist() == oracle.convert(pair, np.array(values))


def _swaps(field: str, modes: Iterable[Rounding | Overflow]) -> list[object]:
    return [pytest.param(field, a, b, id=f"{a.value}-for-{b.value}") for a, b in itertools.permutations(modes, 2)]


@pytest.mark.parametrize(("field", "planted", "right"), [*_swaps("rounding", Rounding), *_swaps("overflow", Overflow)])
def test_the_oracle_catches_a_mode_taken_for_another(
    oracle: Oracle, field: str, planted: Rounding | Overflow, right: Rounding | Overflow
) -> None:
    under_test = [p for p in PAIRS if getattr(p.target, field) is right]
    wrong: dict[str, Any] = {field: planted}
    assert any(_caught(oracle, p, replace(p.target, **wrong)) for p in under_test)


def _caught(oracle: Oracle, pair: Pair, wrong: FixedType) -> bool:
    return oracle.assign(pair, pair.raws) != [cast_raw(raw, pair.source.fraction, wrong) for raw in pair.raws]


def _half_up_in_every_mode(raw: int, p: Pair) -> int:
    return cast_raw(raw + (1 << max(p.shift - 1, 0)), p.source.fraction, replace(p.target, rounding=Rounding.TRN))


def _wrap_one_bit_early(raw: int, p: Pair) -> int:
    return cast_raw(raw, p.source.fraction, replace(p.target, width=max(p.target.width - 1, 1)))


@pytest.mark.parametrize("broken", [_half_up_in_every_mode, _wrap_one_bit_early])
def test_the_oracle_catches_broken_arithmetic(oracle: Oracle, broken: Callable[[int, Pair], int]) -> None:
    assert any(oracle.assign(p, p.raws) != [broken(raw, p) for raw in p.raws] for p in PAIRS)


@given(st.integers(-(2**200), 2**200), fractions, types)
def test_integers_of_any_size_mean_what_the_guide_says(raw: int, source_fraction: int, target: FixedType) -> None:
    assert cast_raw(raw, source_fraction, target) == meaning(Fraction(raw) / Fraction(2) ** source_fraction, target)


@given(st.lists(int64s, min_size=1, max_size=20), fractions, types)
@example([-(2**63), -1, 0, 1, 2**63 - 1], 64, FixedType(True, 8, 8, Rounding.RND_INF))
@example([-(2**63), -1, 0, 1, 2**63 - 1], 65, FixedType(True, 8, 8, Rounding.RND_INF))
@example([-(2**63), -1, 0, 1, 2**63 - 1], 66, FixedType(True, 8, 8, Rounding.TRN_ZERO))
@example([-(2**63), -1, 0, 1, 2**63 - 1], 0, FixedType(True, 64, 0, Rounding.TRN, Overflow.SAT))
@example([-(2**63), -1, 0, 1, 2**63 - 1], -1, FixedType(True, 64, 64, Rounding.TRN, Overflow.SAT_SYM))
@example([-1, 0, 1], 0, FixedType(False, 64, 0, Rounding.TRN, Overflow.SAT_ZERO))
@example([2**63 - 1], -2, FixedType(False, 64, 64, Rounding.TRN, Overflow.SAT))
def test_arrays_equal_python_integers(raws: list[int], source_fraction: int, target: FixedType) -> None:
    expected = [cast_raw(raw, source_fraction, target) for raw in raws]
    assert cast_array(np.array(raws, np.int64), source_fraction, target).tolist() == expected
    assert cast_array(np.array(raws, object), source_fraction, target).tolist() == expected


@given(st.lists(st.integers(-(2**140), 2**140), min_size=1, max_size=20), fractions, types)
def test_arrays_of_python_integers_are_exact(raws: list[int], source_fraction: int, target: FixedType) -> None:
    expected = [meaning(Fraction(raw) / Fraction(2) ** source_fraction, target) for raw in raws]
    found = cast_array(np.array(raws, object), source_fraction, target)
    assert found.dtype == (np.int64 if target.max_raw < 2**63 else object)
    assert found.tolist() == expected


@given(types, st.integers())
def test_a_cast_into_the_same_type_changes_nothing(t: FixedType, seed: int) -> None:
    raw = t.min_raw + seed % (t.max_raw - t.min_raw + 1)
    assert cast_raw(raw, t.fraction, t) == raw


def test_arrays_keep_their_shape() -> None:
    target = FixedType.parse("ap_fixed<4,4,AP_RND,AP_SAT>")
    for shape in ((), (0,), (3,), (2, 3, 4)):
        for source_fraction in (-3, 0, 3):
            given_raws = np.full(shape, 9, np.int64)
            result = cast_array(given_raws, source_fraction, target)
            assert isinstance(result, np.ndarray)
            assert result.shape == shape
            assert result.dtype == np.int64
            assert np.all(given_raws == 9)


def test_narrow_and_unsigned_integers_are_taken_by_value() -> None:
    target = FixedType.parse("ap_fixed<20,20>")
    for dtype in (np.int8, np.uint8, np.int32, np.uint64):
        assert cast_array(np.array([100, 7], dtype), -4, target).tolist() == [1600, 112]


def _message(raw: npt.NDArray[Any], source_fraction: int, target: str) -> str:
    with pytest.raises(FpgaMlError) as caught:
        cast_array(raw, source_fraction, FixedType.parse(target))
    return str(caught.value)


def test_what_is_no_integer_is_named() -> None:
    assert _message(np.array([0.5]), 0, "ap_fixed<8,4>") == (
        "an array of float64 holds no raw fixed-point values, which are whole numbers\n"
        "  do:    convert real values with FixedType.raw"
    )


def test_what_int64_does_not_hold_is_a_python_integer() -> None:
    assert cast_array(np.array([2**63], np.uint64), 0, FixedType.parse("ap_fixed<8,4>")).tolist() == [0]
    assert cast_array(np.array([-1]), 0, FixedType.parse("ap_ufixed<64,64>")).tolist() == [2**64 - 1]
    assert cast_array(np.array(-1), -3, FixedType.parse("ap_fixed<128,120>")).item() == -(2**11)
