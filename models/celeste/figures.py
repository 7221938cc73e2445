"""Figures of merit of the pixel-likelihood kernel: how far its value and its gradient's moments are from double
precision's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fpga_ml.celeste_design import BACKGROUND, MASK, MOMENTS, MONOMIALS, OUTPUTS, OVERFLOW, VALUE, offsets
from fpga_ml.science.celeste.emulator import COEFFICIENTS, PIXELS


def figures(outputs: Sequence[np.ndarray], sample: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Largest errors over the patches. value_error: of the log-likelihood of patches that the source explains (a value above
    minus the number of pixels that count: minus half of it is expected); value_error_unexplained: of the others;
    moment_error: of any moment, in its statistical errors; overflows: pixels with a value out of its range."""
    found, exact = (dict(zip(OUTPUTS, each, strict=True)) for each in (outputs, sample["float"]))
    error = np.abs(found[VALUE] - exact[VALUE]).reshape(-1)
    explained = exact[VALUE].reshape(-1) > -_weights(sample[PIXELS]).sum(axis=1)
    shape = (*sample[COEFFICIENTS].shape[:-1], MONOMIALS)  # (N, K, 6)
    apart = np.abs(found[MOMENTS].reshape(shape) - exact[MOMENTS].reshape(shape))
    return {
        "value_error": float(error[explained].max()),
        "value_error_unexplained": float(error[~explained].max(initial=0.0)),
        "moment_error": float((apart / _moment_errors(sample[COEFFICIENTS], sample[PIXELS])).max()),
        "overflows": float(found[OVERFLOW].sum()),
    }


def _weights(pixels: np.ndarray) -> np.ndarray:
    """(N, H W) of pixels (N, H, W, 3): 1, or 0 where one is masked."""
    return 1.0 - pixels[..., MASK].reshape(len(pixels), -1)


def _moment_errors(coefficients: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """(N, K, 6) standard deviations of moments: light_k monomial (count - rate) / rate, summed over pixels, counts Poisson.
    coefficients: (N, K, 6); pixels: (N, H, W, 3), count and background in electrons, mask."""
    monomials = offsets(pixels.shape[1:3])  # (H W, 6)
    light = np.exp2(np.einsum("pm,nkm->npk", monomials, coefficients))
    rate = pixels[..., BACKGROUND].reshape(len(pixels), -1) + light.sum(axis=2)
    weights = _weights(pixels)
    return np.sqrt(np.einsum("npk,pm,np->nkm", light**2, monomials**2, weights / np.where(weights > 0, rate, 1.0)))
