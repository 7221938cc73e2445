"""Sums of products with constants, fast: matrix products on floats in which every partial sum is a whole number held exactly.

Tensors come as (elements, N): a patch is then some rows, copied whole. Where the windows of a convolution are shifted
copies of one another, several neighbouring outputs share one patch, and their weights one matrix with zeros.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

Index = npt.NDArray[np.int64]
Held = npt.NDArray[Any]
_MAX_BLOCK = 8
_MAX_ROW = 16
# What reading one element of a patch costs, in multiply-adds (measured: one core with AVX-512, OpenBLAS).
_COPY_COST = 10
# Above about 10**6 multiply-adds OpenBLAS starts threads of its own, which get in the way of ours.
_MAX_PRODUCT = 500_000


@dataclass(frozen=True)
class Contraction:
    """index (P, G, K) into the input's elements, -1 for zero; weights (G, K, M), of the dtype in which sums are exact."""

    index: Index
    weights: Held

    def __call__(self, x: Held) -> Held:
        """Input (elements, N) to sums (P * G * M, N), C-contiguous, of the weights' dtype."""
        rows = np.ascontiguousarray(x, self.weights.dtype)
        if self.index.shape[1] > 1:
            return self._grouped(rows)
        return self._single(rows) if self._block is None else _shared(self._block, rows)

    @cached_property
    def _block(self) -> _Block | None:
        """The blocks for which the least is copied and multiplied; None where windows are no copies of one another."""
        positions = len(self.index)
        if positions == 1 or self.index.min() < 0:
            return None
        sizes = [size for size in range(1, _MAX_BLOCK + 1) if positions % size == 0]
        blocks = [_Block.of(self.index[:, 0], self.weights[0], size) for size in sizes]
        return min((block for block in blocks if block is not None), key=_Block.cost, default=None)

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
class _Block:
    """`starts`: the first row of each block's patch, which is `runs` runs of `length` rows, `spacing` rows apart;
    weights (outputs of the block, patch)."""

    starts: tuple[int, ...]
    runs: int
    length: int
    spacing: int
    weights: Held

    @classmethod
    def of(cls, index: Index, weights: Held, size: int) -> _Block | None:
        """Blocks of `size` positions; None where they are not all alike or a patch is not made of equal runs."""
        grouped = index.reshape(len(index) // size, -1)
        if (grouped - grouped[:, :1] != grouped[0] - grouped[0, 0]).any():
            return None
        rows, place = np.unique(grouped[0], return_inverse=True)
        begins = np.flatnonzero(np.diff(rows, prepend=rows[0] - 2) != 1)
        lengths, gaps = np.diff(begins, append=len(rows)), np.diff(rows[begins])
        if (lengths != lengths[0]).any() or (len(gaps) and (gaps != gaps[0]).any()):
            return None
        outputs = weights.shape[1]
        matrix = np.zeros((size, outputs, len(rows)), weights.dtype)
        for at, where in enumerate(place.reshape(size, -1)):
            # A window may read one element twice: its weights add up.
            np.add.at(matrix[at].T, where, weights)
        starts = tuple(int(v) for v in grouped.min(axis=1))
        spacing = int(gaps[0]) if len(gaps) else int(lengths[0])
        return cls(starts, len(lengths), int(lengths[0]), spacing, matrix.reshape(-1, len(rows)))

    @cached_property
    def rows(self) -> tuple[tuple[int, int, int], ...]:
        """`starts` as (first, step, count): blocks that are equally far apart, as those of one image row are."""
        found: list[tuple[int, int, int]] = []
        for start in self.starts:
            first, step, count = found[-1] if found else (0, 0, 0)
            if count == 1 and start > first:
                found[-1] = (first, start - first, 2)
            elif 1 < count < _MAX_ROW and start == first + step * count:
                found[-1] = (first, step, count + 1)
            else:
                found.append((start, 1, 1))
        return tuple(found)

    def cost(self) -> int:
        """Of all blocks, in multiply-adds."""
        outputs, patch = self.weights.shape
        return len(self.starts) * int(patch * (_COPY_COST + outputs))


def _shared(block: _Block, x: Held) -> Held:
    """Sums (P * M, N), block by block of positions that share a patch."""
    n = x.shape[1]
    out = np.empty((len(block.starts), len(block.weights), n), x.dtype)
    for columns in _parts(n, block.weights.size):
        windows = _windows(x[:, columns], block.runs, block.spacing, block.length)
        first = 0
        for start, step, count in block.rows:
            patches = windows[start : start + step * (count - 1) + 1 : step].copy()
            flat = patches.reshape(count, -1, patches.shape[-1])
            np.matmul(block.weights, flat, out=out[first : first + count, :, columns])
            first += count
    return out.reshape(-1, n)


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
