"""Patches as a telescope takes them, and codes at random, for tests of the kernel."""

from __future__ import annotations

import numpy as np

from fpga_ml.celeste_design import MONOMIALS, Design, offsets
from fpga_ml.science.celeste.evaluator import Floats, Patch

SKY = 600.0  # electrons
_PSF = ((0.8, 1.9), (0.2, 7.0))  # weight and variance [px^2] of its two Gaussians


def gaussian(flux: float, at: tuple[float, float], variance: float) -> list[float]:
    """Coefficients of a round Gaussian of so many electrons."""
    curve = -0.5 / variance / np.log(2)
    constant = np.log2(flux / (2 * np.pi * variance)) + curve * (at[0] ** 2 + at[1] ** 2)
    return [constant, -2 * curve * at[0], -2 * curve * at[1], curve, 0.0, curve]


def star(electrons: float, at: tuple[float, float] = (0.3, -0.4)) -> Floats:
    """(2, 6)"""
    return np.array([gaussian(electrons * weight, at, variance) for weight, variance in _PSF])


def galaxy(electrons: float, at: tuple[float, float] = (-0.6, 1.2), components: int = 28) -> Floats:
    """(components, 6): wider and wider Gaussians, with what of a shear their cross terms hold."""
    each = electrons / components
    found = np.array([gaussian(each, at, 1.9 + 0.05 * 1.25**k) for k in range(components)])
    sheared = 0.2 * found[:, 3]
    found[:, 4] = sheared
    found[:, 0] += sheared * at[0] * at[1]
    found[:, 1] -= sheared * at[1]
    found[:, 2] -= sheared * at[0]
    return found


def patch(coefficients: Floats, shape: tuple[int, int] = (51, 51), seed: int = 1) -> Patch:
    """Counts drawn from the components' rate over the sky."""
    rate = SKY + np.exp2(offsets(shape) @ coefficients.T).sum(axis=1).reshape(shape)
    return Patch(np.random.default_rng(seed).poisson(rate), np.full(shape, SKY + 0.37))


def near(coefficients: Floats, seed: int = 1) -> Floats:
    """Coefficients as a fit meets them, not quite those of the counts."""
    steps = np.array([0.05, 0.01, 0.01, 0.001, 0.001, 0.001])
    return coefficients + np.random.default_rng(seed).normal(size=coefficients.shape) * steps


def codes(
    design: Design, shape: tuple[int, int], components: int, frames: int, seed: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Raw coefficients (frames, components, 6) and pixels (frames, rows, columns, 3): of every size, the ends of their types
    among them, masked pixels too; in the last half of the frames such that nothing is out of range."""
    rng = np.random.default_rng(seed)
    c, p = design.coefficient, design.rate
    size = rng.integers(1, c.width, (frames, components, MONOMIALS))
    coefficients = rng.integers(c.min_raw, c.max_raw, size.shape, endpoint=True) >> size
    pixels = rng.integers(0, p.max_raw, (frames, *shape, 2), endpoint=True) >> rng.integers(0, p.width, (frames, *shape, 2))
    coefficients[:2, 0, 0], coefficients[2:4, 0, 1] = (c.min_raw, c.max_raw), (c.min_raw, c.max_raw)
    pixels[:2, 0, 0], pixels[2:4, -1, -1, 1] = 0, p.max_raw
    usual, reach = slice(frames // 2, None), np.array([0, 0.3, 0.3, 0.02, 0.02, 0.02])
    middle = np.array([design.rate_integer - 8.0, 0, 0, -0.1, 0, -0.1])
    drawn = middle + rng.uniform(-reach, reach, (frames - frames // 2, components, MONOMIALS))
    drawn[..., 0] -= rng.uniform(0, design.rate_integer + 4, drawn.shape[:2])
    coefficients[usual] = c.raw(drawn)
    pixels[usual] = rng.integers(p.max_raw >> 4, p.max_raw >> 2, (len(drawn), *shape, 2))
    return coefficients, np.concatenate([pixels, masks(design, pixels.shape[:-1], seed)[..., None]], axis=-1)


def masks(design: Design, shape: tuple[int, ...], seed: int = 1) -> np.ndarray:
    """Raw masks, of which a fifth mask a pixel: that bit alone or with others; the others are bits beside it, which do not
    count, all of them in some."""
    rng, unit, largest = np.random.default_rng(seed + 100), 1 << design.rate_fraction, design.rate.max_raw
    beside = rng.choice([0, 1, unit >> 1, unit << 1, largest], shape) & rng.integers(0, largest, shape, endpoint=True)
    beside = np.where(rng.random(shape) < 0.1, largest, beside) & ~unit
    return beside | unit * (rng.random(shape) < 0.2)
