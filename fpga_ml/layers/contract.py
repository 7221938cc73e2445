"""Sums of products with constants, fast: matrix products on floats in which every partial sum is a whole number held
exactly.

Tensors come as (elements, N): a patch is then some rows, copied whole. Where the windows of a convolution are shifted
copies of one another, several neighbouring outputs (a rectangle of an image) share one patch, and their weights one matrix
with zeros.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from fpga_ml.numerics import FixedType
from fpga_ml.numerics.cast import as_kind

Index = npt.NDArray[np.int64]
Held = npt.NDArray[Any]
_MAX_BLOCK = 8
_MAX_ROW = 8
# What reading one element of a patch costs, in multiply-adds (measured: one core with AVX-512, OpenBLAS).
_COPY_COST = 10
_LEAST_PART_BITS = 8
# Above about 10**6 multiply-adds OpenBLAS starts threads of its own, which get in the way of ours.
_MAX_PRODUCT = 500_000


@dataclass(frozen=True)
class Contraction:
    """index (P, G, K) into the input's elements, -1 for zero; weights (G, K, M) and start (G * M,), what every sum begins
    with, of the dtype in which sums are exact; grid: the P positions as (rows, columns)."""

    index: Index
    weights: Held
    start: Held
    grid: tuple[int, int]

    def __call__(self, x: Held) -> Held:
        """Input (elements, N) to sums (P * G * M, N), C-contiguous, of the weights' dtype."""
        rows = np.ascontiguousarray(as_kind(x, self.weights.dtype.type))
        if self._block is not None:
            return _shared(self._block, rows, self.start)
        total = self._grouped(rows) if self.index.shape[1] > 1 else self._single(rows)
        by_output = total.reshape(len(self.index), len(self.start), -1)
        by_output += self.start[:, None]
        return total

    def largest(self, x: Held, height: int, width: int) -> Held | None:
        """As a call, then the largest sums of each height x width rectangle of positions: (P * M / height / width, N).

        None where such rectangles share no patch.
        """
        block = self._blocks.get((height, width))
        return (
            None if block is None else _largest(block, np.ascontiguousarray(as_kind(x, self.weights.dtype.type)), self.start)
        )

    @cached_property
    def _block(self) -> _Block | None:
        """The blocks for which the least is copied and multiplied."""
        return min(self._blocks.values(), key=_Block.cost, default=None)

    @cached_property
    def _blocks(self) -> dict[tuple[int, int], _Block]:
        """By their height and width; none where windows are no copies of one another."""
        positions, groups, _ = self.index.shape
        if positions == 1 or groups > 1 or self.index.min() < 0:
            return {}
        index = self.index.reshape(*self.grid, -1)
        heights, widths = ([n for n in range(1, _MAX_BLOCK + 1) if side % n == 0] for side in self.grid)
        areas = [(h, w) for h in heights for w in widths if h * w <= _MAX_BLOCK]
        found = {area: _Block.of(index, self.weights[0], *area) for area in areas}
        return {area: block for area, block in found.items() if block is not None}

    def _single(self, x: Held) -> Held:
        """Position by position, any index; a dense layer reads its input as it stands."""
        weights = np.ascontiguousarray(self.weights[0].T)
        out = np.empty((len(self.index), len(weights), x.shape[1]), x.dtype)
        padded = _with_zero(x) if self.index.size and self.index.min() < 0 else x
        everything = np.arange(len(x))
        for row, target in zip(self.index[:, 0], out, strict=True):
            patch = x if np.array_equal(row, everything) else padded[row]
            for columns in _parts(x.shape[1], weights.size):
                _multiply(weights, patch[:, columns], target[:, columns])
        return out.reshape(-1, x.shape[1])

    def _grouped(self, x: Held) -> Held:
        """Many groups of few products: product by product, all positions and groups at once."""
        positions, groups, k = self.index.shape
        padded = _with_zero(x)
        out = np.zeros((positions, groups, self.weights.shape[2], x.shape[1]), x.dtype)
        for i in range(k):
            out += padded[self.index[:, :, i]][:, :, None] * self.weights[:, i, :, None]
        return out.reshape(-1, x.shape[1])


