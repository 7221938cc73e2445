"""Fixed-point designs of the pixel-likelihood kernel: every width and table, in one place for all that compute with them.

A table with linear interpolation has its nodes below (above) a convex (concave) function by a twelfth of the second
difference, so that the error of its chords has no mean: what would add up over a patch is the mean, not the spread.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import xlogy

from fpga_ml.errors import FpgaMlError, suggest
from fpga_ml.numerics import FixedType, Overflow, Rounding

Ints = npt.NDArray[np.int64]
MONOMIALS = 6
"""Coefficients of a component, and its moments: 1, x, y, x^2, x y, y^2 in this order."""
COUNT, BACKGROUND, MASK = range(3)
"""Of a pixel's elements. All have the type of the rate; of the mask only the units bit is read: it is 1 where the pixel does
not count."""
PIXEL = 3
"""How many elements a pixel has."""
VALUE, MOMENTS, OVERFLOW = OUTPUTS = ("value", "moments", "overflow")
_EXACT_BITS = 53  # of a double, through which C-simulation hands its results
_WORD_BITS = 64  # in which the kernel is evaluated
_DEVIANCE_FRACTION = 26  # sums of thousands of pixels then stay within 64 bits
_GUARD_BITS = 2  # of the mantissa, below the last bit of one over it


@dataclass(frozen=True)
class Table:
    """index_bits: of the address; fraction: bits of the entries; interpolated: between entries, else the middle of each."""

    index_bits: int
    fraction: int
    interpolated: bool = True


@dataclass(frozen=True)
class Entries:
    """values[i], or values[i] + slopes[i] * remainder, with slopes to the next entry; raw. slopes: None: not
    interpolated."""

    values: Ints
    slopes: Ints | None

    def at(self, address: Ints, remainder_bits: int) -> Ints:
        """For addresses with so many bits below the index; half-way cases are rounded up."""
        index = address >> remainder_bits
        found: Ints = self.values[index]
        if self.slopes is None or remainder_bits == 0:
            return found
        rest = address & ((1 << remainder_bits) - 1)
        return found + rounded(self.slopes[index] * rest, remainder_bits)


def rounded(raw: Ints, bits: int) -> Ints:
    """raw * 2**-bits to the nearest integer, half-way cases up (RND)."""
    return (raw + (1 << (bits - 1))) >> bits if bits > 0 else raw << -bits


@dataclass(frozen=True)
class Design:
    """Bits of everything; `_fraction`: below the binary point, `_integer`: above it, without the sign.

    coefficient: of C_k, whose constants, slopes (of x, y) and curvatures (of x^2, xy, y^2) have ranges of their own;
    exponent: q_k = C_k . m rounded; rate: of counts, background, G_k and their sum E in electrons; residual: t = (count - E)
    / E; product: t G_k. exp: of 2^x for x in [0, 1); reciprocal: of 1 / x for x in [1, 2), not above 1; chi: of t in [-1,
    3), beyond which each octave of 1 + t has half as many entries.
    """

    coefficient_fraction: int
    exponent_fraction: int
    exp: Table
    rate_fraction: int
    reciprocal: Table
    residual_fraction: int
    chi: Table
    product_fraction: int
    rate_integer: int = 17
    residual_integer: int = 7
    constant_integer: int = 11
    slope_integer: int = 7
    curvature_integer: int = 3

    def __post_init__(self) -> None:
        for name, least in (("exponent_fraction", self.exp.index_bits), ("residual_fraction", self.chi.index_bits - 2)):
            if getattr(self, name) < least:
                raise FpgaMlError(
                    f"{name} = {getattr(self, name)} addresses fewer entries than its table has ({least} bits)",
                    where="design of the Celeste kernel",
                    do="give it more bits, or the table fewer",
                )
        if self.coefficient_fraction <= self.exponent_fraction or self.rate_bits <= self.reciprocal.index_bits:
            raise FpgaMlError(
                "coefficients need more fraction bits than exponents, the rate more bits than one over it has entries",
                where="design of the Celeste kernel",
                do="change coefficient_fraction, rate_fraction or the reciprocal table",
            )
        quotient = self.rate_bits + self.residual_integer + self.reciprocal.fraction + 2
        term = self.rate_integer + self.residual_integer + 2 + max(self.product_fraction, self.deviance_fraction)
        power = self.exp.fraction + 1 + (1 << self.exponent_bits)
        if max(quotient, term, power) > _WORD_BITS:
            raise FpgaMlError(
                f"its products need more than {_WORD_BITS} bits",
                where="design of the Celeste kernel",
                do="choose fewer bits for the rate, the residual or the tables",
            )

    @classmethod
    def of(cls, design: Design | str | dict[str, Any]) -> Design:
        """A preset by name, a design as `as_dict` writes it, or a design as it is."""
        if isinstance(design, Design):
            return design
        if isinstance(design, str):
            if design not in PRESETS:
                raise FpgaMlError(f"unknown design '{design}' of the Celeste kernel", do=suggest(design, PRESETS))
            return PRESETS[design]
        given: dict[str, Any] = {k: Table(**v) if isinstance(v, dict) else v for k, v in design.items()}
        return cls(**given)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    # Types

    @property
    def rate_bits(self) -> int:
        return self.rate_integer + self.rate_fraction

    @property
    def coefficient(self) -> FixedType:
        """Of all coefficients as they come in."""
        integer = 1 + max(self.constant_integer, self.slope_integer, self.curvature_integer)
        return FixedType(True, integer + self.coefficient_fraction, integer, Rounding.RND_CONV, Overflow.SAT)

    @property
    def bounds(self) -> tuple[int, ...]:
        """Of each coefficient, raw: it is in its range if it is smaller in magnitude."""
        constant, slope, curve = (
            (1 << (i + self.coefficient_fraction)) - 1
            for i in (self.constant_integer, self.slope_integer, self.curvature_integer)
        )
        return constant, slope, slope, curve, curve, curve

    def exponent(self, rows: int, columns: int) -> FixedType:
        """Of q_k, exact; its largest value is beyond all that coefficients within their ranges give."""
        reach = int((np.abs(offsets((rows, columns))) @ np.array(self.bounds)).max())
        width = reach.bit_length() + 1 + (reach == (1 << reach.bit_length()) - 1)
        return FixedType(True, width, width - self.coefficient_fraction)

    @property
    def lowest_exponent(self) -> int:
        """2**(this + 1) is less than half of the rate's last bit."""
        return -self.rate_fraction - 2

    @property
    def exponent_bits(self) -> int:
        """Integer bits of an exponent that is counted from the lowest one."""
        return (self.rate_integer - self.lowest_exponent).bit_length()

    @property
    def rate(self) -> FixedType:
        """Of counts, background, G_k and E."""
        return FixedType(False, self.rate_bits, self.rate_integer, Rounding.RND_CONV, Overflow.SAT)

    @property
    def mantissa_bits(self) -> int:
        """Of the rate, below its leading one, that the table of one over it is given."""
        wanted = self.reciprocal.fraction + _GUARD_BITS if self.reciprocal.interpolated else self.reciprocal.index_bits
        return min(wanted, self.rate_bits - 1)

    @property
    def shifted(self) -> FixedType:
        """Of count - E, shifted as E is to bring its leading one to 1; saturates beyond any residual in its range."""
        integer = self.residual_integer + 2
        return FixedType(True, integer + self.rate_bits - 1, integer, overflow=Overflow.SAT)

    @property
    def ratio(self) -> FixedType:
        """Of 1 + t."""
        width = self.residual_integer + self.residual_fraction
        return FixedType(False, width, self.residual_integer, Rounding.RND, Overflow.SAT)

    @property
    def product(self) -> FixedType:
        """Of t G_k, which is smaller than twice the largest rate, since G_k <= E."""
        integer = self.rate_integer + 2
        return FixedType(True, integer + self.product_fraction, integer, Rounding.RND)

    @property
    def deviance_fraction(self) -> int:
        """Of (count - E) t chi(t): exact behind the rounding of (count - E) t to the rate's, or fewer where sums of it would
        be too wide."""
        return min(self.rate_fraction + self.chi.fraction, _DEVIANCE_FRACTION)

    @property
    def term(self) -> FixedType:
        """What holds every term of a pixel: t G_k, the deviance and the flag."""
        fraction = max(self.product_fraction, self.deviance_fraction)
        integer = self.rate_integer + self.residual_integer + 2
        return FixedType(True, integer + fraction, integer)

    def fraction_of(self, output: str) -> int:
        """Of what is added up to an output."""
        return {VALUE: self.deviance_fraction, MOMENTS: self.product_fraction, OVERFLOW: 0}[output]

    def result(self, output: str, rows: int, columns: int) -> FixedType:
        """Of an output: the log-likelihood of a patch, all moments, the number of pixels in which something was out of its
        range."""
        if output == OVERFLOW:
            bits = (rows * columns).bit_length()
            return FixedType(False, bits, bits)
        if output == VALUE:
            return _sum_type(self.term.integer, self.deviance_fraction, rows * columns)
        return _sum_type(self.product.integer, self.product_fraction, int(np.abs(offsets((rows, columns))).sum(0).max()))

    # Tables

    @cached_property
    def exp_entries(self) -> Entries:
        return _entries(self.exp, _steps(0, 1, self.exp.index_bits), np.exp2)

    @cached_property
    def reciprocal_entries(self) -> Entries:
        return _entries(self.reciprocal, _steps(1, 2, self.reciprocal.index_bits), lambda x: 1 / x)

    @cached_property
    def chi_entries(self) -> Entries:
        """Addressed by 1 + t below 4, then by octave."""
        near, half = _steps(0, 4, self.chi.index_bits), 1 << (self.chi.index_bits - 1)
        octaves = [near[half + 1 :] * 2.0**s for s in range(1, self.residual_integer - 1)]
        return _entries(self.chi, np.concatenate([near, *octaves]), lambda u: chi(u - 1))

    @property
    def chi_remainder_bits(self) -> int:
        return self.residual_fraction + 2 - self.chi.index_bits


