"""The other softmaxes of hls4ml (nnet_activation.h): latency, legacy and argmax; the stable one is in tables.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from fpga_ml.ir.kernel import Builder
from fpga_ml.layers.base import Layer, Tensor
from fpga_ml.layers.tables import (
    Table1,
    _address,
    _addresses,
    _bits,
    _entries,
    _exp_float,
    _highest,
    _index_type,
    _sum,
    entries_at,
    f32,
)
from fpga_ml.numerics import FixedType, Interval, Overflow, Rounding
from fpga_ml.numerics.exact import Exact

_LEGACY_TABLE = FixedType(True, 18, 8)  # activ_config's own type: the softmax template leaves it
_LEGACY_EXP_RANGE_BITS, _LEGACY_INVERSE_RANGE_BITS = 4, 6


@dataclass(frozen=True)
class LatencySoftmax(Layer):
    """softmax_latency: exp of `scale` times the logits, addressed by their highest bits, then one over the sum."""

    logits: FixedType
    exp: FixedType
    inverse: FixedType
    total: FixedType
    accum: FixedType
    exp_size: int
    inverse_size: int
    scale: float = 1.0

    def by_token(self, tokens: int) -> bool:
        return tokens == 1

    @cached_property
    def exp_entries(self) -> Table1:
        """By the highest bits as a signed number, from the lowest on."""
        half = self.exp_size // 2 if self.logits.signed else 0
        shift = self.logits.width - _bits(self.exp_size)
        values = [f32(np.ldexp(float((k - half) << shift), -self.logits.fraction)) for k in range(self.exp_size)]
        return _entries(self.exp, [_exp_float(v * f32(self.scale)) for v in values])

    @cached_property
    def inverse_entries(self) -> Table1:
        values = _addresses(self.total, self.inverse_size)
        return _entries(self.inverse, [float(f32(1) / v) if v else np.inf for v in values])

    @property
    def _low(self) -> int:
        return -(self.exp_size // 2) if self.logits.signed else 0

    def evaluate(self, *x: Tensor) -> Tensor:
        address = (x[0].raw >> (self.logits.width - _bits(self.exp_size))) - self._low
        terms = entries_at(self.exp_entries, self.exp, address).cast(self.exp.fraction, self.accum)
        total = _sum(terms, self.accum).cast(self.accum.fraction, self.total)
        inverse = entries_at(self.inverse_entries, self.inverse, _highest(total.raw, self.total, self.inverse_size))
        return self._result(terms * inverse[:, None], self.accum.fraction + self.inverse.fraction)

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        bits = _bits(self.exp_size)
        address = FixedType(self.logits.signed, bits, bits)
        entries = self.exp_entries
        terms = []
        for v in x[0]:
            index = b.cast(b.scale(v, bits - self.logits.integer), address)
            terms.append(b.cast(b.lookup(index, entries, self._low, self.exp.fraction), self.accum))
        total = b.cast(b.tree(lambda p, q: b.cast(b.add(p, q), self.accum), terms), self.total)
        inverse = b.lookup(self._inverse_address(b, total), self.inverse_entries, 0, self.inverse.fraction)
        return [b.cast(b.mul(t, inverse), self.result) for t in terms]

    def _inverse_address(self, b: Builder, total: int) -> int:
        """The sum's highest bits as an unsigned number; a sum of exponentials below zero has wrapped."""
        bits = _bits(self.inverse_size)
        if not self.total.signed or b.wire(total).interval.low >= 0:
            return _address(b, total, self.total, self.inverse_size)
        highest = b.cast(b.scale(total, bits - self.total.integer), FixedType(True, bits, bits))
        return b.cast(highest, FixedType(False, bits, bits))


@dataclass(frozen=True)
class ArgmaxSoftmax(Layer):
    """softmax_argmax: 1 for the first of the largest logits, 0 for the others."""

    def by_token(self, tokens: int) -> bool:
        return tokens == 1

    def evaluate(self, *x: Tensor) -> Tensor:
        chosen = np.zeros(x[0].held.shape, np.int64)
        np.put_along_axis(chosen, x[0].raw.argmax(1)[:, None], 1, axis=1)
        return self._result(Exact(chosen, Interval(0, 1)), 0)

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        one, zero = b.const(1, 0), b.const(0, 0)
        out = []
        for i, v in enumerate(x[0]):
            beaten = [b.less(v, w) if j > i else b.select(b.less(w, v), zero, one) for j, w in enumerate(x[0]) if j != i]
            out.append(b.cast(b.select(b.tree(b.max, beaten), zero, one) if beaten else one, self.result))
        return out


