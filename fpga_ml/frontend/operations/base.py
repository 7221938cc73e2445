"""What stands in an operation's place, and the words in which its layers are written."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from fpga_ml.frontend.standins import Composed


class Operation(Composed):
    """Called like the operation, with Keras tensors, numbers and arrays. Raises Unknown for what no layer computes."""

    def __init__(self, operation: Any, name: str) -> None:
        super().__init__(operation)
        self.name = name

    keeps_shapes = True  # of one element each, to results of one element each

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        made = super().__call__(*args, **kwargs)
        return like_what_was_read(made, args, kwargs) if self.keeps_shapes else made

    @property
    def kind(self) -> str:
        return type(self.layer).__name__


def is_tensor(x: Any) -> bool:
    return isinstance(x, keras.KerasTensor)


def array_of(constant: Any) -> np.ndarray:
    """Of a number, an array or a variable, in float64 after the rounding to float32 that Keras gives it."""
    return np.asarray(keras.ops.convert_to_numpy(constant), np.float32).astype(np.float64)


def is_scalar(x: Any) -> bool:
    """Whether a tensor (N, 1) stands for one of shape (N,), which no layer takes."""
    return getattr(x, "stands_for_scalar", False)


def as_scalar(x: Any) -> Any:
    x.stands_for_scalar = True
    return x


def like_what_was_read(made: Any, args: Any, kwargs: Any) -> Any:
    """Results of one element stand for tensors of shape (N,) where all that was read does."""
    given = [t for t in keras.tree.flatten([args, kwargs]) if is_tensor(t)]
    if given and all(map(is_scalar, given)):
        for t in filter(is_tensor, keras.tree.flatten(made)):
            as_scalar(t)
    return made
