"""Pooling: the largest or the mean of each window (nnet_pooling.h)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fpga_ml.errors import FpgaMlError
from fpga_ml.ir.kernel import Builder
from fpga_ml.layers.base import Layer, Tensor
from fpga_ml.numerics import FixedType, cast_array


@dataclass(frozen=True)
class MaxPool(Layer):
    """index (elements, window) into the input's elements, -1 outside the image."""

    index: npt.NDArray[np.int64]
    accum: FixedType

    def evaluate(self, *x: Tensor) -> Tensor:
        lowest = np.full((len(x[0].raw), 1), x[0].type.min_raw)
        windows = np.concatenate([x[0].raw, lowest], axis=1)[:, self.index]
        largest = cast_array(windows.max(-1), x[0].type.fraction, self.accum)
        return self._result(largest, self.accum.fraction)

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
            if len(inside) & (len(inside) - 1):
                raise FpgaMlError(
                    f"a mean over {len(inside)} values needs a division, which our RTL does not have yet",
                    where=f"layer '{self.name}'",
                    do="pool over a power of two, or use the HLS project",
                )
            total = b.cast(b.tree(b.add, inside), self.accum)
            mean = b.cast(b.scale(total, -(len(inside).bit_length() - 1)), self.accum)
            out.append(b.cast(mean, self.result))
        return out
