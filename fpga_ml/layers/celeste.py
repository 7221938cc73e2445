"""The pixel-likelihood kernel of Celeste as three layers: exponents, terms of a pixel, sums over a patch.

What it computes is in celeste/evaluator.py, the types and tables in celeste/design.py. A patch is (rows, columns); pixel
(row, column) has the offsets x = column - columns // 2, y = row - rows // 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fpga_ml.celeste_design import BACKGROUND, COUNT, MASK, MONOMIALS, PIXEL, Design, Entries, offsets, rounded
from fpga_ml.ir.kernel import Builder
from fpga_ml.layers.base import Layer, Tensor
from fpga_ml.numerics import FixedType, Overflow, Rounding
from fpga_ml.numerics.exact import Exact
from fpga_ml.numerics.types import Raw


@dataclass(frozen=True)
class Exponents(Layer):
    """q_k = C_k . m of every pixel, (rows, columns, K), exact, from coefficients (K, 6).

    Where one of a component's coefficients is out of its range, its exponents are the largest of their type: out of range
    too.
    """

    design: Design

    @property
    def patch(self) -> tuple[int, int]:
        return self.shape[0], self.shape[1]

    def evaluate(self, *x: Tensor) -> Tensor:
        coefficients = x[0].raw.reshape(len(x[0].raw), -1, MONOMIALS)
        outside = np.any(np.abs(coefficients) >= np.array(self.design.bounds), axis=-1)
        held = np.where(outside[..., None], 0, coefficients)
        exponents = offsets(self.patch) @ np.moveaxis(held, 1, 2)  # (N, pixels, K)
        found = np.where(outside[:, None], self.result.max_raw, exponents)
        return Tensor(found.reshape(len(found), -1), self.result)

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        components = [self._checked(b, x[0][k : k + MONOMIALS]) for k in range(0, len(x[0]), MONOMIALS)]
        outside = b.const(self.result.max_raw, self.result.fraction)
        return [
            b.select(inside, _weighted(b, held, row), outside) for row in offsets(self.patch) for held, inside in components
        ]

    def lower_corner(self, b: Builder, coefficients: Sequence[int]) -> list[int]:
        """Of one component, what its exponents at all pixels are added up from: that of the first pixel, its first
        differences along a row and along a column, and the second differences xx, xy, yy."""
        (rows, columns), (held, inside) = self.patch, self._checked(b, coefficients)
        y, x = -(rows // 2), -(columns // 2)
        made = [
            _weighted(b, held, [1, x, y, x * x, x * y, y * y]),
            _weighted(b, held, [0, 1, 0, 2 * x + 1, y, 0]),
            _weighted(b, held, [0, 0, 1, 0, x, 2 * y + 1]),
            b.scale(held[3], 1),
            held[4],
            b.scale(held[5], 1),
        ]
        outside = b.const(self.result.max_raw, self.result.fraction)
        return [b.select(inside, v, b.const(0, 0) if k else outside) for k, v in enumerate(made)]

    def _checked(self, b: Builder, coefficients: Sequence[int]) -> tuple[list[int], int]:
        """Six coefficients, each as wide as its range, and whether all of them are within it."""
        fraction, inside, held = self.design.coefficient_fraction, [], []
        for c, bound in zip(coefficients, self.design.bounds, strict=True):
            inside += [b.less(b.const(-bound, fraction), c), b.less(c, b.const(bound, fraction))]
            width = bound.bit_length() + 1
            held.append(b.cast(c, FixedType(True, width, width - fraction)))
        return held, b.tree(b.min, inside)


@dataclass(frozen=True)
class PixelTerms(Layer):
    """What a pixel adds to the sums: t G_k for each component, -(count - E) t chi(t), and 1 if something was out of range.

    Reads exponents (rows, columns, K) and pixels (rows, columns, 3): count, background and mask; gives (rows, columns,
    K + 2). A pixel is masked where the units bit of the mask is 1, whatever its other bits are: then all that it adds is 0,
    whatever the rest of the pixel holds.
    """

    design: Design

    def evaluate(self, *x: Tensor) -> Tensor:
        d, tokens = self.design, x[1].raw.shape[1] // PIXEL
        pixels = x[1].raw.reshape(-1, tokens, PIXEL)
        masked = (pixels[..., MASK] >> d.rate_fraction & 1).astype(np.bool_)
        exponents = x[0].raw.reshape(len(pixels), tokens, -1)
        components, outside = self._components(exponents)
        total = pixels[..., BACKGROUND] + components.sum(-1)
        rate = np.clip(total, 1, d.rate.max_raw)
        outside |= (total < 1) | (total > d.rate.max_raw) | (pixels[..., :MASK] == d.rate.max_raw).any(-1)
        difference = pixels[..., COUNT] - rate
        ratio = self._ratio(difference, rate)
        outside |= ratio == d.ratio.max_raw
        residual = np.where(masked, 0, ratio - (1 << d.residual_fraction))
        deviance = rounded(difference * residual, d.residual_fraction) * self._chi(ratio)
        deviance = rounded(deviance, d.rate_fraction + d.chi.fraction - d.deviance_fraction)
        bits = d.residual_fraction + d.rate_fraction - d.product_fraction
        products = rounded(residual[..., None] * components, bits)
        products = _wrapped(products, d.product.width)
        columns = [
            products << (self.result.fraction - d.product_fraction),
            -deviance[..., None] << (self.result.fraction - d.deviance_fraction),
            (outside & ~masked)[..., None].astype(np.int64) << self.result.fraction,
        ]
        return Tensor(np.concatenate(columns, axis=-1).reshape(len(pixels), -1), self.result)

    def _components(self, exponents: Raw) -> tuple[Raw, npt.NDArray[np.bool_]]:
        """G_k (N, pixels, K) of the rate's type, and the pixels in which one of them is out of it."""
        d = self.design
        above = rounded(
            exponents - (d.lowest_exponent << d.coefficient_fraction), d.coefficient_fraction - d.exponent_fraction
        )
        outside = above >= (d.rate_integer - d.lowest_exponent) << d.exponent_fraction
        above = np.clip(above, 0, (1 << d.exponent_bits + d.exponent_fraction) - 1)
        mantissa = d.exp_entries.at(above & ((1 << d.exponent_fraction) - 1), d.exponent_fraction - d.exp.index_bits)
        shifted = mantissa << (above >> d.exponent_fraction)
        found = rounded(shifted, d.exp.fraction - d.lowest_exponent - d.rate_fraction)
        return found & ((1 << d.rate_bits) - 1), np.any(outside, axis=-1)

    def _ratio(self, difference: Raw, rate: Raw) -> Raw:
        """1 + t: difference times one over the rate, both shifted by what brings the rate's leading one to the highest
        bit."""
        d = self.design
        shift = d.rate_bits - np.frexp(rate.astype(np.float64))[1]
        mantissa = (rate << shift) & ((1 << d.rate_bits - 1) - 1)
        address = mantissa >> (d.rate_bits - 1 - d.mantissa_bits)
        inverse = d.reciprocal_entries.at(address, d.mantissa_bits - d.reciprocal.index_bits)
        scaled = np.clip(difference << shift, d.shifted.min_raw, d.shifted.max_raw)
        residual = rounded(scaled * inverse, d.shifted.fraction + d.reciprocal.fraction - d.residual_fraction)
        return np.clip(residual + (1 << d.residual_fraction), 0, d.ratio.max_raw)

    def _chi(self, ratio: Raw) -> Raw:
        """chi(t) of 1 + t, of which octaves from 4 on are brought to [2, 4)."""
        d = self.design
        octave = np.maximum(np.frexp(ratio.astype(np.float64))[1] - d.residual_fraction - 2, 0)
        address = (ratio >> octave) + (octave.astype(np.int64) << (d.residual_fraction + 1))
        return d.chi_entries.at(address, d.chi_remainder_bits)

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        """Of one pixel, or of several one after the other."""
        tokens = len(x[1]) // PIXEL
        each = len(x[0]) // tokens
        pixels = [(x[0][n * each : (n + 1) * each], x[1][n * PIXEL : (n + 1) * PIXEL]) for n in range(tokens)]
        return [v for exponents, pixel in pixels for v in self._pixel(b, exponents, pixel)]

    def _pixel(self, b: Builder, exponents: Sequence[int], pixel: Sequence[int]) -> list[int]:
        """t is 0 where the pixel is masked, which makes all of its terms 0."""
        d, masked, nothing = self.design, _bit(b, pixel[MASK], 0), b.const(0, 0)
        flags = [_is(b, v, d.rate) for v in pixel[:MASK]]
        components = [self._lowered_component(b, q, flags) for q in exponents]
        total = b.tree(b.add, [pixel[BACKGROUND], *components])
        lowest = b.const(1, d.rate_fraction)
        flags += [b.less(total, lowest), b.less(b.const(d.rate.max_raw, d.rate_fraction), total)]
        rate = b.max(b.cast(total, d.rate), lowest)
        difference = b.sub(pixel[COUNT], rate)
        ratio = self._lowered_ratio(b, difference, rate)
        flags.append(_is(b, ratio, d.ratio))
        residual = b.select(masked, nothing, b.sub(ratio, b.const(1, 0)))
        whole = d.rate_integer + d.residual_integer + 2
        weighed = FixedType(True, whole + d.rate_fraction, whole, Rounding.RND)
        deviance = b.mul(b.cast(b.mul(difference, residual), weighed), self._lowered_chi(b, ratio))
        deviance = b.cast(deviance, FixedType(True, whole + d.deviance_fraction, whole, Rounding.RND))
        products = [b.cast(b.mul(residual, g), d.product) for g in components]
        return [*products, b.sub(nothing, deviance), b.select(masked, nothing, b.tree(b.max, flags))]

    def _lowered_component(self, b: Builder, exponent: int, flags: list[int]) -> int:
        d = self.design
        above = b.sub(exponent, b.const(d.lowest_exponent, 0))
        bits = d.exponent_bits
        above = b.cast(above, FixedType(False, bits + d.exponent_fraction, bits, Rounding.RND, Overflow.SAT))
        flags.append(
            b.less(b.const((d.rate_integer - d.lowest_exponent << d.exponent_fraction) - 1, d.exponent_fraction), above)
        )
        value = _interpolated(b, _below(b, above, 0), d.exp_entries, d.exp.index_bits, d.exp.fraction)
        value = b.scale(value, d.lowest_exponent)
        for k in range(bits):
            value = b.select(_bit(b, above, k), b.scale(value, 1 << k), value)
        return b.cast(value, FixedType(False, d.rate_bits, d.rate_integer, Rounding.RND))

    def _lowered_ratio(self, b: Builder, difference: int, rate: int) -> int:
        d, width = self.design, self.design.rate_bits
        mantissa, scaled = b.scale(rate, -d.rate_integer), b.scale(difference, -d.rate_integer)  # the rate is below 1
        for k in range((width - 1).bit_length() - 1, -1, -1):
            small = b.less(mantissa, b.const(1, 1 << k))
            if 1 << k < width:
                mantissa = b.select(small, _below(b, b.scale(mantissa, 1 << k), 0), mantissa)
                scaled = b.select(small, b.scale(scaled, 1 << k), scaled)
        address = b.cast(_below(b, mantissa, -1), FixedType(False, d.mantissa_bits, -1))
        inverse = _interpolated(b, b.scale(address, 1), d.reciprocal_entries, d.reciprocal.index_bits, d.reciprocal.fraction)
        residual = b.mul(b.cast(b.scale(scaled, 1), d.shifted), inverse)
        return b.cast(b.add(residual, b.const(1, 0)), d.ratio)

    def _lowered_chi(self, b: Builder, ratio: int) -> int:
        d = self.design
        near, octave = ratio, b.const(0, 0)
        for k in range((d.residual_integer - 2).bit_length() - 1, -1, -1):
            small = b.less(near, b.const(4 << (1 << k) - 1, 0))
            near = b.select(small, near, b.scale(near, -(1 << k)))
            octave = b.add(octave, b.select(small, b.const(0, 0), b.const(1 << k, 0)))
        near = b.cast(near, FixedType(False, d.residual_fraction + 2, 2))
        address = b.add(near, b.scale(octave, 1))
        return _interpolated(b, b.scale(address, -2), d.chi_entries, d.chi.index_bits, d.chi.fraction)


