"""The joint between fit and hardware: what the pixel-likelihood kernel takes and returns, and its exact form.

The rate of a patch is E = background + sum_k G_k, in electrons, where component k has, at the pixel of offsets x and y,

    G_k = 2^(C_k . m),    m = [1, x, y, x^2, x y, y^2].

The kernel returns the patch's log-likelihood and, with t = (count - E) / E, the moments sum_pixels t G_k m, from which the
host recovers every gradient:  d log L / d theta = ln 2 sum_k dC_k/d theta . moments_k.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.special import kl_div

from fpga_ml.celeste_design import offsets
from fpga_ml.errors import FpgaMlError

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Patch:
    """A cut-out of one image. counts: (H, W) electrons; background: (H, W) expected electrons of the sky and of sources held
    fixed.

    Pixel (row, column) has the integer offsets x = column - W // 2 and y = row - H // 2 from the patch's centre.
    Rows are streamed in order, each from its first column.
    """

    counts: Counts
    background: Floats

    def __post_init__(self) -> None:
        if self.counts.ndim != 2 or self.counts.shape != self.background.shape:
            raise FpgaMlError(
                f"counts have shape {self.counts.shape}, the background {self.background.shape}",
                where="Patch",
                do="give both as (height, width)",
            )
        if not np.issubdtype(self.counts.dtype, np.integer) or self.counts.size == 0 or self.counts.min() < 0:
            raise FpgaMlError(
                "counts are whole electrons, none below 0", where="Patch", do="round and clip them, as integers"
            )
        if not (np.isfinite(self.background).all() and self.background.min() > 0):
            raise FpgaMlError("the background is not above 0 everywhere", where="Patch", do="give the sky in electrons")


@dataclass(frozen=True)
class Result:
    """What the kernel returns for a patch of K components.

    value: log-likelihood less that of a model that predicts every count: sum x log(E/x) - E + x, never above 0.
    moments: (K, 6) sum over pixels of t G_k m, electrons.
    overflow: something left its declared range; value and moments are then worth nothing.
    """

    value: float
    moments: Floats
    overflow: bool


class Evaluator(Protocol):
    """The kernel, as float64 or in fixed point: emulator, C-simulation, RTL simulation."""

    def __call__(self, coefficients: Floats, patch: Patch) -> Result:
        """coefficients: (K, 6) C_k, base-2 logarithms of electrons."""
        ...


class Float64:
    """The exact form, in double precision."""

    def __call__(self, coefficients: Floats, patch: Patch) -> Result:
        monomials = offsets(patch.counts.shape)
        components = np.exp2(monomials @ coefficients.T)
        counts, rate = patch.counts.reshape(-1), patch.background.reshape(-1) + components.sum(axis=1)
        excess = counts / rate - 1
        moments = (excess[:, None] * components).T @ monomials
        return Result(value=-float(kl_div(counts, rate).sum()), moments=moments, overflow=False)
