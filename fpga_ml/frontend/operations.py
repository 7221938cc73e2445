"""Bare Keras operations in a Functional model, such as x[:, 3], a + b or ops.exp(x), as layers of the same function."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from fpga_ml.frontend.layers import Function
from fpga_ml.frontend.rebuild import as_functional
from fpga_ml.frontend.tensors import Arrange


def of_layers(model: Any) -> Any:
    """The model, a Functional one, with such operations as layers; the model itself where there is none. An operation that
    no layer stands for stays as it is."""
    nodes = [node for depth in model._nodes_by_depth.values() for node in depth]
    if not any(_is_bare(node.operation) for node in nodes):
        return model
    taken = {layer.name for layer in model.layers}

    def make(operation: Any) -> Any:
        found = _LAYERS.get(type(operation).__name__) if _is_bare(operation) else None
        return operation if found is None else found(operation, _free(operation.name, taken))

    inputs = [keras.Input(batch_shape=t.shape, dtype=t.dtype, name=t.name) for t in model.inputs]
    outputs = model._run_through_graph(inputs, operation_fn=make)
    return as_functional(keras.Model(inputs if len(inputs) > 1 else inputs[0], outputs, name=model.name))


def bare_in(model: Any) -> list[Any]:
    """The operations of a Functional model that are no layers."""
    return [node.operation for depth in model._nodes_by_depth.values() for node in depth if _is_bare(node.operation)]


def _is_bare(operation: Any) -> bool:
    return not isinstance(operation, keras.layers.Layer)


def _free(name: str, taken: set[str]) -> str:
    """A name that no layer has; it is taken from then on."""
    found = next(n for n in (name, *(f"{name}_{k}" for k in range(len(taken) + 1))) if n not in taken)
    taken.add(found)
    return found


class _Item:
    """x[key]: the elements that a key takes of each sample."""

    def __init__(self, operation: Any, name: str) -> None:
        self.operation, self.name = operation, name

    def __call__(self, x: Any, key: Any, **_: Any) -> Any:
        parts = tuple(key) if isinstance(key, (tuple, list)) else (key,)
        constant = all(isinstance(k, (slice, int, type(None), type(Ellipsis))) for k in parts)
        of_all = isinstance(parts[0], slice) and parts[0] == slice(None)
        if not (constant and of_all):
            return self.operation(x, key)
        every = np.arange(int(np.prod(x.shape[1:]))).reshape(1, *x.shape[1:])
        taken = every[parts][0]
        return Arrange(taken, taken.shape or (1,), name=self.name)(x)


class _OfTensors:
    """A layer of several tensors, where the operation's operands are such."""

    def __init__(self, kind: Any, operation: Any, name: str) -> None:
        self.kind, self.operation, self.name = kind, operation, name

    def __call__(self, a: Any, b: Any, **_: Any) -> Any:
        alike = all(isinstance(t, keras.KerasTensor) and len(t.shape) == len(a.shape) for t in (a, b))
        return self.kind(name=self.name)([a, b]) if alike else self.operation(a, b)


class _OfValues:
    """A layer of one tensor that computes what the operation does; instead: of the operation, with the layer's name."""

    def __init__(self, instead: Callable[[Any, str], Any], operation: Any, name: str) -> None:
        self.instead, self.operation, self.name = instead, operation, name

    def __call__(self, x: Any, *others: Any, **_: Any) -> Any:
        layer = None if others else self.instead(self.operation, self.name)
        return self.operation(x, *others) if layer is None else layer(x)


class _Power(_OfValues):
    """x ** n, where it is a function that has a name."""

    def __call__(self, x: Any, exponent: Any = None, **_: Any) -> Any:
        known = _POWERS.get(exponent) if isinstance(exponent, (int, float)) else None
        return self.operation(x, exponent) if known is None else Function(known, name=self.name)(x)


def _function(function: str, *parameters: str) -> Callable[[Any, str], Any]:
    """parameters: the operation's attributes that are the function's."""

    def made(operation: Any, name: str) -> Any:
        return Function(function, [float(getattr(operation, p)) for p in parameters], name=name)

    return lambda operation, name: _OfValues(made, operation, name)


def _layer(made: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    return lambda operation, name: _OfValues(made, operation, name)


def _activation(function: str) -> Callable[[Any, str], Any]:
    return _layer(lambda _, name: keras.layers.Activation(function, name=name))


def _of_tensors(kind: Any) -> Callable[[Any, str], Any]:
    return lambda operation, name: _OfTensors(kind, operation, name)


_POWERS = {2: "square", 0.5: "sqrt", -1: "reciprocal", -0.5: "rsqrt"}
# Activations that hls4ml has, and functions of ours, by the classes of their operations.
_ACTIVATIONS = ("Sigmoid", "Tanh", "Softplus", "Softsign", "Selu", "HardSigmoid", "HardTanh", "Relu", "Relu6")
_PLAIN = (
    *("Absolute", "Abs", "Negative", "Sign", "Square", "Sqrt", "Rsqrt", "Reciprocal", "Log", "Log2", "Log10", "Log1p"),
    *("Exp2", "Expm1", "Sin", "Cos", "Sinh", "Cosh", "Arcsin", "Arccos", "Arctan", "Arcsinh", "Erf"),
    *("Silu", "HardSilu", "LogSigmoid", "TanhShrink", "SparsePlus", "SparseSigmoid"),
)


def _name(kind: str) -> str:
    """HardSilu: hard_silu."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind).lower()


_LAYERS: dict[str, Callable[[Any, str], Any]] = {
    "GetItem": _Item,
    "Add": _of_tensors(keras.layers.Add),
    "Subtract": _of_tensors(keras.layers.Subtract),
    "Multiply": _of_tensors(keras.layers.Multiply),
    "Maximum": _of_tensors(keras.layers.Maximum),
    "Minimum": _of_tensors(keras.layers.Minimum),
    **{kind: _activation(_name(kind)) for kind in _ACTIVATIONS},
    **{kind: _function(_name(kind)) for kind in _PLAIN},
    "Exp": _function("exponential"),
    "Gelu": _function("gelu", "approximate"),
    "Celu": _function("celu", "alpha"),
    "Squareplus": _function("squareplus", "b"),
    "HardShrink": _function("hard_shrink", "threshold"),
    "SoftShrink": _function("soft_shrink", "threshold"),
    "Threshold": _function("threshold", "threshold", "default_value"),
    "Elu": _layer(lambda op, name: keras.layers.ELU(op.alpha, name=name)),
    "LeakyRelu": _layer(lambda op, name: keras.layers.LeakyReLU(op.negative_slope, name=name)),
    "Softmax": _layer(lambda op, name: keras.layers.Softmax(op.axis, name=name)),
    "Power": lambda operation, name: _Power(lambda *_: None, operation, name),
}


def supported_operations() -> list[str]:
    """Names in keras.ops of those that become layers."""
    return sorted(_name(kind) for kind in _LAYERS if hasattr(keras.ops, _name(kind)))
