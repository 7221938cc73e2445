"""Sums of products with weights, of ONNX: Gemm, MatMul and Conv as Keras layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from fpga_ml.frontend.kernels import of_all_channels, spread
from fpga_ml.frontend.onnx.build import MOST_WIDTH, Builder, becomes, fraction_of
from fpga_ml.frontend.onnx.graph import Node
from fpga_ml.frontend.onnx.meaning.settings import Array
from fpga_ml.frontend.onnx.meaning.windows import Window, window_of
from fpga_ml.frontend.onnx.values import Constant, Reach, Value, stored
from fpga_ml.frontend.tensors import Einsum, numbers


@becomes("MatMul")
def matmul(b: Builder, node: Node, x: list[Any]) -> Value:
    first, second = x
    if isinstance(first, Value) and isinstance(second, Value):
        return _of_two(b, node, first, second)
    if isinstance(first, Constant):  # W x is the transpose of x' W'
        if first.values.ndim != 2 or len(second.shape) < 2:
            raise node.refused("multiplies data by weights from the left", "put the data first, or use a Gemm")
        return dense(b, second.moved(_turned), first.moved(_turned)).moved(_turned)
    while second.values.ndim > 2 and second.values.shape[0] == 1:
        second = second.moved(lambda a: a[0])
    if second.values.ndim != 2:
        raise node.refused(f"has weights of shape {second.values.shape}", "use weights of two axes (inputs, outputs)")
    return dense(b, first, second)


def _turned(a: Array) -> Array:
    return np.swapaxes(a, -1, -2)


@becomes("Gemm")
def gemm(b: Builder, node: Node, x: list[Any]) -> Value:
    data, weights, *rest = x
    own = node.attributes
    if not isinstance(data, Value) or not isinstance(weights, Constant) or own.get("transA"):
        raise node.refused("is no product of data and weights", "give the data first and weights second")
    if own.get("transB"):
        weights = weights.moved(_turned)
    alpha, beta = own.get("alpha", 1.0), own.get("beta", 1.0)
    if alpha != 1:
        weights = weights.moved(lambda a: a * alpha)
    bias = rest[0] if rest else None
    if isinstance(bias, Value):
        raise node.refused("adds data to its sums", "use an Add behind it")
    return dense(b, data, weights, None if bias is None else np.reshape(bias.values * beta, -1))


def dense(b: Builder, data: Value, weights: Constant, bias: Array | None = None) -> Value:
    data = b.uniform(data)
    kernel, factor, exact = b.weighed(weights, 1)
    rows, lead = math.prod(data.shape[:-1]), data.shape[:-1]
    if rows == 1 and data.whole:  # in the order in which it is stored
        x = b.laid(data, np.arange(data.index.size))
        turned = np.empty_like(kernel)
        turned[data.index.reshape(-1)] = kernel
        kernel = turned
    else:
        x = b.laid(data, data.index.reshape(-1) if rows == 1 else data.index.reshape(rows, -1))

    def make(with_bias: bool) -> Callable[[str], Any]:
        return lambda n: keras.layers.Dense(kernel.shape[1], use_bias=with_bias, name=n)

    made = _linear(b, data, x, kernel, factor, exact, kernel, bias, make)
    made = _of_channels(made)
    return made.moved(lambda a: a.reshape(*lead, -1))


def _of_channels(made: Value) -> Value:
    """As it is stored; its scale and shift, by channel, at each element."""
    index = numbers(tuple(made.tensor.shape[1:]))
    return replace(made, index=index).moved(lambda a: np.broadcast_to(a, index.shape))


def _linear(
    b: Builder,
    data: Value,
    x: Any,
    kernel: Array,
    factor: Array,
    exact: bool,
    summed: Array,
    bias: Array | None,
    make: Callable[[bool], Callable[[str], Any]],
) -> Value:
    """A layer of weights, its channels last; what is pending is by channel. summed: (terms, channels) of the weights that a
    sum has. bias: in the layer where it has the grid of the sums, else pending."""
    scale = (data.factor or 0.0) * factor
    reach = _reach_of(data.reach, summed)
    exact = exact and data.exact and reach.width <= MOST_WIDTH
    shift = np.zeros_like(factor)
    weights = [kernel]
    if bias is not None:
        bias = np.broadcast_to(bias, factor.shape)
        whole = np.divide(bias, scale, out=np.zeros_like(shift), where=scale != 0)
        on_grid = fraction_of(whole) <= reach.fraction and not exact_misfit(whole, scale, bias)
        if (not exact and (scale == 1).all()) or (exact and on_grid):
            weights.append(whole)
            reach = reach.plus(Reach(float(whole.min()), float(whole.max()), fraction_of(whole)))
        else:
            shift = bias
    y = b.called(make(len(weights) > 1), x, weights, exact=exact)
    return Value(y, np.zeros(()), scale, shift, reach, exact)


def exact_misfit(whole: Array, scale: Array, bias: Array) -> bool:
    """Whether numbers times their scale are not what they were made of."""
    return bool((whole * scale != bias).any())


def _reach_of(reach: Reach, summed: Array) -> Reach:
    flat = summed.reshape(-1, summed.shape[-1])
    up, down = np.maximum(flat, 0).sum(0), np.minimum(flat, 0).sum(0)
    high, low = up * reach.high + down * reach.low, up * reach.low + down * reach.high
    return Reach(float(low.min()), float(high.max()), reach.fraction + fraction_of(flat), reach.known)


def _of_two(b: Builder, node: Node, first: Value, second: Value) -> Value:
    first, second = (b.uniform(v) for v in (first, second))
    if min(len(first.shape), len(second.shape)) < 2:
        raise node.refused("multiplies by a vector of data", "give both two axes or more")
    lead = np.broadcast_shapes(first.shape[:-2], second.shape[:-2])
    many, inner = math.prod(lead), first.shape[-1]

    def laid(value: Value) -> Any:
        whole = np.broadcast_to(value.index, (*lead, *value.shape[-2:]))
        return b.laid(value, whole.reshape(*([many] if many > 1 else []), *value.shape[-2:]))

    equation = "abyz,abzw->abyw" if many > 1 else "ayz,azw->ayw"
    reach = first.reach.times(second.reach).times_terms(inner)
    exact = first.exact and second.exact and reach.width <= MOST_WIDTH
    y = b.called(lambda n: Einsum(equation, name=n), [laid(first), laid(second)], exact=exact)
    index = numbers((*lead, first.shape[-2], second.shape[-1]))
    return stored(y, index, reach, exact, (first.factor or 0.0) * (second.factor or 0.0))


@becomes("Conv")
def conv(b: Builder, node: Node, x: list[Any]) -> Value:
    data, weights, *rest = x
    if not isinstance(weights, Constant) or (rest and not isinstance(rest[0], Constant)):
        raise node.refused("has weights that are not in the file", "export it with constant weights")
    if len(data.shape) not in (3, 4) or data.shape[0] != 1:
        raise node.refused(f"is of {len(data.shape) - 2} axes", "use Conv of one or two axes, samples first")
    data = b.channels_last(b.uniform(data))
    groups, bias = node.attributes.get("group", 1), np.reshape(rest[0].values, -1) if rest and rest[0] is not None else None
    window = window_of(node, data.shape[2:], weights.values.shape[2:])
    padded, padding, window = padded_for(b, data, window)
    kernel, factor, exact = b.weighed(weights, 0)
    kernel = spread(np.moveaxis(kernel, (0, 1), (-1, -2)), window.dilations)  # (..., inputs, outputs)
    return convolved(b, padded, kernel, groups, factor, exact, bias, window, padding)


def convolved(
    b: Builder,
    data: Value,
    kernel: Array,
    groups: int,
    factor: Array,
    exact: bool,
    bias: Array | None,
    window: Window,
    padding: str,
) -> Value:
    """data: channels last; kernel: (..., inputs of a group, outputs)."""
    if kernel.shape[-2] == 1 and groups == data.shape[1] > 1 and len(set(window.strides)) == 1:
        return by_pixel(_depthwise(b, data, kernel, factor, exact, bias, window, padding))
    return by_pixel(_convolution(b, data, of_all_channels(kernel, groups), factor, exact, bias, window, padding))


def by_pixel(made: Value) -> Value:
    """A tensor stored with its channels last, as the graph has it."""
    return _of_channels(made).moved(lambda a: np.moveaxis(a, -1, 0)[None])


def padded_for(b: Builder, data: Value, window: Window) -> tuple[Value, str, Window]:
    """Data, channels last, with the zeros that Keras does not put there itself, and the padding of the Keras layer."""
    spans = [(k - 1) * d + 1 for k, d in zip(window.size, window.dilations, strict=True)]
    if is_same(window, data.shape[2:], spans):
        return data, "same", window
    needed = [
        ((o - 1) * s + span, n, a)
        for o, s, span, n, (a, _) in zip(window.out, window.strides, spans, data.shape[2:], window.pads, strict=True)
    ]
    pads = [(a, max(need - n - a, 0)) for need, n, a in needed]
    if any(a or c for a, c in pads):
        kind = keras.layers.ZeroPadding1D if len(pads) == 1 else keras.layers.ZeroPadding2D
        tensor = kind(pads[0] if len(pads) == 1 else tuple(pads), name=b.named("padded"))(data.tensor)
        reach = data.reach.hull(Reach(0.0, 0.0, 0))
        data = replace(data, tensor=tensor, reach=reach)
    return data, "valid", window


def is_same(window: Window, shape: tuple[int, ...], spans: list[int]) -> bool:
    """Whether Keras pads so with padding="same"."""
    total = [max((o - 1) * s + k - n, 0) for o, s, k, n in zip(window.out, window.strides, spans, shape, strict=True)]
    out = tuple(-(-n // s) for n, s in zip(shape, window.strides, strict=True))
    return out == window.out and any(total) and all(a == t // 2 for (a, _), t in zip(window.pads, total, strict=True))


def _convolution(
    b: Builder, data: Value, kernel: Array, factor: Array, exact: bool, bias: Array | None, window: Window, padding: str
) -> Value:
    kind = keras.layers.Conv1D if kernel.ndim == 3 else keras.layers.Conv2D
    *sizes, _, out = kernel.shape

    def make(with_bias: bool) -> Callable[[str], Any]:
        return lambda n: kind(out, sizes, window.strides, padding, use_bias=with_bias, name=n)

    return _linear(b, data, data.tensor, kernel, factor, exact, kernel, bias, make)


def _depthwise(
    b: Builder, data: Value, kernel: Array, factor: Array, exact: bool, bias: Array | None, window: Window, padding: str
) -> Value:
    kind = keras.layers.DepthwiseConv1D if kernel.ndim == 3 else keras.layers.DepthwiseConv2D
    *sizes, _, out = kernel.shape
    channels = data.tensor.shape[-1]
    each = out // channels
    own = kernel.reshape(*sizes, channels, each)
    strides = window.strides[0] if kernel.ndim == 3 else window.strides

    def make(with_bias: bool) -> Callable[[str], Any]:
        return lambda n: kind(sizes[0] if len(sizes) == 1 else sizes, strides, padding, each, use_bias=with_bias, name=n)

    return _linear(b, data, data.tensor, own, factor, exact, kernel.reshape(math.prod(sizes), out), bias, make)
