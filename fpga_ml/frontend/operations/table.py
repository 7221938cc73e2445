"""Every operation of keras.ops that becomes layers, by the name of its class."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import keras

from fpga_ml.frontend.operations.arithmetic import Clip, Compared, Not, OfTwo, Power, Same, Where
from fpga_ml.frontend.operations.base import Operation
from fpga_ml.frontend.operations.layerlike import Gated, OfValues, Weighted, function, one_hot, pooled, resized
from fpga_ml.frontend.operations.moves import MOVES, Moved
from fpga_ml.frontend.operations.products import Product
from fpga_ml.frontend.operations.reductions import Reduced

L = keras.layers
Make = Callable[[Any, str], Operation]  # of an operation, and the name of the layer


def _layer(make: Callable[[Any, str, int], Any]) -> Make:
    return partial(OfValues, make)


def _activation(function: str) -> Make:
    return _layer(lambda _, name, __: L.Activation(function, name=name))


def _name(kind: str) -> str:
    """HardSilu: hard_silu."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind).lower()


# Activations that hls4ml has, and functions of ours.
_ACTIVATIONS = ("Sigmoid", "Tanh", "Softplus", "Softsign", "Selu", "HardSigmoid", "HardTanh", "Relu", "Relu6")
_PLAIN = (
    *("Absolute", "Abs", "Negative", "Sign", "Square", "Sqrt", "Rsqrt", "Reciprocal", "Log", "Log2", "Log10", "Log1p"),
    *("Exp2", "Expm1", "Sin", "Cos", "Sinh", "Cosh", "Arcsin", "Arccos", "Arctan", "Arcsinh", "Erf"),
    *("Silu", "HardSilu", "LogSigmoid", "TanhShrink", "SparsePlus", "SparseSigmoid"),
)
_TABLE: dict[str, Make] = {
    **dict.fromkeys(MOVES, Moved),
    **dict.fromkeys(("Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Maximum", "Minimum"), OfTwo),
    **dict.fromkeys(("LogicalAnd", "LogicalOr"), OfTwo),
    **dict.fromkeys(("Greater", "GreaterEqual", "Less", "LessEqual"), Compared),
    **{"LogicalNot": Not, "Where": Where, "Power": Power, "Clip": Clip, "Glu": Gated},
    **dict.fromkeys(("Cast", "ConvertToTensor", "Copy", "StopGradient"), Same),
    **dict.fromkeys(("Sum", "Max", "Amax", "Min", "Amin", "Mean", "Average", "Var", "Std", "Ptp"), Reduced),
    **dict.fromkeys(("Einsum", "Matmul", "Dot", "Inner", "Tensordot"), Product),
    **dict.fromkeys(("Conv", "DepthwiseConv", "SeparableConv", "ConvTranspose"), Weighted),
    **dict.fromkeys(("BatchNorm", "LayerNorm", "RMSNorm"), Weighted),
    **dict.fromkeys(("MaxPool", "AveragePool"), _layer(pooled)),
    **{"Resize": _layer(resized), "OneHot": _layer(one_hot)},
    **{kind: _activation(_name(kind)) for kind in _ACTIVATIONS},
    **{kind: _layer(function(_name(kind))) for kind in _PLAIN},
    "Exp": _layer(function("exponential")),
    "Gelu": _layer(function("gelu", "approximate")),
    "Celu": _layer(function("celu", "alpha")),
    "Squareplus": _layer(function("squareplus", "b")),
    "HardShrink": _layer(function("hard_shrink", "threshold")),
    "SoftShrink": _layer(function("soft_shrink", "threshold")),
    "Threshold": _layer(function("threshold", "threshold", "default_value")),
    "Elu": _layer(lambda op, name, _: L.ELU(op.alpha, name=name)),
    "LeakyRelu": _layer(lambda op, name, _: L.LeakyReLU(op.negative_slope, name=name)),
    "Softmax": _layer(lambda op, name, _: L.Softmax(op.axis, name=name)),
}


def standin_of(operation: Any, name: str) -> Operation | None:
    """What stands in a bare operation's place, under a name; None where nothing does."""
    make = _TABLE.get(type(operation).__name__)
    return None if make is None else make(operation, name)


def supported_operations() -> list[str]:
    """Names in keras.ops of those that become layers."""
    return sorted(_name(kind) for kind in _TABLE if hasattr(keras.ops, _name(kind)))
