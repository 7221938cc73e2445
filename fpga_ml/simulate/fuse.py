"""Layers evaluated together, where another order gives the same values faster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from fpga_ml.layers.base import Layer, Tensor
from fpga_ml.layers.elementwise import Relu
from fpga_ml.layers.linear import Linear
from fpga_ml.layers.pooling import MaxPool


class Step(Protocol):
    """What is evaluated at a time: a layer, or some that are fused into one. name: of its result."""

    @property
    def name(self) -> str: ...
    @property
    def reads(self) -> tuple[str, ...]: ...
    @property
    def size(self) -> int: ...
    def evaluate(self, *x: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class PooledLinear:
    """pool(relu(linear(x))), the pool's windows being all rectangles `area` (height, width) of the linear layer's grid.

    A relu and every assignment that rounds and saturates rise: a <= b gives f(a) <= f(b), so max(f(a), f(b)) is
    f(max(a, b)). The largest sums are found first, while they are in the cache, and only they are assigned.
    """

    linear: Linear
    relu: Relu
    pool: MaxPool
    area: tuple[int, int]

    @property
    def name(self) -> str:
        return self.pool.name

    @property
    def reads(self) -> tuple[str, ...]:
        return self.linear.reads

    @property
    def size(self) -> int:
        return self.pool.size

    def evaluate(self, *x: Tensor) -> Tensor:
        largest = self.linear.largest(x[0], *self.area) if self.relu.rises(self.linear.result) else None
        if largest is None:
            return self.pool.evaluate(self.relu.evaluate(self.linear.evaluate(*x)))
        return self.pool.assigned(self.relu.evaluate(largest))


def fused(layers: Sequence[Layer], keep: Collection[str]) -> list[Step]:
    """The layers, those of `keep` among them, with the others fused where they can be."""
    known = {layer.name: layer for layer in layers}
    steps: dict[str, Step] = dict(known)
    readers = Counter(name for layer in layers for name in layer.reads)
    for pool in layers:
        relu = known[pool.reads[0]] if isinstance(pool, MaxPool) else None
        linear = known[relu.reads[0]] if isinstance(relu, Relu) else None
        if not (isinstance(pool, MaxPool) and isinstance(relu, Relu) and isinstance(linear, Linear)):
            continue
        inner, area = (linear.name, relu.name), _area(linear, pool)
        if area is not None and all(readers[name] == 1 and name not in keep for name in inner):
            steps[pool.name] = PooledLinear(linear, relu, pool, area)
            for name in inner:
                del steps[name]
    return list(steps.values())


def _area(linear: Linear, pool: MaxPool) -> tuple[int, int] | None:
    """Height and width of the rectangles of which the pool's windows are all, in order; None if they are others."""
    rows, columns = linear.grid
    elements, window = np.arange(linear.size).reshape(rows, columns, -1), pool.index.shape[1]
    for height in (h for h in range(1, window + 1) if window % h == 0):
        width = window // height
        if rows % height or columns % width:
            continue
        tiles = elements.reshape(rows // height, height, columns // width, width, -1).transpose(0, 2, 4, 1, 3)
        if np.array_equal(tiles.reshape(-1, window), np.sort(pool.index, axis=1)):
            return height, width
    return None
