"""Sums, means, extremes and variances over axes of a sample."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from fpga_ml.frontend.layers import Function
from fpga_ml.frontend.operations.base import Operation, array_of, as_scalar, is_scalar, is_tensor
from fpga_ml.frontend.standins import Unknown

_OPS = {"Sum": "sum", "Max": "max", "Amax": "max"}


class Reduced(Operation):
    keeps_shapes = False

    def results(self, x: Any, weights: Any = None, **_: Any) -> Any:
        axes = self._axes(len(x.shape))
        keep = bool(getattr(self.layer, "keepdims", False))
        if is_scalar(x) or getattr(self.layer, "initial", None) is not None:
            raise Unknown
        found = self._found(x, axes, keep, weights)
        return as_scalar(found) if len(axes) == len(x.shape) - 1 and not keep else found

    def _found(self, x: Any, axes: list[int], keep: bool, weights: Any) -> Any:
        match self.kind:
            case "Mean":
                return self._mean("", x, axes, keep)
            case "Average":
                return self._weighed(x, axes, keep, weights) if weights is not None else self._mean("", x, axes, keep)
            case "Var":
                return self._variance("", x, axes, keep)
            case "Std":
                return self.part("", lambda name: Function("sqrt", name=name))(self._variance("variance", x, axes, keep))
            case "Min" | "Amin":
                return self._least("", x, axes, keep)
            case "Ptp":
                ends = self._reduced("largest", x, "max", axes, keep), self._least("least", x, axes, keep)
                return self.merged("", keras.layers.Subtract, *ends)
        return self._reduced("", x, _OPS[self.kind], axes, keep)

    def _axes(self, rank: int) -> list[int]:
        axis = self.layer.axis
        axes = [a % rank for a in (axis if isinstance(axis, (list, tuple)) else [axis])] if axis is not None else [0]
        if 0 in axes:
            raise Unknown  # it is over the samples
        return sorted(axes)

    def _reduced(self, suffix: str, x: Any, op: str, axes: list[int], keep: bool) -> Any:
        """The axis of a lone element is kept: no layer takes a tensor of shape (N,)."""
        if len(axes) == len(x.shape) - 1 and not keep:
            whole = self.reduced(suffix, x, op, axes, True)
            return self.part(f"{suffix}_one", lambda name: keras.layers.Reshape((1,), name=name))(whole)
        return self.reduced(suffix, x, op, axes, keep)

    def _least(self, suffix: str, x: Any, axes: list[int], keep: bool) -> Any:
        """The negative of the largest of the negatives."""
        largest = self._reduced(
            f"{suffix}_of_negatives".strip("_"), self.affine(f"{suffix}_negative".strip("_"), x, -1.0), "max", axes, keep
        )
        return self.affine(suffix, largest, -1.0)

    def _mean(self, suffix: str, x: Any, axes: list[int], keep: bool) -> Any:
        pooled = {(3, (1,)): keras.layers.GlobalAveragePooling1D, (4, (1, 2)): keras.layers.GlobalAveragePooling2D}
        pooling = pooled.get((len(x.shape), tuple(axes)))
        if pooling is not None:
            return self.part(suffix, lambda name: pooling(keepdims=keep, name=name))(x)
        total = self._reduced(f"{suffix}_sum" if suffix else "sum", x, "sum", axes, keep)
        return self.affine(suffix, total, 1 / np.prod([x.shape[a] for a in axes]))

    def _variance(self, suffix: str, x: Any, axes: list[int], keep: bool) -> Any:
        """The mean of the squares of the differences from the mean."""
        apart = self.merged("apart", keras.layers.Subtract, x, self._mean("mean", x, axes, True))
        squares = self.merged("squares", keras.layers.Multiply, apart, apart)
        return self._mean(suffix, squares, axes, keep)

    def _weighed(self, x: Any, axes: list[int], keep: bool, weights: Any) -> Any:
        if is_tensor(weights):
            raise Unknown
        values = array_of(weights)
        if values.ndim == 1 and len(axes) == 1:
            values = values.reshape([-1 if n == axes[0] else 1 for n in range(1, len(x.shape))])
        elif values.ndim != len(x.shape) or values.shape[0] != 1:
            raise Unknown
        if len(axes) != 1:
            raise Unknown
        shares = values / values.sum(axis=axes[0] - (values.ndim < len(x.shape)), keepdims=True)
        return self._reduced("", self.affine("shares", x, shares), "sum", axes, keep)
