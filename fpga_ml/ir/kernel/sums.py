"""The order in which the operands of a sum are added. Any order is exact, for no addition loses a bit.

The order has the least depth that there is (D. A. Huffman's tree, with depth in place of length: operands that are there
early are added early). Among the pairs that keep that depth the next is the one whose adder has the fewest bits.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from fpga_ml.ir.kernel.ops import Add, Const, Input, Op, Scale, Sub
from fpga_ml.ir.kernel.wire import Wire

if TYPE_CHECKING:
    from fpga_ml.ir.kernel.builder import Builder
    from fpga_ml.ir.kernel.kernel import Kernel

_FREE = (Input, Const, Scale)  # no logic
_NEAR = 8  # operands on each side, in the order of their last bits, with which an operand is paired


def passing_bits(op: Op, operands: Sequence[Wire]) -> int:
    """Of a sum, the bits of one operand below the other's last one, which pass by; those of a subtrahend do not."""
    a, b = operands
    return _passing(a.fraction, b.fraction, isinstance(op, Sub))


def _passing(first: int, second: int, subtracted: bool) -> int:
    return max(first - second, 0 if subtracted else second - first, 0)


class Ordering:
    """Makes a kernel once more in a builder, which is empty, with each of its sums in order. A sum that something else
    reads stays a value of its own.

    outputs: numbers of the kernel's outputs in the builder.
    """

    def __init__(self, kernel: Kernel, b: Builder) -> None:
        self.kernel, self.b = kernel, b
        self.uses = Counter([k for v in kernel.values for k in v.operands] + list(kernel.outputs))
        self.inner = self._inner()
        self.levels: list[int] = []  # of logic up to each value of the builder
        new: dict[int, int] = {}
        for number, v in enumerate(kernel.values):
            if not isinstance(v.op, (Add, Sub, Scale)):
                new[number] = self.made(b.again(v.op, *(new[k] for k in v.operands)))
            elif not self.inner[number]:
                new[number] = self._summed((new[k], negative, bits) for k, negative, bits in self._operands(number))
        self.outputs = [new[k] for k in kernel.outputs]

    def made(self, number: int) -> int:
        """A value of the builder, of which the level is known from now on."""
        for k in range(len(self.levels), number + 1):
            v = self.b.value(k)
            self.levels.append(max((self.levels[o] for o in v.operands), default=0) + (not isinstance(v.op, _FREE)))
        return number

    def _inner(self) -> list[bool]:
        """Which sums are nothing but parts of one other sum."""
        inner, parts = [False] * len(self.kernel.values), (Add, Sub, Scale)
        for v in self.kernel.values:
            for k in v.operands:
                inner[k] |= self.uses[k] == 1 and isinstance(v.op, parts) and isinstance(self.kernel.values[k].op, parts)
        return inner

    def _operands(self, number: int) -> Iterator[tuple[int, bool, int]]:
        """What a sum adds: a value, whether it is subtracted, and by which power of two it is multiplied."""
        waiting = [(number, False, 0)]
        while waiting:
            k, negative, bits = waiting.pop()
            v = self.kernel.values[k]
            if k != number and not self.inner[k]:
                yield k, negative, bits
            elif isinstance(v.op, Scale):
                waiting.append((v.operands[0], negative, bits + v.op.bits))
            else:
                a, b = v.operands
                waiting += [(b, negative ^ isinstance(v.op, Sub), bits), (a, negative, bits)]

    def _summed(self, terms: Iterable[tuple[int, bool, int]]) -> int:
        """The sum of values, each subtracted if so said, and times a power of two."""
        every = [self._term(self.b.scale(value, bits), negative) for value, negative, bits in terms]
        some = [t for t in every if t.low or t.high]
        waiting = _Waiting(some if any(not t.negative for t in some) else every)
        while (pair := waiting.pair()) is not None:
            a, c, negative = pair
            if a.negative == c.negative:
                total = self.b.add(a.value, c.value)
            else:
                total = self.b.sub(c.value, a.value) if a.negative != negative else self.b.sub(a.value, c.value)
            waiting.put(self._term(total, negative))
        return waiting.last

    def _term(self, value: int, negative: bool) -> _Term:
        wire = self.b.wire(self.made(value))
        return _Term(value, negative, wire.fraction, wire.interval.low, wire.interval.high, self.levels[value])