def offsets(shape: tuple[int, int]) -> Ints:
    """(H W, 6) monomials 1, x, y, x^2, x y, y^2 of the pixel offsets of a patch, in raster order."""
    y, x = np.indices(shape, dtype=np.int64).reshape(2, -1) - np.array([[shape[0] // 2], [shape[1] // 2]])
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)


def chi(t: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """((1 + t) log(1 + t) - t) / t^2, with which (count - E) t chi(t) is the deviance count log(count / E) - count + E."""
    small = np.abs(t) < 1e-2
    far = np.where(small, 1.0, t)
    exact = (xlogy(1 + far, 1 + far) - far) / far**2
    series = sum((-t) ** k / ((k + 1) * (k + 2)) for k in range(12))
    return np.where(small, series, exact)


def _steps(low: float, high: float, bits: int) -> npt.NDArray[np.float64]:
    return np.linspace(low, high, (1 << bits) + 1)


def _entries(
    table: Table, nodes: npt.NDArray[np.float64], function: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]
) -> Entries:
    """nodes: both ends of each entry's span."""
    if not table.interpolated:
        middles = function((nodes[:-1] + nodes[1:]) / 2)
        return Entries(np.rint(np.ldexp(middles, table.fraction)).astype(np.int64), None)
    values = function(nodes)
    before, behind = np.diff(nodes)[:-1], np.diff(nodes)[1:]
    slopes = np.diff(values) / np.diff(nodes)
    bend = np.diff(slopes) * 2 / (before + behind) * before * behind / 12
    values = values - np.concatenate([bend[:1], bend, bend[-1:]])
    raw = np.rint(np.ldexp(values, table.fraction)).astype(np.int64)
    return Entries(raw[:-1], np.diff(raw))


def _sum_type(integer: int, fraction: int, weight: int) -> FixedType:
    """Of a sum of values with so many integer bits, sign included, times weights that add up to `weight` in magnitude: all
    of its fraction that a double holds."""
    integer += math.ceil(math.log2(weight))
    if integer + fraction > _WORD_BITS:
        raise FpgaMlError(
            f"sums over the patch need {integer + fraction} bits, more than {_WORD_BITS}",
            where="design of the Celeste kernel",
            do="choose a smaller patch, or a design with fewer bits",
        )
    width = min(integer + fraction, _EXACT_BITS)
    return FixedType(True, width, integer, Rounding.RND)


# Which bias and error each of them leaves is in docs/celeste_kernel.md.
PRESETS: dict[str, Design] = {
    "D14": Design(18, 12, Table(5, 12), 6, Table(7, 9, interpolated=False), 14, Table(6, 12), 14),
    "D16": Design(20, 14, Table(6, 16), 10, Table(5, 14), 16, Table(6, 14), 16),
    "D18": Design(22, 16, Table(6, 17), 12, Table(6, 16), 17, Table(7, 16), 18),
}
