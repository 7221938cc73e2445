"""Activations that hls4ml computes through tables, and softmax. Every table is made here, for emulator and RTL alike.

The C++ (nnet_activation.h) fills its tables with the C library's float functions; so do we, through ctypes, for NumPy's
own differ in the last place.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from fpga_ml.ir.kernel import Builder
from fpga_ml.layers.base import Layer, Tensor
from fpga_ml.numerics import FixedType, Overflow, Rounding
from fpga_ml.numerics.exact import Exact
from fpga_ml.numerics.types import Raw

Table1 = tuple[int, ...]
f32 = np.float32


@cache
def _libm(name: str, *, single: bool) -> Callable[[float], float]:
    function = getattr(ctypes.CDLL(ctypes.util.find_library("m")), name)
    kind = ctypes.c_float if single else ctypes.c_double
    function.restype, function.argtypes = kind, [kind]
    return function  # type: ignore[no-any-return]


def _expf(x: f32) -> f32:
    return f32(_libm("expf", single=True)(float(x)))


def _exp_float(x: f32) -> float:
    """std::exp of a float, used in a double expression."""
    return float(_expf(x))


# name -> (range: the table spans x in [-range, range), the function of a float as the C++ writes it)
FUNCTIONS: dict[str, tuple[float, Callable[[f32], float]]] = {
    "sigmoid": (8.0, lambda x: float(f32(1.0 / (f32(1) + _expf(f32(-x)))))),
    "tanh": (4.0, lambda x: float(f32(_libm("tanhf", single=True)(float(x))))),
    "softplus": (8.0, lambda x: float(f32(_libm("log", single=False)(_exp_float(x) + 1.0)))),
    "softsign": (8.0, lambda x: float(f32(float(x) / (abs(float(x)) + 1.0)))),
}


def _entries(table: FixedType, values: Sequence[float]) -> Table1:
    return tuple(int(v) for v in table.raw(np.asarray(values, np.float64)))


def _index_type(size: int) -> FixedType:
    """Truncation towards zero to a whole number, held between -size/2 and size/2 - 1: the C++'s int and its clamps."""
    bits = int(math.log2(size))
    return FixedType(True, bits, bits, Rounding.TRN_ZERO, Overflow.SAT)


