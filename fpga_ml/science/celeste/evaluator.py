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
from scipy.special import kl_div, xlogy

from fpga_ml.celeste_design import offsets
from fpga_ml.errors import FpgaMlError

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Patch:
    """A cut-out of one image. counts: (H, W) electrons, below 0 where the read-out's noise puts them; background: (H, W)
    expected electrons of the sky and of sources held fixed; mask: (H, W) true where a pixel is not to count, None for none.

    Where the read-out adds noise of a variance, that is added to counts and background both: a Poisson variable moved so
    has the mean and the variance of the sum. Pixel (row, column) has the integer offsets x = column - W // 2 and y = row -
    H // 2 from the patch's centre. Rows are streamed in order, each from its first column.
    """

    counts: Floats
    background: Floats
    mask: Bools | None = None

    def __post_init__(self) -> None:
        if self.counts.ndim != 2 or self.counts.size == 0 or self.counts.shape != self.background.shape:
            raise FpgaMlError(
                f"counts have shape {self.counts.shape}, the background {self.background.shape}",
                where="Patch",
                do="give both as (height, width)",
            )
        if self.mask is not None and (self.mask.shape != self.counts.shape or self.mask.dtype != np.bool_):
            raise FpgaMlError(
                f"the mask is {self.mask.dtype} of shape {self.mask.shape}, the counts have {self.counts.shape}",
                where="Patch",
                do="give booleans as (height, width)",
            )
        if not np.isfinite(self.counts).all():
            raise FpgaMlError("counts are not finite", where="Patch", do="mask such pixels, with 0 as their counts")
        if not (np.isfinite(self.background).all() and self.background.min() > 0):
            raise FpgaMlError("the background is not above 0 everywhere", where="Patch", do="give the sky in electrons")
        object.__setattr__(self, "counts", np.asarray(self.counts, dtype=np.float64))

    @property
    def used(self) -> Bools:
        """(H, W) true where a pixel counts."""
        return np.ones(self.counts.shape, dtype=np.bool_) if self.mask is None else ~self.mask


@dataclass(frozen=True)
class Result:
    """What the kernel returns for a patch of K components.

    value: log-likelihood less that of a model that predicts every count: sum x log(E/x) - E + x, never above 0; of a count
    below 0, x log(E/|x|) - E + x.
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
        used = patch.used.reshape(-1)
        excess: Floats = np.where(used, counts / rate - 1, 0.0)
        moments: Floats = (excess[:, None] * components).T @ monomials
        return Result(value=-float(deviance(counts, rate)[used].sum()), moments=moments, overflow=False)


def deviance(counts: Floats, rate: Floats) -> Floats:
    """Half the Poisson deviance of each pixel: E - x + x log(x/E), of a count x below 0 with |x| in the logarithm."""
    below = counts < 0
    found: Floats = np.where(below, rate - counts + xlogy(counts, np.abs(counts) / rate), kl_div(np.abs(counts), rate))
    return found
