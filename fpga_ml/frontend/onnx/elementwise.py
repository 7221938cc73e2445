"""Operations of each value by itself, of one tensor, or of two of one shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from typing import Any

import keras
import numpy as np

from fpga_ml.frontend.layers import Function
from fpga_ml.frontend.onnx.build import MOST_WIDTH, Builder, becomes
from fpga_ml.frontend.onnx.graph import Node
from fpga_ml.frontend.onnx.meaning.operations import OPERATIONS
from fpga_ml.frontend.onnx.meaning.settings import Array, along
from fpga_ml.frontend.onnx.quant import held
from fpga_ml.frontend.onnx.values import Constant, Curve, Value, stored

# Of constants: they become part of what is pending.


def _affine(b: Builder, value: Value, scale: Any, shift: Any = 0.0) -> Value:
    if value.curve is not None or (value.relu and (np.any(shift) or np.any(np.asarray(scale) < 0))):
        value = b.bent(value)
    return value.scaled(scale, shift)


@becomes("Add", "Sum")
def add(b: Builder, node: Node, x: list[Any]) -> Value:
    found: Value = reduce(lambda v, w: _added(b, v, w, 1.0), x)
    return found


@becomes("Sub")
def subtract(b: Builder, node: Node, x: list[Any]) -> Value:
    return _added(b, x[0], x[1], -1.0)


@becomes("Mean")
def mean(b: Builder, node: Node, x: list[Any]) -> Value:
    return _affine(b, add(b, node, x), 1 / len(x))


@becomes("Neg")
def negative(b: Builder, node: Node, x: list[Any]) -> Value:
    return _affine(b, x[0], -1.0)


def _added(b: Builder, first: Any, second: Any, sign: float) -> Value:
    if isinstance(first, Constant):
        return _affine(b, second, sign, first.values)
    if isinstance(second, Constant):
        return _affine(b, first, 1.0, sign * second.values)
    first, second = b.bent(first), b.bent(second)
    same = first.factor is not None and first.factor == second.factor
    if not same:
        first, second = b.plain(first), b.plain(second)
    kind = keras.layers.Add if sign > 0 else keras.layers.Subtract
    reach = second.reach if sign > 0 else second.reach.mapped(np.negative, second.reach.fraction)
    return _merged(b, kind, first, second, first.reach.plus(reach), first.factor)


def _merged(b: Builder, kind: Any, first: Value, second: Value, reach: Any, scale: Any) -> Value:
    first, other = b.stored_alike(first, second)
    exact = first.exact and second.exact and reach.width <= MOST_WIDTH
    y = b.called(lambda n: kind(name=n), [first.tensor, other], exact=exact)
    return stored(y, first.index, reach, exact, scale)


@becomes("Mul")
def multiply(b: Builder, node: Node, x: list[Any]) -> Value:
    first, second = x
    if isinstance(first, Constant):
        return _affine(b, second, first.values)
    if isinstance(second, Constant):
        return _affine(b, first, second.values)
    first, second = (b.uniform(v) for v in (first, second))
    reach = first.reach.times(second.reach)
    return _merged(b, keras.layers.Multiply, first, second, reach, (first.factor or 0.0) * (second.factor or 0.0))


@becomes("Div")
def divide(b: Builder, node: Node, x: list[Any]) -> Value:
    first, second = x
    if isinstance(second, Constant):
        return _affine(b, first, 1 / second.values)
    found: Value = multiply(b, node, [first, _function(b, second, "reciprocal")])
    return found


@becomes("Max", "Min")
def extreme(b: Builder, node: Node, x: list[Any]) -> Value:
    found: Value = reduce(lambda v, w: _extreme(b, v, w, node.op), x)
    return found


def _extreme(b: Builder, first: Any, second: Any, op: str) -> Value:
    if isinstance(first, Constant):
        first, second = second, first
    if isinstance(second, Constant):
        c = second.values
        return _above(b, first, c) if op == "Max" else _below(b, first, c)
    first, second = b.bent(first), b.bent(second)
    if first.factor is None or first.factor != second.factor or first.factor <= 0:
        first, second = b.plain(first), b.plain(second)
    kind = keras.layers.Maximum if op == "Max" else keras.layers.Minimum
    return _merged(b, kind, first, second, first.reach.hull(second.reach), first.factor)


def _above(b: Builder, value: Value, low: Array) -> Value:
    """max(x, low)"""
    return _affine(b, _bent(b, _affine(b, value, 1.0, -low)), 1.0, low)


def _below(b: Builder, value: Value, high: Array) -> Value:
    """min(x, high)"""
    return _affine(b, _bent(b, _affine(b, value, -1.0, high)), -1.0, high)


@becomes("Clip")
def clip(b: Builder, node: Node, x: list[Any]) -> Value:
    value, *ends = x
    given = [*ends, None, None][:2]
    if any(isinstance(e, Value) for e in given):
        raise node.refused("clips to values that depend on data", "use Max and Min")
    names, none = ("min", "max"), (-np.inf, np.inf)
    low, high = (
        float(np.reshape(e.values, ())) if e is not None else float(node.attributes.get(k, n))
        for e, k, n in zip(given, names, none, strict=True)
    )
    value = b.bent(value)
    if (found := held(b, node, value, low, high)) is not None:
        return found
    plain = {(0.0, 6.0): "relu6", (-1.0, 1.0): "hard_tanh"}.get((low, high))
    if plain and not value.exact:
        return _activation(b, b.plain(value), plain)
    value = _bent(b, value) if low == 0 else _above(b, value, np.array(low)) if np.isfinite(low) else value
    return _below(b, value, np.array(high)) if np.isfinite(high) else value


@becomes("Relu")
def relu(b: Builder, node: Node, x: list[Any]) -> Value:
    """Pending, too: where a rounding follows, it is part of that."""
    return _bent(b, x[0])


def _bent(b: Builder, value: Value) -> Value:
    """With relu."""
    if value.relu:
        return value
    value = b.bent(value)
    value = replace(value, relu=True)
    return value if (value.scale != 1).any() or value.shift.any() else b.relu(value)


# Functions of one value: pending, for a rounding behind them makes an exact table of both.


def _curve(b: Builder, node: Node, value: Value, make: Callable[[str], Any]) -> Value:
    return replace(b.bent(value), curve=Curve(lambda x: OPERATIONS[node.op](node, x), make))


def _activation(b: Builder, value: Value, name: str) -> Value:
    return b.curved(b.plain(value), lambda n: keras.layers.Activation(name, name=n))


def _function(b: Builder, value: Value, name: str) -> Value:
    return b.curved(b.plain(value), lambda n: Function(name, name=n))


_ACTIVATIONS = {"Sigmoid": "sigmoid", "Tanh": "tanh", "Softplus": "softplus", "Softsign": "softsign", "Selu": "selu"}
_FUNCTIONS = {
    **{"Exp": "exponential", "Log": "log", "Sqrt": "sqrt", "Abs": "absolute", "Sign": "sign", "Reciprocal": "reciprocal"},
    **{"Erf": "erf", "Sin": "sin", "Cos": "cos", "Sinh": "sinh", "Cosh": "cosh", "Asin": "arcsin", "Acos": "arccos"},
    **{"Atan": "arctan", "Asinh": "arcsinh", "HardSwish": "hard_silu", "Mish": "mish", "Celu": "celu", "Gelu": "gelu"},
    **{"ThresholdedRelu": "threshold"},
}
_PARAMETERS: dict[str, Callable[[Node], tuple[float, ...]]] = {
    "Celu": lambda node: (node.attributes.get("alpha", 1.0),),
    "Gelu": lambda node: (float(node.attributes.get("approximate", "none") == "tanh"),),
    "ThresholdedRelu": lambda node: (node.attributes.get("alpha", 1.0), 0.0),
}


@becomes(*_ACTIVATIONS)
def activation(b: Builder, node: Node, x: list[Any]) -> Value:
    if node.op == "Selu" and {"alpha", "gamma"} & set(node.attributes):
        raise node.refused("has factors of its own", "use Selu without attributes, or Elu and Mul")
    return _curve(b, node, x[0], lambda n: keras.layers.Activation(_ACTIVATIONS[node.op], name=n))


@becomes(*_FUNCTIONS)
def function(b: Builder, node: Node, x: list[Any]) -> Value:
    parameters = _PARAMETERS[node.op](node) if node.op in _PARAMETERS else ()
    return _curve(b, node, x[0], lambda n: Function(_FUNCTIONS[node.op], parameters, name=n))


@becomes("Elu")
def elu(b: Builder, node: Node, x: list[Any]) -> Value:
    return _curve(b, node, x[0], lambda n: keras.layers.ELU(node.attributes.get("alpha", 1.0), name=n))


@becomes("HardSigmoid")
def hard_sigmoid(b: Builder, node: Node, x: list[Any]) -> Value:
    """alpha x + beta, held between 0 and 1."""
    shifted = _affine(b, x[0], node.attributes.get("alpha", 0.2), node.attributes.get("beta", 0.5))
    return _below(b, _bent(b, shifted), np.array(1.0))


@becomes("LeakyRelu")
def leaky(b: Builder, node: Node, x: list[Any]) -> Value:
    return _curve(b, node, x[0], lambda n: keras.layers.LeakyReLU(node.attributes.get("alpha", 0.01), name=n))


@becomes("PRelu")
def parametric(b: Builder, node: Node, x: list[Any]) -> Value:
    value, slope = x
    if not isinstance(slope, Constant):
        raise node.refused("has a slope that depends on data", "use a constant slope")
    value = b.plain(value)
    value = b.channels_last(value)
    own = np.moveaxis(np.broadcast_to(slope.values, value.shape)[0], 0, -1)
    shared = [a + 1 for a in range(own.ndim - 1)] if (own == own[(0,) * (own.ndim - 1)]).all() else []
    alpha = own[(slice(0, 1),) * len(shared)]
    y = b.called(lambda n: keras.layers.PReLU(shared_axes=shared or None, name=n), value.tensor, [alpha], exact=False)
    return replace(value, tensor=y, exact=False)


@becomes("Pow")
def power(b: Builder, node: Node, x: list[Any]) -> Value:
    known = {2.0: "square", 0.5: "sqrt", -1.0: "reciprocal", -0.5: "rsqrt"}
    exponent = np.unique(x[1].values) if isinstance(x[1], Constant) else np.zeros(2)
    name = known.get(float(exponent[0])) if exponent.size == 1 else None
    if name is None or not isinstance(x[0], Value):
        raise node.refused("is a power that has no layer", f"use one of {', '.join(map(str, known))} as the exponent")
    return _function(b, x[0], name)


# Along channels, and along an axis


@becomes("BatchNormalization")
def batch_norm(b: Builder, node: Node, x: list[Any]) -> Value:
    value, *rest = x
    if not all(isinstance(c, Constant) for c in rest) or len([n for n in node.outputs if n]) > 1:
        raise node.refused("is that of training", "export the model for inference: model.eval()")
    scale, bias, mean, variance = (along(c.values, 1, len(value.shape)) for c in rest)
    factor = scale / np.sqrt(variance + node.attributes.get("epsilon", 1e-5))
    return _affine(b, value, factor, bias - mean * factor)


def _over_last(b: Builder, value: Value, axis: int, node: Node) -> Value:
    """Stored with the axis last."""
    rank = len(value.shape)
    axis %= rank
    if axis == 0 and value.shape[0] == 1:
        raise node.refused("is over the samples", "use another axis than the first")
    return b.relaid(b.plain(value), [*(a for a in range(rank) if a != axis), axis])


@becomes("Softmax")
def softmax(b: Builder, node: Node, x: list[Any]) -> Value:
    axis = node.attributes.get("axis", -1 if node.opset >= 13 else 1)
    if node.opset < 13 and axis % len(x[0].shape) != len(x[0].shape) - 1:
        raise node.refused(f"is over all axes from {axis} on (opset {node.opset})", "export it with opset 13 or newer")
    value = _over_last(b, x[0], axis, node)
    y = b.called(lambda n: keras.layers.Softmax(axis=-1, name=n), value.tensor, exact=False)
    return replace(value, tensor=y, exact=False)


@becomes("LayerNormalization")
def layer_norm(b: Builder, node: Node, x: list[Any]) -> Value:
    value, scale, *rest = x
    if node.attributes.get("axis", -1) not in (-1, len(value.shape) - 1):
        raise node.refused("is over several axes", "normalise the last axis")
    value = b.relaid(b.plain(value))
    epsilon, bias = node.attributes.get("epsilon", 1e-5), rest[0] if rest else None
    weights = [scale.values.reshape(-1), np.zeros(value.shape[-1]) if bias is None else bias.values.reshape(-1)]
    make = keras.layers.LayerNormalization
    y = b.called(lambda n: make(axis=-1, epsilon=epsilon, name=n), value.tensor, weights, exact=False)
    return replace(value, tensor=y, exact=False)
