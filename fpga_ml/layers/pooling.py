"""Pooling: the largest or the mean of each window (nnet_pooling.h)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fpga_ml.ir.kernel import Builder
from fpga_ml.layers.base import Layer, Tensor, outside
from fpga_ml.numerics import FixedType, Rounding
from fpga_ml.numerics.exact import Exact

_PRODUCT_BITS = 64  # of the widest product by a reciprocal


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

    For a power of two the binary point moves. Otherwise negative totals are raised by count - 1, so that cutting off
    downwards is right for them too. An offset of count * 2**k, taken off again behind, makes the total non-negative, and
    whole numbers are divided.
    """
    if count & (count - 1) == 0:
        return b.cast(b.scale(total, -(count.bit_length() - 1)), replace(accum, rounding=Rounding.TRN_ZERO))
    if b.wire(total).interval.low < 0:
        raised = b.add(total, b.const(count - 1, accum.fraction))
        total = b.select(b.less(total, b.const(0, 0)), raised, total)
    reach = b.wire(total).at(max(accum.fraction, b.wire(total).fraction))
    offset = 1 << max(0, -reach.low).bit_length()
    shifted = b.add(total, b.const(count * offset, accum.fraction))
    quotient = b.scale(_quotient(b, b.scale(shifted, accum.fraction), count), -accum.fraction)
    return b.sub(quotient, b.const(offset, accum.fraction))


def _quotient(b: Builder, value: int, count: int) -> int:
    """floor(value / count) of a whole value from 0 on.

    A product with a rounded-up reciprocal: for whole t from 0 to 2**w, floor(t * ceil(2**s / n) / 2**s) = floor(t / n)
    if 2**s >= 2**w * n (Granlund, Montgomery, PLDI 1994). Where the product would be too wide, the highest bits are
    divided first, and what they leave over together with the others.
    """
    width, most = b.wire(value).at(0).high.bit_length(), (_PRODUCT_BITS - count.bit_length()) // 2 - 3
    if width <= most:
        bits = width + count.bit_length()
        product = b.mul(value, b.const(-(-(1 << bits) // count), bits))
        return b.cast(product, _whole(width))
    low = width - most
    high = b.scale(b.cast(value, FixedType(False, most, width)), -low)
    of_high = _quotient(b, high, count)
    left = b.cast(b.sub(high, b.mul(of_high, b.const(count, 0))), _whole(count.bit_length()))
    rest = b.add(b.scale(left, low), b.cast(value, _whole(low)))
    return b.add(b.scale(of_high, low), _quotient(b, rest, count))


def _whole(bits: int) -> FixedType:
    return FixedType(False, bits, bits)
