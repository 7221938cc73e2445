"""One emitter an operation: SystemVerilog of exactly the result's bits.

Adders work modulo two to the result's width, so operands are brought to just that width and signs do not matter; only
comparisons and products of values below zero are written as signed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fpga_ml.ir.kernel.builder import signed_digits
from fpga_ml.ir.kernel.cast_logic import width_bits
from fpga_ml.ir.kernel.kernel import Value
from fpga_ml.ir.kernel.ops import Add, Cast, Const, Input, Less, Lookup, Max, Min, Mul, Op, Scale, Select, Sub
from fpga_ml.ir.kernel.sums import passing_bits
from fpga_ml.ir.kernel.wire import Wire
from fpga_ml.rtl.emit_cast import cast_items
from fpga_ml.rtl.signal import Signal
from fpga_ml.rtl.sv import Called, Computed, Net, TableFunction, literal


@dataclass(frozen=True)
class Operand:
    """What an emitter reads: the bits and what they stand for."""

    signal: Signal
    wire: Wire

    def at(self, fraction: int, width: int) -> str:
        return self.signal.bits(width, fraction - self.wire.fraction)


Emitter = Callable[[str, Value, Sequence[Operand]], list[Computed]]


def emit(name: str, value: Value, operands: Sequence[Operand]) -> list[Computed]:
    """The items that make a value in a signal `name`; helpers are called `name_...`.

    Nothing for what is only a way to read other bits (see `_nothing`).
    """
    return EMITTERS[type(value.op)](name, value, operands)


def _net(name: str, value: Value, expression: str, comment: str = "") -> list[Computed]:
    t = value.wire.type
    return [Net(name, t.width, t.signed, expression, comment)]


def _nothing(name: str, value: Value, operands: Sequence[Operand]) -> list[Computed]:
    """Inputs are slices of ports, constants are written where they are read, a scaled value is its operand."""
    return []


def _sum(operator: str) -> Emitter:
    def emitter(name: str, value: Value, operands: Sequence[Operand]) -> list[Computed]:
        fraction, width = value.wire.fraction, value.wire.type.width
        passing = passing_bits(value.op, [o.wire for o in operands])
        added = width - passing
        if not 0 < passing < width:
            passing, added = 0, width
        total = f" {operator} ".join(o.at(fraction - passing, added) for o in operands)
        if not passing:
            return _net(name, value, total)
        finer = max(operands, key=lambda o: o.wire.fraction)
        return _net(name, value, f"{{{total}, {finer.at(fraction, passing)}}}")

    return emitter


def _product(name: str, value: Value, operands: Sequence[Operand]) -> list[Computed]:
    """By a constant a sum of shifts, written out: a tool would take a multiplier for a wide one."""
    width = value.wire.type.width
    for constant, other in (operands, operands[::-1]):
        if constant.signal.constant is not None:
            return _net(name, value, _shifted_sum(other.signal, signed_digits(constant.signal.constant), width))
    if any(o.wire.interval.low < 0 for o in operands):
        a, b = (o.signal.signed_bits(width) for o in operands)
    else:
        a, b = (o.signal.bits(width) for o in operands)
    return _net(name, value, f"{a} * {b}")


def _shifted_sum(signal: Signal, digits: Sequence[int], width: int) -> str:
    """Powers of two times a signal, those that are added first. (Yosys takes the minus of -8'(x) for one of the width.)"""
    first, *others = [(d > 0, signal.bits(width, abs(d).bit_length() - 1)) for d in sorted(digits, reverse=True)]
    signs = {True: " + ", False: " - "}
    return (first[1] if first[0] else f"-({first[1]})") + "".join(f"{signs[positive]}{bits}" for positive, bits in others)


def _comparison(a: Operand, b: Operand) -> str:
    """a < b; a known answer as a constant."""
    fraction = max(a.wire.fraction, b.wire.fraction)
    i, j = a.wire.at(fraction), b.wire.at(fraction)
    if i.high < j.low or i.low >= j.high:
        return literal(int(i.high < j.low), 1)
    both = i.union(j)
    width = width_bits(both)
    if both.low < 0:
        return " < ".join(o.signal.signed_bits(width, fraction - o.wire.fraction) for o in (a, b))
    return " < ".join(o.at(fraction, width) for o in (a, b))


def _less(name: str, value: Value, operands: Sequence[Operand]) -> list[Computed]:
    return _net(name, value, _comparison(*operands))


def _choice(name: str, value: Value, condition: str, a: Operand, b: Operand) -> list[Computed]:
    width, fraction = value.wire.type.width, value.wire.fraction
    return _net(name, value, f"{condition} ? {a.at(fraction, width)} : {b.at(fraction, width)}")


def _select(name: str, value: Value, operands: Sequence[Operand]) -> list[Computed]:
    condition, a, b = operands
    if condition.signal.constant is not None:
        return _choice(name, value, literal(int(condition.signal.constant != 0), 1), a, b)
    width = condition.signal.width_bits
    return _choice(name, value, condition.signal.name if width == 1 else f"(|{condition.signal.name})", a, b)


def _max(name: str, value: Value, operands: Sequence[Operand]) -> list[Computed]:
    a, b = operands
    return _choice(name, value, f"({_comparison(a, b)})", b, a)


def _min(name: str, value: Value, operands: Sequence[Operand]) -> list[Computed]:
    a, b = operands
    return _choice(name, value, f"({_comparison(a, b)})", a, b)


def _lookup(name: str, value: Value, operands: Sequence[Operand]) -> list[Computed]:
    """The content that occurs most often is the default; addresses are the raw bits of the operand."""
    assert isinstance(value.op, Lookup)
    op, (address,), t = value.op, operands, value.wire.type
    reach = address.wire.interval
    if address.signal.constant is not None:
        return _net(name, value, literal(op.table[address.signal.constant - op.low], t.width))
    contents = {raw: op.table[raw - op.low] for raw in range(reach.low, reach.high + 1)}
    common = min(Counter(contents.values()).items(), key=lambda found: (-found[1], found[0]))[0]
    width, signed = address.signal.width_bits, address.signal.signed
    cases = tuple(
        (literal(raw, width, signed=signed), literal(content, t.width, signed=t.signed))
        for raw, content in contents.items()
        if content != common
    )
    otherwise = literal(common, t.width, signed=t.signed)
    table = TableFunction(t.width, t.signed, width, signed, cases, otherwise, op.parameters())
    return [Called(name, table, address.signal.name)]


def _cast(name: str, value: Value, operands: Sequence[Operand]) -> list[Computed]:
    assert isinstance(value.op, Cast)
    return cast_items(name, value.op.target, operands[0].signal, operands[0].wire, value.wire)


EMITTERS: dict[type[Op], Emitter] = {
    Input: _nothing,
    Const: _nothing,
    Scale: _nothing,
    Add: _sum("+"),
    Sub: _sum("-"),
    Mul: _product,
    Cast: _cast,
    Less: _less,
    Select: _select,
    Max: _max,
    Min: _min,
    Lookup: _lookup,
}
