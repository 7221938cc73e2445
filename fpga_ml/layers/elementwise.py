"""Activations without tables, and sums, products and extremes of two tensors, element by element."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fpga_ml.ir.kernel import Builder
from fpga_ml.layers.base import Layer, Tensor, outside
from fpga_ml.numerics import FixedType, Overflow
from fpga_ml.numerics.cast import is_monotonic
from fpga_ml.numerics.exact import Exact
from fpga_ml.numerics.types import Raw


@dataclass(frozen=True)
class Requantise(Layer):
    """The value itself, assigned to the result's type."""

    def evaluate(self, *x: Tensor) -> Tensor:
        return x[0].cast(self.result)

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        return [b.cast(v, self.result) for v in x[0]]


@dataclass(frozen=True)
class RequantiseEach(Layer):
    """The value itself, each element assigned to a type of its own, then to the result's; 0 where its own is None."""

    types: tuple[FixedType | None, ...]

    per_element: ClassVar[tuple[str, ...]] = ("types",)

    def faults(self, *x: Layer) -> list[str]:
        return [f"{len(self.types)} types for {self.size} elements"] if len(self.types) != self.size else []

    def evaluate(self, *x: Tensor) -> Tensor:
        raw, own = x[0].raw, x[0].type
        out = np.zeros(raw.shape, self.result.kind)
        for t in set(self.types):
            if t is not None:
                columns = np.array([t == other for other in self.types])
                assigned = Exact.of(raw[:, columns], own).cast(own.fraction, t)
                out[:, columns] = assigned.cast(t.fraction, self.result).raw
        return Tensor(out, self.result)

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        each, r = zip(x[0], self.types, strict=True), self.result
        return [b.const(0, 0) if t is None else b.cast(b.cast(v, t), r) for v, t in each]


@dataclass(frozen=True)
class Scaled(Layer):
    """The value times 2**bits, assigned to the result's type."""

    bits: int

    def evaluate(self, *x: Tensor) -> Tensor:
        return self._result(x[0].exact, x[0].type.fraction - self.bits)

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        return [b.cast(b.scale(v, self.bits), self.result) for v in x[0]]


@dataclass(frozen=True)
class Relu(Layer):
    """max(x, 0), not above `ceiling` where there is one (relu6: 6)."""

    ceiling: int | None = None

    def evaluate(self, *x: Tensor) -> Tensor:
        t = x[0].type
        if self._is_cast:
            return x[0].cast(self.result)
        if self.ceiling is not None and t.fraction < 0:  # the ceiling may lie between two values of the type
            return self._result((x[0].exact << -t.fraction).clip(0, self.ceiling), 0)
        held, high = np.maximum(x[0].held, 0), t.max_raw
        if self.ceiling is not None and self.ceiling << t.fraction <= high:
            high = self.ceiling << t.fraction
            held = np.minimum(held, high)
        return self._held_result(held, 0, high, t.fraction)

    def is_monotonic(self, t: FixedType) -> bool:
        """Whether of two values of type t the greater one's result is never the smaller."""
        return is_monotonic(0, max(t.max_raw, 0), t.fraction, self.result)

    @property
    def _is_cast(self) -> bool:
        """True if the result's type saturates at 0 itself."""
        return self.ceiling is None and self.result.min_raw == 0 and self.result.overflow is Overflow.SAT

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        if self._is_cast:
            return [b.cast(v, self.result) for v in x[0]]
        zero = b.const(0, 0)
        positive = [b.max(v, zero) for v in x[0]]
        if self.ceiling is not None:
            positive = [b.min(v, b.const(self.ceiling, 0)) for v in positive]
        return [b.cast(v, self.result) for v in positive]


@dataclass(frozen=True)
class Slope(Layer):
    """x where it is above 0, slope * x elsewhere; one slope an element, raw (leaky_relu, prelu)."""

    slope: Raw
    slope_fraction: int

    per_element: ClassVar[tuple[str, ...]] = ("slope",)

    def evaluate(self, *x: Tensor) -> Tensor:
        own, fraction = x[0].exact, max(self.slope_fraction, 0)
        below = own * Exact.given(self.slope) << fraction - self.slope_fraction
        chosen = (own << fraction).where(x[0].raw > 0, below)
        return self._result(chosen, x[0].type.fraction + fraction)

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        out = []
        for v, slope in zip(x[0], self.slope, strict=True):
            scaled = b.mul(v, b.const(int(slope), self.slope_fraction))
            below = b.less(v, b.const(0, 0))  # 0 is the same on both sides
            out.append(b.select(below, b.cast(scaled, self.result), b.cast(v, self.result)))
        return out


