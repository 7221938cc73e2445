"""The closed set of operations. Each has one type rule and one exact meaning, on Python integers and NumPy arrays alike.

`rule` says what the result can be from what the operands can be; `evaluate` computes raw values from raw values. No
operation but `Cast` loses a bit: adders align binary points and grow as they need.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from fpga_ml.ir.kernel.wire import Wire
from fpga_ml.numerics import FixedType, Interval, cast_array, cast_raw
from fpga_ml.numerics.interval import cast

Raw = Any  # int or integer array


@dataclass(frozen=True)
class Op:
    """arity: number of operands; commutative: operands may be exchanged."""

    arity: ClassVar[int] = 0
    commutative: ClassVar[bool] = False

    @property
    def name(self) -> str:
        return type(self).__name__.lower()

    def rule(self, *operands: Wire) -> Wire:
        raise NotImplementedError

    def evaluate(self, wires: tuple[Wire, ...], *raw: Raw) -> Raw:
        raise NotImplementedError

    def parameters(self) -> str:
        """What the text form shows in brackets."""
        return ""


@dataclass(frozen=True)
class Input(Op):
    """The kernel's operand number `index`; its wire is declared, not derived."""

    index: int
    wire: Wire

    def rule(self, *operands: Wire) -> Wire:
        return self.wire

    def parameters(self) -> str:
        return f"{self.index}: {self.wire.type.cpp()}"


@dataclass(frozen=True)
class Const(Op):
    """raw * 2**-fraction."""

    raw: int
    fraction: int

    def rule(self, *operands: Wire) -> Wire:
        return Wire(self.fraction, Interval(self.raw, self.raw))

    def evaluate(self, wires: tuple[Wire, ...], *raw: Raw) -> Raw:
        return self.raw

    def parameters(self) -> str:
        return f"{self.raw}p{-self.fraction}"


def _aligned(wires: tuple[Wire, ...], raw: tuple[Raw, ...]) -> tuple[int, list[Raw]]:
    fraction = max(w.fraction for w in wires)
    return fraction, [r << (fraction - w.fraction) for w, r in zip(wires, raw, strict=True)]


@dataclass(frozen=True)
class Add(Op):
    """a + b, exact."""

    arity: ClassVar[int] = 2
    commutative: ClassVar[bool] = True

    def rule(self, *operands: Wire) -> Wire:
        a, b = operands
        fraction = max(a.fraction, b.fraction)
        return Wire(fraction, a.at(fraction).add(b.at(fraction)))

    def evaluate(self, wires: tuple[Wire, ...], *raw: Raw) -> Raw:
        _, (a, b) = _aligned(wires, raw)
        return a + b


@dataclass(frozen=True)
class Sub(Op):
    """a - b, exact."""

    arity: ClassVar[int] = 2

    def rule(self, *operands: Wire) -> Wire:
        a, b = operands
        fraction = max(a.fraction, b.fraction)
        return Wire(fraction, a.at(fraction).sub(b.at(fraction)))

    def evaluate(self, wires: tuple[Wire, ...], *raw: Raw) -> Raw:
        _, (a, b) = _aligned(wires, raw)
        return a - b


@dataclass(frozen=True)
class Mul(Op):
    """a * b, exact."""

    arity: ClassVar[int] = 2
    commutative: ClassVar[bool] = True

    def rule(self, *operands: Wire) -> Wire:
        a, b = operands
        return Wire(a.fraction + b.fraction, a.interval.mul(b.interval))

    def evaluate(self, wires: tuple[Wire, ...], *raw: Raw) -> Raw:
        return raw[0] * raw[1]


@dataclass(frozen=True)
class Scale(Op):
    """a * 2**bits: the binary point moves, no bit does."""

    bits: int
    arity: ClassVar[int] = 1

    def rule(self, *operands: Wire) -> Wire:
        return Wire(operands[0].fraction - self.bits, operands[0].interval)

    def evaluate(self, wires: tuple[Wire, ...], *raw: Raw) -> Raw:
        return raw[0]

    def parameters(self) -> str:
        return str(self.bits)


