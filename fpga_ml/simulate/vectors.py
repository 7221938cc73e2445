"""Samples: what a user gives as --data, checked, as float64 arrays in the order of the model's inputs."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fpga_ml.errors import FpgaMlError, suggest

Array = npt.NDArray[np.float64]
_Arrays = dict[str, npt.NDArray[Any]]
Inputs = Sequence[tuple[str, tuple[int, ...]]]
_RANDOM_SAMPLES = 1000


@dataclass(frozen=True)
class Samples:
    """x: one array (N, ...) per input; y: class numbers or targets (N, ...), None without; origin: where from."""

    x: tuple[Array, ...]
    y: npt.NDArray[Any] | None
    origin: str
    measured: bool

    def __len__(self) -> int:
        return len(self.x[0])

    def first(self, n: int) -> Samples:
        y = None if self.y is None else self.y[:n]
        return Samples(tuple(a[:n] for a in self.x), y, self.origin, self.measured)


def load_samples(data: Any, inputs: Inputs, seed: int) -> Samples:
    """From a path to .npz or .npy, an array, a dict of arrays, or None for random numbers (normal, unit width).

    An npz holds `x`, or one array per input by its name, and optionally `y`. Arrays stored as integer codes carry
    `x_scale` and `x_offset` beside them: value = code * scale + offset. What the model has an input of the name of is that input.
    """
    if data is None:
        rng = np.random.default_rng(seed)
        drawn = tuple(rng.normal(size=(_RANDOM_SAMPLES, *shape)) for _, shape in inputs)
        return Samples(drawn, None, "random (normal, unit width): no data given", False)
    if isinstance(data, (str, Path)):
        origin, arrays = str(data), _read(Path(data))
    elif isinstance(data, dict):
        origin, arrays = "in memory", {k: np.asarray(v) for k, v in data.items()}
    elif isinstance(data, (list, tuple)):
        if len(data) != len(inputs):
            raise FpgaMlError(
                f"the list has {len(data)} arrays, and the model the inputs {', '.join(name for name, _ in inputs)}",
                where="in memory",
                do="give one array (N, ...) an input",
            )
        origin, arrays = "in memory", {n: np.asarray(v) for (n, _), v in zip(inputs, data, strict=True)}
    else:
        origin, arrays = "in memory", {"x": np.asarray(data)}
    arrays, y = _apart(arrays, [name for name, _ in inputs])
    x = tuple(_input(arrays, name, shape, origin, [n for n, _ in inputs]) for name, shape in inputs)
    _same_length(x, inputs, origin)
    if y is not None:
        y = np.asarray(y)
        if len(y) != len(x[0]):
            raise FpgaMlError(
                f"{len(x[0])} samples but {len(y)} labels", where=f"array 'y', {origin}", do="give one label a sample"
            )
        if y.ndim == 2 and y.shape[1] > 1 and _is_one_hot(y):
            y = y.argmax(1)
        elif y.ndim == 2 and y.shape[1] == 1:
            y = y[:, 0]
    return Samples(x, y, origin, True)


def _apart(arrays: _Arrays, names: Sequence[str]) -> tuple[_Arrays, npt.NDArray[Any] | None]:
    """Inputs and labels. A lone input `y` may be given as `x`, with labels `y`."""
    if "y" in names and not (len(names) == 1 and "x" in arrays):
        return arrays, None
    return {k: v for k, v in arrays.items() if k != "y"}, arrays.get("y")


def _is_one_hot(y: npt.NDArray[Any]) -> bool:
    return bool(np.isin(y, (0, 1)).all() and (y.sum(1) == 1).all())


def _read(path: Path) -> _Arrays:
    do = "give an .npz with the array 'x' (or one array per input name), optionally 'y'"
    if not path.exists():
        raise FpgaMlError(f"data file '{path}' not found", do="check --data")
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"x": loaded}
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise FpgaMlError(f"'{path}' is no file of NumPy arrays: {error}", do=do) from None


def _input(arrays: _Arrays, name: str, shape: tuple[int, ...], origin: str, names: Sequence[str]) -> Array:
    alone = len(names) == 1
    key = name if name in arrays else "x" if alone else name
    if key not in arrays:
        raise FpgaMlError(
            f"no array for input '{name}'" + (" and no array 'x'" if alone else ""),
            where=origin,
            do=f"name the array '{name}'; the file holds: {', '.join(sorted(arrays)) or 'nothing'} "
            + f"({suggest(name, arrays)})" * bool(arrays),
        )
    values, where = arrays[key], f"array '{key}', {origin}"
    if values.dtype.kind not in "iufb":
        raise FpgaMlError(f"data of type {values.dtype} are no numbers", where=where, do="give integers or floats")
    if len(values) == 0 or values.ndim == 0:
        raise FpgaMlError("no samples: the array is empty", where=where, do="give at least one sample")
    if tuple(values.shape[1:]) != tuple(shape):
        raise FpgaMlError(
            f"samples of shape {tuple(values.shape[1:])}, but the model's input '{name}' is {tuple(shape)}",
            where=where,
            do=f"give an array of shape (N, {', '.join(map(str, shape))})",
        )
    real = values.astype(np.float64)
    scale, offset = (arrays.get(f"{key}_{what}") if f"{key}_{what}" not in names else None for what in ("scale", "offset"))
    real = real * (1.0 if scale is None else float(scale)) + (0.0 if offset is None else float(offset))
    finite = np.isfinite(real)
    if not finite.all():
        first = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise FpgaMlError(
            f"{int((~finite).sum())} values are NaN or infinite, the first at index {first}",
            where=where,
            do="clean the data: hardware has no such values",
        )
    return real


def _same_length(x: Sequence[Array], inputs: Inputs, origin: str) -> None:
    if len({len(a) for a in x}) > 1:
        lengths = ", ".join(f"{name}: {len(a)}" for (name, _), a in zip(inputs, x, strict=True))
        raise FpgaMlError(f"inputs of different numbers of samples ({lengths})", where=origin, do="give the same number")
