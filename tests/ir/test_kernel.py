"""The kernel IR: folding, the text form, faults that the verifier collects, exactness beyond 64 bits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_equal

from fpga_ml.ir.kernel import Builder, Kernel, Wire, verify
from fpga_ml.ir.kernel.ops import ALL_OPS, Add, Const, Less, Mul
from fpga_ml.numerics import FixedType, Interval, Overflow, Rounding

BYTE = Wire(4, Interval(-128, 127))


def small_kernel() -> Kernel:
    b = Builder("unit")
    x, y = b.input(BYTE), b.input(BYTE)
    total = b.add(b.scale(x, 1), b.mul(y, b.const(3, 0)))
    positive = b.max(total, b.const(0, 0))
    return b.build([b.cast(positive, FixedType(False, 6, 3, Rounding.RND_CONV, Overflow.SAT))])


def test_text_form() -> None:
    assert small_kernel().text() == (
        "kernel unit(2) -> 1\n"
        "  %0 = input[0: ap_fixed<8,4>]() : f4 -128..127\n"
        "  %1 = input[1: ap_fixed<8,4>]() : f4 -128..127\n"
        "  %2 = const[3p0]() : f0 3..3\n"
        "  %3 = mul(%1, %2) : f4 -384..381\n"
        "  %4 = scale[1](%0) : f3 -128..127\n"
        "  %5 = add(%3, %4) : f4 -640..635\n"
        "  %6 = const[0p0]() : f0 0..0\n"
        "  %7 = max(%5, %6) : f4 0..635\n"
        "  %8 = cast[ap_ufixed<6,3,AP_RND_CONV,AP_SAT>](%7) : f3 0..63\n"
        "  return %8\n"
    )


def test_evaluates_as_the_formula() -> None:
    x, y = np.meshgrid(np.arange(-128, 128, 7), np.arange(-128, 128, 5))
    want = np.clip(np.rint(np.maximum(2 * x / 16 + 3 * y / 16, 0) * 8), 0, 63)
    assert_equal(small_kernel().evaluate(x.reshape(-1), y.reshape(-1))[0], want.reshape(-1))
    assert small_kernel().evaluate(5, -3) == [want.dtype.type(np.clip(np.rint(max(10 - 9, 0) / 2), 0, 63))]


def test_equal_values_are_made_once_and_dead_ones_left_out() -> None:
    b = Builder("k")
    x, y = b.input(BYTE), b.input(BYTE)
    assert b.add(x, y) == b.add(y, x)
    assert b.sub(x, y) != b.sub(y, x)
    assert b.add(x, b.const(0, 0)) == x
    assert b.mul(x, b.const(4, 0)) == b.scale(x, 2)
    assert b.add(b.const(3, 1), b.const(5, 2)) == b.const(11, 2)
    b.mul(x, y)
    assert [v.op.name for v in b.build([b.add(x, y)]).values] == ["input", "input", "add"]


def test_casts_that_change_nothing_vanish() -> None:
    b = Builder("k")
    x = b.input(BYTE)
    assert b.cast(x, FixedType(True, 10, 5)) == x
    assert b.cast(x, FixedType(True, 8, 5)) != x
    assert b.cast(b.max(x, b.const(0, 0)), FixedType(False, 7, 3)) == b.max(x, b.const(0, 0))


@pytest.mark.parametrize(
    ("low", "high", "bound", "said"), [(0, 7, 0, 0), (-4, -1, 0, 1), (0, 3, 4, 1), (4, 7, 4, 0), (-1, 0, 0, None)]
)
def test_what_is_always_or_never_less_is_a_constant(low: int, high: int, bound: int, said: int | None) -> None:
    b = Builder("less")
    made = b.value(b.less(b.input(Wire(2, Interval(low, high))), b.const(bound, 2))).op
    assert made == (Less() if said is None else Const(said, 0))


def test_verifier_collects_every_fault() -> None:
    kernel = small_kernel()
    assert verify(kernel) == []
    values = list(kernel.values)
    values[3] = replace(values[3], wire=BYTE)
    values[5] = replace(values[5], operands=(2, 9))
    values[7] = replace(values[7], operands=(5,))
    faults = verify(replace(kernel, values=tuple(values), outputs=(8, 12)))
    assert len(faults) == 4
    assert faults[0].startswith("unit %3 (mul): holds")
    assert "reads (2, 9), not only values before it" in faults[1]
    assert "1 operands, not 2" in faults[2]
    assert "output %12 does not exist" in faults[3]


def test_wide_values_stay_exact() -> None:
    b = Builder("wide")
    x = b.input(Wire(0, Interval(-(1 << 40), 1 << 40)))
    y = b.input(Wire(0, Interval(0, 1 << 20)))
    kernel = b.build([b.mul(x, y), b.mul(b.mul(x, y), b.const(5, 0))])
    a, c = np.array([(1 << 40) - 3, -(1 << 40)]), np.array([(1 << 20) - 1, 1 << 20])
    assert [int(v) for v in kernel.evaluate(a, c)[1]] == [5 * int(p) * int(q) for p, q in zip(a, c, strict=True)]


def test_operands_wider_than_their_result() -> None:
    """A comparison yields one bit, but aligns its operands to 64 bits and more first."""
    b = Builder("compare")
    x, y = b.input(Wire(60, Interval(0, 7))), b.input(Wire(0, Interval(0, 31)))
    kernel = b.build([b.less(x, y)])
    assert kernel.evaluate(3, 16) == [1]
    assert [int(v) for v in kernel.evaluate(np.array([3, 3]), np.array([16, 0]))[0]] == [1, 0]


def test_tables_in_wide_kernels() -> None:
    b = Builder("tables")
    x = b.input(Wire(0, Interval(0, 1)))
    big = b.lookup(x, [1 << 40, (1 << 40) + 1], 0, 0)
    kernel = b.build([b.mul(big, big)])
    assert [int(v) for v in kernel.evaluate(np.array([0, 1]))[0]] == [1 << 80, ((1 << 40) + 1) ** 2]


@pytest.mark.parametrize("op", ALL_OPS)
def test_every_operation_is_complete(op: type) -> None:
    """A type rule, a meaning and a docstring of its own; constants and inputs have no operands."""
    assert op.__doc__
    assert op.rule is not getattr(op.__mro__[1], "rule", None)
    assert op.arity >= 0
    if op.arity:
        assert op.evaluate is not op.__mro__[1].evaluate


def test_commutative_operations_are() -> None:
    for op in (Add(), Mul()):
        assert op.evaluate((BYTE, BYTE), 5, -7) == op.evaluate((BYTE, BYTE), -7, 5)
    assert Const(3, 2).rule() == Wire(2, Interval(3, 3))
