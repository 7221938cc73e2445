"""Which sliding window a layer's index table is: a line buffer's two axes, and the layer of one position."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import gcd

import numpy as np
import numpy.typing as npt

from fpga_ml.ir.network.window import Axis
from fpga_ml.layers.linear import Linear
from fpga_ml.layers.pooling import AveragePool, MaxPool

Index = npt.NDArray[np.int64]
Windowed = Linear | MaxPool | AveragePool


@dataclass(frozen=True)
class Sliding:
    """layer: of one position, which reads the taps' pixels one after the other, row by row."""

    rows: Axis
    columns: Axis
    layer: Windowed


def positions(layer: Windowed) -> int:
    """Of its result: pixels, 1 for a dense layer."""
    return len(layer.index) if isinstance(layer, Linear) else len(layer.index) // layer.shape[-1]


def at_positions(layer: Windowed, index: Index, count: int = 1) -> Windowed:
    """The layer with so many positions, whose elements, in the order of rows of `flat`, are those of a window."""
    shape = (count * (layer.size // positions(layer)),)
    if isinstance(layer, Linear):
        return replace(layer, index=index.reshape(count, *layer.index.shape[1:]), shape=shape)
    return replace(layer, index=index.reshape(shape[0], -1), shape=shape)


def flat(layer: Windowed) -> Index:
    """(positions, elements) that each position reads, -1 outside the image."""
    return layer.index.reshape(positions(layer), -1)


def sliding(layer: Windowed, image: tuple[int, int], channels: int) -> Sliding | None:
    """image: (height, width) of what it reads; None for a layer that is no sliding window."""
    index = flat(layer)
    pixels = np.where(index < 0, -1, index // channels)
    shape = layer.shape[:-1] if len(layer.shape) == 3 else (1, *layer.shape[:-1])
    rows, row_taps = _axis(np.where(pixels < 0, -1, pixels // image[1]), image[0], shape[0], shape[1], 0)
    columns, column_taps = _axis(np.where(pixels < 0, -1, pixels % image[1]), image[1], shape[0], shape[1], 1)
    known = (index >= 0).any(axis=0)
    taps = row_taps * columns.taps + column_taps
    channel = np.where(index < 0, -1, index % channels).max(axis=0)
    local = np.where(known, taps * channels + channel, -1)
    slides = np.array_equal(_read_by(rows, columns, local, channels), index)
    return Sliding(rows, columns, at_positions(layer, local)) if slides else None


def _axis(at: Index, size: int, high: int, wide: int, axis: int) -> tuple[Axis, Index]:
    """at (positions, elements): coordinate in one direction, -1 outside. The axis, and which of its taps each element is."""
    windows = (high, wide)[axis]
    number = np.indices((high, wide))[axis].reshape(-1, 1)
    seen = at >= 0
    if not seen.any():
        return Axis(size, windows), np.zeros(at.shape[1], np.int64)
    stride = _stride(at, seen, number)
    offsets = np.where(seen, at - number * stride, np.iinfo(np.int64).max).min(axis=0)
    inside = offsets[seen.any(axis=0)]
    first = int(inside.min())
    step = gcd(*(int(v) - first for v in inside)) or 1
    taps = (int(inside.max()) - first) // step + 1
    return Axis(size, windows, taps, stride, -first, step), np.where(seen.any(axis=0), (offsets - first) // step, 0)


def _stride(at: Index, seen: npt.NDArray[np.bool_], number: Index) -> int:
    """From any element that is seen in two windows."""
    for column in range(at.shape[1]):
        rows = np.flatnonzero(seen[:, column])
        far = rows[number[rows, 0] != number[rows[0], 0]] if len(rows) else rows
        if len(far):
            return int((at[far[0], column] - at[rows[0], column]) // (number[far[0], 0] - number[rows[0], 0]))
    return 1


def _read_by(rows: Axis, columns: Axis, local: Index, channels: int) -> Index:
    """(positions, elements) that windows of these axes give to a layer that reads the elements `local` of each."""
    y, x = rows.pixels(), columns.pixels()
    outside = (y[:, None, :, None] < 0) | (x[None, :, None, :] < 0)
    table = np.where(outside, -1, y[:, None, :, None] * columns.size + x[None, :, None, :]).reshape(len(y) * len(x), -1)
    pixels = np.where(local < 0, -1, table[:, np.maximum(local, 0) // channels])
    return np.where(pixels < 0, -1, pixels * channels + np.maximum(local, 0) % channels)
