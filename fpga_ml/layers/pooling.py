"""Pooling: the largest or the mean of each window (nnet_pooling.h)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fpga_ml.ir.kernel import Builder
from fpga_ml.ir.kernel.builder import signed_digits
from fpga_ml.layers.base import Layer, Tensor, outside
from fpga_ml.numerics import FixedType, Rounding
from fpga_ml.numerics.exact import Exact

_PRODUCT_BITS = 64  # of the widest product by a reciprocal
_FACTORS = 4  # that are compared


@dataclass(frozen=True)
class MaxPool(Layer):
    """index (elements, window) into the input's elements, -1 outside the image.

    padding: the value outside, raw with `padding_fraction`. The C++ sets the highest bit of the type alone: the least
    value of a signed type, but the middle of an unsigned one.
    """

    index: npt.NDArray[np.int64]
    accum: FixedType
    padding: int
    padding_fraction: int

    def faults(self, *x: Layer) -> list[str]:
        return outside(self.index, x)

    def evaluate(self, *x: Tensor) -> Tensor:
        rows, t = x[0].rows, x[0].type
        # An element that the window has anyway stands for those outside the image.
        columns = np.where(self.index < 0, self.index.max(-1, keepdims=True), self.index).T
        largest = rows[columns[0]]
        for column in columns[1:]:
            np.maximum(largest, rows[column], out=largest)
        if self.pads(t):
            padded = (self.index < 0).any(-1)
            largest[padded] = np.maximum(largest[padded], self.padding)
        return self.assigned(Tensor(largest.T, t))

    def pads(self, t: FixedType) -> bool:
        """Whether padding can be the largest value of a window of values of type t."""
        return self.padding > t.min_raw and bool((self.index < 0).any())

    def assigned(self, largest: Tensor) -> Tensor:
        """The result for the windows' largest values."""
        return largest.cast(self.accum).cast(self.result)

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        out = []
        for window in self.index:
            inside = [x[0][i] for i in window if i >= 0]
            outside = [b.const(self.padding, self.padding_fraction)] if len(inside) < len(window) else []
            largest = b.tree(b.max, inside + outside)
            out.append(b.cast(b.cast(largest, self.accum), self.result))
        return out


@dataclass(frozen=True)
class AveragePool(Layer):
    """index as for MaxPool; the sum is divided, in accum and cut off towards zero, by the number of elements inside the
    image, or by all of the window where `counts_padding`."""

    index: npt.NDArray[np.int64]
    accum: FixedType
    counts_padding: bool = False

    def faults(self, *x: Layer) -> list[str]:
        return outside(self.index, x)

    def evaluate(self, *x: Tensor) -> Tensor:
        padded = np.concatenate([x[0].raw, np.zeros((len(x[0].held), 1), np.int64)], axis=1)
        total = Exact.of(padded[:, self.index], x[0].type).sum(self.index.shape[1]).cast(x[0].type.fraction, self.accum)
        counts = self.index.shape[1] if self.counts_padding else (self.index >= 0).sum(-1)
        mean = np.sign(total.raw) * (np.abs(total.raw) // counts)
        return self._result(Exact.of(mean, self.accum), self.accum.fraction)

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        out = []
        for window in self.index:
            inside = [x[0][i] for i in window if i >= 0]
            count = len(window) if self.counts_padding else len(inside)
            out += self.means(b, [b.tree(b.add, inside)], count)
        return out

    def means(self, b: Builder, totals: Sequence[int], count: int) -> list[int]:
        """The results of exact sums of so many elements."""
        return [b.cast(_divide(b, b.cast(t, self.accum), count, self.accum), self.result) for t in totals]


def _divide(b: Builder, total: int, count: int, accum: FixedType) -> int:
    """total / count, cut off towards zero to the accumulator's fraction bits, exact.

    For a power of two the binary point moves. Otherwise whole numbers are divided.
    """
    if count & (count - 1) == 0:
        return b.cast(b.scale(total, -(count.bit_length() - 1)), replace(accum, rounding=Rounding.TRN_ZERO))
    return b.scale(_quotient(b, b.scale(total, accum.fraction), count), -accum.fraction)


def _quotient(b: Builder, value: int, count: int) -> int:
    """A whole value / count, cut off towards zero.

    A product with a rounded-up reciprocal (T. Granlund and P. L. Montgomery, Division by invariant integers using
    multiplication, PLDI 1994), of which a negative value's is cut off below: one is added. Where the product would be too
    wide, the highest bits are divided first, and what they leave over together with the others.
    """
    reach = b.wire(value).at(0)
    width, most = max(abs(reach.low), reach.high).bit_length(), (_PRODUCT_BITS - count.bit_length()) // 2 - 3
    negative = b.less(value, b.const(0, 0))
    if width <= most:
        factor, bits = _reciprocal(count, max(-reach.low, reach.high))
        below = b.cast(b.mul(value, b.const(factor, bits)), FixedType(reach.low < 0, width + 1, width + 1))
        return b.add(below, negative)
    if reach.low < 0:
        magnitude = b.select(negative, b.sub(b.const(0, 0), value), value)
        quotient = _quotient(b, b.cast(magnitude, _whole(width)), count)
        return b.select(negative, b.sub(b.const(0, 0), quotient), quotient)
    low = width - most
    high = b.scale(b.cast(value, FixedType(False, most, width)), -low)
    of_high = _quotient(b, high, count)
    left = b.cast(b.sub(high, b.mul(of_high, b.const(count, 0))), _whole(count.bit_length()))
    rest = b.add(b.scale(left, low), b.cast(value, _whole(low)))
    return b.add(b.scale(of_high, low), _quotient(b, rest, count))


def _reciprocal(count: int, greatest: int) -> tuple[int, int]:
    """(m, s): floor(t * m / 2**s) is floor(t / count) for whole t from 0 to `greatest`, and one less than t / count cut off
    towards zero for those from -`greatest` to -1.

    m = (2**s + e) / count with 0 < e, and e * greatest < 2**s. Of such m one with few signed digits, each of which takes an
    adder.
    """
    known = ((-(-(1 << s) // count), s) for s in range(1, (greatest * count).bit_length() + _FACTORS))
    right = [(m, s) for m, s in known if (m * count - (1 << s)) * greatest < 1 << s][:_FACTORS]
    return min(right, key=lambda found: (len(signed_digits(found[0])), found))


def _whole(bits: int) -> FixedType:
    return FixedType(False, bits, bits)
