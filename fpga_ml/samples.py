"""Samples: what a user gives as --data, checked, as float64 arrays in the order of the model's inputs."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fpga_ml.archive import names_of_arrays, read_arrays
from fpga_ml.errors import FpgaMlError, suggest
from fpga_ml.labels import check_class_names, checked_labels

Array = npt.NDArray[np.float64]
_Arrays = dict[str, npt.NDArray[Any]]
Inputs = Sequence[tuple[str, tuple[int, ...]]]
Reach = tuple[Array, Array]  # the least and the greatest value of each element
_RANDOM_SAMPLES = 1000
_RANDOM_VALUES = 1 << 27  # of an input; of one with many elements there are fewer samples
_BEYOND = 0.05
_CODES = ("scale", "offset")
_CLASS_NAMES = "class_names"
_DO = "give an .npz with the array 'x' (or one array per input name), optionally 'y'"
_LABELS = ("y", "label", "labels", "target", "targets", "truth", "class", "classes")  # what others call them


@dataclass(frozen=True)
class Samples:
    """x: one array (N, ...) per input; y: class numbers (N, ...) of type int64, or targets of type float64, None without;
    origin: where from; class_names: of class 0, 1, ..., () where the data do not name them."""

    x: tuple[Array, ...]
    y: npt.NDArray[Any] | None
    origin: str
    measured: bool
    class_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.x[0])

    @property
    def classified(self) -> bool:
        """Whether the labels are class numbers of the first output."""
        return self.y is not None and self.y.dtype.kind == "i"

    def first(self, n: int) -> Samples:
        y = None if self.y is None else self.y[:n]
        return replace(self, x=tuple(a[:n] for a in self.x), y=y)

    def labelled(self, outputs: Sequence[tuple[int, ...]], *, decides: bool) -> Samples:
        """With labels, and names of classes, that fit the model's outputs; FpgaMlError for others (labels.py)."""
        check_class_names(self.class_names, outputs, self.origin)
        y = None if self.y is None else checked_labels(self.y, outputs, self.origin, decides=decides)
        found = replace(self, y=y)
        if self.class_names and not found.classified:
            why = "there are no labels" if y is None else "the labels are targets, not class numbers"
            where = f"array '{_CLASS_NAMES}', {self.origin}"
            raise FpgaMlError(
                f"classes are named, but {why}", where=where, do="leave class_names out, or give class numbers in y"
            )
        return found