@dataclass(frozen=True)
class PatchSums(Layer):
    """Sums over all pixels of elements first..first+count-1 of the terms (rows, columns, elements).

    moments: each element's six sums, times the monomials 1, x, y, x^2, xy, y^2 of its pixel, in the shape (count, 6);
    else the plain sums, in the shape (count,). Exact before they are assigned to the result's type.
    """

    first: int
    count: int
    moments: bool
    patch: tuple[int, int]

    @property
    def weights(self) -> Raw:
        """(pixels, sums of an element)."""
        every = offsets(self.patch)
        return every if self.moments else every[:, :1]

    @property
    def chosen(self) -> slice:
        """The elements of a pixel that are summed."""
        return slice(self.first, self.first + self.count)

    def evaluate(self, *x: Tensor) -> Tensor:
        terms = x[0].raw.reshape(len(x[0].raw), self.patch[0] * self.patch[1], -1)
        terms = np.moveaxis(terms[..., self.chosen], 1, 2)  # (N, count, pixels)
        return self._result(Exact.given((terms @ self.weights).reshape(len(terms), -1)), x[0].type.fraction)

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        pixels = self.patch[0] * self.patch[1]
        terms = np.reshape(np.array(x[0]), (pixels, -1))
        terms = terms[:, self.chosen]
        return [
            b.cast(_weighted(b, column, weights), self.result) for column in terms.T.tolist() for weights in self.weights.T
        ]

    def lower_sums(self, b: Builder, sums: Sequence[int]) -> list[int]:
        """The result's elements from sums in which a pixel counts C(m, i) C(n, j) times, m and n being the pixels behind it
        in its row and in its column (ir/network/moments.py); of moments, those of one element: 1, x, y, xx, xy, yy.

        x = g - m with g that of the middle, and m^2 = 2 C(m, 2) + C(m, 1); so for y and n.
        """
        if not self.moments:
            return [b.cast(v, self.result) for v in sums]
        (rows, columns), (one, x, y, xx, xy, yy) = self.patch, sums
        right, below = columns - 1 - columns // 2, rows - 1 - rows // 2
        made = [
            one,
            _weighted(b, [one, x], [right, -1]),
            _weighted(b, [one, y], [below, -1]),
            _weighted(b, [one, x, xx], [right * right, 1 - 2 * right, 2]),
            _weighted(b, [one, x, y, xy], [right * below, -below, -right, 1]),
            _weighted(b, [one, y, yy], [below * below, 1 - 2 * below, 2]),
        ]
        return [b.cast(v, self.result) for v in made]


