"""What hls4ml 1.3.0 gets wrong for us, mended where it stands; importing this module applies the mends.

Each mend names the fault and how it shows. None changes the meaning of a project that was right before.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hls4ml.model.optimizer.optimizer import optimizer_map
from hls4ml.model.optimizer.passes.infer_precision import InferPrecisionTypes
from hls4ml.model.types import (
    ExponentPrecisionType,
    ExponentWeightVariable,
    FixedPrecisionType,
    IntegerPrecisionType,
    XnorPrecisionType,
)


class ExactPrecision(InferPrecisionTypes):  # type: ignore[misc]
    """Types of 'auto' sums that lose nothing, for the weights that hls4ml gives up on.

    hls4ml infers the accumulator of a Dense or Conv from fixed and integer types only; with binary (xnor) or
    power-of-two weights it falls back to the model's default, in which a sum of 32 signs and more wraps silently. And
    an average pooling inherits its input's type, which cuts off the mean's fraction bits.
    """

    def _infer_common_precision(self, node: Any, types_to_infer: list[str], n_ops: int) -> list[str]:
        inferred: list[str] = super()._infer_common_precision(node, types_to_infer, n_ops)
        weight = node.types["weight_t"].precision
        data = node.get_input_variable().type.precision
        bias = node.types["bias_t"].precision
        if not isinstance(weight, (XnorPrecisionType, ExponentPrecisionType)) and not isinstance(data, XnorPrecisionType):
            return inferred
        exact = _sum_type(_multiplier_type(weight, node.weights["weight"].data), _value_type(data), bias, n_ops)
        for name in ("accum_t", "result_t"):
            if name in types_to_infer:
                node.types[name].name = f"{node.name}_{name}"
                node.types[name].precision = exact
        return inferred

    def _infer_pooling_precision(self, node: Any, types_to_infer: list[str]) -> list[str]:
        inferred: list[str] = super()._infer_pooling_precision(node, types_to_infer)
        if node.attributes["pool_op"].lower() == "average" and {"accum_t", "result_t"} <= set(types_to_infer):
            node.types["result_t"].name = f"{node.name}_result_t"
            node.types["result_t"].precision = node.types["accum_t"].precision
        return inferred


def _value_type(precision: Any) -> FixedPrecisionType:
    """The type of the values that a precision stands for: xnor's 0 and 1 are -1 and +1."""
    if isinstance(precision, XnorPrecisionType):
        return FixedPrecisionType(2, 2, True)
    if isinstance(precision, IntegerPrecisionType):
        return FixedPrecisionType(precision.width, precision.width, precision.signed)
    return precision


def _multiplier_type(precision: Any, values: np.ndarray) -> FixedPrecisionType:
    if isinstance(precision, ExponentPrecisionType):
        exponents = np.log2(np.abs(np.asarray(values, np.float64)))
        integer, fraction = int(exponents.max()) + 2, max(0, -int(exponents.min()))
        return FixedPrecisionType(integer + fraction, integer, True)
    return _value_type(precision)


def _sum_type(a: FixedPrecisionType, b: FixedPrecisionType, bias: Any, n_ops: int) -> FixedPrecisionType:
    growth = math.ceil(math.log2(n_ops)) if n_ops > 1 else 0
    bias = _value_type(bias)
    integer = max(a.integer + b.integer + growth, bias.integer) + 1
    fraction = max(a.fractional + b.fractional, bias.fractional)
    return FixedPrecisionType(integer + fraction, integer, True)


def _iterate_exponents(self: Any) -> Any:
    """ExponentWeightVariable.__iter__ calls numpy.product, which NumPy 2 no longer has."""
    data = self._format()
    self._iterator = iter(data.reshape((-1, 2)))
    return self


optimizer_map["infer_precision_types"] = ExactPrecision()
ExponentWeightVariable.__iter__ = _iterate_exponents
