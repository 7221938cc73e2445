"""Recurrent layers: a cell that makes the next state of the state before and of one time step, and layers that walk with it.

C++: nnet_recurrent.h (lstm, gru, bidirectional_stack) and, for what it lacks, bridge/nnet_recurrent_more.h. Both products
are dense layers that end in accum; gates are tables or relu from accum to accum; what is kept between steps has the type
of the layer's result.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import ClassVar

import numpy as np

from fpga_ml.errors import FpgaMlError
from fpga_ml.ir.kernel import Builder
from fpga_ml.layers.base import Held, Layer, Tensor
from fpga_ml.layers.gather import Gather
from fpga_ml.layers.linear import Linear
from fpga_ml.numerics import FixedType
from fpga_ml.numerics.exact import Exact


@dataclass(frozen=True)
class Cell(ABC):
    """inputs: the products with a time step (gates * units sums in accum); recurrent: those with the state h;
    activation: of accum; state: the type of h and of whatever else is kept.

    A state is its parts one after the other, h first; `sums` are what `inputs` gives.
    """

    inputs: Linear
    recurrent: Linear
    activation: Layer
    state: FixedType

    parts: ClassVar[int] = 1

    @property
    def units(self) -> int:
        return self.recurrent.index.size

    @property
    def first(self) -> Linear:
        """The products that begin with h itself."""
        return self.recurrent

    @property
    def accum(self) -> FixedType:
        return self.inputs.result

    @property
    def elements(self) -> int:
        """Of a state."""
        return self.parts * self.units

    @abstractmethod
    def evaluate(self, sums: Tensor, state: Tensor) -> Tensor:
        """The next state (N, elements)."""

    def lower(self, b: Builder, sums: Sequence[int], state: Sequence[int]) -> list[int]:
        """The next state's elements."""
        return self.lower_with(b, sums, self.first.lower(b, state[: self.units]), state)

    @abstractmethod
    def lower_with(self, b: Builder, sums: Sequence[int], products: Sequence[int], state: Sequence[int]) -> list[int]:
        """As `lower`, with what `first` gives of h."""

    def _sum(self, a: Tensor, c: Tensor) -> Tensor:
        """Of two values in accum, in accum."""
        return Tensor((a.exact + c.exact).cast(self.accum.fraction, self.accum).raw, self.accum)

    def _part(self, t: Tensor, number: int) -> Tensor:
        """Of as many elements as there are units."""
        return Tensor(t.held[:, number * self.units : (number + 1) * self.units], t.type)

    def _kept(self, *products: tuple[Tensor, Tensor]) -> Tensor:
        """The sum of products, as it is kept."""
        return self._total(*(_product(*pair) for pair in products))

    def _total(self, *terms: tuple[Exact, int]) -> Tensor:
        """The sum of numbers with so many fraction bits, as it is kept."""
        finest = max(fraction for _, fraction in terms)
        total = reduce(Exact.__add__, [exact << finest - fraction for exact, fraction in terms])
        return Tensor(total.cast(finest, self.state).raw, self.state)

    def _added(self, b: Builder, x: Sequence[int], y: Sequence[int]) -> list[int]:
        """Sums of two lists of values, in accum."""
        return [b.cast(b.add(p, q), self.accum) for p, q in zip(x, y, strict=True)]


@dataclass(frozen=True)
class SimpleCell(Cell):
    """h = act(W x + b + U h)."""

    def evaluate(self, sums: Tensor, state: Tensor) -> Tensor:
        total = self._sum(sums, self.recurrent.evaluate(state))
        return self.activation.evaluate(total).cast(self.state)

    def lower_with(self, b: Builder, sums: Sequence[int], products: Sequence[int], state: Sequence[int]) -> list[int]:
        total = self._added(b, sums, products)
        return [b.cast(v, self.state) for v in self.activation.lower(b, total)]