@dataclass(frozen=True)
class Table(Layer):
    """A function of one value by a table of `table_size` entries of type `table` over a symmetric range."""

    function: str
    table_size: int
    table: FixedType

    @cached_property
    def entries(self) -> Table1:
        reach, function = FUNCTIONS[self.function]
        x = [
            f32(2 * reach * float(f32(f32(i) - f32(self.table_size) / f32(2))) / float(f32(self.table_size)))
            for i in range(self.table_size)
        ]
        return _entries(self.table, [function(v) for v in x])

    @property
    def _bits(self) -> int:
        return int(math.log2(self.table_size / (2 * FUNCTIONS[self.function][0])))

    def evaluate(self, *x: Tensor) -> Tensor:
        t = _index_type(self.table_size)
        scaled = x[0].exact.cast(x[0].type.fraction - self._bits, t)
        entry = entries_at(self.entries, self.table, scaled.raw + self.table_size // 2)
        return self._result(entry, self.table.fraction)

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        entries, t = self.entries, _index_type(self.table_size)
        out = []
        for v in x[0]:
            index = b.cast(b.scale(v, self._bits), t)
            out.append(b.cast(b.lookup(index, entries, -self.table_size // 2, self.table.fraction), self.result))
        return out


_SELU = 1.0507009873554804934193349852946
_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_TYPE = FixedType(False, 16, 1)  # the C++'s constant for the positive side


@dataclass(frozen=True)
class Bend:
    """slope: of the line from 0 on, of type `held` (in a stream of the data's type); below: the curve below 0."""

    slope: float
    held: FixedType
    below: Callable[[f32], float]


BENDS: dict[str, Bend] = {
    "elu": Bend(1.0, FixedType(False, 1, 1), lambda x: float(f32(_exp_float(x) - 1.0))),
    "selu": Bend(_SELU, _SELU_TYPE, lambda x: float(f32(_SELU * (_SELU_ALPHA * (_exp_float(x) - 1.0))))),
}
_BEND_RANGE_BITS = 3  # the tables span x in (-8, 0]


@dataclass(frozen=True)
class Bent(Layer):
    """slope * x from 0 on; alpha times a table of x in (-8, 0] below (elu, selu). alpha and slope are raw."""

    function: str
    table_size: int
    table: FixedType
    alpha: int
    alpha_fraction: int
    slope: int
    slope_fraction: int

    @cached_property
    def entries(self) -> Table1:
        function = BENDS[self.function].below
        x = [f32(-8.0 * i / float(f32(self.table_size))) for i in range(self.table_size)]
        return _entries(self.table, [function(v) for v in x])

    @property
    def _address_type(self) -> FixedType:
        bits = _bits(self.table_size)
        return FixedType(False, bits, bits, Rounding.TRN_ZERO, Overflow.SAT)

    @property
    def _shift(self) -> int:
        return _bits(self.table_size) - _BEND_RANGE_BITS

    def evaluate(self, *x: Tensor) -> Tensor:
        own, fraction = x[0].exact, x[0].type.fraction
        distance = (-own).cast(fraction - self._shift, self._address_type)
        entry = entries_at(self.entries, self.table, distance.raw)
        above = self._result(own * self.slope, fraction + self.slope_fraction).raw
        below = self._result(entry * self.alpha, self.table.fraction + self.alpha_fraction).raw
        return Tensor(np.where(x[0].raw >= 0, above, below), self.result)

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        entries, zero, out = self.entries, b.const(0, 0), []
        for v in x[0]:
            distance = b.cast(b.scale(b.sub(zero, v), self._shift), self._address_type)
            entry = b.lookup(distance, entries, 0, self.table.fraction)
            below = b.cast(b.mul(entry, b.const(self.alpha, self.alpha_fraction)), self.result)
            above = b.cast(b.mul(v, b.const(self.slope, self.slope_fraction)), self.result)
            out.append(b.select(b.less(v, zero), below, above))
        return out


@dataclass(frozen=True)
class Softmax(Layer):
    """nnet_activation.h: softmax_stable, over the middle axis of (outer, classes, inner), of `scale` times the logits."""

    difference: FixedType
    exp: FixedType
    inverse: FixedType
    total: FixedType
    accum: FixedType
    exp_size: int
    inverse_size: int
    outer: int = 1
    inner: int = 1
    scale: float = 1.0

    def by_token(self, tokens: int) -> bool:
        return tokens == 1 or (self.inner == 1 and self.outer == tokens)

    def of_token(self, token: int, tokens: int) -> Layer:
        return dataclasses.replace(self, shape=(self.size // tokens,), outer=self.outer // tokens)

    @cached_property
    def exp_entries(self) -> Table1:
        values = _addresses(self.difference, self.exp_size)
        return _entries(self.exp, [_exp_float(f32(-v) * f32(self.scale)) for v in values])

    @cached_property
    def inverse_entries(self) -> Table1:
        values = _addresses(self.total, self.inverse_size)
        return _entries(self.inverse, [float(f32(1) / v) if v else math.inf for v in values])

    def _slices(self) -> npt.NDArray[np.int64]:
        """(slices, classes) element numbers."""
        grid = np.arange(self.size).reshape(self.outer, -1, self.inner)
        return np.moveaxis(grid, 1, 2).reshape(self.outer * self.inner, -1)

    def evaluate(self, *x: Tensor) -> Tensor:
        t, slices = x[0].type, self._slices()
        logits = x[0].exact[:, slices]
        largest = Exact.of(logits.raw.max(-1, keepdims=True), t)
        d = (largest - logits).cast(t.fraction, self.difference)
        e = entries_at(self.exp_entries, self.exp, _highest(d.raw, self.difference, self.exp_size))
        terms = e.cast(self.exp.fraction, self.accum)
        total = _sum(terms, self.accum).cast(self.accum.fraction, self.total)
        inverse = entries_at(self.inverse_entries, self.inverse, _highest(total.raw, self.total, self.inverse_size))
        scaled = self._result(terms * inverse[..., None], self.accum.fraction + self.inverse.fraction)
        raw = np.empty((len(x[0].held), self.size), self.result.kind)
        raw[:, slices] = scaled.raw
        return Tensor(raw, self.result)

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        out = [0] * self.size
        exp_entries, inverse_entries = self.exp_entries, self.inverse_entries
        for row in self._slices():
            logits = [x[0][i] for i in row]
            largest = b.tree(b.max, logits)
            differences = [b.cast(b.sub(largest, v), self.difference) for v in logits]
            e = [
                b.lookup(_address(b, d, self.difference, self.exp_size), exp_entries, 0, self.exp.fraction)
                for d in differences
            ]
            terms = [b.cast(v, self.accum) for v in e]
            total = b.cast(b.tree(lambda p, q: b.cast(b.add(p, q), self.accum), terms), self.total)
            address = _address(b, total, self.total, self.inverse_size)
            inverse = b.lookup(address, inverse_entries, 0, self.inverse.fraction)
            for i, term in zip(row, terms, strict=True):
                out[i] = b.cast(b.mul(term, inverse), self.result)
        return out


@dataclass(frozen=True)
class Embedding(Layer):
    """Row x of a table for each x (nnet_embed.h). rows (vocabulary, columns) raw with `fraction` fraction bits.

    The C++ reads `table[x * columns + column]`: a fraction of x counts until the sum is cut off. It does not check the
    place; x outside the table has no meaning there, and is the nearest inside it here.
    """

    rows: Raw
    fraction: int

    def by_token(self, tokens: int) -> bool:
        return tokens == 1

    @property
    def accepts(self) -> tuple[float, float] | None:
        return 0.0, float(len(self.rows) - 1)

    def evaluate(self, *x: Tensor) -> Tensor:
        columns, t = np.arange(self.rows.shape[1]), x[0].type
        fraction = max(t.fraction, 0)
        row = (x[0].exact << fraction - t.fraction).clip(0, len(self.rows) - 1 << fraction)[:, :, None]
        place = (row * len(columns) + (Exact.given(columns) << fraction)).raw >> fraction
        found = self.rows.reshape(-1)[place.astype(np.int64)].reshape(len(place), -1)
        return self._result(Exact.given(found), self.fraction)

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        flat, columns, out = self.rows.reshape(-1).tolist(), self.rows.shape[1], []
        for v in x[0]:
            row = b.min(b.max(v, b.const(0, 0)), b.const(len(self.rows) - 1, 0))
            for column, values in enumerate(self.rows.T.tolist()):
                if b.wire(row).fraction > 0:
                    bits = len(flat).bit_length()
                    place = b.add(b.mul(row, b.const(columns, 0)), b.const(column, 0))
                    found = b.lookup(b.cast(place, FixedType(False, bits, bits)), flat, 0, self.fraction)
                else:
                    found = b.lookup(row, values, 0, self.fraction)
                out.append(b.cast(found, self.result))
        return out


def _bits(size: int) -> int:
    return int(math.log2(size))


def _addresses(t: FixedType, size: int) -> list[f32]:
    """The value that each address stands for: its bits as the highest of the type's."""
    shift, low = t.width - _bits(size), size // 2 if t.signed else size
    return [f32(math.ldexp((i - size if i >= low else i) << shift, -t.fraction)) for i in range(size)]


def _highest(raw: Raw, t: FixedType, size: int) -> Raw:
    """The highest bits of values of type t, as whole numbers without a sign."""
    return (raw >> (t.width - _bits(size))) & (size - 1)


def _address(b: Builder, value: int, t: FixedType, size: int) -> int:
    """The highest bits of a value of type t, as a whole number without a sign."""
    bits = _bits(size)
    return b.cast(b.scale(value, bits - t.integer), FixedType(False, bits, bits))


@dataclass(frozen=True)
class Lookups(Layer):
    """Each element's entry in a table: entry raw - first[t] of table t = which[element], raw being the element with
    `fraction[t]` fraction bits, none of which it exceeds. Entries are raw values of the result's type."""

    which: npt.NDArray[np.int64]
    first: tuple[int, ...]
    fraction: tuple[int, ...]
    tables: tuple[Table1, ...]

    per_element: ClassVar[tuple[str, ...]] = ("which",)

    def faults(self, *x: Layer) -> list[str]:
        return [f"{len(self.which)} tables for {self.size} elements"] if len(self.which) != self.size else []

    def evaluate(self, *x: Tensor) -> Tensor:
        raw, own = x[0].raw, x[0].type
        out = np.empty(raw.shape, self.result.kind)
        for t in np.unique(self.which):
            columns = self.which == t
            address = _shifted(raw[:, columns], self.fraction[t] - own.fraction) - self.first[t]
            out[:, columns] = np.asarray(self.tables[t], self.result.kind)[address.astype(np.int64)]
        return Tensor(out, self.result)

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        out = []
        for v, t in zip(x[0], self.which, strict=True):
            address = b.scale(v, self.fraction[t])
            out.append(b.lookup(address, self.tables[t], self.first[t], self.result.fraction))
        return out


def _shifted(raw: Raw, bits: int) -> Raw:
    return raw << bits if bits >= 0 else raw >> -bits


def entries_at(entries: Table1, t: FixedType, address: Raw) -> Exact:
    """A table's entries, which are of type t."""
    return Exact.of(np.asarray(entries, t.kind)[address.astype(np.int64)], t)


def _sum(terms: Exact, t: FixedType) -> Exact:
    """hls4ml's reduce, over the last axis: a balanced tree whose every node is assigned to the type."""
    level = [terms[..., i] for i in range(terms.raw.shape[-1])]
    while len(level) > 1:
        pairs = [(level[i] + level[i + 1]).cast(t.fraction, t) for i in range(0, len(level) - 1, 2)]
        level = pairs + level[len(level) - len(level) % 2 :]
    return level[0]
