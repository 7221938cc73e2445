"""The Poisson likelihood of a patch, its gradient and its Fisher information, in double precision.

Counts x ~ Poisson(E) with E in electrons (Regier et al. 2015, section 2). The deviance form, exact and free of the
cancellation between x log E and E: log L = const - sum (x - E) t chi(t) with t = (x - E) / E and chi(t) = ((1 + t) log(1 +
t) - t) / t^2.
"""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln, xlogy

from fpga_ml.celeste_design import offsets
from fpga_ml.science.celeste.evaluator import Bools, Counts, Floats
from fpga_ml.science.celeste.sources import LN2, Scene


def rate(scene: Scene, background: Floats) -> Floats:
    """(H, W) expected electrons: background (H, W) and the sources."""
    table, _ = scene.coefficients()
    light = np.exp2(offsets((background.shape[0], background.shape[1])) @ table.T).sum(axis=1)
    expected: Floats = background + light.reshape(background.shape)
    return expected


def log_likelihood(counts: Counts, expected: Floats) -> float:
    """Of a patch, in full: sum x log E - E - log x!."""
    return float((xlogy(counts, expected) - expected - gammaln(counts + 1)).sum())


def saturated(counts: Counts) -> float:
    """Log-likelihood of the model that predicts every count; the kernel's value is relative to it."""
    return log_likelihood(counts, counts.astype(np.float64))


def chi(t: Floats) -> Floats:
    """((1 + t) log(1 + t) - t) / t^2 for t >= -1: 1 at -1, 1/2 at 0, falling."""
    near = np.abs(t) < 1e-3
    safe = np.where(near, 1.0, t)
    return np.where(near, 0.5 - t / 6 + t * t / 12 - t**3 / 20, (xlogy(1 + safe, 1 + safe) - safe) / safe**2)


def deviance_form(counts: Counts, expected: Floats) -> float:
    """The kernel's value as the kernel computes it: -sum (x - E) t chi(t)."""
    t = (counts - expected) / expected
    return -float(((counts - expected) * t * chi(t)).sum())


def gradient(moments: Floats, derivatives: Floats) -> Floats:
    """(P,) of log L from the kernel's moments (K, 6) and dC/dtheta (P, K, 6)."""
    found: Floats = LN2 * np.einsum("pkm,km->p", derivatives, moments)
    return found


def rate_derivatives(scene: Scene, shape: tuple[int, int]) -> Floats:
    """(P, H W) dE/dtheta in electrons."""
    monomials, (table, derivatives) = offsets(shape), scene.coefficients()
    light = np.exp2(monomials @ table.T)
    slopes: Floats = LN2 * np.stack([((light @ one) * monomials).sum(axis=1) for one in derivatives])
    return slopes


def fisher(scene: Scene, background: Floats, used: Bools | None = None) -> Floats:
    """(P, P) expected information about the parameters: sum over pixels dE/dtheta dE/dtheta' / E. used: (H, W) true where a
    pixel counts, None for all."""
    shape = (background.shape[0], background.shape[1])
    slopes = rate_derivatives(scene, shape)
    if used is not None:
        slopes = slopes * used.reshape(-1)
    information: Floats = (slopes / rate(scene, background).reshape(-1)) @ slopes.T
    return information
