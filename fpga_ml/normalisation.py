"""Layer, RMS and group normalisation in whole numbers: one form, which Keras, C++, emulator and RTL compute alike.

Of a group of n raw values x with `data.fraction` bits below the binary point, S their sum:

    d = n x - S                                    n times the distance from the mean, exact
    w = (n sum(x^2) - S^2) 2^guard + epsilon_raw   n^2 (variance + epsilon), exact but for the rounding of epsilon
    y = d / sqrt(w) 2^(guard / 2) * gamma + beta   rounded once, to the result's type

No division is left. w is shifted left by 2 s bits until one of its two highest bits is set; a table of 1 / sqrt(m),
1 <= m < 4, with straight lines between its entries, gives the inverse; its product with d is shifted by what s leaves.

All widths follow from the types, so that the result is less than one unit in its last place from the formula in real numbers
(held at the ends of the type): 1/2 for its rounding, 1/4 for the relative error 2^-bits of 1 / sqrt(w), 1/4 for what is cut
off before the product with gamma. Of 2^-bits, epsilon, the table's argument and the rounding of the inverse take a quarter
each, the lines an eighth, the entries a sixteenth.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from fpga_ml.errors import FpgaMlError
from fpga_ml.numerics import FixedType, Rounding

MOST_BITS = 62  # of a number on the way: int64 holds it, in Keras too
_LEAST_BITS = 4
_ENTRY_GUARD = 2  # bits of an entry below the inverse's
_TYPES = ("data", "result", "gamma", "beta")


@dataclass(frozen=True)
class Normalisation:
    """data, result: types that an argument is first assigned to, and of the result; members: of a group; mean: whether it is
    taken from the values; variance: whether squares are about it (Keras' rms_scaling has this alone); gamma, beta: types of
    the factors and of what is added, None for 1 and 0."""

    data: FixedType
    result: FixedType
    members: int
    epsilon: float
    mean: bool
    variance: bool
    gamma: FixedType | None = None
    beta: FixedType | None = None

    @classmethod
    def of(cls, written: Mapping[str, Any]) -> Normalisation:
        """From what `as_dict` gives."""
        types = {k: None if written[k] is None else FixedType.parse(written[k]) for k in _TYPES}
        return cls(**{**written, **types})

    def as_dict(self) -> dict[str, Any]:
        """For a configuration: types are texts."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {k: v.cpp() if isinstance(v, FixedType) else v for k, v in fields.items()}

    def check(self, where: str) -> None:
        """Raises FpgaMlError where there is no such form."""
        if self.mean != self.variance and not self.epsilon:
            raise FpgaMlError("rms_scaling with epsilon = 0 divides by zero", where=where, do="give it an epsilon")
        widest = max(self.square_bits + self.guard, self.width, self.product_bits, self.sum.width)
        if widest > MOST_BITS:
            raise FpgaMlError(
                f"the normalisation of {self.members} values of {self.data.cpp()} to {self.result.cpp()} needs numbers of "
                f"{widest} bits; they have at most {MOST_BITS}",
                where=where,
                do="give its data and its result fewer bits, or make its groups smaller",
            )

    # How exact

    @cached_property
    def bits(self) -> int:
        """The relative error of 1 / sqrt(w) is at most 2**-bits."""
        deviation = math.sqrt(self._epsilon)
        most = _size(self.gamma, 1.0) * min(self._spread, self.distance / deviation if deviation else math.inf)
        seen = _size(self.result, 1.0) + _size(self.beta, 0.0) + self.result.lsb  # what is beyond stays at the type's end
        units = min(most, 17 / 16 * seen) / self.result.lsb
        return max(_LEAST_BITS, math.ceil(math.log2(4 * units))) if units else _LEAST_BITS

    @property
    def _spread(self) -> float:
        """The most that d / sqrt(w) can be for any epsilon."""
        return math.sqrt(self.members - self.mean) if self.mean == self.variance else math.inf

    @property
    def _epsilon(self) -> float:
        """n^2 epsilon in units of the squares."""
        return math.ldexp(self.members**2 * self.epsilon, 2 * self.data.fraction)

    # w

    @property
    def distance(self) -> int:
        """The most that |d| is."""
        low, high = self.data.min_raw, self.data.max_raw
        return (self.members - 1) * (high - low) if self.mean else self.members * max(-low, high)

    @property
    def square_bits(self) -> int:
        """Of n times the sum of squares, and of the squared sum, with a sign."""
        return 2 * (self.members * max(-self.data.min_raw, self.data.max_raw)).bit_length() + 1

    @cached_property
    def guard(self) -> int:
        """Bits of w below the squares, for epsilon; an even number. Where squares are 0, so is d, but for rms_scaling."""
        least = self._epsilon + (self.mean == self.variance)
        wanted = max(0, math.ceil(self.bits - math.log2(least))) if least else 0
        return wanted + wanted % 2

    @cached_property
    def epsilon_raw(self) -> int:
        return round(math.ldexp(self._epsilon, self.guard))

    @cached_property
    def width(self) -> int:
        """Of w; an even number."""
        low, high, n = self.data.min_raw, self.data.max_raw, self.members
        squares = n * n // 4 * (high - low) ** 2 if self.variance else (n * max(-low, high)) ** 2
        bits = ((squares << self.guard) + self.epsilon_raw).bit_length()
        return max(bits + bits % 2, 2)

    @cached_property
    def stages(self) -> int:
        """Bits of s."""
        return ((self.width - max(self.epsilon_raw, 1).bit_length()) // 2).bit_length()

    # The table

    @property
    def place_bits(self) -> int:
        """Of the table's argument, two of them above the binary point."""
        return self.bits + 2

    @property
    def fine(self) -> int:
        """Bits of the argument that say where between two entries it lies."""
        return self.place_bits - 2 - max(1, math.ceil((self.bits - 1.4) / 2))

    @property
    def first(self) -> int:
        """The number of the first entry: that of 1."""
        return 1 << self.place_bits - self.fine - 2

    @cached_property
    def entries(self) -> tuple[int, ...]:
        """One more than there are steps. Lines leave the function, which is convex, on either side by the same."""
        step = 1.0 / self.first
        cut = math.ldexp(0.5, 2 - self.place_bits) if self.width > self.place_bits else 0.0  # the mean of what is cut off
        x = np.arange(self.first, 4 * self.first + 1) * step + cut
        y = x**-0.5 - 0.75 * x**-2.5 * step**2 / 16
        return tuple(int(v) for v in np.rint(np.ldexp(y, self.inverse.fraction + _ENTRY_GUARD)))

    @cached_property
    def rises(self) -> tuple[int, ...]:
        """From each entry to the next."""
        return tuple(b - a for a, b in zip(self.entries, self.entries[1:], strict=False))

    @property
    def inverse(self) -> FixedType:
        """Of 1 / sqrt(m)."""
        return FixedType(False, self.bits + 3, 1, Rounding.RND)

    @property
    def inverse_cut(self) -> int:
        """Bits of a value on a line below the inverse's."""
        return self.fine + _ENTRY_GUARD

    # What it becomes

    @cached_property
    def scaled(self) -> FixedType:
        """Of d / sqrt(w), cut off."""
        fraction = max(0, self.result.fraction + math.ceil(math.log2(_size(self.gamma, 1.0) or 1.0)) + 2)
        nearest = self.distance / math.sqrt(math.ldexp(self.epsilon_raw, -self.guard)) if self.epsilon_raw else math.inf
        most = min(self._spread, nearest) * (1 + 2.0**-self.bits)
        integer = (math.floor(math.ldexp(most, fraction)) + 1).bit_length() + 1 - fraction
        return FixedType(True, integer + fraction, integer)

    @property
    def _highest(self) -> int:
        """The binary places by which the product moves for the greatest s."""
        return (1 << self.stages) + self.guard // 2 - self.width // 2 + self.scaled.fraction - self.inverse.fraction

    @property
    def up(self) -> int:
        """The scaled value is (d * inverse << up) >> (down - s)."""
        return max(0, self._highest)

    @property
    def down(self) -> int:
        return self.up - self._highest + (1 << self.stages) - 1

    @property
    def product_bits(self) -> int:
        """Of d * inverse << up, with a sign."""
        return self.distance.bit_length() + self.inverse.width + self.up + 1

    @cached_property
    def sum(self) -> FixedType:
        """Of the scaled value times gamma plus beta, exact; and of the result's reach."""
        gamma, beta = self.factor, self.offset
        integer = max(self.scaled.integer + gamma.integer, beta.integer, self.result.integer) + 1
        fraction = max(self.scaled.fraction + gamma.fraction, beta.fraction)
        return FixedType(True, integer + fraction, integer)

    @property
    def factor(self) -> FixedType:
        """The type of gamma, of a 1 where there is none."""
        return self.gamma or FixedType(False, 1, 1)

    @property
    def offset(self) -> FixedType:
        """The type of beta, of a 0 where there is none."""
        return self.beta or FixedType(False, 1, 1)


def _size(t: FixedType | None, default: float) -> float:
    """The greatest magnitude of a type's values."""
    return default if t is None else max(-t.min, t.max)
