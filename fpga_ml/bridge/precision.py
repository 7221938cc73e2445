"""Types that lose nothing: of every sum and every result that neither a quantizer nor the user gives a type.

hls4ml infers the types of sums of fixed-point and integer products. For others it takes the model's default type, in which
bits are cut off and sums wrap around: sums of signs and of powers of two, functions of one value, embeddings, croppings,
gates of recurrent layers. A mean inherits its input's type, which cuts its fraction off. Here each has a rule of its own;
what has none keeps the default type, and `defaulted` finds it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from hls4ml.model.optimizer.optimizer import optimizer_map
from hls4ml.model.optimizer.passes.bit_exact import minimal_kif
from hls4ml.model.optimizer.passes.infer_precision import InferPrecisionTypes, _get_precision_from_constant
from hls4ml.model.types import (
    ExponentPrecisionType,
    FixedPrecisionType,
    IntegerPrecisionType,
    XnorPrecisionType,
)

from fpga_ml.activations import ONLY_OURS
from fpga_ml.bridge.patches import MENDED
from fpga_ml.numerics import FixedType
from fpga_ml.numerics.types import MAX_WIDTH_BITS

# The default type of a model in which every tensor has a type of its own: one that nothing else has.
MARKER = "fixed<61,17,RND_MIN_INF,SAT_ZERO>"
_MARKER = FixedPrecisionType(61, 17, True, "RND_MIN_INF", "SAT_ZERO")
# A probability, of any backend's softmax (Catapult's takes no signed result).
_PROBABILITY = FixedPrecisionType(18, 1, False, "RND", "SAT")

# Of a function that hls4ml does not have, where nothing says its type: as wide as hls4ml's tables.
_UNTOLD = FixedPrecisionType(18, 8, True, "RND_CONV", "SAT")


def defaulted(graph: Any) -> Iterator[tuple[str, str]]:
    """(layer, role) of the types that are still the MARKER and that the C++ of an hls4ml graph uses."""
    for node in graph.get_layers():
        variables = {name: node.weights[name] for name in node.weights} | {"result": node.get_output_variable()}
        yield from ((node.name, name) for name, v in variables.items() if v.type.precision == _MARKER)
        yield from ((node.name, role.removesuffix("_t")) for role, named in _marked(node) if _is_used(node, named))


def drop_unused(graph: Any) -> None:
    """A MARKER that the C++ only declares becomes the type of the layer's result."""
    for node in graph.get_layers():
        for role, named in _marked(node):
            named.name, named.precision = f"{node.name}_{role}", node.get_output_variable().type.precision


def _marked(node: Any) -> list[tuple[str, Any]]:
    return [(role, named) for role, named in node.types.items() if named.precision == _MARKER]


def _is_used(node: Any, named: Any) -> bool:
    text = [node.get_attr(part) or "" for part in ("config_cpp", "function_cpp")]
    return re.search(rf"\b{re.escape(named.name)}\b", " ".join(map(str, text))) is not None


