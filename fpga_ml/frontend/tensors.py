"""Keras layers that we add for models whose every value has a type already: each is exact in fixed point.

An HGQ2 model becomes a model of these and of Keras' own layers. Shapes are without the batch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from fpga_ml.numerics import FixedType, Overflow, Rounding

Shape = tuple[int | None, ...]
Types = npt.NDArray[np.object_]  # of FixedType; None for an element that is always 0


class _Ours(keras.layers.Layer):  # type: ignore[misc]
    """arguments: what the layer is made of, as `get_config` gives it."""

    arguments: tuple[str, ...] = ()

    def get_config(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in self.arguments}
        return {**super().get_config(), **{k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in own.items()}}

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return input_shape  # type: ignore[no-any-return]


@keras.saving.register_keras_serializable(package="fpga_ml")
class Kept(_Ours):
    """The value itself. What the layer before it computes is exact and keeps every bit, and so do its weights."""

    def call(self, inputs: Any) -> Any:
        return inputs


@keras.saving.register_keras_serializable(package="fpga_ml")
class Quantise(_Ours):
    """Each element rounded to a fixed-point type of its own.

    signed, integer, fraction: arrays that broadcast to the element's shape; integer bits are counted without the sign. An
    element without bits is 0. rounding, overflow: as of FixedType.
    """

    arguments = ("signed", "integer", "fraction", "rounding", "overflow")

    def __init__(self, signed: Any, integer: Any, fraction: Any, rounding: str, overflow: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.signed, self.integer, self.fraction = (np.asarray(v, np.int64) for v in (signed, integer, fraction))
        self.rounding, self.overflow = rounding, overflow

    def types(self, shape: Sequence[int]) -> Types:
        """Of each element of a tensor of this shape, flat."""
        signed, integer, fraction = (
            np.broadcast_to(v, tuple(shape)).reshape(-1) for v in (self.signed, self.integer, self.fraction)
        )
        modes, found = (Rounding[self.rounding], Overflow[self.overflow]), np.empty(len(signed), object)
        for n, (k, i, f) in enumerate(zip(signed, integer, fraction, strict=True)):
            found[n] = _type_of(bool(k), int(i), int(f), *modes)
        return found

    @property
    def type(self) -> FixedType:
        """One that holds every element."""
        return hull(self.types(np.broadcast_shapes(self.signed.shape, self.integer.shape, self.fraction.shape)))

    def call(self, inputs: Any) -> Any:
        k, i, f = (v.astype(np.float64) for v in (self.signed, self.integer, self.fraction))
        alive = k + i + f > (0 if self.overflow != "SAT_SYM" else k)
        i = np.maximum(i, -f)
        low = -k * 2.0 ** (i + f) + (k if self.overflow == "SAT_SYM" else 0)
        whole = _ROUNDED[self.rounding](inputs * _like(2.0**f, inputs))
        low, high = _like(low, inputs), _like(2.0 ** (i + f) - 1, inputs)
        if self.overflow == "WRAP":
            whole = (whole - low) % (high - low + 1) + low
        elif self.overflow == "SAT_ZERO":
            whole = ops.where((whole < low) | (whole > high), ops.zeros_like(whole), whole)
        else:
            whole = ops.clip(whole, low, high)
        return whole * _like(np.where(alive, 2.0**-f, 0.0), inputs)


_ROUNDED = {
    "TRN": ops.floor,
    "RND": lambda x: ops.floor(x + 0.5),
    "RND_CONV": ops.round,
    "TRN_ZERO": lambda x: ops.sign(x) * ops.floor(ops.abs(x)),
    "RND_ZERO": lambda x: ops.sign(x) * ops.ceil(ops.abs(x) - 0.5),
    "RND_MIN_INF": lambda x: ops.ceil(x - 0.5),
    "RND_INF": lambda x: ops.sign(x) * ops.floor(ops.abs(x) + 0.5),
}


def _like(values: Any, x: Any) -> Any:
    return ops.cast(ops.convert_to_tensor(values), x.dtype)


def _type_of(signed: bool, integer: int, fraction: int, rounding: Rounding, overflow: Overflow) -> FixedType | None:
    """None where 0 is the only value."""
    width = signed + integer + fraction
    if width <= 0 or (signed and width == 1 and overflow is Overflow.SAT_SYM):
        return None
    return FixedType(signed, width, signed + integer, rounding, overflow)


def hull(types: Sequence[FixedType | None] | Types) -> FixedType:
    """The narrowest type that holds the values of all of these."""
    some: list[FixedType] = [t for t in types if t is not None]
    if not some:
        return FixedType(False, 1, 1)
    signed = any(t.signed for t in some)
    integer, fraction = max(t.integer - t.signed for t in some), max(t.fraction for t in some)
    return FixedType(signed, signed + integer + fraction, signed + integer, some[0].rounding, some[0].overflow)


@keras.saving.register_keras_serializable(package="fpga_ml")
class Lookup(_Ours):
    """Each element's entry in a table: entry number raw - first[t] of table t = which[element], raw being the element in
    units of 2**-fraction[t].

    which: an array of the element's shape; tables: one list of real numbers a table, of which exact_type holds all.
    """

    arguments = ("which", "first", "fraction", "tables")

    def __init__(
        self, which: Any, first: Sequence[int], fraction: Sequence[int], tables: Sequence[Sequence[float]], **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.which = np.asarray(which, np.int64)
        self.first, self.fraction = [int(v) for v in first], [int(v) for v in fraction]
        self.tables = [[float(v) for v in table] for table in tables]

    def call(self, inputs: Any) -> Any:
        sizes = [len(table) for table in self.tables]
        start = np.cumsum([0, *sizes])[:-1] - np.array(self.first)
        scale = _like(2.0 ** np.array(self.fraction)[self.which], inputs)
        number = ops.cast(inputs * scale, "int64") + ops.convert_to_tensor(start[self.which])
        return ops.take(_like(np.concatenate(self.tables), inputs), number)


@keras.saving.register_keras_serializable(package="fpga_ml")
class Arrange(_Ours):
    """Elements in another place: element n of the result is element index[n] of the input, both flat, 0 for -1.

    shape: of the result.
    """

    arguments = ("index", "shape")

    def __init__(self, index: Any, shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.index, self.shape = np.asarray(index, np.int64).reshape(-1), tuple(int(n) for n in shape)

    def call(self, inputs: Any) -> Any:
        flat = ops.reshape(inputs, (-1, math.prod(inputs.shape[1:])))
        padded = ops.pad(flat, [[0, 0], [0, 1]]) if (self.index < 0).any() else flat
        index = np.where(self.index < 0, flat.shape[1], self.index)
        return ops.reshape(ops.take(padded, index, axis=1), (-1, *self.shape))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *self.shape)


@keras.saving.register_keras_serializable(package="fpga_ml")
class Reduce(_Ours):
    """The sum or the largest over axes, which are counted with the batch as axis 0."""

    arguments = ("op", "axes", "keepdims")

    def __init__(self, op: Literal["sum", "max"], axes: Sequence[int], keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.op, self.axes, self.keepdims = op, tuple(int(a) for a in axes), keepdims

    def call(self, inputs: Any) -> Any:
        return {"sum": ops.sum, "max": ops.max}[self.op](inputs, axis=self.axes, keepdims=self.keepdims)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        axes = [a % len(input_shape) for a in self.axes]
        kept = [1 if n in axes else size for n, size in enumerate(input_shape)]
        return tuple(size for n, size in enumerate(kept) if self.keepdims or n not in axes)


@keras.saving.register_keras_serializable(package="fpga_ml")
class Scale(_Ours):
    """The value times 2**bits."""

    arguments = ("bits",)

    def __init__(self, bits: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bits = int(bits)

    def call(self, inputs: Any) -> Any:
        return inputs * 2.0**self.bits


@keras.saving.register_keras_serializable(package="fpga_ml")
class Einsum(_Ours):
    """Products of the elements of two tensors, summed as an equation says ("bij,bjk->bik"), the batch first."""

    arguments = ("equation",)

    def __init__(self, equation: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.equation = equation

    def call(self, inputs: Any) -> Any:
        return ops.einsum(self.equation, *inputs)

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        letters, out = self.equation.split("->")
        sizes = {
            c: n for s, shape in zip(letters.split(","), input_shape, strict=True) for c, n in zip(s, shape, strict=True)
        }
        return tuple(sizes[c] for c in out)


def numbers(shape: Sequence[int]) -> npt.NDArray[np.int64]:
    """Of the elements of a tensor, in its shape."""
    return np.arange(math.prod(shape)).reshape(shape)


def in_place(index: np.ndarray, x: Any) -> bool:
    """Whether elements of these numbers are a tensor as it stands."""
    return index.shape == tuple(x.shape[1:]) and np.array_equal(index.reshape(-1), np.arange(index.size))


TENSORS = (Quantise, Lookup, Arrange, Reduce, Scale, Einsum)
