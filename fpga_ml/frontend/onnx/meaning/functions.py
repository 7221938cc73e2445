"""Functions of each value."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import erf, ndtr

from fpga_ml.frontend.onnx.graph import Node
from fpga_ml.frontend.onnx.meaning.settings import Array, Operation

_SELU, _SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


def clip(node: Node, x: Array, low: Array | None = None, high: Array | None = None) -> Array:
    low = node.attributes.get("min", -np.inf) if low is None else low
    high = node.attributes.get("max", np.inf) if high is None else high
    return np.minimum(np.maximum(x, low), high)


def _elu(x: Array, alpha: float) -> Array:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))


def _gelu(node: Node, x: Array) -> Array:
    if node.attributes.get("approximate", "none") == "tanh":
        return 0.5 * x * (1.0 + np.tanh(np.sqrt(2.0 / np.pi) * (x + 0.044715 * x**3)))
    return x * ndtr(x)


def _value(function: Callable[..., Array], *parameters: tuple[str, float]) -> Operation:
    """Of each value; parameters: attributes with their defaults."""
    return lambda node, x: function(x, *(node.attributes.get(k, v) for k, v in parameters))


def _sigmoid(x: Array) -> Array:
    return np.exp(-np.logaddexp(0.0, -x))


FUNCTIONS: dict[str, Operation] = {
    "Relu": _value(lambda x: np.maximum(x, 0.0)),
    "Sigmoid": _value(_sigmoid),
    "Tanh": _value(np.tanh),
    "Softplus": _value(lambda x: np.logaddexp(0.0, x)),
    "Softsign": _value(lambda x: x / (1.0 + np.abs(x))),
    "Elu": _value(_elu, ("alpha", 1.0)),
    "Selu": _value(lambda x, a, g: g * _elu(x, a), ("alpha", _SELU_ALPHA), ("gamma", _SELU)),
    "Celu": _value(lambda x, a: np.maximum(x, 0.0) + a * np.expm1(np.minimum(x, 0.0) / a), ("alpha", 1.0)),
    "LeakyRelu": _value(lambda x, a: np.where(x > 0, x, a * x), ("alpha", 0.01)),
    "HardSigmoid": _value(lambda x, a, b: (a * x + b).clip(0.0, 1.0), ("alpha", 0.2), ("beta", 0.5)),
    "HardSwish": _value(lambda x: x * (x / 6.0 + 0.5).clip(0.0, 1.0)),
    "ThresholdedRelu": _value(lambda x, a: np.where(x > a, x, 0.0), ("alpha", 1.0)),
    "Mish": _value(lambda x: x * np.tanh(np.logaddexp(0.0, x))),
    "Gelu": _gelu,
    "Exp": _value(np.exp),
    "Log": _value(np.log),
    "Sqrt": _value(np.sqrt),
    "Abs": _value(np.abs),
    "Sign": _value(np.sign),
    "Reciprocal": _value(lambda x: 1.0 / x),
    "Erf": _value(erf),
    "Sin": _value(np.sin),
    "Cos": _value(np.cos),
    "Sinh": _value(np.sinh),
    "Cosh": _value(np.cosh),
    "Asin": _value(np.arcsin),
    "Acos": _value(np.arccos),
    "Atan": _value(np.arctan),
    "Asinh": _value(np.arcsinh),
}