@dataclass(frozen=True)
class Bounded(Slope):
    """As Slope, then held between low and high, raw values of the result's type."""

    low: int
    high: int

    def evaluate(self, *x: Tensor) -> Tensor:
        return Tensor(np.clip(super().evaluate(*x).raw, self.low, self.high), self.result)

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        low, high = (b.const(end, self.result.fraction) for end in (self.low, self.high))
        return [b.min(b.max(v, low), high) for v in super().lower(b, *x)]


@dataclass(frozen=True)
class Steps(Layer):
    """A staircase: values[k] where x has passed k of the rising thresholds. thresholds (elements, steps) raw with
    `fraction`, values with `values_fraction`; `inclusive` says of each step whether x equal to the threshold has passed it;
    `through` is a type that x is assigned to before."""

    thresholds: Raw
    fraction: int
    inclusive: tuple[bool, ...]
    values: tuple[int, ...]
    through: FixedType | None = None
    values_fraction: int = 0

    per_element: ClassVar[tuple[str, ...]] = ("thresholds",)

    def evaluate(self, *x: Tensor) -> Tensor:
        own = x[0] if self.through is None else x[0].cast(self.through)
        common = max(self.fraction, own.type.fraction)
        value = (own.exact << common - own.type.fraction)[:, :, None]
        at = Exact.given(self.thresholds) << common - self.fraction
        passed = np.where(np.array(self.inclusive), ~at.over(value), value.over(at)).sum(-1)
        return self._result(Exact.given(np.asarray(self.values)[passed]), self.values_fraction)

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        out = []
        for given, row in zip(x[0], self.thresholds, strict=True):
            v = given if self.through is None else b.cast(given, self.through)
            chosen = b.const(self.values[0], self.values_fraction)
            for k, (threshold, inclusive) in enumerate(zip(row, self.inclusive, strict=True), start=1):
                at = b.const(int(threshold), self.fraction)
                above, below = b.const(self.values[k], self.values_fraction), chosen
                chosen = b.select(b.less(v, at), below, above) if inclusive else b.select(b.less(at, v), above, below)
            out.append(b.cast(chosen, self.result))
        return out


@dataclass(frozen=True)
class HardSigmoid(Layer):
    """clip(slope * x + shift, 0, 1); 2 * that - 1 where `symmetric` (hard_tanh). slope and shift are raw."""

    slope: int
    slope_fraction: int
    shift: int
    shift_fraction: int
    symmetric: bool

    def evaluate(self, *x: Tensor) -> Tensor:
        fraction = max(x[0].type.fraction + self.slope_fraction, self.shift_fraction)
        fraction = max(fraction, 0)
        line = x[0].exact * self.slope << fraction - x[0].type.fraction - self.slope_fraction
        clipped = (line + (self.shift << fraction - self.shift_fraction)).clip(0, 1 << fraction)
        return self._result((clipped << 1) - (1 << fraction) if self.symmetric else clipped, fraction)

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        out, one = [], b.const(1, 0)
        for v in x[0]:
            line = b.add(b.mul(v, b.const(self.slope, self.slope_fraction)), b.const(self.shift, self.shift_fraction))
            clipped = b.min(b.max(line, b.const(0, 0)), one)
            out.append(b.cast(b.sub(b.scale(clipped, 1), one) if self.symmetric else clipped, self.result))
        return out


_ARRAYS: dict[str, Callable[[Exact, Exact], Exact]] = {
    "add": Exact.__add__,
    "subtract": Exact.__sub__,
    "average": Exact.__add__,
    "maximum": lambda a, c: a.extreme(np.maximum, c),
    "minimum": lambda a, c: a.extreme(np.minimum, c),
}


