"""Whether a fit describes its pixels: chi square, the largest residual, and what else a user should know of a source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import fftconvolve

from fpga_ml.celeste_design import offsets
from fpga_ml.science.celeste.evaluator import Floats, Patch
from fpga_ml.science.celeste.profiles import Psf
from fpga_ml.science.celeste.sources import Exposure, Source

POOR_FIT = "poor fit"
"""Chi square is significantly more than one a degree of freedom; errors are enlarged by its root."""
QUIET = "less noise than counted"
"""Chi square is significantly less than one a degree of freedom: the gain may be wrong, or pixels were averaged."""
NOT_FOUND = "not found"
"""There is no source within the reach of the position: its flux is less than 3 errors."""
MOVED = "moved"
"""The source lies further from the position than a fit goes; it was looked for again, from the brightest peak nearby."""
BOUND_MET = "bound met"
"""A bound holds a parameter, which has no error."""
MASKED_CORE = "masked core"
"""A pixel within 2 px of the source is masked."""
SATURATED = "saturated"
"""A pixel within 2 px of the source is saturated: it is masked, and the flux comes from the wings."""
AT_EDGE = "at edge"
"""The image ends within 6 px of the source."""

CORE_PX = 2.0
EDGE_PX = 6.0
REACH_PX = 8.0
"""How far from a position a source is looked for again."""
_SIGNIFICANT = 5.0
"""Standard deviations of chi square that are too many, and of a peak that is a source."""


@dataclass(frozen=True)
class Quality:
    """Of a fit to one patch. chi_square: a degree of freedom, over the pixels that count; scatter: its standard deviation
    if the model is right; residual: the largest, in standard deviations of its pixel; at: x and y of that pixel from the
    patch's centre; masked: share of the patch's pixels."""

    chi_square: float
    scatter: float
    residual: float
    at: tuple[int, int]
    masked: float

    @property
    def poor(self) -> bool:
        return self.chi_square > 1 + _SIGNIFICANT * self.scatter

    @property
    def quiet(self) -> bool:
        return self.chi_square < min(0.8, 1 - _SIGNIFICANT * self.scatter)

    @property
    def enlargement(self) -> float:
        """What the covariance is multiplied with."""
        return self.chi_square if self.poor else 1.0


def judge(patch: Patch, expected: Floats, parameters: int) -> Quality:
    """Compare a patch with its model. expected: (H, W) electrons, background included; parameters: how many were fitted."""
    used = patch.used
    residuals = np.where(used, (patch.counts - expected) / np.sqrt(expected), 0.0)
    freedom = max(1, int(used.sum()) - parameters)
    row, column = np.unravel_index(np.argmax(np.abs(residuals)), residuals.shape)
    height, width = residuals.shape
    return Quality(
        chi_square=float((residuals**2).sum()) / freedom,
        scatter=float(np.sqrt((2 + np.where(used, 1 / expected, -2.0)).sum())) / freedom,
        residual=float(residuals[row, column]),
        at=(int(column) - width // 2, int(row) - height // 2),
        masked=1 - float(used.mean()),
    )


def core_is_masked(patch: Patch, source: Source) -> bool:
    """Whether a pixel within CORE_PX of a source is masked."""
    x, y = offsets(patch.counts.shape)[:, 1:3].T
    near = np.hypot(x - source.x, y - source.y) <= CORE_PX
    return bool((near & ~patch.used.reshape(-1)).any())


def peak(patch: Patch, exposure: Exposure, x: float, y: float) -> tuple[int, int] | None:
    """The brightest place within REACH_PX of a position, in an image smoothed with the PSF; None if it is not significant.

    x, y, and what is returned: pixels from the patch's centre.
    """
    kernel = _stamp(exposure.psf)
    weight = patch.used / patch.background
    signal = fftconvolve((patch.counts - patch.background) * weight, kernel[::-1, ::-1], mode="same")
    noise = fftconvolve(weight, kernel[::-1, ::-1] ** 2, mode="same")
    ratio = signal / np.sqrt(np.maximum(noise, 1e-12 * noise.max()))
    ratio[noise < 0.1 * noise.max()] = 0.0
    place = offsets(patch.counts.shape)[:, 1:3]
    ratio = np.where(np.hypot(place[:, 0] - x, place[:, 1] - y) <= REACH_PX, ratio.reshape(-1), 0.0)
    best = int(np.argmax(ratio))
    return (int(place[best, 0]), int(place[best, 1])) if ratio[best] > _SIGNIFICANT else None


def _stamp(psf: Psf, half: int = 7) -> Floats:
    """(2 half + 1, 2 half + 1) the PSF around its centre."""
    x, y = np.meshgrid(np.arange(-half, half + 1.0), np.arange(-half, half + 1.0))
    return psf.at(x, y)