def _weighted(b: Builder, values: Sequence[int], weights: Sequence[int]) -> int:
    return b.tree(b.add, [b.mul(v, b.const(int(w), 0)) for v, w in zip(values, weights, strict=True)])


def _wrapped(raw: Raw, bits: int) -> Raw:
    """The low bits of signed values."""
    half = 1 << (bits - 1)
    return ((raw + half) & ((1 << bits) - 1)) - half


def _is(b: Builder, value: int, t: FixedType) -> int:
    """Whether a value is the largest of its type."""
    return b.less(b.const(t.max_raw - 1, t.fraction), value)


def _bit(b: Builder, value: int, place: int) -> int:
    """The bit that stands for 2**place."""
    return b.cast(value, FixedType(False, 1, place + 1))


def _below(b: Builder, value: int, place: int) -> int:
    """The bits below 2**place."""
    fraction = b.wire(value).fraction
    return b.cast(value, FixedType(False, fraction + place, place))


def _interpolated(b: Builder, address: int, entries: Entries, index_bits: int, fraction: int) -> int:
    """A table, at an address of which 1 stands for 2**index_bits entries; what no address reaches is its last entry."""
    wide = b.wire(address)
    whole = (wide.interval.high >> wide.fraction).bit_length()
    index = b.scale(b.cast(address, FixedType(False, whole + index_bits, whole)), index_bits)
    reached = b.wire(index).interval.high + 1

    def looked_up(table: Raw) -> int:
        padded = np.pad(table, (0, max(reached - len(table), 0)), mode="edge")
        return b.lookup(index, padded.tolist(), 0, fraction)

    value = looked_up(entries.values)
    if entries.slopes is None or wide.fraction <= index_bits:
        return value
    exact = b.add(value, b.mul(looked_up(entries.slopes), b.scale(_below(b, address, -index_bits), index_bits)))
    reach = b.wire(exact).interval
    width = max(abs(reach.low), abs(reach.high)).bit_length() + 1
    return b.cast(exact, FixedType(True, width, width - fraction, Rounding.RND))
