"""A convolution, a relu and a max pooling as one layer, which is evaluated faster than the three."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fpga_ml.ir.kernel import Builder
from fpga_ml.layers.base import Layer, Tensor
from fpga_ml.layers.elementwise import Relu
from fpga_ml.layers.linear import Linear
from fpga_ml.layers.pooling import MaxPool


@dataclass(frozen=True)
class PooledLinear(Layer):
    """pool(relu(linear(x))), the pool's windows being all rectangles `area` (height, width) of the linear layer's grid.

    A relu, and every assignment that rounds and saturates, is monotonic: a <= b gives f(a) <= f(b), so max(f(a), f(b)) is
    f(max(a, b)). The largest sums are found first, while they are in the cache, and only they are assigned.
    """

    linear: Linear
    relu: Relu
    pool: MaxPool
    area: tuple[int, int]

    @classmethod
    def of(cls, linear: Linear, relu: Relu, pool: MaxPool, area: tuple[int, int]) -> PooledLinear:
        return cls(pool.name, linear.reads, pool.shape, pool.result, linear, relu, pool, area)

    def faults(self, *x: Layer) -> list[str]:
        return [*self.linear.faults(*x), *self.relu.faults(self.linear), *self.pool.faults(self.relu)]

    def evaluate(self, *x: Tensor) -> Tensor:
        largest = self.linear.largest(x[0], *self.area) if self.relu.is_monotonic(self.linear.result) else None
        if largest is None:
            return self.pool.evaluate(self.relu.evaluate(self.linear.evaluate(*x)))
        return self.pool.assigned(self.relu.evaluate(largest))

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        return self.pool.lower(b, self.relu.lower(b, self.linear.lower(b, *x)))
