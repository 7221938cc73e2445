"""A source's likelihood in its images by the pixel-likelihood kernel: fixed point, as emulator, C-simulation or RTL.

The kernel gives a patch's value and moments. The host makes coefficients before and gradients after, and knows the expected
information, which depends on the model alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fpga_ml.science.celeste.evaluator import Evaluator, Floats, Patch
from fpga_ml.science.celeste.likelihood import gradient
from fpga_ml.science.celeste.pixels import Pixels, Terms
from fpga_ml.science.celeste.posterior import STAR, Likelihood, View
from fpga_ml.science.celeste.sources import Components, tabulated

_COVARIANCES = np.array([[[1.0, 0.0], [0.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 1.0]]])
"""(3, 2, 2) derivatives of X after xx, xy, yy."""


class ThroughKernel(Likelihood):
    """for_slopes: the kernel that a climb asks for gradients (D16 is enough: docs/celeste.md); for_values: the one that is
    asked for the values of draws (D18)."""

    def __init__(self, views: Sequence[View], for_slopes: Evaluator, for_values: Evaluator) -> None:
        super().__init__([replace(view, pixels=_lifted(view.pixels)) for view in views])
        self.patches = [_patch(view.pixels) for view in self.views]
        self.for_slopes, self.for_values = for_slopes, for_values

    def slopes(self, vector: Floats) -> tuple[float, Floats, Floats] | None:
        exact = super().slopes(vector)
        assert exact is not None
        value, slope = 0.0, np.zeros(len(vector))
        for view, patch, terms in zip(self.views, self.patches, self.terms[int(len(vector) > STAR)], strict=True):
            table, derivatives = tabulated(gaussians(terms, view.numbers(vector)))
            found = self.for_slopes(table, patch)
            if found.overflow:
                return None
            value += found.value
            slope += view.jacobian(vector)[: len(derivatives)].T @ gradient(found.moments, derivatives)
        return value, slope, exact[2]

    def values(self, vectors: Floats) -> Floats:
        found = np.zeros(len(vectors))
        for view, patch, terms in zip(self.views, self.patches, self.terms[int(vectors.shape[1] > STAR)], strict=True):
            for i, numbers in enumerate(view.numbers(vectors)):
                one = self.for_values(tabulated(gaussians(terms, numbers))[0], patch)
                found[i] += -np.inf if one.overflow else one.value
        return found


def gaussians(terms: Terms, numbers: Floats) -> Components:
    """The terms of a source with its seven numbers, and their derivatives after these; a star's after the first three."""
    table = terms.table
    galaxy = bool(table[:, 7].any())
    size, count = (7 if galaxy else 3), len(table)
    theta, late = numbers[3], table[:, 1] > 0.5
    shares = np.where(late, 1 - theta, theta) if galaxy else np.ones(count)
    ellipse = np.array([[numbers[4], numbers[5]], [numbers[5], numbers[6]]])
    psf = np.stack([table[:, [4, 5]], table[:, [5, 6]]], axis=1)
    d_log_weights, d_means = np.zeros((size, count)), np.zeros((size, count, 2))
    d_covariances = np.zeros((size, count, 2, 2))
    d_means[0, :, 0] = d_means[1, :, 1] = d_log_weights[2] = 1.0
    if galaxy:
        d_log_weights[3] = np.where(late, -1 / (1 - theta), 1 / theta)
        d_covariances[4:] = table[:, 7][:, None, None] * _COVARIANCES[:, None]
    return Components(
        log_weights=numbers[2] + np.log(shares * table[:, 0]),
        means=numbers[:2] + table[:, 2:4],
        covariances=psf + table[:, 7][:, None, None] * ellipse,
        d_log_weights=d_log_weights,
        d_means=d_means,
        d_covariances=d_covariances,
    )


def _lifted(pixels: Pixels) -> Pixels:
    """With a pedestal where a count is below 0, which fixed point does not take."""
    patch = _patch(pixels).lifted()
    return replace(pixels, counts=np.asarray(patch.counts, dtype=np.float64), background=patch.background)


def _patch(pixels: Pixels) -> Patch:
    return Patch(pixels.counts, pixels.background, ~pixels.used)