class ExactPrecision(InferPrecisionTypes):  # type: ignore[misc]
    """Types of 'auto' weights, sums and results that lose nothing."""

    def _infer_precision(self, node: Any, types_to_infer: list[str]) -> list[str]:
        inferred = self._constants(node, types_to_infer)
        rest = [name for name in types_to_infer if name not in inferred]
        inferred += self._sums(node, rest)
        rule = _RESULTS.get(node.class_name)
        if rule is not None and "result_t" in rest:
            inferred += _given(node, ["result_t"], rule(node))
        return inferred

    def _constants(self, node: Any, types_to_infer: list[str]) -> list[str]:
        """Where no default is meant for them, weights that no quantizer rounds keep all their bits."""
        found = []
        for name in types_to_infer if self._get_default_precision(node) == _MARKER else ():
            weight = node.weights.get(name.removesuffix("_t"))
            exact = None if weight is None or weight.quantizer is not None else _constant_type(weight.data)
            if exact is not None:
                found += _given(node, [name], exact)
                weight.update_precision(exact)
        return found

    def _sums(self, node: Any, types_to_infer: list[str]) -> list[str]:
        """All types but the result of a layer that has a rule in _RESULTS."""
        kind = node.class_name
        names = [name for name in types_to_infer if name != "result_t" or kind not in _RESULTS]
        if not names:
            return []
        if kind in ("GlobalPooling1D", "GlobalPooling2D"):
            return self._infer_pooling_precision(node, names)
        if kind == "Walk":
            return self._infer_rnn_precision(node, names)
        if kind == "EinsumDense":
            return self._infer_common_precision(node, names, _contracted(node))
        return list(super()._infer_precision(node, names))

    def _infer_common_precision(self, node: Any, types_to_infer: list[str], n_ops: int) -> list[str]:
        inferred: list[str] = super()._infer_common_precision(node, types_to_infer, n_ops)
        weight = node.types["weight_t"].precision
        data = node.get_input_variable().type.precision
        bias = node.types["bias_t"].precision
        if isinstance(weight, (XnorPrecisionType, ExponentPrecisionType)) or isinstance(data, XnorPrecisionType):
            exact = _sum_type(_multiplier_type(weight, node.weights["weight"].data), _value_type(data), bias, n_ops)
            _given(node, [n for n in ("accum_t", "result_t") if n in types_to_infer], exact)
        return inferred

    def _infer_bn_precision(self, node: Any, types_to_infer: list[str]) -> list[str]:
        inferred: list[str] = super()._infer_bn_precision(node, types_to_infer)
        scale = node.types["scale_t"].precision
        if isinstance(scale, ExponentPrecisionType) and "result_t" in types_to_infer:
            data = _value_type(node.get_input_variable().type.precision)
            factor = _multiplier_type(scale, node.weights["scale"].data)
            node.types["result_t"].precision = _sum_type(factor, data, node.types["bias_t"].precision, 1)
        return inferred

    def _infer_merge_precision(self, node: Any, types_to_infer: list[str]) -> list[str]:
        inferred: list[str] = super()._infer_merge_precision(node, types_to_infer)
        if node.get_attr("op").lower() == "average":
            whole = node.types["result_t"].precision
            node.types["result_t"].precision = FixedPrecisionType(whole.width + 1, whole.integer, whole.signed)
        return inferred

    def _infer_dot_precision(self, node: Any, types_to_infer: list[str]) -> list[str]:
        inferred: list[str] = super()._infer_dot_precision(node, ["result_t"])
        if "accum_t" in types_to_infer:
            inferred += _given(node, ["accum_t"], node.types["result_t"].precision)
        return inferred

    def _infer_par_act_precision(self, node: Any, types_to_infer: list[str]) -> list[str]:
        if "param_t" not in types_to_infer:
            return []
        if node.get_attr("activation").lower() == "thresholdedrelu":
            return list(super()._infer_par_act_precision(node, types_to_infer))
        return _given(node, ["param_t"], _get_precision_from_constant(node.get_attr("activ_param"), max_width=24))

    def _infer_rnn_precision(self, node: Any, types_to_infer: list[str]) -> list[str]:
        inferred: list[str] = super()._infer_rnn_precision(node, types_to_infer)
        if "result_t" in types_to_infer:
            self._infer_default_type(node, "result_t")
            inferred.append("result_t")
        if "accum_t" in types_to_infer:
            inferred += _given(node, ["accum_t"], _gate_type(node))
        return inferred

    def _infer_pooling_precision(self, node: Any, types_to_infer: list[str]) -> list[str]:
        inferred: list[str] = super()._infer_pooling_precision(node, types_to_infer)
        if node.attributes["pool_op"].lower() == "average":
            _given(node, [n for n in ("accum_t", "result_t") if n in types_to_infer], _mean_type(node))
        return inferred


def _given(node: Any, names: list[str], precision: Any) -> list[str]:
    """A type of the node's own for each of these names; hls4ml's typedef may be that of the whole model's default."""
    for name in names:
        node.types[name].name = f"{node.name}_{name}"
        node.types[name].precision = precision
    return names


def _gate_type(node: Any) -> FixedPrecisionType:
    """A type that holds what any gate of a recurrent layer sums up, its tables' values and its state."""
    ways = ("forward_", "backward_") if node.class_name == "Bidirectional" else ("",)
    data, state = (FixedType.parse(str(v.type.precision)) for v in (node.get_input_variable(), node.get_output_variable()))
    fractions, reach = [state.fraction, node.types["table_t"].precision.fractional], max(-state.min, state.max, 1.0)
    for way in ways:
        total: Any = 0.0
        for name, t in (("weight", data), ("recurrent_weight", state), ("bias", None), ("recurrent_bias", None)):
            variable = node.weights[f"{way}{name}"]
            total = total + np.abs(variable.data).sum(axis=0) * max(-t.min, t.max) if t else total + np.abs(variable.data)
            own = _multiplier_type(variable.type.precision, variable.data).fractional
            fractions.append(own + (t.fraction if t else 0))
        reach = max(reach, float(np.max(total)))
    integer, fraction = math.frexp(reach)[1] + 1, max(fractions)
    return FixedPrecisionType(integer + fraction, integer, True)


