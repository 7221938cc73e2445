"""Poolings and reductions."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from fpga_ml.frontend.kernels import spread
from fpga_ml.frontend.onnx.build import Builder, becomes, of_sample
from fpga_ml.frontend.onnx.graph import Node
from fpga_ml.frontend.onnx.linear import convolved, is_same, padded_for
from fpga_ml.frontend.onnx.meaning.settings import Array, axes_of
from fpga_ml.frontend.onnx.meaning.windows import Window, counts_of, window_of
from fpga_ml.frontend.onnx.values import Value, stored
from fpga_ml.frontend.tensors import Arrange, Reduce, numbers

_OUTSIDE = -2


def _by_channel(b: Builder, value: Value, *, rises: bool) -> Value:
    """Of which what is pending is the same at all pixels of a channel, and does not turn the order round if it is not to."""
    value = b.bent(value) if value.curve is not None else value
    flat = [a.reshape(value.shape[1], -1) for a in (value.scale, value.shift)]
    same = all((a == a[:, :1]).all() for a in flat)
    return value if same and (not rises or (flat[0] > 0).all()) else b.plain(value)


@becomes("MaxPool")
def max_pool(b: Builder, node: Node, x: list[Any]) -> Value:
    value = _by_channel(b, x[0], rises=True)
    size = node.attributes["kernel_shape"]
    if len(size) > 2 or node.attributes.get("storage_order", 0) or len([n for n in node.outputs if n]) > 1:
        raise node.refused("pools over three axes, or gives places", "use a MaxPool of one or two axes with one output")
    window = window_of(node, value.shape[2:], size)
    same = is_same(window, value.shape[2:], list(window.size))
    plain = not any(map(any, window.pads)) and _fits(window, value.shape[2:])
    if set(window.dilations) == {1} and (same or plain):
        value = b.channels_last(value)
        kind = keras.layers.MaxPooling1D if len(size) == 1 else keras.layers.MaxPooling2D
        make = kind(window.size, window.strides, "same" if same else "valid", name=b.named())
        tensor = make(value.tensor)
    else:
        tensor = _greatest(b, value, window)
    return _pixels(value, tensor, window)


def _pixels(value: Value, tensor: Any, window: Window) -> Value:
    """What a pooling gives with its channels last, as the graph has it; what is pending is by channel."""
    channels, ones = value.shape[1], (1,) * len(window.out)
    index = np.moveaxis(numbers((*window.out, channels)), -1, 0)[None]
    scale, shift = (a.reshape(channels, -1)[:, 0].reshape(-1, *ones) for a in (value.scale, value.shift))
    return replace(stored(tensor, index, value.reach, value.exact, scale, shift), relu=value.relu)


def _fits(window: Window, shape: tuple[int, ...]) -> bool:
    """Whether no window reaches beyond the data."""
    spans = zip(window.out, window.strides, window.size, window.dilations, shape, strict=True)
    return all((o - 1) * s + (k - 1) * d + 1 <= n for o, s, k, d, n in spans)


def _greatest(b: Builder, value: Value, window: Window) -> Any:
    """Of the elements of each window: in the place of one outside, another of the same window."""
    padded = window.padded(value.index[0], _OUTSIDE).astype(np.int64)
    taken = np.stack([padded[window.taken(at)] for at in window.places()], -1)
    inside = np.take_along_axis(taken, (taken != _OUTSIDE).argmax(-1)[..., None], -1)
    terms = np.moveaxis(np.where(taken == _OUTSIDE, inside, taken), 0, -1)  # (..., of the window, channels)
    terms = terms.reshape(-1, *terms.shape[-2:])
    tensor = Arrange(terms, terms.shape, name=b.named("windows"))(value.tensor)
    reduce = b.called(lambda n: Reduce("max", (2,), name=n), tensor, exact=value.exact)
    return keras.layers.Reshape((*window.out, value.shape[1]), name=b.named("shaped"))(reduce)


@becomes("AveragePool")
def average_pool(b: Builder, node: Node, x: list[Any]) -> Value:
    value, size = x[0], node.attributes["kernel_shape"]
    value = b.channels_last(b.uniform(value))
    if len(size) > 2:
        raise node.refused("pools over three axes", "use an AveragePool of one or two axes")
    window = window_of(node, value.shape[2:], size)
    counts = counts_of(node, window, value.shape[2:])
    even = bool((counts == counts.flat[0]).all())
    spans = [(k - 1) * d + 1 for k, d in zip(window.size, window.dilations, strict=True)]
    plain = even and counts.flat[0] == math.prod(window.size) and set(window.dilations) == {1}
    exact = value.exact and math.log2(counts.flat[0]).is_integer()
    same = is_same(window, value.shape[2:], spans) and not node.attributes.get("count_include_pad", 0)
    if (plain and (exact or not value.exact)) or (same and set(window.dilations) == {1} and not value.exact):
        padded, padding, _ = padded_for(b, value, window) if not same else (value, "same", window)
        kind = keras.layers.AveragePooling1D if len(size) == 1 else keras.layers.AveragePooling2D
        tensor = b.called(lambda n: kind(window.size, window.strides, padding, name=n), padded.tensor, exact=exact)
        bits = int(math.log2(counts.flat[0])) if exact else 0
        reach = replace(padded.reach, fraction=padded.reach.fraction + bits, support=None)
        return replace(_pixels(value, tensor, window), reach=reach, exact=exact)
    return _summed_windows(b, value, window, counts)


def _summed_windows(b: Builder, value: Value, window: Window, counts: Array) -> Value:
    """Sums by a convolution with ones; what they are divided by is pending."""
    channels = value.shape[1]
    padded, padding, window = padded_for(b, value, window)
    kernel = spread(np.ones((*window.size, 1, channels)), window.dilations)
    made = convolved(b, padded, kernel, channels, np.ones(channels), True, None, window, padding)
    return made.scaled(1 / counts)


@becomes("GlobalMaxPool", "GlobalAveragePool")
def global_pool(b: Builder, node: Node, x: list[Any]) -> Value:
    op = "max" if node.op == "GlobalMaxPool" else "mean"
    return reduced(b, node, x[0], op, tuple(range(2, len(x[0].shape))), keepdims=True)


@becomes("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin")
def reduction(b: Builder, node: Node, x: list[Any]) -> Value:
    value, *rest = x
    axes = axes_of(node, rest[0].values if rest and rest[0] is not None else None, len(value.shape))
    if axes is None and node.attributes.get("noop_with_empty_axes"):
        return value  # type: ignore[no-any-return]
    if axes is None or (0 in axes and value.shape[0] == 1):
        raise node.refused("reduces over the samples", "name axes other than the first")
    keepdims = bool(node.attributes.get("keepdims", 1))
    return reduced(b, node, value, node.op.removeprefix("Reduce").lower(), axes, keepdims)


def reduced(b: Builder, node: Node, value: Value, op: str, axes: tuple[int, ...], keepdims: bool) -> Value:
    if op == "min":  # the negative of the largest of the negatives
        return _negative(reduced(b, node, _negative(b.bent(value)), "max", axes, keepdims))
    count, linear = math.prod(value.shape[a] for a in axes), op in ("sum", "mean")
    value = b.bent(value) if linear or value.curve is not None else value
    apart = [np.moveaxis(a, axes, range(len(axes))).reshape(count, -1) for a in (value.scale, value.shift)]
    same = all((a == a[:1]).all() for a in apart)
    if not same or (apart[0] <= 0).any():
        value = b.plain(value)
        apart = [np.moveaxis(a, axes, range(len(axes))).reshape(count, -1) for a in (value.scale, value.shift)]
    kept = [a for a in range(len(value.shape)) if a not in axes]
    shape = tuple(1 if a in axes else n for a, n in enumerate(value.shape) if keepdims or a not in axes)
    images = kept == [0, 1] and len(value.shape) in (3, 4) and value.shape[0] == 1
    if images and (op == "max" or (op == "mean" and not value.exact)):
        tensor = _global(b, b.channels_last(value), op)
    else:
        order = [*axes, *kept]
        laid = value.index.transpose(order).reshape(count, *of_sample(np.empty([value.shape[a] for a in kept])).shape)
        which: Any = "sum" if linear else op
        laid = laid if laid.ndim > 1 else laid[:, None]
        x = b.laid(value, laid)
        tensor = b.called(lambda n: Reduce(which, (1,), name=n), x, exact=value.exact)
    reach = value.reach.times_terms(count) if linear else value.reach
    scale, shift = (a[0].reshape(shape) for a in apart)
    if op == "mean" and not (images and not value.exact):
        scale = scale / count
    if op == "sum":
        shift = shift * count
    index = numbers(shape)
    return replace(stored(tensor, index, reach, value.exact, scale, shift), relu=value.relu)


def _negative(value: Value) -> Value:
    return replace(value, scale=-value.scale, shift=-value.shift, relu=False)


def _global(b: Builder, value: Value, op: str) -> Any:
    rank = len(value.shape) - 2
    kinds = {
        ("max", 1): keras.layers.GlobalMaxPooling1D,
        ("max", 2): keras.layers.GlobalMaxPooling2D,
        ("mean", 1): keras.layers.GlobalAveragePooling1D,
        ("mean", 2): keras.layers.GlobalAveragePooling2D,
    }
    return b.called(lambda n: kinds[op, rank](name=n), value.tensor, exact=value.exact and op == "max")
