"""What stands in an operation's place, and the words in which its layers are written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from fpga_ml.frontend.layers import Affine, exact_type
from fpga_ml.frontend.quantizers import signed_quantizer
from fpga_ml.frontend.standins import StandIn
from fpga_ml.frontend.tensors import Arrange, Reduce

_MOST_BITS = 18  # of a number in an operation that is taken as it is


class Unknown(Exception):
    """No layer stands for this use of an operation."""


class Operation(StandIn):
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

    def arranged(self, suffix: str, x: Any, index: np.ndarray) -> Any:
        """Elements of x by their numbers, in the shape of the index."""
        if index.shape == tuple(x.shape[1:]) and np.array_equal(index.reshape(-1), np.arange(index.size)):
            return x
        return self.part(suffix, lambda name: Arrange(index, index.shape, name=name))(x)

    def affine(self, suffix: str, x: Any, scale: Any = 1.0, offset: Any = 0.0) -> Any:
        """x * scale + offset: numbers, or arrays that broadcast to a sample of x, or to which it does."""
        arrays = [_of_sample(v, len(x.shape)) for v in (scale, offset)]
        shape = np.broadcast_shapes(tuple(x.shape[1:]), *(a.shape for a in arrays))
        x = self.arranged(f"{suffix}_repeated", x, np.broadcast_to(numbers(x), shape))
        if all(is_of_channels(a) for a in arrays):
            return self._channels(suffix, x, *(np.broadcast_to(a.reshape(-1), shape[-1:]) for a in arrays))
        flat = self.part(f"{suffix}_flat", lambda name: keras.layers.Reshape((math.prod(shape),), name=name))(x)
        flat = self._channels(suffix, flat, *(np.broadcast_to(a, shape).reshape(-1) for a in arrays))
        return self.part(f"{suffix}_shaped", lambda name: keras.layers.Reshape(shape, name=name))(flat)

    def _channels(self, suffix: str, x: Any, scale: np.ndarray, offset: np.ndarray) -> Any:
        """Exact where fixed point holds both in a few bits; else they are rounded as weights are."""
        types = [exact_type(v) for v in (scale, offset)]
        exact = all(t.width <= _MOST_BITS for t in types)
        own = [signed_quantizer(t, f"operation '{self.name}'") for t in types] if exact else [None, None]
        return self.part(suffix, lambda name: Affine(*own, name=name), [scale, offset])(x)

    def merged(self, suffix: str, kind: Any, *tensors: Any) -> Any:
        return self.part(suffix, lambda name: kind(name=name))(list(tensors))

    def reduced(self, suffix: str, x: Any, op: Any, axes: Sequence[int], keepdims: bool) -> Any:
        return self.part(suffix, lambda name: Reduce(op, axes, keepdims, name=name))(x)


def numbers(x: Any) -> np.ndarray:
    """Of the elements of a sample of a tensor, in its shape."""
    return np.arange(math.prod(x.shape[1:])).reshape(x.shape[1:])


def is_tensor(x: Any) -> bool:
    return isinstance(x, keras.KerasTensor)


def is_of_channels(a: np.ndarray) -> bool:
    """Whether it has numbers for the last axis only."""
    return a.size == 1 or a.size == a.shape[-1]


def array_of(constant: Any) -> np.ndarray:
    """Of a number, an array or a variable, in float64 after the rounding to float32 that Keras gives it."""
    return np.asarray(keras.ops.convert_to_numpy(constant), np.float32).astype(np.float64)


def _of_sample(constant: Any, rank: int) -> np.ndarray:
    """A constant without the axis of samples; rank: of the tensor that it meets."""
    found = constant if isinstance(constant, np.ndarray) else np.asarray(constant, np.float64)
    if found.ndim < rank:
        return found
    if found.ndim > rank or found.shape[0] != 1:
        raise Unknown
    sample: np.ndarray = found[0]
    return sample


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
