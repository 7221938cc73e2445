"""A cast as logic: a cut with a carry, then the ends of the range; of both only what the operand's interval needs."""

from __future__ import annotations

from collections.abc import Callable

from fpga_ml.ir.kernel.cast_logic import CastLogic, width_bits
from fpga_ml.ir.kernel.wire import Wire
from fpga_ml.numerics import FixedType
from fpga_ml.rtl.signal import Bit, Signal
from fpga_ml.rtl.sv import Computed, Net, literal


def cast_items(name: str, target: FixedType, operand: Signal, source: Wire, result: Wire) -> list[Computed]:
    """The value `name` of `result`: operand, a `source` value, assigned to the target type."""
    logic = CastLogic.of(source, target)
    width, comment = result.type.width, target.cpp()
    carry = _carry(operand, source, target, logic.shift) if logic.carries else Bit("0")
    items: list[Computed] = []
    if carry.known is None:
        # Named, since a size cast of an expression would widen its operands.
        items.append(Net(f"{name}_up", 1, False, carry.bare, f"{target.rounding.value}: one more"))
        carry = Bit(f"{name}_up")
    if not logic.overflows or target.ends is None:
        return [*items, Net(name, width, result.type.signed, _rounded(operand, logic.shift, carry, width), comment)]
    if logic.rounds_to_end:
        bits = _magnitude_bits(target) + 1
        near = Signal(f"{name}_near", bits, target.signed)
        rounded = _rounded(operand, logic.shift, carry, bits)
        return [
            *items,
            Net(near.name, bits, near.signed, rounded, "rounded, right if in range"),
            Net(name, width, result.type.signed, _ended(operand, near, target, logic, width), comment),
        ]
    whole = Signal(f"{name}_whole", width_bits(logic.whole), logic.whole.low < 0)
    rounded = _rounded(operand, logic.shift, carry, whole.width_bits)
    return [
        *items,
        Net(whole.name, whole.width_bits, whole.signed, rounded, "before overflow"),
        Net(name, width, result.type.signed, _clamped(whole, target, logic, width), comment),
    ]


def _rounded(operand: Signal, shift: int, carry: Bit, width: int) -> str:
    """The low `width` bits of the rounded value."""
    cut = operand.bits(width, -shift)
    if carry.known is not None:
        return f"{cut} + {literal(1, width)}" if carry.known else cut
    return f"{cut} + {carry.text}" if width == 1 else f"{cut} + {width}'({carry.text})"


def _carry(operand: Signal, source: Wire, target: FixedType, shift: int) -> Bit:
    """The logic of `Rounding.carries`: the very function that computes it on integers, asked with bits."""
    carries: Callable[..., Bit] = target.rounding.carries
    half = operand.bit(shift - 1)
    rest = operand.any(shift - 2, 0) if shift > 1 else Bit("0")
    negative = Bit("1") if source.interval.high < 0 else operand.sign
    return carries(half, rest, negative, operand.bit(shift))


def _clamped(whole: Signal, target: FixedType, logic: CastLogic, width: int) -> str:
    """The whole value, or the end of the range that stands for it."""
    assert target.ends is not None
    low, high = target.ends
    below = _below(whole, target) if logic.below else Bit("0")
    above = _above(whole, target) if logic.above else Bit("0")
    inside = whole.bits(width)
    if logic.below and logic.above and low == high:
        return f"{(below | above).text} ? {literal(low, width)} : {inside}"
    choice = f"{above.text} ? {literal(high, width)} : {inside}" if logic.above else inside
    return f"{below.text} ? {literal(low, width)} : {choice}" if logic.below else choice


def _ended(operand: Signal, near: Signal, target: FixedType, logic: CastLogic, width: int) -> str:
    """The rounded low bits, or the end of the range beyond which the operand lies; rounding itself only reaches the upper.

    What is cut below the lower end and rounded up on to it is that end too, so nothing but the last carry waits for the sum.
    """
    assert target.ends is not None
    low, high = target.ends
    m = _magnitude_bits(target)
    above = operand.any(operand.width_bits - 1 - operand.signed, logic.shift + m) | near.bit(m)
    if operand.signed and (target.signed or not logic.below):
        above = (operand.sign ^ True) & above
    inside = near.bits(width)
    choice = f"{above.text} ? {literal(high, width)} : {inside}" if logic.above else inside
    return f"{_beneath(operand, target, logic.shift).text} ? {literal(low, width)} : {choice}" if logic.below else choice


def _beneath(operand: Signal, target: FixedType, shift: int) -> Bit:
    """Whether the lower end stands for the cut operand, rounded up or not."""
    if not target.signed:
        return operand.sign
    m = _magnitude_bits(target)
    beyond = operand.all(operand.width_bits - 2, shift + m) ^ True
    if target.min_raw != -(1 << m):
        beyond = beyond | (operand.any(shift + m - 1, shift) ^ True)
    return operand.sign & beyond


def _magnitude_bits(target: FixedType) -> int:
    return target.width - target.signed


def _above(whole: Signal, target: FixedType) -> Bit:
    """Beyond 2**m - 1: not negative, and a bit from m on set."""
    m = _magnitude_bits(target)
    if not whole.signed:
        return whole.any(whole.width_bits - 1, m)
    return (whole.sign ^ True) & whole.any(whole.width_bits - 2, m)


def _below(whole: Signal, target: FixedType) -> Bit:
    """Negative, and for a signed target beyond -2**m; a symmetric one excludes that too."""
    if not target.signed:
        return whole.sign
    m = _magnitude_bits(target)
    beyond = whole.all(whole.width_bits - 2, m) ^ True
    if target.min_raw != -(1 << m):
        beyond = beyond | (whole.any(m - 1, 0) ^ True)
    return whole.sign & beyond