@dataclass(frozen=True)
class Merge(Layer):
    """Two tensors, element by element; operand k of element i is index[k][i] of its tensor (broadcasting)."""

    op: str
    index: tuple[Raw, Raw]

    def faults(self, *x: Layer) -> list[str]:
        wrong = [f"{len(i)} operands for {self.size} elements" for i in self.index if len(i) != self.size]
        return wrong + [fault for i, layer in zip(self.index, x, strict=True) for fault in outside(i, [layer])]

    def of_token(self, token: int, tokens: int) -> Layer:
        size = self.size // tokens
        own = [i[token * size : (token + 1) * size] - token * (int(i.max()) + 1) // tokens for i in self.index]
        return dataclasses.replace(self, shape=(size,), index=(own[0], own[1]))

    def evaluate(self, *x: Tensor) -> Tensor:
        a, c = (t.exact[:, i] for t, i in zip(x, self.index, strict=True))
        if self.op == "multiply":
            return self._result(a * c, x[0].type.fraction + x[1].type.fraction)
        fraction = max(t.type.fraction for t in x)
        a, c = (r << fraction - t.type.fraction for r, t in zip((a, c), x, strict=True))
        return self._result(_ARRAYS[self.op](a, c), fraction + (self.op == "average"))

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        methods = {"add": b.add, "average": b.add, "subtract": b.sub, "multiply": b.mul, "maximum": b.max, "minimum": b.min}
        out = []
        for i, j in zip(*self.index, strict=True):
            value = methods[self.op](x[0][i], x[1][j])
            out.append(b.cast(b.scale(value, -1) if self.op == "average" else value, self.result))
        return out


@dataclass(frozen=True)
class Products(Layer):
    """Sums of products of two tensors' elements, in accum (nnet_merge.h: dot1d). index: two of (elements, terms), which
    element of its tensor each operand is; reuse: in how many rounds hardware may share it."""

    index: tuple[Raw, Raw]
    accum: FixedType
    reuse: int = 1

    def faults(self, *x: Layer) -> list[str]:
        wrong = [f"{len(i)} sums for {self.size} elements" for i in self.index if len(i) != self.size]
        return wrong + [fault for i, layer in zip(self.index, x, strict=True) for fault in outside(i, [layer])]

    def by_token(self, tokens: int) -> bool:
        return tokens == 1

    def evaluate(self, *x: Tensor) -> Tensor:
        fraction = sum(t.type.fraction for t in x)
        total = Exact.of(np.zeros((len(x[0].held), self.size), np.int64), self.accum)
        for a, c in zip(*(i.T for i in self.index), strict=True):
            product = (x[0].exact[:, a] * x[1].exact[:, c]).cast(fraction, self.accum)
            total = (total + product).cast(self.accum.fraction, self.accum)
        return self._result(total, self.accum.fraction)

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        return [b.cast(self._sum(b, x, a, c), self.result) for a, c in zip(*self.index, strict=True)]

    def is_plain(self, fraction: int) -> bool:
        """True if no product with so many fraction bits and no partial sum is rounded, and overflow, if any, wraps: then
        the order is free."""
        return fraction <= self.accum.fraction and self.accum.overflow is Overflow.WRAP

    def finish(self, b: Builder, sums: Sequence[int]) -> list[int]:
        """Results of exact sums of products."""
        return [b.cast(b.cast(s, self.accum), self.result) for s in sums]

    def _sum(self, b: Builder, x: Sequence[Sequence[int]], a: Raw, c: Raw) -> int:
        products = [b.mul(x[0][i], x[1][j]) for i, j in zip(a, c, strict=True)]
        if self.is_plain(max(b.wire(p).fraction for p in products)):
            return b.cast(b.tree(b.add, products), self.accum)
        total = b.const(0, 0)
        for product in products:
            total = b.cast(b.add(total, b.cast(product, self.accum)), self.accum)
        return total


@dataclass(frozen=True)
class Threshold(Layer):
    """x where it is above the threshold (raw), 0 elsewhere."""

    threshold: int
    fraction: int

    def evaluate(self, *x: Tensor) -> Tensor:
        common, own = max(self.fraction, x[0].type.fraction), x[0].exact
        at = Exact.given(self.threshold) << common - self.fraction
        above = (own << common - x[0].type.fraction).over(at)
        return self._result(own.where(above, Exact.given(0)), x[0].type.fraction)

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        zero, at = b.const(0, 0), b.const(self.threshold, self.fraction)
        return [b.select(b.less(at, v), b.cast(v, self.result), zero) for v in x[0]]
