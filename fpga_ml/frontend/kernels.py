"""Kernels of plain convolutions that compute what those of groups and of spread kernels do: the rest is zeros, which cost
nothing in hardware. A kernel has the axes of its window first, then inputs and outputs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def spread(kernel: np.ndarray, rates: Sequence[int]) -> np.ndarray:
    """With zeros between its values, along the first axes, for dilations."""
    sizes = [(n - 1) * d + 1 for n, d in zip(kernel.shape, rates, strict=False)]
    wide = np.zeros((*sizes, *kernel.shape[len(sizes) :]), kernel.dtype)
    wide[tuple(slice(None, None, d) for d in rates)] = kernel
    return wide


def of_all_channels(kernel: np.ndarray, groups: int) -> np.ndarray:
    """Of a convolution of groups (window, inputs of a group, outputs) as one of all channels."""
    *sizes, each, out = kernel.shape
    wide, made = np.zeros((*sizes, each * groups, out), kernel.dtype), out // groups
    for g in range(groups):
        own = slice(g * made, (g + 1) * made)
        wide[..., g * each : (g + 1) * each, own] = kernel[..., own]
    return wide
