"""Arithmetic on arrays: what Python's integers give, in int64 wherever the reach of the operands allows it and never
beyond."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpga_ml.numerics import FixedType, Interval
from fpga_ml.numerics.exact import Exact

widths = st.integers(1, 100)
OPERATIONS = {"add": operator.add, "sub": operator.sub, "mul": operator.mul}


def drawn(data: st.DataObject, width: int) -> tuple[Exact, list[int]]:
    t = FixedType(True, width, width)
    raws = data.draw(st.lists(st.integers(t.min_raw, t.max_raw), min_size=3, max_size=3))
    return Exact.of(np.array(raws, t.kind), t), raws


def fits(reach: Interval) -> bool:
    return reach.low >= -(2**63) and reach.high < 2**63


@pytest.mark.parametrize("name", OPERATIONS)
@given(st.data(), widths, widths)
def test_two_operands(name: str, data: st.DataObject, first: int, second: int) -> None:
    operation: Callable[[Any, Any], Any] = OPERATIONS[name]
    (a, left), (b, right) = drawn(data, first), drawn(data, second)
    found = operation(a, b)
    assert found.raw.tolist() == [operation(p, q) for p, q in zip(left, right, strict=True)]
    assert found.reach == getattr(a.reach, name)(b.reach)
    assert fits(found.reach) or found.raw.dtype == object
    if max(first, second) <= 64 and fits(found.reach):
        assert found.raw.dtype == np.int64


@given(st.data(), widths, st.integers(0, 70), st.integers(-(2**70), 2**70), st.integers(0, 2**70))
def test_one_operand(data: st.DataObject, width: int, bits: int, low: int, span: int) -> None:
    a, raws = drawn(data, width)
    assert (a << bits).raw.tolist() == [raw << bits for raw in raws]
    assert (-a).raw.tolist() == [-raw for raw in raws]
    assert a.sum(3).raw.item() == sum(raws)
    clipped = a.clip(low, low + span)
    assert clipped.raw.tolist() == [min(max(raw, low), low + span) for raw in raws]
    assert all(clipped.reach.low <= raw <= clipped.reach.high for raw in clipped.raw.tolist())


@given(st.data(), widths, widths)
def test_a_choice(data: st.DataObject, first: int, second: int) -> None:
    (a, left), (b, right) = drawn(data, first), drawn(data, second)
    assert a.over(b).tolist() == [p > q for p, q in zip(left, right, strict=True)]
    assert a.where(a.over(b), b).raw.tolist() == [max(pair) for pair in zip(left, right, strict=True)]
    assert a.extreme(np.minimum, b).raw.tolist() == [min(pair) for pair in zip(left, right, strict=True)]


def test_the_reach_decides_not_the_values() -> None:
    narrow, wide = FixedType(True, 32, 32), FixedType(True, 33, 33)
    one = np.array([1])
    assert (Exact.of(one, narrow) * Exact.of(one, narrow)).raw.dtype == np.int64
    assert (Exact.of(one, wide) * Exact.of(one, narrow)).raw.dtype == object
    assert Exact.of(np.array([2**62 - 1] * 4), FixedType(True, 63, 63)).sum(4).raw.item() == 4 * (2**62 - 1)
