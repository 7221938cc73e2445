"""HGQ2's layers but the recurrent ones and those of tables, each as its parts."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from fpga_ml.frontend.hgq.parts import Parts, becomes, numpy_of, tabulated
from fpga_ml.frontend.rewrites.attention import dot_equation
from fpga_ml.frontend.rewrites.einsum import dense_of
from fpga_ml.frontend.tensors import Quantise


@becomes("Quantizer")
def _quantizer(parts: Parts, layer: Any, name: str, x: list[Any]) -> Any:
    return parts.quantised(layer, name, x[0])


@becomes("QDense")
def _dense(parts: Parts, layer: Any, name: str, x: list[Any]) -> Any:
    def make(n: str) -> Any:
        return keras.layers.Dense(layer.units, use_bias=layer.bias is not None, name=n)

    return parts.linear(make, layer, name, x[0])


@becomes("QEinsumDense")
def _einsum_dense(parts: Parts, layer: Any, name: str, x: list[Any]) -> Any:
    kernel, bias = numpy_of(layer.qkernel), None if layer.bias is None else numpy_of(layer.qbias)
    value = parts.read(layer, name, x[0])
    plan = dense_of(layer.equation, tuple(value.shape[1:]), kernel, bias)
    if plan is None:

        def make(n: str) -> Any:
            axes = None if bias is None else layer.bias_axes
            return keras.layers.EinsumDense(layer.equation, layer.partial_output_shape, bias_axes=axes, name=n)

        y = parts.kept(name, make, value, [w for w in (kernel, bias) if w is not None])
    else:
        units = plan.weights[0].shape[1]
        value = parts.placed(f"{name}_turned", plan.before, value)
        y = parts.kept(name, lambda n: keras.layers.Dense(units, use_bias=bias is not None, name=n), value, plan.weights)
        y = parts.placed(f"{name}_placed", plan.after, y)
    return parts.given(layer, name, parts.activated(layer.activation, f"{name}_act", y))


@becomes("QConv1D", "QConv2D")
def _convolution(parts: Parts, layer: Any, name: str, x: list[Any]) -> Any:
    same = ("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "groups", "use_bias")
    settings = {setting: getattr(layer, setting) for setting in same}
    if layer.padding == "causal":
        before = layer.dilation_rate[0] * (layer.kernel_size[0] - 1)
        x = [
            parts.once(f"{name}_padded", lambda n: keras.layers.ZeroPadding1D((before, 0), layer.data_format, name=n))(x[0])
        ]
        settings["padding"] = "valid"
    kind = {1: keras.layers.Conv1D, 2: keras.layers.Conv2D}[layer.rank]
    return parts.linear(lambda n: kind(**settings, name=n), layer, name, x[0])


@becomes("QBatchNormalization")
def _normalisation(parts: Parts, layer: Any, name: str, x: list[Any]) -> Any:
    if layer.axis not in (-1, len(x[0].shape) - 1):
        raise parts.refused(f"normalises axis {layer.axis}", "normalise the last axis")
    scale, offset = map(numpy_of, layer.qscaler_and_qoffset)
    return parts.given(layer, name, parts.affine(name, scale, offset, parts.read(layer, name, x[0])))


def _operands(parts: Parts, layer: Any, name: str, x: list[Any]) -> list[Any]:
    """What a layer of several inputs makes of them, before it computes."""
    if not layer.enable_iq:
        return x
    return [parts.quantised(q, f"{name}_iq{k}", t) for k, (q, t) in enumerate(zip(layer.iq, x, strict=True))]


@becomes("QAdd", "QSubtract", "QMultiply", "QMaximum", "QMinimum", "QAveragePow2")
def _merge(parts: Parts, layer: Any, name: str, x: list[Any]) -> Any:
    kinds = {
        "QAveragePow2": keras.layers.Add,
        "QSubtract": keras.layers.Subtract,
        "QMultiply": keras.layers.Multiply,
        "QMaximum": keras.layers.Maximum,
        "QMinimum": keras.layers.Minimum,
        "QAdd": keras.layers.Add,
    }
    kind = next(kinds[k.__name__] for k in type(layer).__mro__ if k.__name__ in kinds)
    merged, *rest = _operands(parts, layer, name, x)
    for k, other in enumerate(rest):
        own = name if k == len(rest) - 1 else f"{name}_{k}"
        merged = parts.kept(own, lambda n: kind(name=n), [merged, other])
    if any(k.__name__ == "QAveragePow2" for k in type(layer).__mro__):
        merged = parts.scaled(layer._scale, f"{name}_scale", merged)
    return parts.given(layer, name, merged)


@becomes("QDot")
def _dot(parts: Parts, layer: Any, name: str, x: list[Any]) -> Any:
    a, b = _operands(parts, layer, name, x)
    if len(a.shape) == len(b.shape) == 2:  # one number, of which Keras makes a vector
        column = parts.placed(f"{name}_column", np.arange(b.shape[1])[:, None], b)
        return parts.given(layer, name, parts.einsum("ab,abc->ac", name, [a, column]))
    equation = dot_equation(layer.axes, len(a.shape), len(b.shape))
    return parts.given(layer, name, parts.einsum(equation, name, [a, b]))


@becomes("QEinsum")
def _einsum(parts: Parts, layer: Any, name: str, x: list[Any]) -> Any:
    if len(x) != 2:
        raise parts.refused(f"multiplies {len(x)} tensors", "use a chain of QEinsum layers of two tensors each")
    return parts.given(layer, name, parts.einsum(layer.equation, name, _operands(parts, layer, name, x)))


@becomes("QSum")
def _sum(parts: Parts, layer: Any, name: str, x: list[Any]) -> Any:
    total = parts.reduced("sum", layer.axes, layer.keepdims, name, parts.read(layer, name, x[0]))
    return parts.given(layer, name, parts.scaled(layer.scale, f"{name}_scale", total))


@becomes("QBasePooling")
def _pooling(parts: Parts, layer: Any, name: str, x: list[Any]) -> Any:
    plain = next(k for k in type(layer).__mro__ if k.__module__.startswith("keras."))
    names = ("pool_size", "strides", "padding", "data_format", "keepdims")
    settings = {n: getattr(layer, n) for n in names if hasattr(layer, n)}
    y = parts.kept(name, lambda n: plain(**settings, name=n), parts.read(layer, name, x[0]))
    return parts.given(layer, name, y)


@becomes("QUnaryFunctionLUT")
def _unary(parts: Parts, layer: Any, name: str, x: list[Any]) -> Any:
    return _table(parts, layer, name, parts.read(layer, name, x[0]))


def _table(parts: Parts, layer: Any, name: str, x: Any) -> Any:
    """A table for the function and the rounding of a QUnaryFunctionLUT, of a tensor whose elements have types."""
    read = x._keras_history.operation
    if not isinstance(read, Quantise):
        raise parts.refused("has a table of values without a type", "give it an input quantizer (enable_iq=True)")
    if not layer.enable_oq:
        raise parts.refused("has a table whose entries have no type", "give it an output quantizer (enable_oq=True)")

    def function(values: np.ndarray) -> Any:
        values = keras.ops.convert_to_tensor(values.astype(np.float32))
        if hasattr(layer, "scale") and type(layer).__name__ == "QAffinedUnaryFunctionLUT":
            values = values * layer.scale + layer.bias
        return layer.oq(layer.activation(values))

    own = name if layer.enable_iq else f"{name}_of_{read.name}"  # a shared layer may be given several types
    return parts.once(own, lambda n: tabulated(parts, read, function, tuple(x.shape[1:]), n))(x)


@becomes("QSoftmax")
def _softmax(parts: Parts, layer: Any, name: str, x: list[Any], mask: Any = None) -> Any:
    if mask is not None:
        raise parts.refused("is given a mask", "leave it out")
    value = parts.read(layer, name, x[0])
    if layer.stable:
        largest = parts.reduced("max", layer.axes, True, f"{name}_max", value)
        value = parts.kept(f"{name}_below", lambda n: keras.layers.Subtract(name=n), [largest, value])
        value = parts.quantised(layer.exp_table.iq, f"{name}_exp_iq", value)
    power = _table(parts, layer.exp_table, f"{name}_exp", value)
    total = parts.reduced("sum", layer.axes, True, f"{name}_total", power)
    inverse = _unary(parts, layer.inv_table, f"{name}_inv", [total])
    product = parts.kept(name, lambda n: keras.layers.Multiply(name=n), [power, inverse])
    return parts.given(layer, name, product)


@becomes("QMultiHeadAttention")
def _attention(parts: Parts, layer: Any, name: str, x: list[Any], value: Any = None, key: Any = None, **masks: Any) -> Any:
    for mask in masks:
        if masks[mask] is not False:
            others = "" if mask == "return_attention_scores" else ": every particle attends to every other"
            raise parts.refused(f"is given {mask}", f"leave it out{others}")
    query, *rest = x
    value = value if value is not None else rest.pop(0) if rest else query
    key = key if key is not None else rest.pop(0) if rest else value
    if hasattr(layer, "_lin_k_proj"):  # Linformer
        one = layer._lin_v_proj is layer._lin_k_proj and value is key
        key = parts.of(layer._lin_k_proj, f"{name}_lin_key", [key], {})
        value = key if one else parts.of(layer._lin_v_proj, f"{name}_lin_value", [value], {})
    of_query = parts.of(layer._query_dense, f"{name}_query", [query], {})
    of_key = parts.of(layer._key_dense, f"{name}_key", [key], {})
    of_value = parts.of(layer._value_dense, f"{name}_value", [value], {})
    scores = parts.einsum(layer._dot_product_equation, f"{name}_scores", [of_key, of_query])
    weights = parts.of(layer._softmax, f"{name}_softmax", [scores], {})
    mixed = parts.einsum(layer._combine_equation, f"{name}_mixed", [weights, of_value])
    return parts.given(layer, name, parts.of(layer._output_dense, f"{name}_output", [mixed], {}))


@becomes("QSALTAttention")
def _salt(parts: Parts, layer: Any, name: str, x: list[Any], **given: Any) -> Any:
    raise parts.refused("convolves its attention scores", "use a QMultiHeadAttention or a QLinformerAttention")


@becomes("QLIF", "QSimpleSNN", "QLIFCell", "QSimpleSNNCell")
def _spiking(parts: Parts, layer: Any, name: str, x: list[Any], **given: Any) -> Any:
    raise parts.refused("is a layer of spiking neurons", "use a QGRU or a QSimpleRNN")


@becomes(*(f"Q{kind}3D" for kind in ("Conv", "AveragePooling", "MaxPooling", "GlobalAveragePooling", "GlobalMaxPooling")))
def _volumes(parts: Parts, layer: Any, name: str, x: list[Any], **given: Any) -> Any:
    flat = type(layer).__name__.replace("3D", "2D")
    raise parts.refused("computes on volumes", f"use a {flat}, with one of the three axes in the channels")