class _Term(NamedTuple):
    """A value that is added, or subtracted if negative: raw from low to high; level: of logic up to it."""

    value: int
    negative: bool
    fraction: int
    low: int
    high: int
    level: int


class _Waiting:
    """The operands of one sum that wait to be added; one of them at least is not negative.

    A tree of depth d has room for 2**d operands, of which one that comes from level n takes 2**n.
    """

    def __init__(self, terms: Sequence[_Term]) -> None:
        self.terms: dict[int, _Term] = {}  # in the order in which they came
        self.count = self.positive = 0  # that came, and that are left
        self.by_last_bit: list[tuple[int, int]] = []
        self.pairs: list[tuple[int, int, int, int, bool]] = []  # bits, level, both, sign
        self.has_choice = len(terms) > 2
        for term in terms:
            self.put(term)
        self.room = (1 << (self._taken() - 1).bit_length()) - self._taken()

    @property
    def last(self) -> int:
        """The value of the only one that is left."""
        (term,) = self.terms.values()
        return term.value

    def put(self, term: _Term) -> None:
        place = bisect_left(self.by_last_bit, (term.fraction, self.count))
        for _, other in self.by_last_bit[max(place - _NEAR, 0) : place + _NEAR] if self.has_choice else ():
            near = self.terms[other]
            for negative in {near.negative, term.negative}:
                bits = _adder_bits(near, term, negative)
                heapq.heappush(self.pairs, (bits, max(near.level, term.level), other, self.count, negative))
        self.by_last_bit.insert(place, (term.fraction, self.count))
        self.terms[self.count] = term
        self.count += 1
        self.positive += not term.negative

    def pair(self) -> tuple[_Term, _Term, bool] | None:
        """The two that are added next, and whether the sum is then to be subtracted; None if there is one only."""
        if len(self.terms) < 2:
            return None
        while self.pairs:
            *_, i, j, negative = heapq.heappop(self.pairs)
            if i in self.terms and j in self.terms and self._more(i, j) <= self.room and self._is_free(i, j, negative):
                return self._take(i, j, negative)
        i, j = heapq.nsmallest(2, self.terms, key=lambda k: self.terms[k].level)  # these two always have room
        return self._take(i, j, self.terms[i].negative and self.terms[j].negative)

    def _taken(self) -> int:
        return sum(1 << t.level for t in self.terms.values())

    def _more(self, i: int, j: int) -> int:
        """Room that a sum takes beyond that of its two operands."""
        return abs((1 << self.terms[i].level) - (1 << self.terms[j].level))

    def _is_free(self, i: int, j: int, negative: bool) -> bool:
        """Whether the sum may have this sign: the last one may not be negative."""
        both = self.terms[i].negative and self.terms[j].negative
        return both or not negative or self.positive > 1

    def _take(self, i: int, j: int, negative: bool) -> tuple[_Term, _Term, bool]:
        self.room -= self._more(i, j)
        a, c = self.terms.pop(i), self.terms.pop(j)
        self.positive -= (not a.negative) + (not c.negative)
        for number, term in ((i, a), (j, c)):
            del self.by_last_bit[bisect_left(self.by_last_bit, (term.fraction, number))]
        return a, c, negative


def _adder_bits(a: _Term, c: _Term, negative: bool) -> int:
    """Of the adder (a subtractor, where the signs differ); 0 for two constants."""
    if a.low == a.high and c.low == c.high:
        return 0
    if a.negative != negative:
        a, c = c, a  # a has the sign of the result
    subtracted = a.negative != c.negative
    fraction = max(a.fraction, c.fraction)
    up, other = fraction - a.fraction, fraction - c.fraction
    low, high = (c.high, c.low) if subtracted else (c.low, c.high)
    sign = -1 if subtracted else 1
    least, most = (a.low << up) + sign * (low << other), (a.high << up) + sign * (high << other)
    width = max(most, ~least if least < 0 else 0).bit_length() + (least < 0)
    return max(width - _passing(a.fraction, c.fraction, subtracted), 1)
