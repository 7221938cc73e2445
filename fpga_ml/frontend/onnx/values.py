"""What stands for a tensor of an ONNX graph while its Keras model is made."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fpga_ml.frontend.onnx.meaning.settings import Array

_GUESS = 1 << 17  # of an input, whose type the data will give: of 18 bits at most, it is taken for granted
_FEW = 1 << 17  # numbers


@dataclass(frozen=True, eq=False)
class Reach:
    """The least and the greatest number of a stored tensor, all multiples of 2**-fraction; known: whether it is certain;
    support: every number that there can be, where these are few."""

    low: float
    high: float
    fraction: int
    known: bool = True
    support: Array | None = None

    @staticmethod
    def counted(low: int, high: int, fraction: int) -> Reach:
        """Of all multiples of 2**-fraction, by their numbers."""
        lsb, few = 2.0**-fraction, high - low < _FEW
        return Reach(low * lsb, high * lsb, fraction, support=np.arange(low, high + 1) * lsb if few else None)

    @property
    def count(self) -> float:
        """How many multiples of 2**-fraction there are."""
        return int(np.ldexp(self.high - self.low, self.fraction)) + 1 if self.known else np.inf

    @property
    def width(self) -> int:
        """Bits that hold the numbers."""
        largest = max(abs(self.low), abs(self.high), 2.0**-self.fraction)
        return int(np.frexp(largest)[1]) + self.fraction + 1

    def mapped(self, function: Callable[[Array], Array], fraction: int) -> Reach:
        """Of a function that rises or falls."""
        ends = function(np.array([self.low, self.high]))
        support = None if self.support is None else np.unique(function(self.support))
        return Reach(float(ends.min()), float(ends.max()), fraction, self.known, support)

    def hull(self, other: Reach) -> Reach:
        low, high = min(self.low, other.low), max(self.high, other.high)
        known = self.known and other.known
        both = None if self.support is None or other.support is None else np.union1d(self.support, other.support)
        return Reach(low, high, max(self.fraction, other.fraction), known, both)

    def plus(self, other: Reach) -> Reach:
        fraction = max(self.fraction, other.fraction)
        known = self.known and other.known
        a, b = self.support, other.support
        sums = np.unique(np.add.outer(a, b)) if a is not None and b is not None and a.size * b.size <= _FEW else None
        return Reach(self.low + other.low, self.high + other.high, fraction, known, sums)

    def times(self, other: Reach) -> Reach:
        ends = [a * b for a in (self.low, self.high) for b in (other.low, other.high)]
        return Reach(min(ends), max(ends), self.fraction + other.fraction, self.known and other.known)

    def times_terms(self, count: int) -> Reach:
        """Of a sum of so many."""
        return Reach(min(self.low, 0.0) * count, max(self.high, 0.0) * count, self.fraction, self.known)


UNKNOWN = Reach(-_GUESS, _GUESS, 0, known=False)


@dataclass(frozen=True)
class Curve:
    """A function of each value: of an array, and what makes a layer of it under a name."""

    of: Callable[[Array], Array]
    layer: Callable[[str], Any]


@dataclass(frozen=True)
class Value:
    """A tensor of the graph: element e is scale[e] * stored[index[e]] + shift[e], stored being 0 for index -1; then 0 where
    that is below, with relu, or a curve of it.

    tensor: the Keras tensor that stores it, in whatever order; index, scale, shift: of the shape that the graph's tensor has
    for one sample; reach: of what is stored; exact: whether that has a type which holds it, so that what is computed of
    it can keep every bit.
    """

    tensor: Any
    index: Array
    scale: Array
    shift: Array
    reach: Reach
    exact: bool
    relu: bool = False
    curve: Curve | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.index.shape)

    @property
    def pending(self) -> bool:
        """Whether the stored tensor is not yet the value."""
        return self.relu or self.curve is not None or bool((self.scale != 1).any() or self.shift.any())

    @property
    def factor(self) -> float | None:
        """The only scale, where nothing else is pending; None where there is more."""
        first, alone = float(self.scale.flat[0]), not self.relu and self.curve is None
        return first if alone and not self.shift.any() and bool((self.scale == first).all()) else None

    @property
    def whole(self) -> bool:
        """Whether every stored element is in it once."""
        size = math.prod(self.tensor.shape[1:])
        return self.index.size == size and np.array_equal(np.sort(self.index, None), np.arange(size))

    def moved(self, move: Callable[[Array], Array]) -> Value:
        """With its elements at other places."""
        return replace(self, index=move(self.index), scale=move(self.scale), shift=move(self.shift))

    def scaled(self, scale: Any, shift: Any = 0.0) -> Value:
        """The value times `scale`, plus `shift`; both broadcast with it. Not of one with a relu or a curve."""
        shape = np.broadcast_shapes(self.shape, np.shape(scale), np.shape(shift))
        wide = self.moved(lambda a: np.broadcast_to(a, shape))
        return replace(wide, scale=wide.scale * scale, shift=wide.shift * scale + shift)


def stored(tensor: Any, index: Array, reach: Reach, exact: bool, scale: Any = 1.0, shift: Any = 0.0) -> Value:
    shape = index.shape
    return Value(tensor, index, np.broadcast_to(scale, shape), np.broadcast_to(shift, shape), reach, exact)


@dataclass(frozen=True)
class Constant:
    """scale: with which a Quant made the values, at each element; None where it is not known."""

    values: Array
    scale: Array | None = None

    def moved(self, move: Callable[[Array], Array]) -> Constant:
        return Constant(move(self.values), None if self.scale is None else move(self.scale))