@dataclass(frozen=True)
class Cast(Op):
    """Assignment to an ap_fixed type: rounding first, then overflow."""

    target: FixedType
    arity: ClassVar[int] = 1

    def rule(self, *operands: Wire) -> Wire:
        a = operands[0]
        return Wire(self.target.fraction, cast(a.interval, a.fraction, self.target))

    def evaluate(self, wires: tuple[Wire, ...], *raw: Raw) -> Raw:
        a = raw[0]
        if isinstance(a, np.ndarray) and a.dtype == np.int64:
            return cast_array(a, wires[0].fraction, self.target)
        if isinstance(a, np.ndarray):
            return np.frompyfunc(lambda r: cast_raw(r, wires[0].fraction, self.target), 1, 1)(a)
        return cast_raw(a, wires[0].fraction, self.target)

    def parameters(self) -> str:
        return self.target.cpp()


@dataclass(frozen=True)
class Less(Op):
    """1 if a < b, else 0."""

    arity: ClassVar[int] = 2

    def rule(self, *operands: Wire) -> Wire:
        return Wire(0, Interval(0, 1))

    def evaluate(self, wires: tuple[Wire, ...], *raw: Raw) -> Raw:
        _, (a, b) = _aligned(wires, raw)
        less, pythons = a < b, any(isinstance(r, np.ndarray) and r.dtype.kind == "O" for r in (a, b))
        # Next to Python integers a comparison gives one too, for what it is added to or shifted by may be wide.
        return (less.astype(object) if pythons else less) * 1


@dataclass(frozen=True)
class Select(Op):
    """a if the condition is not 0, else b; both aligned."""

    arity: ClassVar[int] = 3

    def rule(self, *operands: Wire) -> Wire:
        _, a, b = operands
        fraction = max(a.fraction, b.fraction)
        return Wire(fraction, a.at(fraction).union(b.at(fraction)))

    def evaluate(self, wires: tuple[Wire, ...], *raw: Raw) -> Raw:
        _, (a, b) = _aligned(wires[1:], raw[1:])
        if isinstance(raw[0], np.ndarray):
            return np.where(raw[0] != 0, a, b)
        return a if raw[0] else b


@dataclass(frozen=True)
class Max(Op):
    """The larger of two."""

    arity: ClassVar[int] = 2
    commutative: ClassVar[bool] = True

    def rule(self, *operands: Wire) -> Wire:
        fraction = max(w.fraction for w in operands)
        a, b = (w.at(fraction) for w in operands)
        return Wire(fraction, Interval(max(a.low, b.low), max(a.high, b.high)))

    def evaluate(self, wires: tuple[Wire, ...], *raw: Raw) -> Raw:
        _, (a, b) = _aligned(wires, raw)
        return np.maximum(a, b) if isinstance(a, np.ndarray) or isinstance(b, np.ndarray) else max(a, b)


@dataclass(frozen=True)
class Min(Op):
    """The smaller of two."""

    arity: ClassVar[int] = 2
    commutative: ClassVar[bool] = True

    def rule(self, *operands: Wire) -> Wire:
        fraction = max(w.fraction for w in operands)
        a, b = (w.at(fraction) for w in operands)
        return Wire(fraction, Interval(min(a.low, b.low), min(a.high, b.high)))

    def evaluate(self, wires: tuple[Wire, ...], *raw: Raw) -> Raw:
        _, (a, b) = _aligned(wires, raw)
        return np.minimum(a, b) if isinstance(a, np.ndarray) or isinstance(b, np.ndarray) else min(a, b)


@dataclass(frozen=True)
class Lookup(Op):
    """table[raw - low], raw values of `fraction` fraction bits; the operand's interval lies within the table."""

    table: tuple[int, ...]
    low: int
    fraction: int
    arity: ClassVar[int] = 1

    def rule(self, *operands: Wire) -> Wire:
        a = operands[0].interval
        reached = self.table[a.low - self.low : a.high - self.low + 1]
        return Wire(self.fraction, Interval(min(reached), max(reached)))

    def evaluate(self, wires: tuple[Wire, ...], *raw: Raw) -> Raw:
        if isinstance(raw[0], np.ndarray):
            return np.asarray(self.table, raw[0].dtype)[(raw[0] - self.low).astype(np.int64)]
        return self.table[raw[0] - self.low]

    def parameters(self) -> str:
        return f"{len(self.table)} entries from {self.low}"


ALL_OPS: tuple[type[Op], ...] = (Input, Const, Add, Sub, Mul, Scale, Cast, Less, Select, Max, Min, Lookup)
