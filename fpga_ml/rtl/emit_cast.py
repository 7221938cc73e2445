"""A cast as logic: a cut with a carry, then the ends of the range; of both only what the operand's interval needs."""

from __future__ import annotations

from collections.abc import Callable

from fpga_ml.ir.kernel.wire import Wire
from fpga_ml.numerics import FixedType
from fpga_ml.rtl.signal import Bit, Signal
from fpga_ml.rtl.sv import Computed, Net, literal
from fpga_ml.schedule.cast_logic import CastLogic, width_bits


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
