"""Pooling: the largest or the mean of each window (nnet_pooling.h)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fpga_ml.ir.kernel import Builder
from fpga_ml.layers.base import Layer, Tensor
from fpga_ml.numerics import FixedType, cast_array


@dataclass(frozen=True)
class MaxPool(Layer):
    """index (elements, window) into the input's elements, -1 outside the image."""

    index: npt.NDArray[np.int64]
    accum: FixedType

    def evaluate(self, *x: Tensor) -> Tensor:
        rows, t = x[0].rows, x[0].type
        # An element that the window has anyway stands for those outside the image.
        columns = np.where(self.index < 0, self.index.max(-1, keepdims=True), self.index).T
        largest = rows[columns[0]]
        for column in columns[1:]:
            np.maximum(largest, rows[column], out=largest)
        return self.assigned(Tensor(largest.T, t))

    def assigned(self, largest: Tensor) -> Tensor:
        """The result for the windows' largest values."""
        return largest.cast(self.accum).cast(self.result)

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        out = []
        for window in self.index:
            largest = b.tree(b.max, [x[0][i] for i in window if i >= 0])
            out.append(b.cast(b.cast(largest, self.accum), self.result))
        return out


@dataclass(frozen=True)
class AveragePool(Layer):
    """index as for MaxPool; the sum is divided, in accum, by the number of elements inside the image."""

    index: npt.NDArray[np.int64]
    accum: FixedType

    def evaluate(self, *x: Tensor) -> Tensor:
        windows = np.concatenate([x[0].raw, np.zeros((len(x[0].raw), 1), np.int64)], axis=1)[:, self.index]
        total = cast_array(windows.sum(-1), x[0].type.fraction, self.accum)
        counts = (self.index >= 0).sum(-1)
        mean = cast_array(total // counts, self.accum.fraction, self.accum)
        return self._result(mean, self.accum.fraction)

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        out = []
        for window in self.index:
            inside = [x[0][i] for i in window if i >= 0]
            total = b.cast(b.tree(b.add, inside), self.accum)
            out.append(b.cast(_divide(b, total, len(inside), self.accum), self.result))
        return out


def _divide(b: Builder, total: int, count: int, accum: FixedType) -> int:
    """total / count, cut off downwards to the accumulator's fraction bits, exact.

    For a power of two the binary point moves. Otherwise a product with a rounded-up reciprocal: for whole t from 0 to
    2**w, floor(t * ceil(2**s / n) / 2**s) = floor(t / n) if 2**s >= 2**w * n (Granlund, Montgomery, PLDI 1994); an
    offset of n * 2**k, taken off again behind, makes t non-negative.
    """
    if count & (count - 1) == 0:
        return b.cast(b.scale(total, -(count.bit_length() - 1)), accum)
    reach = b.wire(total).at(max(accum.fraction, b.wire(total).fraction))
    offset = 1 << max(0, -reach.low).bit_length()
    width = (reach.high + count * offset).bit_length()
    shift = width + count.bit_length()
    shifted = b.add(total, b.const(count * offset, accum.fraction))
    quotient = b.mul(shifted, b.const(-(-(1 << shift) // count), shift))
    whole = FixedType(False, width, width - accum.fraction)
    return b.sub(b.cast(quotient, whole), b.const(offset, accum.fraction))
