"""Sums, differences, products, quotients, powers and comparisons: of tensors, or of a tensor and numbers."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from fpga_ml.frontend.layers import Clipped, Function, Steps
from fpga_ml.frontend.operations.base import Operation, array_of, is_scalar, is_tensor
from fpga_ml.frontend.standins import Unknown

_MERGES = {
    "Add": keras.layers.Add,
    "Subtract": keras.layers.Subtract,
    "Multiply": keras.layers.Multiply,
    "Maximum": keras.layers.Maximum,
    "Minimum": keras.layers.Minimum,
    "LogicalAnd": keras.layers.Multiply,
    "LogicalOr": keras.layers.Maximum,
}
_POWERS = {2: "square", 0.5: "sqrt", -1: "reciprocal", -0.5: "rsqrt"}
_MOST_FACTORS = 8


class OfTwo(Operation):
    """Of two tensors, or of one and numbers."""

    def results(self, a: Any, b: Any, **_: Any) -> Any:
        if is_tensor(a) and is_tensor(b):
            if len(a.shape) != len(b.shape) or is_scalar(a) != is_scalar(b):
                raise Unknown  # a sample would meet an axis of the other
            return self._tensors(a, b)
        if not is_tensor(a) and not is_tensor(b):
            raise Unknown
        return self._with(a, array_of(b), first=False) if is_tensor(a) else self._with(b, array_of(a), first=True)

    def _tensors(self, a: Any, b: Any) -> Any:
        if self.kind in ("Divide", "TrueDivide"):
            one_over = self.part("one_over", lambda name: Function("reciprocal", name=name))(b)
            return self.merged("", keras.layers.Multiply, a, one_over)
        return self.merged("", _MERGES[self.kind], a, b)

    def _with(self, x: Any, c: np.ndarray, *, first: bool) -> Any:
        """first: the numbers stand before the operator."""
        match self.kind:
            case "Add":
                return self.affine("", x, 1.0, c)
            case "Subtract":
                return self.affine("", x, -1.0, c) if first else self.affine("", x, 1.0, -c)
            case "Multiply":
                return self.affine("", x, c)
            case "Divide" | "TrueDivide" if first:
                return self.affine("", self.part("one_over", lambda name: Function("reciprocal", name=name))(x), c)
            case "Divide" | "TrueDivide" if c.all():
                return self.affine("", x, 1 / c)
            case "Maximum" | "Minimum" if c.size == 1:
                ends = (float(c), np.inf) if self.kind == "Maximum" else (-np.inf, float(c))
                return self.part("", lambda name: Clipped(1.0, *ends, name=name))(x)
        raise Unknown


class Compared(Operation):
    """1 where a comparison holds, 0 where it does not: a step."""

    def results(self, a: Any, b: Any, **_: Any) -> Any:
        kind = self.kind
        if is_tensor(a) and is_tensor(b):
            if len(a.shape) != len(b.shape) or is_scalar(a) != is_scalar(b):
                raise Unknown
            return self._step(kind, self.merged("difference", keras.layers.Subtract, a, b), 0.0)
        if not is_tensor(a):
            a, b, kind = b, a, _MIRRORED[kind]
        threshold = array_of(b)
        if threshold.size == 1:
            return self._step(kind, a, float(threshold.reshape(())))
        return self._step(kind, self.affine("difference", a, 1.0, -threshold), 0.0)

    def _step(self, kind: str, x: Any, at: float) -> Any:
        values = [0.0, 1.0] if kind.startswith("Greater") else [1.0, 0.0]
        with_it = kind in ("GreaterEqual", "Less")
        return self.part("", lambda name: Steps([at], [with_it], values, name=name))(x)


_MIRRORED = {"Greater": "Less", "Less": "Greater", "GreaterEqual": "LessEqual", "LessEqual": "GreaterEqual"}


class Not(Operation):
    def results(self, x: Any, **_: Any) -> Any:
        return self.affine("", x, -1.0, 1.0)


class Where(Operation):
    """a where a condition holds, b where it does not, as condition * a + (1 - condition) * b."""

    def results(self, condition: Any, a: Any, b: Any, **_: Any) -> Any:
        if not is_tensor(condition):
            raise Unknown
        if not is_tensor(a) and not is_tensor(b):
            a, b = array_of(a), array_of(b)
            return self.affine("", condition, a - b, b)
        other = self.affine("otherwise", condition, -1.0, 1.0)
        return self.merged("", keras.layers.Add, self._chosen("then", condition, a), self._chosen("else", other, b))

    def _chosen(self, suffix: str, condition: Any, value: Any) -> Any:
        if not is_tensor(value):
            return self.affine(suffix, condition, array_of(value))
        if len(condition.shape) != len(value.shape) or is_scalar(condition) != is_scalar(value):
            raise Unknown
        return self.merged(suffix, keras.layers.Multiply, condition, value)


class Power(Operation):
    """x ** n, where it is a function that has a name, or a product of a few."""

    def results(self, x: Any, exponent: Any, **_: Any) -> Any:
        n = (
            None
            if is_tensor(exponent) or np.size(exponent) > 1 or not is_tensor(x)
            else float(array_of(exponent).reshape(()))
        )
        if n in _POWERS:
            return self.part("", lambda name: Function(_POWERS[n], name=name))(x)
        if n == 1:
            return x
        if n is None or n != int(n) or not 2 < n <= _MOST_FACTORS:
            raise Unknown(f"use an exponent of 1 to {_MOST_FACTORS}, 0.5, -0.5 or -1")
        made = x
        for k in range(2, int(n) + 1):
            made = self.merged("" if k == n else str(k), keras.layers.Multiply, made, x)
        return made


class Clip(Operation):
    def results(self, x: Any, **_: Any) -> Any:
        low, high = (array_of(v) for v in (self.layer.x_min, self.layer.x_max))
        if low.size != 1 or high.size != 1:
            raise Unknown
        return self.part("", lambda name: Clipped(1.0, float(low.reshape(())), float(high.reshape(())), name=name))(x)


class Same(Operation):
    """The tensor itself."""

    def results(self, x: Any, **_: Any) -> Any:
        if not is_tensor(x):
            raise Unknown
        return x