@dataclass(frozen=True)
class InParts:
    """Sums that pass int64, made in int64 all the same: of parts of the input, `bits` wide, which are then put together.

    whole: the sums as Python integers; part: the same weights on int64, without what sums begin with; None where even a part
    of a few bits is too wide.
    """

    whole: Contraction
    part: Contraction | None
    bits: int
    parts: int

    @classmethod
    def of(cls, whole: Contraction, t: FixedType) -> InParts:
        """t: the type of the input."""
        most = int(abs(whole.weights).sum(axis=1).max(initial=0))
        bits = 62 - most.bit_length()
        if bits < _LEAST_PART_BITS:
            return cls(whole, None, 0, 0)
        part = Contraction(whole.index, whole.weights.astype(np.int64), np.zeros(len(whole.start), np.int64), whole.grid)
        return cls(whole, part, bits, -(-t.width // bits))

    def __call__(self, x: Held) -> Held:
        """As a Contraction; the sums are Python integers."""
        if self.part is None:
            return self.whole(x)
        raw = x.astype(np.int64) if x.dtype.kind == "f" else x
        total: Held = np.repeat(np.tile(self.whole.start, len(self.whole.index))[:, None], x.shape[1], axis=1)
        for k in range(self.parts):
            high = raw >> k * self.bits
            low = high if k == self.parts - 1 else high & ((1 << self.bits) - 1)  # the sign is the highest part's
            total = total + (self.part(low.astype(np.int64)).astype(object) << k * self.bits)
        return total


@dataclass(frozen=True)
class _Block:
    """Positions `area` (height, width) that share a patch, which is `runs` runs of `length` rows, `spacing` rows apart.

    starts (block rows, block columns): the first row of each patch; weights (height * width * outputs, patch).
    """

    area: tuple[int, int]
    starts: Index
    runs: int
    length: int
    spacing: int
    weights: Held

    @classmethod
    def of(cls, index: Index, weights: Held, height: int, width: int) -> _Block | None:
        """index (rows, columns, K) in blocks; None where they are not all alike, evenly spaced and made of equal runs."""
        rows, columns, k = index.shape
        grouped = index.reshape(rows // height, height, columns // width, width, k).swapaxes(1, 2)
        grouped = grouped.reshape(rows // height, columns // width, -1)
        starts, offsets = grouped.min(axis=2), grouped[0, 0] - grouped[0, 0].min()
        steps = np.diff(starts, axis=1)
        if (grouped - starts[:, :, None] != offsets).any() or (steps <= 0).any() or (steps != steps[:1, :1]).any():
            return None
        used, place = np.unique(offsets, return_inverse=True)
        begins = np.flatnonzero(np.diff(used, prepend=-2) != 1)
        lengths, gaps = np.diff(begins, append=len(used)), np.diff(used[begins])
        if (lengths != lengths[0]).any() or (gaps != gaps[:1]).any():
            return None
        matrix = np.zeros((height * width, weights.shape[1], len(used)), weights.dtype)
        for at, where in enumerate(place.reshape(height * width, -1)):
            # A window may read one element twice: its weights add up.
            np.add.at(matrix[at].T, where, weights)
        spacing = int(gaps[0]) if len(gaps) else int(lengths[0])
        flat = matrix.reshape(-1, len(used))
        return cls((height, width), starts, len(lengths), int(lengths[0]), spacing, flat)

    def cost(self) -> int:
        """Of all blocks, in multiply-adds."""
        outputs, patch = self.weights.shape
        return self.starts.size * int(patch * (_COPY_COST + outputs))


def _shared(block: _Block, x: Held, start: Held) -> Held:
    """Sums (P * M, N)."""
    (rows, columns), (height, width) = block.starts.shape, block.area
    out = np.empty((rows, height, columns, width, len(start), x.shape[1]), x.dtype)
    for row, some, part, sums in _sums(block, x):
        np.add(sums.swapaxes(0, 1), start[:, None], out=out[row, :, some, ..., part])
    return out.reshape(-1, x.shape[1])


def _largest(block: _Block, x: Held, start: Held) -> Held:
    """The largest sums of each block (blocks * M, N)."""
    out = np.empty((*block.starts.shape, len(start), x.shape[1]), x.dtype)
    for row, some, part, sums in _sums(block, x):
        sums.max(axis=(1, 2), out=out[row, some, :, part])
    out += start[:, None]
    return out.reshape(-1, x.shape[1])


def _sums(block: _Block, x: Held) -> Iterator[tuple[int, slice, slice, Held]]:
    """(row of blocks, columns, part of the batch, sums (columns, height, width, M, part) without what they begin with),
    so few at a time that they stay in the cache."""
    (rows, columns), (height, width) = block.starts.shape, block.area
    outputs = len(block.weights) // (height * width)
    for part in _parts(x.shape[1], block.weights.size):
        windows = _windows(x[:, part], block.runs, block.spacing, block.length)
        for row, first in product(range(rows), range(0, columns, _MAX_ROW)):
            starts = block.starts[row, first : first + _MAX_ROW]
            step = int(starts[1] - starts[0]) if len(starts) > 1 else 1
            patches = windows[starts[0] : starts[-1] + 1 : step].copy()
            sums = block.weights @ patches.reshape(len(starts), -1, patches.shape[-1])
            yield row, slice(first, first + len(starts)), part, sums.reshape(len(starts), height, width, outputs, -1)


def _windows(x: Held, runs: int, spacing: int, length: int) -> Held:
    """(starts, runs, length, N): the patch that begins at each row of x, without a copy."""
    row, column = x.strides
    starts = len(x) - (runs - 1) * spacing - length + 1
    return as_strided(x, (starts, runs, length, x.shape[1]), (row, spacing * row, row, column), writeable=False)


def _parts(n: int, weights: int) -> Iterator[slice]:
    """The batch in parts so small that a matrix product of them runs on one thread."""
    size = max(16, _MAX_PRODUCT // max(1, weights) // 16 * 16)
    return (slice(at, min(at + size, n)) for at in range(0, n, size))


def _multiply(weights: Held, patch: Held, out: Held) -> None:
    """weights @ patch, its rows in parts as small as `_parts` asks."""
    rows = max(8, _MAX_PRODUCT // max(1, patch.size))
    for at in range(0, len(weights), rows):
        np.matmul(weights[at : at + rows], patch, out=out[at : at + rows])


def _with_zero(x: Held) -> Held:
    """x with a row of zeros behind, which the number -1 finds."""
    return np.concatenate([x, np.zeros((1, x.shape[1]), x.dtype)])
