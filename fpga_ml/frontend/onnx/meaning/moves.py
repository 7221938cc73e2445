"""Operations that move values and do nothing else."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fpga_ml.frontend.onnx.graph import Node
from fpga_ml.frontend.onnx.meaning.settings import Array, Operation, axes_of, integer


def _reshape(node: Node, x: Array, shape: Array | None = None) -> Array:
    sizes = [int(n) for n in (node.attributes["shape"] if shape is None else integer(shape))]
    if not node.attributes.get("allowzero", 0):
        sizes = [x.shape[k] if n == 0 else n for k, n in enumerate(sizes)]
    return x.reshape(sizes)


def _flatten(node: Node, x: Array) -> Array:
    axis = node.attributes.get("axis", 1) % (x.ndim + 1)
    return x.reshape(math.prod(x.shape[:axis]), -1)


def _transpose(node: Node, x: Array) -> Array:
    return x.transpose(node.attributes.get("perm", range(x.ndim)[::-1]))


def _squeeze(node: Node, x: Array, axes: Array | None = None) -> Array:
    return np.squeeze(x, axes_of(node, axes, x.ndim))


def _unsqueeze(node: Node, x: Array, axes: Array | None = None) -> Array:
    given = node.attributes["axes"] if axes is None else integer(axes).reshape(-1)
    return np.expand_dims(x, tuple(int(a) for a in given))


def _slice(node: Node, x: Array, *given: Array | None) -> Array:
    own = [node.attributes.get(k) for k in ("starts", "ends", "axes")]
    starts, ends, axes, steps = [*(given or own), None, None][:4]
    starts, ends = integer(starts).tolist(), integer(ends).tolist()
    axes = list(range(len(starts))) if axes is None else integer(axes).tolist()
    steps = [1] * len(starts) if steps is None else integer(steps).tolist()
    key = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        size = x.shape[axis]
        start, end = (n + size if n < 0 else n for n in (start, end))
        if step > 0:
            key[axis] = slice(min(max(start, 0), size), min(max(end, 0), size), step)
        else:
            stop = min(max(end, -1), size - 1)
            key[axis] = slice(min(max(start, 0), size - 1), None if stop < 0 else stop, step)
    return x[tuple(key)]


def _split(node: Node, x: Array, sizes: Array | None = None) -> list[Array]:
    axis, given = node.attributes.get("axis", 0), node.attributes.get("split") if sizes is None else integer(sizes)
    if given is None:
        parts, size = node.attributes.get("num_outputs", len(node.outputs)), x.shape[axis]
        each = -(-size // parts)
        given = [min(each, size - k * each) for k in range(parts)]
    return np.split(x, np.cumsum(given)[:-1], axis)


def _gather(node: Node, x: Array, index: Array) -> Array:
    return np.take(x, integer(index), node.attributes.get("axis", 0))


def _pad(node: Node, x: Array, pads: Array | None = None, value: Array | None = None, axes: Array | None = None) -> Array:
    given = node.attributes.get("pads", node.attributes.get("paddings")) if pads is None else integer(pads).tolist()
    mode, fill = node.attributes.get("mode", "constant"), node.attributes.get("value", 0.0) if value is None else value
    which = range(x.ndim) if axes is None else [int(a) % x.ndim for a in integer(axes)]
    half, width = len(given) // 2, [(0, 0)] * x.ndim
    for k, axis in enumerate(which):
        width[axis] = (given[k], given[k + half])
    x = x[tuple(slice(max(-a, 0), x.shape[k] - max(-b, 0)) for k, (a, b) in enumerate(width))]
    width = [(max(a, 0), max(b, 0)) for a, b in width]
    if mode == "constant":
        return np.pad(x, width, constant_values=np.reshape(fill, ()))
    kind: Any = {"reflect": "reflect", "edge": "edge", "wrap": "wrap"}[mode]
    return np.pad(x, width, mode=kind)


def _expand(node: Node, x: Array, shape: Array) -> Array:
    return np.broadcast_to(x, np.broadcast_shapes(x.shape, tuple(integer(shape).tolist())))


def _tile(node: Node, x: Array, times: Array) -> Array:
    return np.tile(x, tuple(integer(times).tolist()))


def _depth_to_space(node: Node, x: Array) -> Array:
    n, c, h, w = x.shape
    b = node.attributes["blocksize"]
    if node.attributes.get("mode", "DCR") == "DCR":
        return x.reshape(n, b, b, c // b**2, h, w).transpose(0, 3, 4, 1, 5, 2).reshape(n, c // b**2, h * b, w * b)
    return x.reshape(n, c // b**2, b, b, h, w).transpose(0, 1, 4, 2, 5, 3).reshape(n, c // b**2, h * b, w * b)


def _space_to_depth(node: Node, x: Array) -> Array:
    n, c, h, w = x.shape
    b = node.attributes["blocksize"]
    return x.reshape(n, c, h // b, b, w // b, b).transpose(0, 3, 5, 1, 2, 4).reshape(n, c * b**2, h // b, w // b)


def _resize(node: Node, x: Array, *given: Array | None) -> Array:
    """By whole factors, to the nearest: each value is repeated."""
    scales, sizes = ([*given, None, None, None][k] for k in (1, 2)) if node.op == "Resize" else ([*given, None][0], None)
    if scales is None and "scales" in node.attributes:
        scales = np.array(node.attributes["scales"])
    factors = np.divide(integer(sizes), x.shape) if sizes is not None and np.size(sizes) else np.asarray(scales)
    if node.attributes.get("mode", "nearest") != "nearest" or (factors != np.rint(factors)).any() or (factors < 1).any():
        raise node.refused("resizes by interpolation, or by parts of a pixel", "use mode 'nearest' and whole factors")
    for axis, times in enumerate(factors):
        x = np.repeat(x, int(times), axis)
    return x


MOVES: dict[str, Operation] = {
    "Identity": lambda _, x: x,
    "Dropout": lambda _, x, *__: x,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Transpose": _transpose,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Slice": _slice,
    "Split": _split,
    "Gather": _gather,
    "Pad": _pad,
    "Expand": _expand,
    "Tile": _tile,
    "DepthToSpace": _depth_to_space,
    "SpaceToDepth": _space_to_depth,
    "Resize": _resize,
    "Upsample": _resize,
}