def load_samples(
    data: Any, inputs: Inputs, seed: int, more: Collection[str] = (), reaches: Sequence[Reach | None] = ()
) -> Samples:
    """From a path to .npz or .npy, an array, a dict of arrays, or None for random numbers: normal, of unit width, or uniform
    over the range of an input and 5 % beyond where `reaches` has that.

    An npz holds `x`, or one array per input by its name, and optionally `y` and `class_names` (text, one a class). Arrays
    stored as integer codes carry `x_scale` and `x_offset` beside them: value = code * scale + offset. What the model has an
    input of the name of is that input. more: names of arrays that may be there besides. Raises FpgaMlError for any other
    name, and for arrays that do not fit the inputs.
    """
    if data is None:
        rng = np.random.default_rng(seed)
        largest = max(math.prod(shape) for _, shape in inputs)
        count = max(1, min(_RANDOM_SAMPLES, _RANDOM_VALUES // largest))
        known = [*reaches, *[None] * (len(inputs) - len(reaches))]
        drawn = tuple(_drawn(rng, (count, *shape), reach) for (_, shape), reach in zip(inputs, known, strict=True))
        how = "over the range of the model's input quantizers and 5 % beyond" if all(known) else "normal, unit width"
        return Samples(drawn, None, f"random ({how}): no data given", False)
    if isinstance(data, (str, Path)):
        origin, arrays = str(data), _read(Path(data))
    elif isinstance(data, dict):
        origin, arrays = (
            "in memory",
            {str(k): _array(v, f"array '{k}', in memory") for k, v in data.items() if v is not None},
        )
    elif isinstance(data, (list, tuple)) and any(isinstance(part, np.ndarray) for part in data):
        if len(data) != len(inputs):
            raise FpgaMlError(
                f"the list has {len(data)} arrays, and the model the inputs {', '.join(name for name, _ in inputs)}",
                where="in memory",
                do="give one array (N, ...) an input; with labels, a dict: {'x': ..., 'y': ...}",
            )
        origin, arrays = (
            "in memory",
            {n: _array(v, f"array '{n}', in memory") for (n, _), v in zip(inputs, data, strict=True)},
        )
    else:
        origin, arrays = "in memory", {"x": _array(data, "data, in memory")}
    names = [name for name, _ in inputs]
    arrays, y = _apart(arrays, names)
    class_names = () if _CLASS_NAMES in names else _texts(arrays.pop(_CLASS_NAMES, None), origin)
    x = tuple(_input(arrays, name, shape, origin, names) for name, shape in inputs)
    _check_names(arrays, names, more, origin)
    _same_length(x, inputs, origin)
    if y is not None and (y.ndim == 0 or len(y) != len(x[0])):
        labels = len(y) if y.ndim else "no"
        raise FpgaMlError(
            f"{len(x[0])} samples but {labels} labels", where=f"array 'y', {origin}", do="give one label a sample"
        )
    return Samples(x, y, origin, True, class_names)


def _drawn(rng: np.random.Generator, shape: tuple[int, ...], reach: Reach | None) -> Array:
    if reach is None:
        return rng.normal(size=shape)
    low, high = reach
    return rng.uniform(low - _BEYOND * (high - low), high + _BEYOND * (high - low), size=shape)


def _texts(names: npt.NDArray[Any] | None, origin: str) -> tuple[str, ...]:
    if names is None:
        return ()
    if names.dtype.kind != "U" or names.ndim != 1:
        raise FpgaMlError(
            f"names of classes are text, and these are {names.dtype}",
            where=f"array '{_CLASS_NAMES}', {origin}",
            do="give one text a class, such as ['quark', 'gluon']",
        )
    return tuple(map(str, names))


def _array(values: Any, where: str) -> npt.NDArray[Any]:
    try:
        return np.asarray(values)
    except ValueError as error:
        raise FpgaMlError(f"these are no array: {error}", where=where, do="give rows of one length") from None


def names_in(path: Path) -> tuple[str, ...]:
    """Of the arrays of an npz; () of another file, or none."""
    return tuple(names_of_arrays(path, _DO)) if path.suffix == ".npz" and path.exists() else ()


def _check_names(arrays: _Arrays, names: Sequence[str], more: Collection[str], origin: str) -> None:
    """Raise for an array that nothing reads: its name may be a slip."""
    lone = len(names) == 1 and names[0] not in arrays
    read = dict.fromkeys([*names, *(["x"] if lone else []), "y", _CLASS_NAMES])
    known = {*read, *(f"{n}_{what}" for n in read for what in _CODES), *more}
    for name in arrays:
        if name not in known:
            meant = "did you mean 'y'?" if name.lower().split("_")[0] in _LABELS else suggest(name, read)
            raise FpgaMlError(f"unknown array '{name}'", where=origin, do=f"rename it or leave it out; {meant}")


def _apart(arrays: _Arrays, names: Sequence[str]) -> tuple[_Arrays, npt.NDArray[Any] | None]:
    """Inputs and labels. A lone input `y` may be given as `x`, with labels `y`."""
    if "y" in names and not (len(names) == 1 and "x" in arrays):
        return arrays, None
    return {k: v for k, v in arrays.items() if k != "y"}, arrays.get("y")


def _read(path: Path) -> _Arrays:
    if not path.exists():
        raise FpgaMlError(f"data file '{path}' not found", do="check --data")
    return read_arrays(path, _DO)


def _input(arrays: _Arrays, name: str, shape: tuple[int, ...], origin: str, names: Sequence[str]) -> Array:
    alone = len(names) == 1
    key = name if name in arrays else "x" if alone else name
    if key not in arrays:
        if not alone and list(arrays) == ["x"]:
            raise FpgaMlError(
                f"one array for a model with the inputs {', '.join(names)}",
                where=origin,
                do=f"give an array (N, ...) for each: {{{', '.join(f'{n!r}: ...' for n in names)}}}",
            )
        raise FpgaMlError(
            f"no array for input '{name}'" + (" and no array 'x'" if alone else ""),
            where=origin,
            do=f"name the array '{'x' if alone else name}'; there are: {', '.join(sorted(arrays)) or 'none'} "
            + f"({suggest(name, arrays)})" * bool(arrays),
        )
    values, where = arrays[key], f"array '{key}', {origin}"
    if values.dtype.kind not in "iufb":
        raise FpgaMlError(f"data of type {values.dtype} are no numbers", where=where, do="give integers or floats")
    if values.ndim == 0:
        raise FpgaMlError(
            "the data are one number", where=where, do=f"give an array of shape (N, {', '.join(map(str, shape))})"
        )
    if values.size == 0:
        raise FpgaMlError("no samples: the array is empty", where=where, do="give at least one sample")
    if tuple(values.shape[1:]) != tuple(shape):
        do = f"give an array of shape (N, {', '.join(map(str, shape))})"
        if tuple(values.shape) == tuple(shape):
            do += "; this is one sample without its first axis: array[None]"
        elif values.ndim == 1:
            do += "; labels have the name 'y': {'x': ..., 'y': ...}"
        raise FpgaMlError(
            f"samples of shape {tuple(values.shape[1:])}, but the model's input '{name}' is {tuple(shape)}",
            where=where,
            do=do,
        )
    real = values.astype(np.float64)
    scale, offset = (_code(arrays, f"{key}_{what}", origin) if f"{key}_{what}" not in names else None for what in _CODES)
    real = real * (1.0 if scale is None else scale) + (0.0 if offset is None else offset)
    finite = np.isfinite(real)
    if not finite.all():
        first = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise FpgaMlError(
            f"{int((~finite).sum())} values are NaN or infinite, the first at index {first}",
            where=where,
            do="clean the data: hardware has no such values",
        )
    return real


def _code(arrays: _Arrays, name: str, origin: str) -> float | None:
    if name not in arrays:
        return None
    value = arrays[name]
    if value.size != 1 or value.dtype.kind not in "iuf" or not np.isfinite(value).all():
        raise FpgaMlError(f"'{name}' is not one number", where=f"array '{name}', {origin}", do="give a scalar")
    return float(value.item())


def _same_length(x: Sequence[Array], inputs: Inputs, origin: str) -> None:
    if len({len(a) for a in x}) > 1:
        lengths = ", ".join(f"{name}: {len(a)}" for (name, _), a in zip(inputs, x, strict=True))
        raise FpgaMlError(f"inputs of different numbers of samples ({lengths})", where=origin, do="give the same number")
