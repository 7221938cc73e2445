"""Labels, checked against the model's outputs before any work: class numbers of the first output, or targets of all
outputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fpga_ml.errors import FpgaMlError

Array = npt.NDArray[Any]
Shape = tuple[int, ...]


def checked_labels(y: Array, outputs: Sequence[Shape], origin: str, *, decides: bool) -> Array:
    """Class numbers (N, ...) as int64, or targets (N, ...) as float64; which of both it is, the type tells.

    y: class numbers, one-hot rows (N, classes), or targets; outputs: shapes of the model's outputs without N; decides:
    whether the first is a softmax or one sigmoid. Where it decides, labels are class numbers. Where it does not, whole
    numbers are class numbers too, one for each set of scores; for a single score that is no sigmoid only if they are 0 and
    1. Raises FpgaMlError for all others.
    """
    where = f"array 'y', {origin}"
    _check_numbers(y, where)
    scores = outputs[0][-1] if outputs[0] else 1
    classes, each = (2 if scores == 1 else scores), outputs[0][:-1]
    if _is_one_hot(y) and (decides or y.shape[1] == classes):
        if y.shape[1] != classes:
            raise _shape(y, f"one-hot labels of {y.shape[1]} classes", f"tells {classes} apart", classes, where)
        found: Array = np.argmax(y, axis=1).astype(np.int64)
        return found
    one_each = y.size == len(y) * math.prod(each)
    whole = one_each and bool((y == np.floor(y)).all())
    binary = bool(np.isin(y, (0, 1)).all())
    if decides or (y.dtype.kind in "iub" and one_each and (scores > 1 or binary)):
        if not one_each:
            raise _shape(y, f"labels of shape {y.shape[1:]} a sample", f"decides among {classes} classes", classes, where)
        if not whole:
            first = float(y[y != np.floor(y)][0])
            raise FpgaMlError(
                f"the label {first:g} is no class number, and the model decides among {classes} classes",
                where=where,
                do=f"give whole numbers from 0 to {classes - 1}",
            )
        _check_range(y, classes, where)
        return y.astype(np.int64).reshape(len(y), *(each if math.prod(each) > 1 else ()))
    _check_targets(y, outputs, where)
    return y.astype(np.float64)


def check_class_names(names: Sequence[str], outputs: Sequence[Shape], origin: str) -> None:
    """Raise FpgaMlError where there are names, and not one for each class that the first output tells apart."""
    scores = outputs[0][-1] if outputs[0] else 1
    classes = 2 if scores == 1 else scores
    if names and len(names) != classes:
        raise FpgaMlError(
            f"{len(names)} names of classes, and the model tells {classes} apart",
            where=f"array 'class_names', {origin}",
            do=f"give {classes} names, of class 0, 1, ...",
        )
    if len({*names}) < len(names):
        raise FpgaMlError(
            "two classes have one name", where=f"array 'class_names', {origin}", do="give each a name of its own"
        )


def _check_numbers(y: Array, where: str) -> None:
    if y.dtype.kind not in "iufb":
        raise FpgaMlError(
            f"labels of type {y.dtype} are no numbers", where=where, do="give class numbers 0, 1, ..., or targets as floats"
        )
    bad = ~np.isfinite(y)
    if bad.any():
        raise FpgaMlError(
            f"{int(bad.sum())} labels are NaN or infinite, the first of sample {int(np.argwhere(bad)[0][0])}",
            where=where,
            do="leave these samples out",
        )


def _is_one_hot(y: Array) -> bool:
    return y.ndim == 2 and y.shape[1] > 1 and bool(np.isin(y, (0, 1)).all() and (y.sum(1) == 1).all())


def _check_range(y: Array, classes: int, where: str) -> None:
    low, high = int(y.min()), int(y.max())
    if low >= 0 and high < classes:
        return
    do = "give one number a class, from 0 on"
    if low == 1 and high == classes:
        do = "subtract 1 from each"
    elif classes == 2 and set(np.unique(y)) == {-1, 1}:
        do = "write 0 in the place of -1"
    raise FpgaMlError(
        f"labels from {low} to {high}, but the model's {classes} classes are 0 to {classes - 1}", where=where, do=do
    )


def _check_targets(y: Array, outputs: Sequence[Shape], where: str) -> None:
    values = sum(math.prod(shape) for shape in outputs)
    if y.size != len(y) * values:
        raise FpgaMlError(
            f"targets of {y.size // len(y)} values a sample, but the model's outputs have {values}",
            where=where,
            do=f"give an array (N, {values}): the targets of all outputs side by side",
        )


def _shape(y: Array, what: str, model: str, classes: int, where: str) -> FpgaMlError:
    return FpgaMlError(
        f"{what}, but the model {model}",
        where=where,
        do=f"give class numbers (N,) from 0 to {classes - 1}, or one-hot rows (N, {classes})",
    )