@dataclass(frozen=True)
class LstmCell(Cell):
    """Gates i, f, candidate g, o in this order: c = g i + c f, h = o act(c); the state is h and then c."""

    gate: Layer

    parts: ClassVar[int] = 2

    def evaluate(self, sums: Tensor, state: Tensor) -> Tensor:
        h, c = self._part(state, 0), self._part(state, 1)
        total = self._sum(sums, self.recurrent.evaluate(h))
        i, f, o = (self.gate.evaluate(self._part(total, k)) for k in (0, 1, 3))
        kept = self._kept((self.activation.evaluate(self._part(total, 2)), i), (c, f))
        shown = self._kept((o, self.activation.evaluate(kept)))
        return Tensor(np.concatenate([shown.raw, kept.raw], axis=1), self.state)

    def lower_with(self, b: Builder, sums: Sequence[int], products: Sequence[int], state: Sequence[int]) -> list[int]:
        n = self.units
        total = self._added(b, sums, products)
        i, f, o = (self.gate.lower(b, total[k * n : (k + 1) * n]) for k in (0, 1, 3))
        g = self.activation.lower(b, total[2 * n : 3 * n])
        pairs = zip(g, i, state[n:], f, strict=True)
        kept = [b.cast(b.add(b.mul(p, q), b.mul(c, r)), self.state) for p, q, c, r in pairs]
        shown = [b.cast(b.mul(p, q), self.state) for p, q in zip(o, self.activation.lower(b, kept), strict=True)]
        return [*shown, *kept]


@dataclass(frozen=True)
class GruCell(Cell):
    """Gates z, r, candidate g in this order: h = g (1 - z) + h z. The candidate is act(W x + b + r (U h + d)); where the
    reset acts before the product, act(W x + b + U (r h))."""

    gate: Layer
    before: bool = False

    @property
    def first(self) -> Linear:
        return self._gates if self.before else self.recurrent

    @cached_property
    def _gates(self) -> Linear:
        """The products with the state of which both gates are made."""
        return _columns(self.recurrent, 0, 2 * self.units)

    @cached_property
    def _candidate(self) -> Linear:
        return _columns(self.recurrent, 2 * self.units, 3 * self.units)

    def evaluate(self, sums: Tensor, state: Tensor) -> Tensor:
        first = Tensor(sums.held[:, : 2 * self.units], sums.type)
        gates = self.gate.evaluate(self._sum(first, self._gates.evaluate(state)))
        z, r = self._part(gates, 0), self._part(gates, 1)
        candidate = self._candidate.evaluate(self._kept((r, state)) if self.before else state)
        if not self.before:
            product = r.exact * candidate.exact
            candidate = Tensor(product.cast(r.type.fraction + self.accum.fraction, self.accum).raw, self.accum)
        g = self.activation.evaluate(self._sum(self._part(sums, 2), candidate))
        fraction = max(z.type.fraction, 0)
        rest = Exact.given(1 << fraction) - (z.exact << fraction - z.type.fraction)
        return self._total((g.exact * rest, g.type.fraction + fraction), _product(state, z))

    def lower_with(self, b: Builder, sums: Sequence[int], products: Sequence[int], state: Sequence[int]) -> list[int]:
        n = self.units
        gates = self.gate.lower(b, self._added(b, sums[: 2 * n], products[: 2 * n]))
        z, r = gates[:n], gates[n:]
        if self.before:
            inner = self._candidate.lower(b, [b.cast(b.mul(p, h), self.state) for p, h in zip(r, state, strict=True)])
        else:
            inner = [b.cast(b.mul(p, v), self.accum) for p, v in zip(r, products[2 * n :], strict=True)]
        g = self.activation.lower(b, self._added(b, sums[2 * n :], inner))
        one, out = b.const(1, 0), []
        for p, q, h in zip(g, z, state, strict=True):
            out.append(b.cast(b.add(b.mul(p, b.sub(one, q)), b.mul(h, q)), self.state))
        return out


def _product(a: Tensor, c: Tensor) -> tuple[Exact, int]:
    """Exact, and its fraction bits."""
    return a.exact * c.exact, a.type.fraction + c.type.fraction


def _columns(layer: Linear, first: int, last: int) -> Linear:
    """The sums from `first` to before `last` of a dense layer."""
    return replace(layer, shape=(last - first,), weights=layer.weights[:, :, first:last], bias=layer.bias[first:last])


