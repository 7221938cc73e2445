"""What every layer is: a name, the tensors it reads, the shape and type of its result, and two meanings of one function.

`evaluate` computes raw integers of whole batches, `lower` builds the same function of scalars in the kernel IR. The two
are written independently and must agree bit for bit, with each other and with hls4ml's C++.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fpga_ml.ir.kernel import Builder
from fpga_ml.numerics import FixedType
from fpga_ml.numerics.cast import as_kind, cast_held
from fpga_ml.numerics.exact import Exact
from fpga_ml.numerics.types import Raw

Held = npt.NDArray[Any]


@dataclass(frozen=True)
class Tensor:
    """Raw integers (N, elements), elements in C order of the layer's shape, and their type.

    held: the integers in any dtype that holds them exactly, also as whole floats. Fast layers work on it and keep the
    samples of one element together in memory (Fortran order); `raw` is for all others.
    """

    held: Held
    type: FixedType

    @property
    def raw(self) -> Raw:
        """The integers as int64, or as Python's where the type does not fit that."""
        return as_kind(self.held, self.type.kind)

    @property
    def exact(self) -> Exact:
        """The integers, to calculate with."""
        return Exact.of(self.raw, self.type)

    @property
    def rows(self) -> Held:
        """(elements, N), as they are held."""
        return self.held.T

    def cast(self, t: FixedType) -> Tensor:
        own = self.type
        return Tensor(cast_held(self.held, own.min_raw, own.max_raw, own.fraction, t), t)


@dataclass(frozen=True)
class Layer(ABC):
    """name: hls4ml's; reads: names of the layers whose results it reads; result: type of every element."""

    name: str
    reads: tuple[str, ...]
    shape: tuple[int, ...]
    result: FixedType

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))

    @property
    def accepts(self) -> tuple[float, float] | None:
        """The least and the greatest value for which the C++ is defined; None where that is any value of the type."""
        return None

    @property
    def ordered(self) -> bool:
        """Whether a sample's result depends on the samples before it in the batch."""
        return False

    def faults(self, *x: Layer) -> list[str]:
        """What is wrong with the layer, given those whose results it reads; none if it is sound."""
        return []

    def text(self) -> str:
        """On one line."""
        kind, shape = type(self).__name__, " x ".join(map(str, self.shape))
        return f"{self.name}: {shape} of {self.result.cpp()} = {kind}({', '.join(self.reads)})"

    @abstractmethod
    def evaluate(self, *x: Tensor) -> Tensor:
        """The result for whole batches."""

    @abstractmethod
    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        """The result's elements from those of the tensors read."""

    # Fields with an entry an element of the result.
    per_element: ClassVar[tuple[str, ...]] = ()

    def by_token(self, tokens: int) -> bool:
        """Whether each of so many equal parts of the result is made of the same part of what is read."""
        return True

    def of_token(self, token: int, tokens: int) -> Layer:
        """The layer for one of so many equal parts of the result, made of the same part of what is read."""
        size = self.size // tokens
        own = {name: getattr(self, name)[token * size : (token + 1) * size] for name in self.per_element}
        return dataclasses.replace(self, shape=(size,), **own)

    def _result(self, exact: Exact, fraction: int) -> Tensor:
        """Raw values with that many fraction bits, assigned to the result's type."""
        return Tensor(exact.cast(fraction, self.result).raw, self.result)

    def _held_result(self, held: Held, low: int, high: int, fraction: int) -> Tensor:
        """`_result` of raw values from low to high in any exact dtype."""
        return Tensor(cast_held(held, low, high, fraction, self.result), self.result)


@dataclass(frozen=True)
class Input(Layer):
    """A tensor from outside."""

    def evaluate(self, *x: Tensor) -> Tensor:
        raise TypeError("an input is given, not computed")

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        raise TypeError("an input is given, not computed")


def outside(index: npt.NDArray[np.int64], x: Sequence[Layer]) -> list[str]:
    """A fault where an entry of `index` is neither an element of all that is read, nor -1."""
    size = sum(layer.size for layer in x)
    wrong = index[(index < -1) | (index >= size)]
    return [f"reads element {int(wrong[0])} of {size}"] if wrong.size else []
