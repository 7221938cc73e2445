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

import numpy as np
import numpy.typing as npt

from fpga_ml.errors import FpgaMlError

MAX_WIDTH_BITS = 64


class Rounding(Enum):
    """What happens to bits below the least significant one."""

    TRN = "TRN"  # towards minus infinity
    TRN_ZERO = "TRN_ZERO"  # towards zero
    RND = "RND"  # nearest, ties towards plus infinity
    RND_ZERO = "RND_ZERO"  # nearest, ties towards zero
    RND_INF = "RND_INF"  # nearest, ties away from zero
    RND_MIN_INF = "RND_MIN_INF"  # nearest, ties towards minus infinity
    RND_CONV = "RND_CONV"  # nearest, ties to even


class Overflow(Enum):
    """What happens to bits above the most significant one."""

    WRAP = "WRAP"
    SAT = "SAT"
    SAT_ZERO = "SAT_ZERO"
    SAT_SYM = "SAT_SYM"


_TYPE = re.compile(
    r"^(?:ap_|ac_)?(?P<u>u?)(?P<kind>fixed|int)<\s*(?P<args>[^<>]*)>$",
)


@dataclass(frozen=True)
class FixedType:
    """signed, width and integer bits (the sign bit counts as an integer bit), rounding and overflow."""

    signed: bool
    width: int
    integer: int
    rounding: Rounding = Rounding.TRN
    overflow: Overflow = Overflow.WRAP

    def __post_init__(self) -> None:
        if not 1 <= self.width <= MAX_WIDTH_BITS:
            raise FpgaMlError(
                f"a width of {self.width} bits is outside 1..{MAX_WIDTH_BITS}",
                where=f"type {self.cpp()}",
                do="choose fewer bits (--bits, or the layer's type in fpga_ml.toml)",
            )

    @classmethod
    def parse(cls, text: str) -> FixedType:
        """'ap_fixed<8,5,AP_RND_CONV,AP_SAT>', 'ufixed<8,0>', 'ap_int<4>', 'uint<1>' to a type."""
        found = _TYPE.match(text.replace(" ", ""))
        args = found["args"].split(",") if found else []
        try:
            assert found is not None
            numbers = [int(a) for a in args[: 1 if found["kind"] == "int" else 2]]
            width, integer = (numbers[0], numbers[0]) if found["kind"] == "int" else (numbers[0], numbers[1])
            modes = [a.removeprefix("AP_") for a in args[len(numbers) :] if a != "0"]
            rounding = Rounding[modes[0]] if modes else Rounding.TRN
            overflow = Overflow[modes[1]] if len(modes) > 1 else Overflow.WRAP
        except (AssertionError, ValueError, KeyError, IndexError) as error:
            raise FpgaMlError(
                f"'{text}' is not a fixed-point type",
                do="write ap_fixed<width,integer[,rounding[,overflow]]>, ap_ufixed<...>, ap_int<width> or ap_uint<width>",
            ) from error
        return cls(not found["u"], width, integer, rounding, overflow)

    @classmethod
    def for_range(cls, low: float, high: float, width: int, *, signed: bool | None = None) -> FixedType:
        """The finest round-to-even, saturating type of `width` bits in which neither end overflows after rounding."""
        is_signed = low < 0 if signed is None else signed
        reach = max(abs(low), abs(high))
        integer = (math.frexp(reach)[1] if reach > 0 else 1 - width) + is_signed
        chosen = cls(is_signed, width, integer, Rounding.RND_CONV, Overflow.SAT)
        while chosen.overflows(np.array([low, high])):
            chosen = replace(chosen, integer=chosen.integer + 1)
        # -2**n fits one integer bit less than +2**n does.
        finer = replace(chosen, integer=chosen.integer - 1)
        return chosen if reach == 0 or finer.overflows(np.array([low, high])) else finer

    @property
    def fraction(self) -> int:
        """Bits below the binary point; may be negative or exceed the width."""
        return self.width - self.integer

    @property
    def lsb(self) -> float:
        return math.ldexp(1.0, -self.fraction)

    @property
    def min_raw(self) -> int:
        if not self.signed:
            return 0
        return -(1 << (self.width - 1)) + (self.overflow is Overflow.SAT_SYM)

    @property
    def max_raw(self) -> int:
        return (1 << (self.width - self.signed)) - 1

    @property
    def min(self) -> float:
        return self.min_raw * self.lsb

    @property
    def max(self) -> float:
        return self.max_raw * self.lsb

    def cpp(self) -> str:
        """The C++ spelling: ap_fixed<...> with modes where they differ from the default."""
        head = f"ap_{'' if self.signed else 'u'}fixed<{self.width},{self.integer}"
        if self.overflow is not Overflow.WRAP:
            return f"{head},AP_{self.rounding.value},AP_{self.overflow.value}>"
        return f"{head},AP_{self.rounding.value}>" if self.rounding is not Rounding.TRN else f"{head}>"

    def overflows(self, values: npt.NDArray[np.float64]) -> int:
        """How many real values leave the type's range once rounded."""
        rounded = _round(np.ldexp(np.asarray(values, np.float64), self.fraction), self.rounding)
        return int(np.count_nonzero((rounded < self.min_raw) | (rounded > self.max_raw)))

    def raw(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """Real values, any shape, to raw integers; exact for |value| < 2**(53 - fraction bits)."""
        rounded = _round(np.ldexp(np.asarray(values, np.float64), self.fraction), self.rounding)
        return _overflow(rounded, self)

    def real(self, raw: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Raw integers to the values they stand for; exact up to 53 bits."""
        return np.ldexp(np.asarray(raw, np.float64), -self.fraction)

    def quantise(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Real values rounded into the type."""
        return self.real(self.raw(values))

    def holds(self, values: npt.NDArray[np.float64]) -> bool:
        """True if every value is one of the type's own."""
        return bool(np.array_equal(self.quantise(values), values))


def _round(scaled: npt.NDArray[np.float64], mode: Rounding) -> npt.NDArray[np.float64]:
    floor = np.floor(scaled)
    if mode is Rounding.TRN:
        return floor
    if mode is Rounding.TRN_ZERO:
        return np.trunc(scaled)
    if mode is Rounding.RND_CONV:
        return np.rint(scaled)
    rest = scaled - floor
    up = {
        Rounding.RND: np.True_,
        Rounding.RND_ZERO: scaled < 0,
        Rounding.RND_INF: scaled > 0,
        Rounding.RND_MIN_INF: np.False_,
    }[mode]
    return floor + ((rest > 0.5) | ((rest == 0.5) & up))


def _overflow(rounded: npt.NDArray[np.float64], t: FixedType) -> npt.NDArray[np.int64]:
    outside = (rounded < t.min_raw) | (rounded > t.max_raw)
    if t.overflow is Overflow.WRAP:
        span = 2.0**t.width
        wrapped = rounded - span * np.floor(rounded / span)
        if t.signed:
            wrapped = np.where(wrapped >= span / 2, wrapped - span, wrapped)
        return np.where(outside, wrapped, rounded).astype(np.int64)
    if t.overflow is Overflow.SAT_ZERO:
        return np.where(outside, 0.0, rounded).astype(np.int64)
    return np.clip(rounded, t.min_raw, t.max_raw).astype(np.int64)
