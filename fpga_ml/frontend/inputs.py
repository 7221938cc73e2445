"""The types of a model's inputs: as configured, as the model itself rounds them, or from the data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from fpga_ml.config import Config
from fpga_ml.frontend.kinds import is_relu
from fpga_ml.frontend.rebuild import Array, Call, calls
from fpga_ml.frontend.tensors import Kept, Quantise, Types, hull
from fpga_ml.numerics import FixedType, Overflow, Rounding

_MAX_GRID_BITS = 16
# Layers that move values, repeat them, leave some out or put zeros beside them, and do nothing else when a model is used.
_MOVES = frozenset(
    [
        *("Arrange", "Concatenate", "Cropping1D", "Cropping2D", "Flatten", "Kept", "Permute", "RepeatVector", "Reshape"),
        *("UpSampling1D", "UpSampling2D", "ZeroPadding1D", "ZeroPadding2D"),
        *("AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise", "SpatialDropout1D", "SpatialDropout2D"),
    ]
)


# Layers that keep the order of values: what cuts a value off may come before them as well as behind.
_IN_ORDER = frozenset(
    ["Clipped", "ReLU", "MaxPooling1D", "MaxPooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D", "Maximum", "Minimum"]
)


@dataclass(frozen=True)
class InputType:
    """type: of an input; elements: where the model rounds each to a type of its own, these, flat, all of them within `type`,
    None for an element that is always 0. Data are rounded to them at once: to `type` first would be twice."""

    type: FixedType
    elements: Types | None = None

    def quantise(self, x: Array) -> Array:
        """Values (N, ...) rounded as the hardware receives them."""
        if self.elements is None:
            return self.type.quantise(x)
        flat = np.reshape(x, (len(x), -1))
        out = np.zeros_like(flat)
        for t in set(self.elements):
            if t is not None:
                columns = self.elements == t
                out[:, columns] = t.quantise(flat[:, columns])
        return out.reshape(np.shape(x))


@dataclass
class _Read:
    """Of an input: rounded, the types to which each element is rounded; later, those to which it is behind layers that keep
    the order of values; others, the names of the other layers that read it as it comes."""

    shape: tuple[int, ...]
    rounded: list[set[FixedType | None]]
    later: list[FixedType] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    @property
    def types(self) -> list[FixedType]:
        return [*self.later, *(t for found in self.rounded for t in found if t is not None)]


def input_types(model: Any, x: Sequence[Array], config: Config) -> tuple[tuple[InputType, ...], tuple[str, ...]]:
    """The type of each input, and what to know of them."""
    found, notes = [], []
    for tensor, read, values in zip(model.inputs, _reads(model), x, strict=True):
        own = config.layer(tensor.name)
        given = own.precision.get("result") or config.input_type
        if own.bits and not (read.types or own.precision.get("result")):
            found.append(InputType(_measured(values, own.bits, config.saturate)))
        elif given:
            found.append(InputType(FixedType.parse(given)))
        elif read.types:
            found.append(_rounded(read, values, config.bits))
            if read.others:
                notes.append(_also_read(tensor.name, read, found[-1].type))
        else:
            found.append(InputType(_grid(values) or _measured(values, config.bits, config.saturate)))
    return tuple(found), tuple(notes)


def as_configured(model: Any, x: Sequence[Array], config: Config) -> list[Array]:
    """Data, (N, ...) for each input, rounded to the types that the configuration gives the inputs; others as they are."""
    types = [config.layer(t.name).precision.get("result") or config.input_type for t in model.inputs]
    return [FixedType.parse(t).quantise(a) if t else a for t, a in zip(types, x, strict=True)]


def reaches_of_inputs(model: Any) -> list[tuple[Array, Array] | None]:
    """The least and the greatest value of each element of each input, where the model rounds it."""
    return [_reach(read) if read.types else None for read in _reads(model)]


def _reads(model: Any) -> list[_Read]:
    """What the model does to each of its inputs, past layers that only move values."""
    shapes = [tuple(t.shape[1:]) for t in model.inputs]
    starts = np.cumsum([0, *(int(np.prod(s)) for s in shapes)])
    found = [_Read(s, [set() for _ in range(int(np.prod(s)))]) for s in shapes]
    # Of each tensor that holds elements of inputs and nothing else: their numbers, over all inputs, -1 for zero.
    known = {
        id(t): np.arange(start, start + len(read.rounded)).reshape(read.shape)
        for t, start, read in zip(model.inputs, starts, found, strict=False)
    }

    def mine(index: npt.NDArray[np.int64]) -> Iterator[tuple[_Read, npt.NDArray[np.int64]]]:
        """Each input of which there are elements, and their numbers in it, -1 for those of others."""
        for read, start in zip(found, starts, strict=False):
            own = np.where((index >= start) & (index < start + len(read.rounded)), index - start, -1).reshape(-1)
            if (own >= 0).any():
                yield read, own

    every = calls(model)
    for c in every:
        given = [known[id(t)] for t in c.inputs if id(t) in known]
        if given and type(c.layer).__name__ in _MOVES and len(given) == len(c.inputs):
            known[id(c.outputs[0])] = _moved(c, given)
            continue
        for read, own in (pair for index in given for pair in mine(index)):
            if isinstance(c.layer, Quantise):
                types = c.layer.types(c.inputs[0].shape[1:])
                for place in np.flatnonzero(own >= 0):
                    read.rounded[own[place]].add(types[place])
            elif behind := _rounded_behind(c, every):
                read.later += behind
            elif c.layer.name not in read.others:
                read.others.append(c.layer.name)
    for tensor in model.outputs:
        for read, _ in mine(known[id(tensor)]) if id(tensor) in known else ():
            read.others.append("the model's output")
    return found


def _rounded_behind(c: Call, every: Sequence[Call]) -> list[FixedType]:
    """The types to which all that reads a layer rounds, where that keeps the order of values; none otherwise."""
    in_order = type(c.layer).__name__ in _IN_ORDER or (type(c.layer).__name__ == "Activation" and is_relu(c.layer))
    readers = [d for d in every if any(t is c.outputs[0] for t in d.inputs)]
    while len(readers) == 1 and isinstance(readers[0].layer, Kept):
        readers = [d for d in every if any(t is readers[0].outputs[0] for t in d.inputs)]
    if not in_order or not all(isinstance(d.layer, Quantise) for d in readers):
        return []
    return [t for d in readers for t in d.layer.types(d.inputs[0].shape[1:]) if t is not None]


def _moved(c: Call, index: Sequence[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    """Numbers of elements after a layer that moves them: it is given the numbers themselves, from 1 on, as values."""
    values = [(i + 1)[None].astype(np.float32) for i in index]
    moved = c.layer(values if len(values) > 1 else values[0], **({"training": False} if _trains(c.layer) else {}))
    return np.asarray(np.rint(np.asarray(moved)[0]), np.int64) - 1


def _trains(layer: Any) -> bool:
    """Whether it does something else in training."""
    return "Dropout" in type(layer).__name__ or "Noise" in type(layer).__name__


def _rounded(read: _Read, values: Array, bits: int) -> InputType:
    """As the model rounds it, where it does so once; else cut off so finely, and so wide, that each layer can round it."""
    whole = hull(read.types)
    plain = not read.others and not read.later
    if plain and all(len(types) <= 1 for types in read.rounded):
        elements = np.empty(len(read.rounded), object)
        elements[:] = [next(iter(types), None) for types in read.rounded]
        return InputType(whole) if (elements == whole).all() else InputType(whole, elements)
    if plain:
        return InputType(FixedType(whole.signed, whole.width + 1, whole.integer, Rounding.TRN, whole.overflow))
    ranged = FixedType.for_range(*_ends(values), bits)
    signed = whole.signed or ranged.signed
    integer = max(whole.integer - whole.signed, ranged.integer - ranged.signed) + signed + 1
    fraction = max(whole.fraction + 1, bits - integer)
    return InputType(FixedType(signed, integer + fraction, integer, Rounding.TRN, Overflow.SAT))


def _also_read(name: str, read: _Read, t: FixedType) -> str:
    return (
        f"input '{name}' is read by {', '.join(read.others)} as it comes, beside layers that round it: it has the type"
        f" {t.cpp()}, and what reads it so differs from Keras by what that rounding costs"
    )


def _measured(values: Array, bits: int, saturate: bool) -> FixedType:
    return FixedType.for_values(values, bits) if saturate else FixedType.for_range(*_ends(values), bits)


def _reach(read: _Read) -> tuple[Array, Array]:
    whole = hull(read.types)
    ends = []
    for end in ("min", "max"):
        pick = min if end == "min" else max
        each = [pick((getattr(t, end) for t in types if t), default=None) for types in read.rounded]
        ends.append(np.array([getattr(whole, end) if v is None else v for v in each]).reshape(read.shape))
    return ends[0], ends[1]


def _ends(values: Array) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _grid(values: Array) -> FixedType | None:
    """The narrowest type that holds all values exactly, if at most 16 bits do: data that were quantised before."""
    for fraction in range(_MAX_GRID_BITS):
        scaled = np.ldexp(values, fraction)
        if np.array_equal(scaled, np.rint(scaled)):
            low, high = int(scaled.min()), int(scaled.max())
            signed = low < 0
            width = max(max(high.bit_length(), (~low).bit_length() if signed else 0) + signed, 1)
            if width > _MAX_GRID_BITS:
                return None
            return FixedType(signed, width, width - fraction, Rounding.RND_CONV, Overflow.SAT)
    return None