def _contracted(node: Any) -> int:
    """How many products an element of an EinsumDense sums."""
    known = node.get_attr("n_contract")
    if known is not None:
        return int(known)  # the backend has brought the kernel into another shape
    left, output = node.get_attr("equation").split("->")
    data, kernel = left.split(",")
    sizes = dict(zip(kernel, node.get_attr("weight_data").shape, strict=True))
    return math.prod(sizes[letter] for letter in set(data) & set(kernel) - set(output))


def _mean_type(node: Any) -> FixedPrecisionType:
    """A type in which the mean, cut off as the C++ division does it, rounds on as the true mean would.

    The mean of n values is a multiple of 2**-f / n. Rounded next to g fraction bits, it is a tie or stays at least
    2**-max(f, g + 1) / n away from one: so many bits, and one more, keep the cut-off mean on its side.
    """
    data = _value_type(node.get_input_variable().type.precision)
    count = int(np.prod(node.get_input_variable().shape) // node.get_attr("n_filt"))
    if node.class_name.startswith("Pooling"):
        count = node.get_attr("pool_height", 1) * node.get_attr("pool_width")
    growth = math.ceil(math.log2(count)) if count > 1 else 0
    rounded = ("Activation", "Quantise")
    readers = [n.get_output_variable().type.precision for n in node.get_output_nodes() if n.class_name in rounded]
    rounded_to = max((r.fractional + 1 for r in readers if isinstance(r, FixedPrecisionType)), default=0)
    fraction = max(data.fractional, rounded_to) + growth + (1 if count & (count - 1) else 0)
    integer = data.integer + growth
    return FixedPrecisionType(integer + fraction, integer, data.signed)


def _constant_type(values: Any) -> FixedPrecisionType | None:
    """The narrowest type that holds every one of these values; None if it were too wide."""
    signed, integer, fraction = (int(np.max(k)) for k in minimal_kif(np.asarray(values, np.float64)))
    width = max(signed + integer + fraction, 1)
    return FixedPrecisionType(width, signed + integer, bool(signed)) if width <= MAX_WIDTH_BITS else None


def _data(node: Any) -> FixedPrecisionType:
    return _value_type(node.get_input_variable().type.precision)


def _any_of(*types: FixedPrecisionType) -> FixedPrecisionType:
    """A type that holds the values of each."""
    signed = any(t.signed for t in types)
    integer = max(t.integer + (signed and not t.signed) for t in types)
    return FixedPrecisionType(integer + max(t.fractional for t in types), integer, signed)


def _product(a: FixedPrecisionType, b: FixedPrecisionType) -> FixedPrecisionType:
    return FixedPrecisionType(a.width + b.width, a.integer + b.integer, a.signed or b.signed)


def _not_negative(t: FixedPrecisionType) -> FixedPrecisionType:
    return FixedPrecisionType(max(t.width - t.signed, 1), t.integer - t.signed, False)


def _capped(t: FixedPrecisionType, top: int) -> FixedPrecisionType:
    """Of values from 0 to `top`, and `top` itself for what is above."""
    kept = _not_negative(t)
    bits = top.bit_length()
    if kept.integer < bits:
        return kept
    return FixedPrecisionType(bits + max(kept.fractional, 0), bits, False)


def _of_function(node: Any) -> FixedPrecisionType:
    """Of an Activation: of its data, of its table, or of both."""
    name, data, table = node.get_attr("activation").lower(), _data(node), node.types["table_t"].precision
    if name in ("binary_tanh", "ternary_tanh"):
        return FixedPrecisionType(2, 2, True)
    if name == "selu":  # nnet_activation.h: selu_const_t; nnet_activation_stream.h has the slope in the type of the data
        streamed = node.model.config.get_config_value("IOType") == "io_stream"
        return _any_of(_product(data, data if streamed else FixedPrecisionType(16, 1, False)), table)
    if name in ONLY_OURS:
        return _UNTOLD
    straight = {"linear": data, "relu": _not_negative(data), "relu1": _capped(data, 1), "relu6": _capped(data, 6)}
    return _any_of(data, table) if name == "elu" else straight.get(name, table)


def _of_parameter(node: Any) -> FixedPrecisionType:
    """Of leaky, parametric and thresholded relu, and of an elu with a factor."""
    data, parameter, name = _data(node), node.types["param_t"].precision, node.get_attr("activation").lower()
    if name.startswith("threshold"):
        return _not_negative(data)
    return _any_of(data, _product(node.types["table_t"].precision if name == "elu" else data, parameter))


def _of_hard(node: Any) -> FixedPrecisionType:
    """slope * x + shift between 0 and 1, or twice that less 1."""
    scaled = _product(_data(node), node.types["slope_t"].precision)
    fraction, is_tanh = (
        max(scaled.fractional, node.types["shift_t"].precision.fractional),
        "tanh" in node.get_attr("activation"),
    )
    return FixedPrecisionType(fraction + 1 + is_tanh, 1 + is_tanh, is_tanh)


def _of_norm(node: Any) -> FixedPrecisionType:
    """(x - mean) * (an entry of the table) * scale + bias."""
    difference, table, scale, bias = (node.types[f"{n}_t"].precision for n in ("accum", "table", "scale", "bias"))
    return _sum_type(_product(difference, table), scale, bias, 1)


def _of_scale(node: Any) -> FixedPrecisionType:
    data, bits = _data(node), node.get_attr("bits")
    return FixedPrecisionType(data.width, data.integer + bits, data.signed)


def _of_reduction(node: Any) -> FixedPrecisionType:
    data, terms = _data(node), node.get_attr("terms").shape[1]
    growth = math.ceil(math.log2(terms)) if node.get_attr("op") == "sum" else 0
    return FixedPrecisionType(data.width + growth, data.integer + growth, data.signed)


def _of_products(node: Any) -> FixedPrecisionType:
    a, b = (_value_type(node.get_input_variable(name).type.precision) for name in node.inputs)
    one, growth = _product(a, b), math.ceil(math.log2(node.get_attr("first").shape[1]))
    return FixedPrecisionType(one.width + growth, one.integer + growth, one.signed)


# The type of what a layer computes, of layers for which hls4ml takes the model's default.
_RESULTS: Mapping[str, Callable[[Any], Any]] = {
    "Activation": _of_function,
    "ParametrizedActivation": _of_parameter,
    "PReLU": _of_parameter,
    "HardActivation": _of_hard,
    "TernaryTanh": lambda node: FixedPrecisionType(2, 2, True),
    "Softmax": lambda node: _PROBABILITY,
    "LayerNormalization": _of_norm,
    "Embedding": lambda node: node.types["embeddings_t"].precision,
    "Pick": lambda node: node.get_input_variable().type.precision,
    "Arrange": lambda node: _data(node),
    "Scale": _of_scale,
    "Reduce": _of_reduction,
    "Products": _of_products,
    "Cropping1D": lambda node: node.get_input_variable().type.precision,
    "Cropping2D": lambda node: node.get_input_variable().type.precision,
}


def _value_type(precision: Any) -> FixedPrecisionType:
    """The type of the values that a precision stands for: xnor's 0 and 1 are -1 and +1."""
    if isinstance(precision, XnorPrecisionType):
        return FixedPrecisionType(2, 2, True)
    if isinstance(precision, IntegerPrecisionType):
        return FixedPrecisionType(precision.width, precision.width, precision.signed)
    return precision


def _multiplier_type(precision: Any, values: np.ndarray) -> FixedPrecisionType:
    if isinstance(precision, ExponentPrecisionType):
        exponents = np.rint(np.log2(np.abs(np.asarray(values, np.float64)))).astype(int)
        integer, fraction = int(exponents.max()) + 2, max(0, -int(exponents.min()))
        return FixedPrecisionType(integer + fraction, integer, True)
    return _value_type(precision)


def _sum_type(a: FixedPrecisionType, b: FixedPrecisionType, bias: Any, n_ops: int) -> FixedPrecisionType:
    growth = math.ceil(math.log2(n_ops)) if n_ops > 1 else 0
    bias = _value_type(bias)
    integer = max(a.integer + b.integer + growth, bias.integer) + 1
    fraction = max(a.fractional + b.fractional, bias.fractional)
    return FixedPrecisionType(integer + fraction, integer, True)


MENDED.add(optimizer_map, "infer_precision_types", ExactPrecision())