@dataclass(frozen=True)
class Recurrent(Layer):
    """A cell over a sequence of `steps` time steps; the result is h after each of them where `sequences`, else after the
    last one; where `whole`, all of the state in place of h.

    The first state is zero; what is read besides the sequence, if there is something; or, where `kept`, the last one of the
    sample before in the same batch.
    """

    cell: Cell
    steps: int
    sequences: bool
    whole: bool = False
    kept: bool = False

    @property
    def ordered(self) -> bool:
        return self.kept

    @property
    def shown(self) -> int:
        """Elements of a state that are given."""
        return self.cell.elements if self.whole else self.cell.units

    def by_token(self, tokens: int) -> bool:
        return tokens == 1

    @property
    def across(self) -> Linear:
        """The products of all time steps."""
        one = self.cell.inputs
        index = np.arange(self.steps * one.index.size).reshape(self.steps, 1, -1)
        return replace(one, index=index, shape=(self.steps, one.size))

    def evaluate(self, *x: Tensor) -> Tensor:
        sums = self._across.evaluate(x[0])
        first = x[1].cast(self.cell.state) if len(x) > 1 else self._zero(1 if self.kept else len(sums.held))
        if not self.kept:
            return Tensor(self._walked(sums, first)[0], self.result)
        shown = []
        for n in range(len(sums.held)):
            made, first = self._walked(Tensor(sums.held[n : n + 1], sums.type), first)
            shown.append(made)
        return Tensor(np.concatenate(shown), self.result)

    def _zero(self, samples: int) -> Tensor:
        return Tensor(np.zeros((samples, self.cell.elements), np.int64), self.cell.state)

    def _walked(self, sums: Tensor, state: Tensor) -> tuple[Held, Tensor]:
        """The result and the last state, from the products of all time steps and the first state."""
        shown: list[Held] = []
        for t in range(self.steps):
            own = sums.rows[t * self.cell.inputs.size : (t + 1) * self.cell.inputs.size].T
            state = self.cell.evaluate(Tensor(own, sums.type), state)
            now = state.held[:, : self.shown]
            shown = [*shown, now] if self.sequences else [now]
        return np.concatenate(shown, axis=1), state

    @cached_property
    def _across(self) -> Linear:
        return self.across

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        if self.kept:
            raise FpgaMlError(
                f"layer '{self.name}' is stateful: its samples cannot pass through one pipeline, each in its own cycle",
                where=f"layer '{self.name}'",
                do="use --arch stream",
            )
        sums, size = self.across.lower(b, x[0]), self.cell.inputs.size
        state = [b.cast(v, self.cell.state) for v in x[1]] if len(x) > 1 else [b.const(0, 0)] * self.cell.elements
        shown = []
        for t in range(self.steps):
            state = self.cell.lower(b, sums[t * size : (t + 1) * size], state)
            shown += state[: self.shown]
        return shown if self.sequences else state[: self.shown]


@dataclass(frozen=True)
class Bidirectional(Layer):
    """Two layers side by side, the second on the reversed sequence; what they make of a time step is joined.

    given: the type of what is read.
    """

    forward: Recurrent
    backward: Recurrent
    given: FixedType

    def by_token(self, tokens: int) -> bool:
        return tokens == 1

    @property
    def parts(self) -> tuple[Layer, ...]:
        """Layers that are the same together, the last one of this name."""
        steps, width = self.forward.steps, self.forward.cell.inputs.index.size
        turned = np.arange(steps * width).reshape(steps, width)[::-1].reshape(-1)
        reverse = Gather(f"{self.name}_reversed", self.reads, (steps, width), self.given, turned)
        forward = replace(self.forward, name=f"{self.name}_forward", reads=self.reads)
        backward = replace(self.backward, name=f"{self.name}_backward", reads=(reverse.name,))
        ahead = np.arange(forward.size).reshape(-1, forward.cell.units)
        behind = forward.size + np.arange(backward.size).reshape(-1, backward.cell.units)[::-1]
        index = np.concatenate([ahead, behind], axis=1).reshape(-1)
        joined = Gather(self.name, (forward.name, backward.name), self.shape, self.result, index)
        return reverse, forward, backward, joined

    def evaluate(self, *x: Tensor) -> Tensor:
        reverse, forward, backward, joined = self.parts
        return joined.evaluate(forward.evaluate(*x), backward.evaluate(reverse.evaluate(*x)))

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        reverse, forward, backward, joined = self.parts
        return joined.lower(b, forward.lower(b, *x), backward.lower(b, reverse.lower(b, *x)))
