"""Bare Keras operations in a Functional model, such as x[:, 3], a + b or ops.exp(x), as layers of the same function."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from fpga_ml.frontend.layers import Affine, Function, exact_type
from fpga_ml.frontend.quantizers import signed_quantizer
from fpga_ml.frontend.rebuild import as_functional
from fpga_ml.frontend.tensors import Arrange, Einsum, Reduce

_MOST_BITS = 18  # of a number in an operation that is taken as it is


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


class _OfTwo:
    """A sum, a difference, a product or a quotient: a merge of two tensors, or of one and a number, or one for each channel,
    an affine layer."""

    def __init__(self, kind: Any, operation: Any, name: str) -> None:
        self.kind, self.operation, self.name = kind, operation, name

    def __call__(self, a: Any, b: Any, **_: Any) -> Any:
        tensors = [t for t in (a, b) if isinstance(t, keras.KerasTensor)]
        if len(tensors) == 2 and self.kind is not None and len(a.shape) == len(b.shape):
            return self.kind(name=self.name)([a, b])
        constant = b if tensors and tensors[0] is a else a
        affine = self._affine(constant, first=constant is a) if len(tensors) == 1 else None
        if affine is None or np.size(constant) not in (1, tensors[0].shape[-1]):
            return self.operation(a, b)
        scale, offset = (np.broadcast_to(v, tensors[0].shape[-1:]) for v in affine)
        return _affine(scale, offset, self.name, tensors[0])

    def _affine(self, constant: Any, *, first: bool) -> tuple[Any, Any] | None:
        """(scale, offset); None where there are none. first: the number stands before the operator."""
        c = np.asarray(constant, np.float64).reshape(-1)
        match type(self.operation).__name__:
            case "Add":
                return 1.0, c
            case "Subtract":
                return (-1.0, c) if first else (1.0, -c)
            case "Multiply":
                return c, 0.0
            case "Divide" | "TrueDivide" if not first and c.all():
                return 1 / c, 0.0
        return None


def _affine(scale: Any, offset: Any, name: str, x: Any) -> Any:
    """x * scale + offset: exact where fixed point holds both in a few bits, else a batch normalisation that computes it."""
    types = [exact_type(np.asarray(v)) for v in (scale, offset)]
    if all(t.width <= _MOST_BITS for t in types):
        layer = Affine(*(signed_quantizer(t, f"operation '{name}'") for t in types), name=name)
        made, weights = layer(x), [scale, offset]
    else:
        layer = keras.layers.BatchNormalization(epsilon=1e-3, name=name)
        made, weights = layer(x), [scale, offset, np.zeros_like(scale), np.full_like(scale, 1 - 1e-3)]
    layer.set_weights([np.asarray(w) for w in weights])
    return made


class _Einsum:
    """Products of two tensors, summed."""

    def __init__(self, operation: Any, name: str) -> None:
        self.operation, self.name = operation, name

    def __call__(self, *x: Any, **_: Any) -> Any:
        equation = self._equation(*x)
        return self.operation(*x) if equation is None else Einsum(equation, name=self.name)(list(x))

    def _equation(self, *x: Any) -> str | None:
        if len(x) != 2 or not all(isinstance(t, keras.KerasTensor) for t in x):
            return None
        if type(self.operation).__name__ == "Matmul":
            rank = len(x[0].shape)
            many = string.ascii_lowercase[: rank - 2]
            return f"{many}yz,{many}zw->{many}yw" if rank == len(x[1].shape) > 2 else None
        equation = self.operation.subscripts.replace(" ", "")
        return equation if "." not in equation and "->" in equation and equation[0] == equation.split("->")[1][:1] else None


def _reduced(op: Any) -> Callable[[Any, str], Any]:
    """Over axes other than that of the samples."""

    def made(operation: Any, name: str) -> Any:
        axis = operation.axis
        axes = axis if isinstance(axis, (list, tuple)) else None if axis is None else [axis]
        return Reduce(op, axes, operation.keepdims, name=name) if axes and 0 not in axes else None

    return _layer(made)


def _reshaped(operation: Any, name: str) -> Any:
    first, *rest = operation.newshape
    return keras.layers.Reshape(rest, name=name) if first in (-1, None) and rest else None


def _transposed(operation: Any, name: str) -> Any:
    axes = operation.axes
    return keras.layers.Permute(axes[1:], name=name) if axes and axes[0] == 0 else None


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
    return lambda operation, name: _OfTwo(kind, operation, name)


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
    "Divide": _of_tensors(None),
    "TrueDivide": _of_tensors(None),
    "Einsum": _Einsum,
    "Matmul": _Einsum,
    "Sum": _reduced("sum"),
    "Max": _reduced("max"),
    "Reshape": _layer(_reshaped),
    "Transpose": _layer(_transposed),
    "Concatenate": _layer(lambda op, name: keras.layers.Concatenate(op.axis, name=name)),
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
