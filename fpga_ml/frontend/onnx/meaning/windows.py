"""Convolutions and poolings of any number of axes."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fpga_ml.frontend.onnx.graph import Node
from fpga_ml.frontend.onnx.meaning.settings import Array, Operation, along


@dataclass(frozen=True)
class Window:
    """Of a convolution or pooling over the last axes; pads: (before, behind) of each axis."""

    size: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]
    out: tuple[int, ...]

    def taken(self, at: Sequence[int]) -> tuple[Any, ...]:
        """What the element of the window at this place meets, of a padded tensor."""
        steps = zip(at, self.strides, self.dilations, self.out, strict=True)
        return (..., *(slice(k * d, k * d + (n - 1) * s + 1, s) for k, s, d, n in steps))

    def padded(self, x: Array, value: float) -> Array:
        """So wide that every window fits."""
        spans = [
            (n - 1) * s + (k - 1) * d + 1
            for n, s, k, d in zip(self.out, self.strides, self.size, self.dilations, strict=True)
        ]
        sizes = x.shape[-len(self.size) :]
        more = [max(span - size - a, 0) for span, size, (a, _) in zip(spans, sizes, self.pads, strict=True)]
        width = [(0, 0)] * (x.ndim - len(self.size)) + [(a, b) for (a, _), b in zip(self.pads, more, strict=True)]
        return np.pad(x, width, constant_values=value)

    def places(self) -> Iterable[tuple[int, ...]]:
        return itertools.product(*map(range, self.size))


def window_of(node: Node, shape: Sequence[int], size: Sequence[int]) -> Window:
    """shape: of the axes that the window moves over."""
    own, rank = node.attributes, len(size)
    strides, dilations = (tuple(own.get(k) or [1] * rank) for k in ("strides", "dilations"))
    flat = list(own.get("pads") or [0] * 2 * rank)
    pads = list(zip(flat[:rank], flat[rank:], strict=True))
    spans = [(k - 1) * d + 1 for k, d in zip(size, dilations, strict=True)]
    auto = own.get("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        out = [-(-n // s) for n, s in zip(shape, strides, strict=True)]
        total = [max((o - 1) * s + span - n, 0) for o, s, span, n in zip(out, strides, spans, shape, strict=True)]
        pads = [(t // 2, t - t // 2) if auto == "SAME_UPPER" else (t - t // 2, t // 2) for t in total]
    elif auto == "VALID":
        pads = [(0, 0)] * rank
    up, out = bool(own.get("ceil_mode", 0)), []
    for n, (a, b), span, s in zip(shape, pads, spans, strides, strict=True):
        room = n + a + b - span
        count = (-(-room // s) if up else room // s) + 1
        out.append(count - (up and (count - 1) * s >= n + a))  # no window begins behind the data and what is before them
    return Window(tuple(size), strides, dilations, tuple(pads), tuple(out))


def _conv(node: Node, x: Array, w: Array, bias: Array | None = None) -> Array:
    window, groups = window_of(node, x.shape[2:], w.shape[2:]), node.attributes.get("group", 1)
    padded = window.padded(x, 0.0)
    each, n = w.shape[1], w.shape[0] // groups
    found = np.zeros((x.shape[0], w.shape[0], *window.out))
    for g in range(groups):
        for at in window.places():
            part = padded[:, g * each : (g + 1) * each][window.taken(at)]
            found[:, g * n : (g + 1) * n] += np.moveaxis(
                np.tensordot(w[(slice(g * n, (g + 1) * n), slice(None), *at)], part, (1, 1)), 0, 1
            )
    return found if bias is None else found + along(bias, 1, found.ndim)


def _max_pool(node: Node, x: Array) -> Array:
    window = window_of(node, x.shape[2:], node.attributes["kernel_shape"])
    padded = window.padded(x, -np.inf)
    return np.max([padded[window.taken(at)] for at in window.places()], axis=0)


def _average_pool(node: Node, x: Array) -> Array:
    window = window_of(node, x.shape[2:], node.attributes["kernel_shape"])
    return sum(window.padded(x, 0.0)[window.taken(at)] for at in window.places()) / counts_of(node, window, x.shape[2:])


def counts_of(node: Node, window: Window, shape: Sequence[int]) -> Array:
    """How many values an average pooling divides by, at each place."""
    ones = np.ones(shape)
    if node.attributes.get("count_include_pad", 0):
        ones = np.pad(ones, window.pads, constant_values=1.0)
        window = Window(window.size, window.strides, window.dilations, ((0, 0),) * len(shape), window.out)
    return np.asarray(sum(window.padded(ones, 0.0)[window.taken(at)] for at in window.places()))


WINDOWS: dict[str, Operation] = {
    "Conv": _conv,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalMaxPool": lambda _, x: x.max(tuple(range(2, x.ndim)), keepdims=True),
    "GlobalAveragePool": lambda _, x: x.mean(tuple(range(2, x.ndim)), keepdims=True),
}
