"""The joint between fit and hardware: what the pixel-likelihood kernel takes and returns, and its exact form.

The rate of a patch is E = background + sum_k G_k, in electrons, where component k has, at the pixel of offsets x and y,

    G_k = 2^(C_k . m),    m = [1, x, y, x^2, x y, y^2].

The kernel returns the patch's log-likelihood and, with t = (count - E) / E, the moments sum_pixels t G_k m, from which the
host recovers every gradient:  d log L / d theta = ln 2 sum_k dC_k/d theta . moments_k. Masked pixels are in no sum.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    """A cut-out of one image. counts: (H, W) electrons, real or whole numbers; background: (H, W) expected electrons of the
    sky and of sources held fixed; mask: (H, W), True where a pixel does not count (None: all count), whatever it
    holds: counts of 0 and a background of 1 are put there.

    Counts may be below 0, as where the sky was subtracted; the kernel in fixed point takes them once they are `lifted`.
    Pixel (row, column) has the integer offsets x = column - W // 2 and y = row - H // 2 from the patch's centre.
    Rows are streamed in order, each from its first column.
    """

    counts: Floats | Counts
    background: Floats
    mask: Bools | None = None

    def __post_init__(self) -> None:
        if self.counts.ndim != 2 or self.counts.shape != self.background.shape:
            raise FpgaMlError(
                f"counts have shape {self.counts.shape}, the background {self.background.shape}",
                where="Patch",
                do="give both as (height, width)",
            )
        if self.mask is not None and (self.mask.dtype != np.bool_ or self.mask.shape != self.counts.shape):
            raise FpgaMlError(
                f"the mask is of {self.mask.dtype} and has shape {self.mask.shape}, the counts {self.counts.shape}",
                where="Patch",
                do="give it as (height, width) of bool, True where a pixel does not count",
            )
        for name, instead in (("counts", 0.0), ("background", 1.0)):
            given = np.asarray(getattr(self, name), dtype=np.float64)
            object.__setattr__(self, name, given if self.mask is None else np.where(self.mask, instead, given))
        counts, background = self.counts[self.used], self.background[self.used]
        if not counts.size:
            raise FpgaMlError("no pixel counts: all are masked, or there is none", where="Patch", do="cut out another patch")
        if not np.isfinite(counts).all():
            raise FpgaMlError(
                f"{int((~np.isfinite(counts)).sum())} counts are not finite", where="Patch", do="mask these pixels: mask="
            )
        if not (np.isfinite(background).all() and background.min() > 0):
            raise FpgaMlError(
                "the background is not above 0 everywhere", where="Patch", do="give the sky in electrons, or mask="
            )

    @property
    def used(self) -> Bools:
        """(H, W) True where a pixel counts."""
        return np.ones(self.counts.shape, dtype=np.bool_) if self.mask is None else ~self.mask

    def lifted(self) -> Patch:
        """The same with a pedestal: the magnitude of the most negative count that is not masked is added to all counts and
        to the background; itself if no such count is below 0.

        The likelihood takes a pixel's variance to be its rate, and the pedestal is part of the rate: it widens the assumed
        variance by so many electrons.
        """
        pedestal = -float(self.counts[self.used].min())
        if pedestal <= 0:
            return self
        counts: Floats = np.asarray(self.counts + pedestal, dtype=np.float64)
        return replace(self, counts=counts, background=self.background + pedestal)


@dataclass(frozen=True)
class Result:
    """What the kernel returns for a patch of K components.

    value: log-likelihood less that of a model that predicts every count: sum x log(E/x) - E + x, never above 0. Of a count
    that is not above 0 it is x log E - E, which for x < 0 is not a likelihood but has the right gradient.
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
    """The exact form, in double precision. Counts may be below 0."""

    def __call__(self, coefficients: Floats, patch: Patch) -> Result:
        used = patch.used
        monomials = offsets(patch.counts.shape)[used.reshape(-1)]
        components = np.exp2(monomials @ coefficients.T)
        counts, rate = patch.counts[used], patch.background[used] + components.sum(axis=1)
        excess = counts / rate - 1
        moments = (excess[:, None] * components).T @ monomials
        value = np.where(counts > 0, -kl_div(np.maximum(counts, 0), rate), xlogy(counts, rate) - rate)
        return Result(value=float(value.sum()), moments=moments, overflow=False)
