"""Inputs, merges, and layers that only move values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fpga_ml.bridge.readers.registry import (
    Index,
    common_of,
    is_xnor,
    raw_of,
    reads,
    reuse_of,
    type_of,
    unsupported,
)
from fpga_ml.layers import elementwise, tables
from fpga_ml.layers.base import Input, Layer
from fpga_ml.layers.gather import Gather


@reads("Input")
def _input(node: Any) -> Layer:
    return Input(**{**common_of(node), "reads": ()})


@reads("Embedding")
def _embedding(node: Any) -> Layer:
    rows, fraction, _ = raw_of(node.weights["embeddings"])
    return tables.Embedding(**common_of(node), rows=rows.reshape(-1, int(node.get_attr("n_out"))), fraction=fraction)


@reads("Merge")
def _merge(node: Any) -> Layer:
    common, op = common_of(node), node.get_attr("op").lower()
    shapes = [tuple(int(n) for n in node.model.output_vars[t].shape) for t in node.inputs]
    own = [np.arange(int(np.prod(shape))).reshape(shape) for shape in shapes]
    index = [np.broadcast_to(elements, common["shape"]).reshape(-1) for elements in own]
    return elementwise.Merge(**common, op=op, index=(index[0], index[1]))


@reads("Dot")
def _dot(node: Any) -> Layer:
    if any(is_xnor(node.model.output_vars[t]) for t in node.inputs):
        raise unsupported(node, f"layer '{node.name}' multiplies values of one bit (xnor), which our RTL does not", "")
    every = np.arange(int(np.prod(node.get_input_variable().shape))).reshape(1, -1)
    accum = type_of(node.types["accum_t"])
    return elementwise.Products(**common_of(node), index=(every, every), accum=accum, reuse=reuse_of(node))


@reads("Concatenate")
def _concatenate(node: Any) -> Layer:
    shapes = [tuple(node.model.output_vars[t].shape) for t in node.inputs]
    starts = np.cumsum([0, *(int(np.prod(s)) for s in shapes)])
    parts = [start + np.arange(int(np.prod(s))).reshape(s) for s, start in zip(shapes, starts, strict=False)]
    axis = int(node.get_attr("axis"))
    return Gather(**common_of(node), index=np.concatenate(parts, axis=axis - 1 if axis > 0 else axis).reshape(-1))


@reads("Clone")
def _clone(node: Any) -> Layer:
    """A stream read twice: in meaning, the value itself."""
    return elementwise.Requantise(**common_of(node))


@reads("Reshape", "Repack")
def _reshape(node: Any) -> Layer:
    return Gather(**common_of(node), index=np.arange(int(np.prod(node.get_output_variable().shape))))


@reads("Transpose")
def _transpose(node: Any) -> Layer:
    shape = tuple(node.get_input_variable().shape)
    index = np.arange(int(np.prod(shape))).reshape(shape).transpose([int(p) for p in node.get_attr("perm")])
    return Gather(**common_of(node), index=index.reshape(-1))


def _image(node: Any) -> Index:
    """Element numbers (height, width, channels) of the input; height 1 for a series."""
    height = int(node.get_attr("in_height") or 1)
    return np.arange(height * int(node.get_attr("in_width")) * int(node.get_attr("n_chan"))).reshape(
        height, int(node.get_attr("in_width")), -1
    )


def _sides(node: Any, prefix: str) -> Sequence[tuple[int, int]]:
    names = (("top", "bottom"), ("left", "right"))
    return [tuple(int(node.get_attr(f"{prefix}_{n}") or 0) for n in pair) for pair in names]  # type: ignore[misc]


@reads("ZeroPadding1D", "ZeroPadding2D")
def _padding(node: Any) -> Layer:
    padded = np.pad(_image(node), [*_sides(node, "pad"), (0, 0)], constant_values=-1)
    return Gather(**common_of(node), index=padded.reshape(-1))


@reads("Cropping1D", "Cropping2D")
def _cropping(node: Any) -> Layer:
    (top, bottom), (left, right) = _sides(node, "crop")
    image = _image(node)
    return Gather(**common_of(node), index=image[top : image.shape[0] - bottom, left : image.shape[1] - right].reshape(-1))


@reads("Resize")
def _resize(node: Any) -> Layer:
    image = _image(node)
    rows = int(node.get_attr("out_height") or 1) // image.shape[0]
    columns = int(node.get_attr("out_width")) // image.shape[1]
    return Gather(**common_of(node), index=image.repeat(rows, 0).repeat(columns, 1).reshape(-1))
