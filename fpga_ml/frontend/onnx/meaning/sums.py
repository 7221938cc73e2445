"""Products, sums over axes, and normalisations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fpga_ml.frontend.onnx.graph import Node
from fpga_ml.frontend.onnx.meaning.settings import Array, Operation, along, axes_of


def _gemm(node: Node, a: Array, b: Array, c: Array | None = None) -> Array:
    own = node.attributes
    a, b = a.T if own.get("transA") else a, b.T if own.get("transB") else b
    found = own.get("alpha", 1.0) * (a @ b)
    return found if c is None else found + own.get("beta", 1.0) * c


def _batch_norm(node: Node, x: Array, scale: Array, bias: Array, mean: Array, variance: Array) -> Array:
    scale, bias, mean, variance = (along(v, 1, x.ndim) for v in (scale, bias, mean, variance))
    return (x - mean) / np.sqrt(variance + node.attributes.get("epsilon", 1e-5)) * scale + bias


def _layer_norm(node: Node, x: Array, scale: Array, bias: Array | None = None) -> Array:
    axes = tuple(range(node.attributes.get("axis", -1) % x.ndim, x.ndim))
    apart = x - x.mean(axes, keepdims=True)
    found = apart / np.sqrt((apart**2).mean(axes, keepdims=True) + node.attributes.get("epsilon", 1e-5)) * scale
    return found if bias is None else found + bias


def _softmax(node: Node, x: Array) -> Array:
    axis = node.attributes.get("axis", -1 if node.opset >= 13 else 1) % x.ndim
    over = (axis,) if node.opset >= 13 else tuple(range(axis, x.ndim))
    e = np.exp(x - x.max(over, keepdims=True))
    return e / e.sum(over, keepdims=True)


def reduction(function: Callable[..., Array]) -> Operation:
    def reduce(node: Node, x: Array, axes: Array | None = None) -> Array:
        over = axes_of(node, axes, x.ndim)
        if over is None and node.attributes.get("noop_with_empty_axes"):
            return x
        return function(x, axis=over, keepdims=bool(node.attributes.get("keepdims", 1)))

    return reduce


SUMS: dict[str, Operation] = {
    "Gemm": _gemm,
    "MatMul": lambda _, a, b: a @ b,
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "Softmax": _softmax,
    "ReduceSum": reduction(np.sum),
    "ReduceMean": reduction(np.mean),
    "ReduceMax": reduction(np.max),
    "ReduceMin": reduction(np.min),
}
