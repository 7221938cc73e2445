"""Which hardware a cast needs, given all that its operand can be: one analysis for the delay model and for the RTL."""

from __future__ import annotations

from dataclasses import dataclass

from fpga_ml.ir.kernel.wire import Wire
from fpga_ml.numerics import FixedType, Interval
from fpga_ml.numerics.cast import rescaled
from fpga_ml.numerics.types import Rounding


@dataclass(frozen=True)
class CastLogic:
    """shift: low bits cut off (negative: zeros appended); whole: raw values after rounding, before overflow.

    carries: whether a cut-off value can be rounded up; carry_inputs: on how many bits that depends; below, above: whether
    a whole value can leave the target's range; rounds_to_end: both, and the ends of the range are two values.
    """

    shift: int
    whole: Interval
    carries: bool
    carry_inputs: int
    below: bool
    above: bool
    rounds_to_end: bool

    @classmethod
    def of(cls, source: Wire, target: FixedType) -> CastLogic:
        shift = source.fraction - target.fraction
        low, high = (rescaled(end, shift, target.rounding) for end in (source.interval.low, source.interval.high))
        carries = shift > 0 and _rounds_up(source.interval, shift, target.rounding)
        below, above = low < target.min_raw, high > target.max_raw
        to_end = carries and (below or above) and target.ends not in (None, (0, 0))
        return cls(shift, Interval(low, high), carries, _carry_inputs(shift, target.rounding), below, above, to_end)

    @property
    def overflows(self) -> bool:
        return self.below or self.above


def _rounds_up(operand: Interval, shift: int, rounding: Rounding) -> bool:
    """False where the carry is 0 for every operand."""
    match rounding:
        case Rounding.TRN:
            return False
        case Rounding.TRN_ZERO:
            return operand.low < 0
        case Rounding.RND_MIN_INF:
            return shift > 1
        case Rounding.RND_ZERO:
            return shift > 1 or operand.low < 0
        case _:
            return True


def _carry_inputs(shift: int, rounding: Rounding) -> int:
    """Bits that are cut off, and in most modes the sign or the lowest bit kept."""
    match rounding:
        case Rounding.TRN:
            return 0
        case Rounding.RND:
            return 1
        case Rounding.RND_MIN_INF:
            return shift
        case _:
            return shift + 1


def width_bits(interval: Interval) -> int:
    """Bits that hold the interval, any number of them: signed only if it goes below zero."""
    signed = interval.low < 0
    return max(max(interval.high, ~interval.low if signed else 0).bit_length() + signed, 1)
