"""A source's likelihood in its images by the pixel-likelihood kernel: fixed point, as emulator, C-simulation or RTL.

The kernel gives a patch's value and moments. The host makes coefficients before and gradients after, and knows the expected
information, which depends on the model alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fpga_ml.science.celeste import pixels as compiled
from fpga_ml.science.celeste.evaluator import Evaluator, Floats, Patch
from fpga_ml.science.celeste.parameters import STAR
from fpga_ml.science.celeste.pixels import Pixels
from fpga_ml.science.celeste.posterior import Likelihood, View


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
            numbers = view.numbers(vector)
            found = self.for_slopes(compiled.coefficients(terms, numbers), patch)
            if found.overflow:
                return None
            value += found.value
            slope += view.jacobian(vector).T @ compiled.gradient(terms, numbers, found.moments)
        return value, slope, exact[2]

    def values(self, vectors: Floats) -> Floats:
        found = np.zeros(len(vectors))
        for view, patch, terms in zip(self.views, self.patches, self.terms[int(vectors.shape[1] > STAR)], strict=True):
            for i, numbers in enumerate(view.numbers(vectors)):
                one = self.for_values(compiled.coefficients(terms, numbers), patch)
                found[i] += -np.inf if one.overflow else one.value
        return found


def _lifted(pixels: Pixels) -> Pixels:
    """With a pedestal where a count is below 0, which fixed point does not take."""
    patch = _patch(pixels).lifted()
    return replace(pixels, counts=np.asarray(patch.counts, dtype=np.float64), background=patch.background)


def _patch(pixels: Pixels) -> Patch:
    return Patch(pixels.counts, pixels.background, ~pixels.used)