@dataclass(frozen=True)
class LegacySoftmax(Layer):
    """softmax_legacy: for each class the sum over all classes of exp(x_j - x_i) by a table over [-8, 8), then one over
    it by a table over [0, 64), both of type ap_fixed<18,8>."""

    exp_size: int
    inverse_size: int

    def by_token(self, tokens: int) -> bool:
        return tokens == 1

    @cached_property
    def exp_entries(self) -> Table1:
        n = self.exp_size
        x = [f32(16.0 * float(f32(f32(i) - f32(n) / f32(2))) / float(f32(n))) for i in range(n)]
        return _entries(_LEGACY_TABLE, [_exp_float(v) for v in x])

    @cached_property
    def inverse_entries(self) -> Table1:
        x = [f32(64.0 * i / float(f32(self.inverse_size))) for i in range(self.inverse_size)]
        return _entries(_LEGACY_TABLE, [1.0 / float(v) if v > 0 else 0.0 for v in x])

    @property
    def _inverse_index(self) -> FixedType:
        bits = _bits(self.inverse_size)
        return FixedType(False, bits, bits, Rounding.TRN_ZERO, Overflow.SAT)

    def evaluate(self, *x: Tensor) -> Tensor:
        own, t, n = x[0].exact, _LEGACY_TABLE, x[0].held.shape[1]
        scale = x[0].type.fraction - _bits(self.exp_size) + _LEGACY_EXP_RANGE_BITS
        totals = Exact.of(np.zeros(x[0].held.shape, np.int64), t)
        for j in range(n):
            difference = (own[:, j, None] - own).cast(scale, _index_type(self.exp_size)).raw
            entry = entries_at(self.exp_entries, t, difference + self.exp_size // 2)
            term = Exact.given(1 << t.fraction).where(np.arange(n) == j, entry)
            totals = (totals + term).cast(t.fraction, t)
        scale = t.fraction - _bits(self.inverse_size) + _LEGACY_INVERSE_RANGE_BITS
        index = totals.cast(scale, self._inverse_index).raw
        return self._result(entries_at(self.inverse_entries, t, index), t.fraction)

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        exp_shift = _bits(self.exp_size) - _LEGACY_EXP_RANGE_BITS
        inverse_shift = _bits(self.inverse_size) - _LEGACY_INVERSE_RANGE_BITS
        entries, inverse_entries, out = self.exp_entries, self.inverse_entries, []
        for i, v in enumerate(x[0]):
            total = b.const(0, 0)
            for j, w in enumerate(x[0]):
                index = b.cast(b.scale(b.sub(w, v), exp_shift), _index_type(self.exp_size))
                term = b.lookup(index, entries, -self.exp_size // 2, _LEGACY_TABLE.fraction)
                total = b.cast(b.add(total, b.const(1, 0) if i == j else term), _LEGACY_TABLE)
            index = b.cast(b.scale(total, inverse_shift), self._inverse_index)
            out.append(b.cast(b.lookup(index, inverse_entries, 0, _LEGACY_TABLE.fraction), self.result))
        return out


@dataclass(frozen=True)
class OverAxis(Layer):
    """A softmax of one vector, `slice`, along the middle axis of (outer, classes, inner) (softmax_multidim)."""

    slice: Layer
    outer: int
    inner: int

    def by_token(self, tokens: int) -> bool:
        return tokens == 1 or (self.inner == 1 and self.outer == tokens)

    def of_token(self, token: int, tokens: int) -> Layer:
        return replace(self, shape=(self.size // tokens,), outer=self.outer // tokens)

    def _rows(self) -> npt.NDArray[np.int64]:
        """(slices, classes) element numbers."""
        grid = np.arange(self.size).reshape(self.outer, -1, self.inner)
        return np.moveaxis(grid, 1, 2).reshape(self.outer * self.inner, -1)

    def evaluate(self, *x: Tensor) -> Tensor:
        raw, rows = x[0].raw, self._rows()
        vectors = Tensor(raw[:, rows].reshape(-1, rows.shape[1]), x[0].type)
        out = np.empty(raw.shape, self.result.kind)
        out[:, rows] = self.slice.evaluate(vectors).raw.reshape(len(raw), *rows.shape)
        return Tensor(out, self.result)

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        out = [0] * self.size
        for row in self._rows():
            for i, value in zip(row, self.slice.lower(b, [x[0][i] for i in row]), strict=True):
                out[i] = value
        return out
