"""Figures of merit of the pixel-likelihood kernel: how far its value and its gradient's moments are from double
precision's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fpga_ml.celeste_design import MOMENTS, MONOMIALS, OUTPUTS, OVERFLOW, VALUE, offsets
from fpga_ml.science.celeste.emulator import COEFFICIENTS, PIXELS


def figures(outputs: Sequence[np.ndarray], sample: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Largest errors over the patches. value_error: of the log-likelihood of patches that the source explains (a value above
    minus the number of pixels: minus half of it is expected); value_error_unexplained: of the others; moment_error: of any
    moment, in its statistical errors; overflows: pixels with a value out of its range."""
    found, exact = (dict(zip(OUTPUTS, each, strict=True)) for each in (outputs, sample["float"]))
    error = np.abs(found[VALUE] - exact[VALUE]).reshape(-1)
    explained = exact[VALUE].reshape(-1) > -np.prod(sample[PIXELS].shape[1:3])
    shape = (*sample[COEFFICIENTS].shape[:-1], MONOMIALS)  # (N, K, 6)
    apart = np.abs(found[MOMENTS].reshape(shape) - exact[MOMENTS].reshape(shape))
    return {
        "value_error": float(error[explained].max()),
        "value_error_unexplained": float(error[~explained].max(initial=0.0)),
        "moment_error": float((apart / _moment_errors(sample[COEFFICIENTS], sample[PIXELS])).max()),
        "overflows": float(found[OVERFLOW].sum()),
    }


def _moment_errors(coefficients: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """(N, K, 6) standard deviations of moments: light_k monomial (count - rate) / rate, summed over pixels, counts Poisson.
    coefficients: (N, K, 6); pixels: (N, H, W, 2), count and background in electrons."""
    monomials = offsets(pixels.shape[1:3])  # (H W, 6)
    light = np.exp2(np.einsum("pm,nkm->npk", monomials, coefficients))
    rate = pixels[..., 1].reshape(len(pixels), -1) + light.sum(axis=2)
    return np.sqrt(np.einsum("npk,pm,np->nkm", light**2, monomials**2, 1 / rate))
