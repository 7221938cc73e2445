"""Layers that move values: reshape, transpose, padding, cropping, upsampling, concatenation; and any layer, reordered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fpga_ml.ir.kernel import Builder
from fpga_ml.layers.base import Layer, Tensor, outside


@dataclass(frozen=True)
class Gather(Layer):
    """Element i is element index[i] of all inputs' elements behind one another, 0 where it is -1; then assigned to the
    result's type."""

    index: npt.NDArray[np.int64]

    def faults(self, *x: Layer) -> list[str]:
        wrong = [f"{len(self.index)} entries for {self.size} elements"] if len(self.index) != self.size else []
        return [*wrong, *outside(self.index, x)]

    def evaluate(self, *x: Tensor) -> Tensor:
        cast = [t.cast(self.result) for t in x]
        # Mixed dtypes would become floats that may not hold all of them.
        alike = len({t.held.dtype for t in cast}) == 1
        rows = [t.rows if alike else t.raw.T for t in cast]
        zero = np.zeros((1, rows[0].shape[1]), rows[0].dtype)
        return Tensor(np.concatenate([*rows, zero])[self.index].T, self.result)

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        everything = [b.cast(v, self.result) for tensor in x for v in tensor] + [b.const(0, 0)]
        return [everything[i] for i in self.index]


@dataclass(frozen=True)
class Reordered(Layer):
    """What another layer computes, its elements in another order: element i is the other's element order[i]."""

    inner: Layer
    order: npt.NDArray[np.int64]

    def by_token(self, tokens: int) -> bool:
        return tokens == 1

    def evaluate(self, *x: Tensor) -> Tensor:
        found = self.inner.evaluate(*x)
        return Tensor(found.rows[self.order].T, found.type)

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        found = self.inner.lower(b, *x)
        return [found[i] for i in self.order]
