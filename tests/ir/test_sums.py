"""The order of sums: the same values, the least depth, and few bits of adders."""

from __future__ import annotations

import numpy as np
import pytest

from fpga_ml.ir.kernel import Builder, Kernel, Wire, verify
from fpga_ml.ir.kernel.ops import Add, Const, Input, Scale, Sub
from fpga_ml.ir.kernel.sums import passing_bits
from fpga_ml.numerics import FixedType

NIBBLE, BYTE = FixedType.parse("ap_fixed<4,4>"), FixedType.parse("ap_fixed<8,8>")


def depth(kernel: Kernel) -> int:
    levels: list[int] = []
    for v in kernel.values:
        levels.append(max((levels[k] for k in v.operands), default=0) + (not isinstance(v.op, (Input, Const, Scale))))
    return max(levels[k] for k in kernel.outputs)


def adder_bits(kernel: Kernel) -> int:
    return sum(
        v.wire.type.width - passing_bits(v.op, kernel.wires(n))
        for n, v in enumerate(kernel.values)
        if isinstance(v.op, (Add, Sub))
    )


def least_depth(levels: list[int]) -> int:
    """By merging the two that are there first, again and again."""
    waiting = sorted(levels)
    while len(waiting) > 1:
        a, b, *waiting = waiting
        waiting = sorted([*waiting, max(a, b) + 1])
    return waiting[0]


@pytest.mark.parametrize("seed", range(30))
def test_random_sums(seed: int) -> None:
    """Sums of sums, of which some are read twice, with late operands, signs, shifts and constants."""
    rng = np.random.default_rng(seed)
    b, count = Builder("sums"), int(rng.integers(3, 9))
    x = rng.integers(-8, 8, (count, 100))
    known = [(b.input(Wire.of(NIBBLE)), row.astype(float)) for row in x]
    constant = int(rng.integers(-9, 10))
    known.append((b.const(constant, 1), np.full(100, constant / 2)))
    for _ in range(int(rng.integers(2, 30))):
        (one, a), (other, c) = (known[k] for k in rng.integers(0, len(known), 2))
        match int(rng.integers(5)):
            case 0:
                known.append((b.max(one, other), np.maximum(a, c)))
            case 1:
                bits = int(rng.integers(-3, 4))
                known.append((b.scale(one, bits), a * 2.0**bits))
            case 2:
                known.append((b.add(one, other), a + c))
            case _:
                known.append((b.sub(one, other), a - c))
    ends = known[-3:]
    kernel = b.build([number for number, _ in ends])
    assert verify(kernel) == []
    for raw, number, (_, wanted) in zip(kernel.evaluate(*x), kernel.outputs, ends, strict=True):
        got = np.ldexp(np.asarray(raw, float) * np.ones(100), -kernel.values[number].wire.fraction)
        assert np.array_equal(got, wanted)


@pytest.mark.parametrize("levels", [[0] * 5, [0, 0, 0, 0, 3], [2, 1, 0], [4, 4, 0, 0, 0, 0], [0] * 40, [1, 0, 1, 5, 5]])
def test_depth_is_the_least(levels: list[int]) -> None:
    """A chain, which is what is given, would be as deep as it is long."""
    b = Builder("late")
    total = b.const(0, 0)
    for level in levels:
        operand = b.input(Wire.of(NIBBLE))
        for _ in range(level):
            operand = b.max(operand, b.input(Wire.of(NIBBLE)))
        total = b.add(total, operand)
    kernel = b.build([total])
    assert depth(kernel) == least_depth(levels)
    assert sum(isinstance(v.op, Add) for v in kernel.values) == len(levels) - 1


def test_bits_below_the_other_operand_pass_by() -> None:
    """A coarse and a fine operand go first where a third one overlaps both: 4 bits are added, not 8."""
    b = Builder("apart")
    fine, coarse, wide = b.input(Wire.of(NIBBLE)), b.scale(b.input(Wire.of(NIBBLE)), 4), b.input(Wire.of(BYTE))
    kernel = b.build([b.add(b.add(wide, fine), coarse)])
    first = next(v for v in kernel.values if isinstance(v.op, Add))
    assert {kernel.values[k].wire.type.width for k in first.operands} == {4}
    assert adder_bits(kernel) < 9 + 10


def test_what_something_else_reads_is_made_once() -> None:
    b = Builder("shared")
    x = [b.input(Wire.of(NIBBLE)) for _ in range(4)]
    shared = b.add(x[0], x[1])
    kernel = b.build([b.add(shared, x[2]), b.add(shared, x[3])])
    assert sum(isinstance(v.op, Add) for v in kernel.values) == 3
