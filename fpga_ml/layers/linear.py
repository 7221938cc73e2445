"""Sums of products with constants: dense layers and convolutions of every kind.

One layer type for all: outputs are grouped by position P and group G; each sums K products for M outputs. A dense layer
has P = G = 1, a convolution P = pixels, a depthwise one G = channels besides. `index` says which input element feeds
each product, -1 is the zero of padding. C++: nnet_dense_latency.h (and its convolutions): each product is assigned to
accum_t, the bias is where the sum begins, the sum is assigned to the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fpga_ml.ir.kernel import Builder
from fpga_ml.layers.base import Layer, Tensor, outside
from fpga_ml.layers.cmvm import apply, solve
from fpga_ml.layers.contract import Contraction, InParts
from fpga_ml.numerics import FixedType, Overflow, cast_raw
from fpga_ml.numerics.cast import as_kind, cast_held, exact_kind, is_monotonic
from fpga_ml.numerics.exact import Exact
from fpga_ml.numerics.types import Raw


@dataclass(frozen=True)
class Linear(Layer):
    """index (P, G, K) into the input's elements; weights (G, K, M) raw with `weight_fraction`; bias (G * M,) raw with
    `bias_fraction`; product: the type that data times |weight| passes through before its sign and accum, if it loses bits
    there (powers of two: nnet_mult.h, weight_exponential); reuse: in how many rounds hardware may share it."""

    index: npt.NDArray[np.int64]
    weights: Raw
    weight_fraction: int
    bias: Raw
    bias_fraction: int
    accum: FixedType
    product: FixedType | None = None
    reuse: int = 1

    def faults(self, *x: Layer) -> list[str]:
        positions, groups, inputs = self.index.shape
        outputs = len(self.bias)
        of_sums = self.weights.shape == (groups, inputs, outputs // groups) and self.size == positions * outputs
        wrong = [] if of_sums else [f"weights {self.weights.shape} and {outputs} biases for {self.size} elements"]
        return [*wrong, *outside(self.index, x)]

    def evaluate(self, *x: Tensor) -> Tensor:
        fraction = x[0].type.fraction + self.weight_fraction
        if self.is_plain(fraction):
            return self._at_once(x[0], fraction)
        total = self._step_by_step(Exact.of(self._patches(x[0].raw), x[0].type), fraction)
        return self._result(Exact.of(total.raw.reshape(len(total.raw), -1), self.accum), self.accum.fraction)

    def largest(self, x: Tensor, height: int, width: int) -> Tensor | None:
        """The largest results of each height x width rectangle of the grid; None where that is no shorter way.

        The largest sums are taken and then assigned, which must not change the order of values.
        """
        if not self.is_plain(x.type.fraction + self.weight_fraction):
            return None
        contraction, low, high = self._contraction(x.type)
        in_order = all(is_monotonic(low, high, self.accum.fraction, t) for t in (self.accum, self.result))
        if not in_order or not isinstance(contraction, Contraction) or contraction.weights.dtype.kind != "f":
            return None  # sums in int64 may wrap
        sums = contraction.largest(x.rows, height, width)
        return None if sums is None else self._held_result(sums.T, low, high, self.accum.fraction)

    @property
    def grid(self) -> tuple[int, int]:
        """The positions as (rows, columns): of an image, else one row."""
        rows = self.shape[0] if len(self.shape) == 3 and len(self.index) % self.shape[0] == 0 else 1
        return rows, len(self.index) // rows

    @cached_property
    def _start(self) -> Raw:
        """The bias in accum, where every sum begins."""
        return np.array([cast_raw(int(v), self.bias_fraction, self.accum) for v in self.bias], self.accum.kind)

    @cached_property
    def _contractions(self) -> dict[FixedType, tuple[Contraction | InParts, int, int]]:
        """What `_contraction` has found, by the type that is read."""
        return {}

    def _contraction(self, t: FixedType) -> tuple[Contraction | InParts, int, int]:
        """The sums in units of accum, and the least and the greatest."""
        if t not in self._contractions:
            weights = (Exact.given(self.weights) << self.accum.fraction - t.fraction - self.weight_fraction).raw
            low, high, most = self._bounds(weights, t)
            kind = exact_kind(most)
            if kind is object and self.accum.kind is np.int64 and weights.dtype != object and t.kind is np.int64:
                kind = np.int64  # what wraps in int64 is cut off by accum all the same
            found = Contraction(self.index, as_kind(weights, kind), as_kind(self._start, kind), self.grid)
            self._contractions[t] = (InParts.of(found, t) if kind is object else found), low, high
        return self._contractions[t]

    def _bounds(self, weights: Raw, t: FixedType) -> tuple[int, int, int]:
        """The least and the greatest sum, and a bound on the magnitude of every partial sum in any order."""
        # Python's integers, for these may be larger than int64.
        positive, negative = (
            Exact.given(np.moveaxis(part, 1, -1)).sum(part.shape[1]).raw.reshape(-1).astype(object)
            for part in (weights.clip(min=0), weights.clip(max=0))
        )
        start = self._start.astype(object)
        low = min(positive * t.min_raw + negative * t.max_raw + start)
        high = max(positive * t.max_raw + negative * t.min_raw + start)
        most = max((positive - negative) * max(-t.min_raw, t.max_raw) + abs(start))
        return int(low), int(high), int(most)

    def _at_once(self, x: Tensor, fraction: int) -> Tensor:
        """All products summed in one go, where neither the order nor the place of an overflow matters."""
        contraction, low, high = self._contraction(x.type)
        total = contraction(x.rows)
        held = cast_held(total, low, high, self.accum.fraction, self.accum)
        if low < self.accum.min_raw or high > self.accum.max_raw:
            low, high = self.accum.min_raw, self.accum.max_raw
        return self._held_result(held.T, low, high, self.accum.fraction)

    def _patches(self, raw: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """(N, P, G, K): what each product reads."""
        padded = np.concatenate([raw, np.zeros((len(raw), 1), raw.dtype)], axis=1) if self.index.min() < 0 else raw
        return np.take(padded, self.index.reshape(-1), axis=1, mode="wrap").reshape(len(raw), *self.index.shape)

    def is_plain(self, fraction: int) -> bool:
        """True if no product and no partial sum is rounded, and overflow, if any, wraps: then the order is free."""
        return self.product is None and self.accum.fraction >= fraction and self.accum.overflow is Overflow.WRAP

    def _step_by_step(self, patches: Exact, fraction: int) -> Exact:
        """As the C++ loops: every product and every partial sum is assigned to its type."""
        n, positions, groups, k = patches.raw.shape
        start = self._start.reshape(groups, -1)
        total = Exact.of(np.broadcast_to(start, (n, positions, *start.shape)), self.accum)
        for i in range(k):
            weight, at = self.weights[:, i], fraction
            product = patches[:, :, :, i, None] * Exact.given(np.abs(weight))
            if self.product is not None:
                product, at = product.cast(fraction, self.product), self.product.fraction
            product = (product * Exact.given(np.sign(weight))).cast(at, self.accum)
            total = (total + product).cast(self.accum.fraction, self.accum)
        return total

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        positions, groups, _ = self.index.shape
        elements = [*x[0], b.const(0, 0)]
        fraction = max(b.wire(v).fraction for v in x[0]) + self.weight_fraction
        per_group = len(self.bias) // groups
        plain = self.is_plain(fraction)
        programs = [
            solve(self.weights[g], [b.wire(elements[i]).type for i in self.index[0, g]])
            for g in range(groups if plain else 0)
        ]
        out = []
        for p in range(positions):
            for g in range(groups):
                data = [elements[i] for i in self.index[p, g]]
                if plain:
                    starts = [b.scale(v, self.weight_fraction) for v in self._starts(b, g * per_group, per_group)]
                    sums = apply(b, programs[g], data, starts)
                    out += self._assigned(b, [b.scale(s, -self.weight_fraction) for s in sums])
                else:
                    totals = [self._lower_steps(b, data, g, m) for m in range(per_group)]
                    out += [b.cast(t, self.result) for t in totals]
        return out

    def finish(self, b: Builder, sums: Sequence[int]) -> list[int]:
        """Results of exact sums of products."""
        starts = self._starts(b, 0, len(sums))
        return self._assigned(b, [b.add(s, start) for s, start in zip(sums, starts, strict=True)])

    def _starts(self, b: Builder, first: int, count: int) -> list[int]:
        """Where the sums of outputs `first` and on begin."""
        return [b.const(int(v), self.accum.fraction) for v in self._start[first : first + count]]

    def _assigned(self, b: Builder, totals: Sequence[int]) -> list[int]:
        return [b.cast(b.cast(t, self.accum), self.result) for t in totals]

    def _lower_steps(self, b: Builder, data: Sequence[int], g: int, m: int) -> int:
        """Output m of group g, sum by sum as the C++ loops."""
        total = b.const(int(self._start[g * self.weights.shape[2] + m]), self.accum.fraction)
        for i, value in enumerate(data):
            weight = int(self.weights[g, i, m])
            product = b.mul(value, b.const(abs(weight), self.weight_fraction))
            if self.product is not None:
                product = b.cast(product, self.product)
            if weight < 0:
                product = b.sub(b.const(0, 0), product)
            total = b.cast(b.add(total, b.cast(product, self.accum)), self.accum)
        return total


@dataclass(frozen=True)
class Affine(Layer):
    """scale * x + bias, element by element (nnet_batchnorm.h: normalize); scale and bias are raw, one an element."""

    scale: Raw
    scale_fraction: int
    bias: Raw
    bias_fraction: int
    product: FixedType | None = None

    per_element: ClassVar[tuple[str, ...]] = ("scale", "bias")

    def evaluate(self, *x: Tensor) -> Tensor:
        product = x[0].exact * Exact.given(np.abs(self.scale))
        fraction = x[0].type.fraction + self.scale_fraction
        if self.product is not None:
            product, fraction = product.cast(fraction, self.product), self.product.fraction
        product = product * Exact.given(np.sign(self.scale))
        common = max(fraction, self.bias_fraction)
        total = (product << common - fraction) + (Exact.given(self.bias) << common - self.bias_fraction)
        return self._result(total, common)

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        out = []
        for value, scale, bias in zip(x[0], self.scale, self.bias, strict=True):
            product = b.mul(value, b.const(abs(int(scale)), self.scale_fraction))
            if self.product is not None:
                product = b.cast(product, self.product)
            if scale < 0:
                product = b.sub(b.const(0, 0), product)
            out.append(b.cast(b.add(product, b.const(int(bias), self.bias_fraction)), self.result))
        return out
