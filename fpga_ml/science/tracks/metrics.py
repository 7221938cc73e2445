"""Resolution and pulls of estimated track states."""

from __future__ import annotations

import numpy as np

from fpga_ml.science.tracks.generate import Array

STATES = ("position", "slope", "curvature")


def width(values: Array) -> float:
    """Half the central 68.27 % of the values: the standard deviation of a Gaussian, deaf to tails."""
    low, high = np.quantile(values, [0.158655, 0.841345])
    return float(high - low) / 2


def figures(found: Array, sigma: Array, truth: Array) -> dict[str, float]:
    """Widths of the residuals and of the pulls (residual over its own uncertainty) of each part of the states (N, 3)."""
    residual = found - truth
    rows = {f"{name}_resolution": width(residual[:, k]) for k, name in enumerate(STATES)}
    return rows | {f"{name}_pull_width": width(residual[:, k] / sigma[:, k]) for k, name in enumerate(STATES)}
