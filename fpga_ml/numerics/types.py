"""`ap_fixed` types and the exact conversion of real values to their raw integers.

A value is raw * 2**-fraction_bits, raw an integer of `width` bits. Rounding and overflow mean what AMD's
`ap_fixed<W, I, Q, O>` means (Vitis HLS user guide UG1399, "Arbitrary precision fixed-point data types"), as hls4ml's
bundled `ap_types` execute it.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from fpga_ml.errors import FpgaMlError

MAX_WIDTH_BITS = 128  # of a type that is written down; exact products on the way to one may be wider

# Whole numbers: int64 where every value of their type fits, else Python's own integers (dtype object).
Raw = npt.NDArray[Any]
Truth = TypeVar("Truth", bool, npt.NDArray[np.bool_])
Whole = TypeVar("Whole", int, Raw)


class Rounding(Enum):
    """What happens to bits below the least significant one."""

    TRN = "TRN"  # towards minus infinity
    TRN_ZERO = "TRN_ZERO"  # towards zero
    RND = "RND"  # nearest, ties towards plus infinity
    RND_ZERO = "RND_ZERO"  # nearest, ties towards zero
    RND_INF = "RND_INF"  # nearest, ties away from zero
    RND_MIN_INF = "RND_MIN_INF"  # nearest, ties towards minus infinity
    RND_CONV = "RND_CONV"  # nearest, ties to even

    def carries(self, half: Truth, rest: Truth, negative: Truth, odd: Truth) -> Truth:
        """Whether a value cut off towards minus infinity then goes up by one; the one definition of each mode.

        half: the highest bit cut off; rest: whether any bit below it was set; negative: the sign before the cut; odd: the
        lowest bit kept. Source: `quantization_adjust` in ap_fixed_base.h.
        """
        match self:
            case Rounding.TRN:
                return half & False
            case Rounding.TRN_ZERO:
                return negative & (half | rest)
            case Rounding.RND:
                return half
            case Rounding.RND_ZERO:
                return half & (rest | negative)
            case Rounding.RND_INF:
                return half & (rest | (negative ^ True))
            case Rounding.RND_MIN_INF:
                return half & rest
            case Rounding.RND_CONV:
                return half & (rest | odd)


class Overflow(Enum):
    """What happens to bits above the most significant one."""

    WRAP = "WRAP"  # they are dropped
    SAT = "SAT"  # the nearest end of the range
    SAT_ZERO = "SAT_ZERO"  # zero
    SAT_SYM = "SAT_SYM"  # as SAT, a signed range being -max..max


_MODES = "|".join(Rounding.__members__)
_OVERFLOWS = "|".join(Overflow.__members__)
_FIXED = re.compile(
    r"(?:ap_|ac_)?(?P<u>u?)fixed<(?P<width>\d+),(?P<integer>-?\d+)"
    rf"(?:,(?:AP_)?(?P<rounding>{_MODES})(?:,(?:AP_)?(?P<overflow>{_OVERFLOWS})(?:,0)?)?)?>"
)
_INT = re.compile(r"(?:ap_|ac_)?(?P<u>u?)int<(?P<width>\d+)>")


@dataclass(frozen=True)
class FixedType:
    """signed, width and integer bits (the sign bit counts as an integer bit), rounding and overflow."""

    signed: bool
    width: int
    integer: int
    rounding: Rounding = Rounding.TRN
    overflow: Overflow = Overflow.WRAP

    def __post_init__(self) -> None:
        if self.width < 1:
            raise FpgaMlError(f"a type has at least 1 bit, not {self.width}", where=f"type {self.cpp()}")

    @classmethod
    def parse(cls, text: str) -> FixedType:
        """'ap_fixed<8,5,AP_RND_CONV,AP_SAT>', 'ufixed<8,0>', 'ap_int<4>', 'uint<1>' to a type."""
        spelling = text.replace(" ", "")
        found = _INT.fullmatch(spelling) or _FIXED.fullmatch(spelling)
        if found is None:
            raise FpgaMlError(
                f"'{text}' is not a fixed-point type",
                do="write ap_fixed<width,integer[,rounding[,overflow]]>, ap_ufixed<...>, ap_int<width> or ap_uint<width>",
            )
        width, given = int(found["width"]), found.groupdict()
        if not 1 <= width <= MAX_WIDTH_BITS:
            raise FpgaMlError(
                f"a width of {width} bits is outside 1..{MAX_WIDTH_BITS}",
                where=f"type {text}",
                do="choose fewer bits (--bits, or the layer's type in fpga_ml.toml)",
            )
        rounding, overflow = given.get("rounding") or "TRN", given.get("overflow") or "WRAP"
        return cls(not found["u"], width, int(given.get("integer", width)), Rounding[rounding], Overflow[overflow])

    @classmethod
    def for_range(cls, low: float, high: float, width: int, *, signed: bool | None = None) -> FixedType:
        """The finest round-to-even, saturating type of `width` bits in which neither end overflows after rounding.

        Raises FpgaMlError for an end that is not finite.
        """
        if not (math.isfinite(low) and math.isfinite(high)):
            raise FpgaMlError(
                f"no fixed-point type holds the range {low} to {high}",
                do="remove NaN and infinite values from the weights or data it was measured on",
            )
        is_signed = low < 0 if signed is None else signed
        reach = max(abs(low), abs(high))
        integer = (math.frexp(reach)[1] if reach > 0 else 1 - width) + is_signed
        chosen = cls(is_signed, width, integer, Rounding.RND_CONV, Overflow.SAT)
        while chosen.overflows(np.array([low, high])):
            chosen = replace(chosen, integer=chosen.integer + 1)
        # -2**n fits one integer bit less than +2**n does.
        finer = replace(chosen, integer=chosen.integer - 1)
        return chosen if reach == 0 or finer.overflows(np.array([low, high])) else finer

    @classmethod
    def for_values(cls, values: npt.NDArray[np.float64], width: int, *, signed: bool | None = None) -> FixedType:
        """The round-to-even, saturating type of `width` bits with the least mean square error on the values: the finest in
        which none overflows, or a finer one in which some do. Errors are those of `for_range`."""
        best = cls.for_range(float(values.min()), float(values.max()), width, signed=signed)
        least = float(np.mean((best.quantise(values) - values) ** 2))
        while least > 0:
            finer = replace(best, integer=best.integer - 1)
            error = float(np.mean((finer.quantise(values) - values) ** 2))
            if error >= least:
                break
            best, least = finer, error
        return best

    @property
    def fraction(self) -> int:
        """Bits below the binary point; may be negative or exceed the width."""
        return self.width - self.integer

    @property
    def lsb(self) -> float:
        return math.ldexp(1.0, -self.fraction)

    @property
    def min_raw(self) -> int:
        """The least raw value; a one-bit SAT_SYM type keeps its -1, as ap_types does."""
        if not self.signed:
            return 0
        return -(1 << (self.width - 1)) + (self.overflow is Overflow.SAT_SYM and self.width > 1)

    @property
    def max_raw(self) -> int:
        return (1 << (self.width - self.signed)) - 1

    @property
    def ends(self) -> tuple[int, int] | None:
        """The raw values that stand for all below and for all above the range; None where they wrap instead."""
        match self.overflow:
            case Overflow.WRAP:
                return None
            case Overflow.SAT_ZERO:
                return 0, 0
            case Overflow.SAT | Overflow.SAT_SYM:
                return self.min_raw, self.max_raw

    @property
    def kind(self) -> type[np.int64] | type[object]:
        """The dtype of arrays of raw values."""
        return np.int64 if self.max_raw < 1 << 63 else object

    @property
    def min(self) -> float:
        return self.min_raw * self.lsb

    @property
    def max(self) -> float:
        """The greatest value; past 53 bits the double next to it, which may be beyond."""
        return self.max_raw * self.lsb

    def cpp(self) -> str:
        """The C++ spelling: ap_fixed<...> with modes where they differ from the default."""
        head = f"ap_{'' if self.signed else 'u'}fixed<{self.width},{self.integer}"
        if self.overflow is not Overflow.WRAP:
            return f"{head},AP_{self.rounding.value},AP_{self.overflow.value}>"
        return f"{head},AP_{self.rounding.value}>" if self.rounding is not Rounding.TRN else f"{head}>"

    def overflows(self, values: npt.NDArray[np.float64]) -> int:
        """How many real values leave the type's range once rounded. Raises FpgaMlError for NaN."""
        _, below, above = _whole(values, self)
        return int(np.count_nonzero(below | above))

    def raw(self, values: npt.NDArray[np.float64]) -> Raw:
        """Real values, any shape, to raw integers; exact for every finite double.

        An infinity counts as a double too large for any type: it saturates, or wraps to 0. Raises FpgaMlError for NaN.
        """
        return confined(*_whole(values, self), self)

    def real(self, raw: Raw) -> npt.NDArray[np.float64]:
        """Raw integers to the values they stand for; exact up to 53 bits, else the double next to it."""
        return np.ldexp(np.asarray(raw).astype(np.float64), -self.fraction)

    def quantise(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Real values rounded into the type."""
        return self.real(self.raw(values))

    def holds(self, values: npt.NDArray[np.float64]) -> bool:
        """True if every value is one of the type's own."""
        return bool(np.array_equal(self.quantise(values), values))


def wrapped(raw: Whole, signed: bool, width: int) -> Whole:
    """The low `width` bits, read as signed or unsigned; on int64 arrays for widths under 64."""
    bits = raw & ((1 << width) - 1)
    sign = 1 << (width - 1)
    return (bits ^ sign) - sign if signed else bits


def confined(raw: Raw, below: npt.NDArray[np.bool_], above: npt.NDArray[np.bool_], target: FixedType) -> Raw:
    """Rounded integers by the target's overflow mode; below, above: which left its range.

    They are given modulo 2**64 in int64 where that holds the target's values, else as Python integers.
    """
    if target.ends is not None:
        low, high = (np.asarray(end, target.kind) for end in target.ends)
        return np.where(above, high, np.where(below, low, raw)).astype(target.kind, copy=False)
    whole = target.width == 64 and target.kind is np.int64 and raw.dtype != object
    return np.asarray(raw if whole else wrapped(raw, target.signed, target.width), target.kind)


def _whole(values: npt.NDArray[np.float64], target: FixedType) -> tuple[Raw, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Real values rounded to whole multiples of the target's last bit, as `confined` takes them, and which left its
    range."""
    scaled = _scaled(np.asarray(values, np.float64), target)
    cut, doubled = np.floor(scaled), np.floor(2 * scaled)
    bits = _modulo(cut) if target.kind is np.int64 else _integers(cut)
    negative = np.asarray(scaled < 0)
    carries = target.rounding.carries(doubled != 2 * cut, doubled != 2 * scaled, negative, (bits & 1) != 0)
    bits = bits + carries
    if target.kind is object:
        return bits, np.asarray(bits < target.min_raw), np.asarray(bits > target.max_raw)
    below = negative & ((cut < -(2.0**63)) | (bits < target.min_raw))
    return bits, below, np.asarray(cut + carries >= float(target.max_raw + 1))


def _scaled(values: npt.NDArray[np.float64], target: FixedType) -> npt.NDArray[np.float64]:
    """values in units of the target's last bit; exact, except where so large or small that only the sign matters."""
    if np.any(np.isnan(values)):
        raise FpgaMlError(
            "NaN has no fixed-point value", where=f"type {target.cpp()}", do="remove NaN from the weights or data"
        )
    far = 2.0**1000
    with np.errstate(over="ignore", under="ignore"):
        scaled = np.clip(np.ldexp(values, target.fraction), -far, far)
    lost = (scaled == 0) & (values != 0)
    return np.where(lost, np.copysign(0.25, values), scaled)


def _integers(whole: npt.NDArray[np.float64]) -> Raw:
    """Whole numbers of any size as Python integers."""
    return np.array([int(v) for v in whole.flat], object).reshape(whole.shape)


def _modulo(whole: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Whole numbers modulo 2**64, exactly."""
    half, span = 2.0**63, 2.0**64
    if np.all((whole >= -half) & (whole < half)):
        return np.asarray(whole.astype(np.int64))
    rest = np.fmod(whole, span)
    rest = np.where(rest >= half, rest - span, rest)
    return np.where(rest < -half, rest + span, rest).astype(np.int64)
