"""What sums can be whose operands depend on one another: x + y and x - y, added up, are 2 x, and y matters no more.

A value made by sums, moves of the binary point and products with constants is a sum of multiples of other values; the ends
of its range follow from theirs (affine arithmetic: J. Stolfi and L. H. de Figueiredo, 1997).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from fpga_ml.ir.kernel.ops import Add, Const, Mul, Op, Scale, Sub
from fpga_ml.ir.kernel.wire import Wire
from fpga_ml.numerics import Interval

_MOST_TERMS = 64  # of a sum; a longer one is a value of its own for those that read it


class Form(NamedTuple):
    """raw value = sum of terms[k] * raw value k, and a constant."""

    terms: Mapping[int, int]
    constant: int

    def times(self, factor: int) -> Form:
        if factor == 1:
            return self
        return Form({k: c * factor for k, c in self.terms.items()}, self.constant * factor)

    def interval(self, wires: Sequence[Wire]) -> Interval:
        """wires: of the values by their numbers."""
        low = high = self.constant
        for k, c in self.terms.items():
            ends = c * wires[k].interval.low, c * wires[k].interval.high
            low, high = low + min(ends), high + max(ends)
        return Interval(low, high)


class Reach:
    """What each value of a kernel can be, value by value in their order."""

    def __init__(self) -> None:
        self.wires: list[Wire] = []
        self._forms: list[Form] = []

    def of(self, op: Op, operands: Sequence[int]) -> tuple[Wire, Form | None]:
        """What a new value can be, and its form unless it is a value of its own."""
        rule = op.rule(*(self.wires[k] for k in operands))
        form, depends = self._form(op, operands, rule.fraction)
        return rule.within(form.interval(self.wires)) if form and depends else rule, form

    def put(self, wire: Wire, form: Form | None) -> None:
        """The next value, as `of` found it."""
        number = len(self.wires)
        self.wires.append(wire)
        self._forms.append(form if form and len(form.terms) <= _MOST_TERMS else Form({number: 1}, 0))

    def _form(self, op: Op, operands: Sequence[int], fraction: int) -> tuple[Form | None, bool]:
        """The form of a value, and whether its operands have terms in common."""
        match op:
            case Const():
                return Form({}, op.raw), False
            case Scale():
                return self._forms[operands[0]], False
            case Mul():
                for one, other in (operands, operands[::-1]):
                    ends = self.wires[one].interval
                    if ends.low == ends.high:
                        return self._forms[other].times(ends.low), False
            case Add() | Sub():
                a, b = (self._forms[k].times(1 << fraction - self.wires[k].fraction) for k in operands)
                sign = -1 if isinstance(op, Sub) else 1
                terms = dict(a.terms)
                for k, c in b.terms.items():
                    terms[k] = terms.get(k, 0) + sign * c
                depends = len(terms) < len(a.terms) + len(b.terms)
                kept = {k: c for k, c in terms.items() if c} if depends else terms
                return Form(kept, a.constant + sign * b.constant), depends
        return None, False
