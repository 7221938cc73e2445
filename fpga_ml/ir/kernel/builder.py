"""Making kernels: constants are folded, equal values are made once, and what does nothing is left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fpga_ml.ir.kernel.affine import Reach
from fpga_ml.ir.kernel.kernel import Kernel, Value, needed
from fpga_ml.ir.kernel.ops import Add, Cast, Const, Input, Less, Lookup, Max, Min, Mul, Op, Scale, Select, Sub
from fpga_ml.ir.kernel.sums import Ordering
from fpga_ml.ir.kernel.wire import Wire
from fpga_ml.numerics import FixedType, Interval
from fpga_ml.numerics.interval import type_of

_MULTIPLIER_BITS = 64  # of the product of two values


class Builder:
    """Values are plain numbers; each method makes one (or finds the one that is there) and gives its number."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._values: list[Value] = []
        self._reach = Reach()
        self._known: dict[tuple[Op, tuple[int, ...]], int] = {}
        self._inputs: list[int] = []

    def wire(self, value: int) -> Wire:
        return self._values[value].wire

    def value(self, value: int) -> Value:
        return self._values[value]

    def again(self, op: Op, *operands: int) -> int:
        """What an operation makes of other operands than it had."""
        number = self._make(op, *operands)
        if isinstance(op, Input):
            self._inputs.append(number)
        return number

    def input(self, wire: Wire) -> int:
        number = self._make(Input(len(self._inputs), wire))
        self._inputs.append(number)
        return number

    def const(self, raw: int, fraction: int) -> int:
        while raw and raw % 2 == 0:
            raw, fraction = raw // 2, fraction - 1
        return self._make(Const(raw, fraction if raw else min(fraction, 0)))

    def add(self, a: int, b: int) -> int:
        if self._is(a, 0):
            return b
        return a if self._is(b, 0) else self._make(Add(), a, b)

    def sub(self, a: int, b: int) -> int:
        return a if self._is(b, 0) else self._make(Sub(), a, b)

    def mul(self, a: int, b: int) -> int:
        for one, other in ((a, b), (b, a)):
            op = self._values[one].op
            if isinstance(op, Const):
                return self.scale(self._times(other, op.raw), -op.fraction)
        return self._product(a, b)

    def _product(self, a: int, b: int) -> int:
        """a * b: in parts of the wider operand where one multiplier of all bits would not fit any clock."""
        wide, narrow = sorted((a, b), key=lambda v: -self.wire(v).type.width)
        t, bits = self.wire(wide).type, self.wire(narrow).type.width
        if t.width + bits <= _MULTIPLIER_BITS:
            return self._make(Mul(), a, b)
        cut = _MULTIPLIER_BITS - bits if 2 * bits <= _MULTIPLIER_BITS else t.width // 2
        low = self.cast(wide, FixedType(False, cut, cut - t.fraction))
        high = self.cast(wide, FixedType(t.signed, t.width - cut, t.integer))
        total = self.add(self._product(low, narrow), self._product(high, narrow))
        return self._within(total, self.wire(a).interval.mul(self.wire(b).interval))

    def _within(self, total: int, reach: Interval) -> int:
        """A sum whose terms belong together, which its own interval does not know: no wider than its reach needs."""
        exact = type_of(reach, self.wire(total).fraction)
        return self.cast(total, exact) if self.wire(total).type.width > exact.width else total

    def _times(self, a: int, raw: int) -> int:
        """a * raw: sums of products with parts of it, until each is one sum of its signed digits."""
        if raw in (0, 1):
            return a if raw else self.const(0, 0)
        digits = signed_digits(raw)
        if len(digits) <= 2:
            return self._make(Mul(), a, self._make(Const(raw, 0)))
        low = sum(digits[: len(digits) // 2])
        high = raw - low
        if low < 0 < high:
            total = self.sub(self._times_even(a, high), self._times_even(a, -low))
        elif high < 0 < low:
            total = self.sub(self._times_even(a, low), self._times_even(a, -high))
        else:
            total = self.add(self._times_even(a, low), self._times_even(a, high))
        return self._within(total, self.wire(a).interval.mul(Interval(raw, raw)))

    def _times_even(self, a: int, raw: int) -> int:
        """As `_times`, of any number: its zeros are a move of the binary point."""
        zeros = (raw & -raw).bit_length() - 1
        return self.scale(self._times(a, raw >> zeros), zeros)

    def scale(self, a: int, bits: int) -> int:
        op = self._values[a].op
        if isinstance(op, Scale):
            return self.scale(self._values[a].operands[0], bits + op.bits)
        return a if bits == 0 else self._make(Scale(bits), a)

    def cast(self, a: int, target: FixedType) -> int:
        """To a type; nothing if every value is one of the type's already (the finer binary point stays)."""
        w = self.wire(a)
        if w.fraction <= target.fraction:
            reach = w.at(target.fraction)
            if target.min_raw <= reach.low and reach.high <= target.max_raw:
                return a
        return self._make(Cast(target), a)

    def less(self, a: int, b: int) -> int:
        """Decided already where the intervals do not overlap."""
        i, j = self._aligned(a, b)
        return self.const(int(i.high < j.low), 0) if i.high < j.low or i.low >= j.high else self._make(Less(), a, b)

    def select(self, condition: int, a: int, b: int) -> int:
        op = self._values[condition].op
        if isinstance(op, Const):
            return a if op.raw else b
        return a if a == b else self._make(Select(), condition, a, b)

    def max(self, a: int, b: int) -> int:
        return self._ordered(Max(), a, b, lambda low, high: low >= high)

    def min(self, a: int, b: int) -> int:
        return self._ordered(Min(), a, b, lambda low, high: low <= high)

    def lookup(self, a: int, table: Sequence[int], low: int, fraction: int) -> int:
        """The entry of a number without fraction bits, the first entry being that of `low`; entries that it cannot meet,
        because its binary point stands higher, are left out."""
        zeros = -self.wire(a).fraction
        if zeros < 0:
            raise AssertionError("a table's address has no fraction bits")
        first = -(-low >> zeros)
        met = tuple(int(t) for t in table[(first << zeros) - low :: 1 << zeros])
        return self._make(Lookup(met, first, fraction), self.scale(a, -zeros))

    def tree(self, combine: Callable[[int, int], int], values: Sequence[int]) -> int:
        """A balanced tree of a two-operand method."""
        level = list(values)
        while len(level) > 1:
            pairs = [combine(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
            level = pairs + level[len(level) - len(level) % 2 :]
        return level[0]

    def build(self, outputs: Sequence[int]) -> Kernel:
        """The kernel of these outputs, its sums in order (`Ordering`), without values that none of them needs."""
        ordered = Builder(self.name)
        return ordered._needed(Ordering(self._needed(outputs), ordered).outputs)

    def _needed(self, outputs: Sequence[int]) -> Kernel:
        order = sorted(needed(self._values, [*outputs, *self._inputs]))
        new = {old: k for k, old in enumerate(order)}
        values = [Value(v.op, tuple(new[k] for k in v.operands), v.wire) for v in (self._values[n] for n in order)]
        return Kernel(self.name, tuple(values), tuple(new[k] for k in self._inputs), tuple(new[k] for k in outputs))

    def _is(self, value: int, raw: int) -> bool:
        op = self._values[value].op
        return isinstance(op, Const) and op.raw == raw

    def _aligned(self, a: int, b: int) -> tuple[Interval, Interval]:
        """What two values can be, with the binary point of the finer one."""
        fraction = max(self.wire(a).fraction, self.wire(b).fraction)
        return self.wire(a).at(fraction), self.wire(b).at(fraction)

    def _ordered(self, op: Op, a: int, b: int, wins: Callable[[int, int], bool]) -> int:
        """Max or min; decided already where the intervals do not overlap."""
        i, j = self._aligned(a, b)
        worst = (i.low, j.high) if isinstance(op, Max) else (i.high, j.low)
        if wins(*worst):
            return a
        best = (j.low, i.high) if isinstance(op, Max) else (j.high, i.low)
        return b if wins(*best) else self._make(op, a, b)

    def _make(self, op: Op, *operands: int) -> int:
        if op.commutative:
            operands = tuple(sorted(operands))
        key = (op, operands)
        if key in self._known:
            return self._known[key]
        wire, form = self._reach.of(op, operands)
        if not isinstance(op, (Const, Input)) and wire.interval.low == wire.interval.high:
            return self.const(wire.interval.low, wire.fraction)
        self._values.append(Value(op, operands, wire))
        self._reach.put(wire, form)
        self._known[key] = len(self._values) - 1
        return len(self._values) - 1


def signed_digits(number: int) -> list[int]:
    """Powers of two, some negative, of which the number is the sum: as few as there can be (canonical signed digits)."""
    found, place = [], 1
    while number:
        if number & 1:
            digit = 2 - (number & 3)
            found.append(digit * place)
            number -= digit
        number >>= 1
        place <<= 1
    return found
