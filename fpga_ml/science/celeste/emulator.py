"""The kernel in fixed point, by the exact emulator of its layers: the bits that C-simulation and RTL give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from fpga_ml.celeste_design import MOMENTS, MONOMIALS, OUTPUTS, OVERFLOW, PIXEL, VALUE, Design
from fpga_ml.errors import FpgaMlError
from fpga_ml.layers.base import Input, Tensor
from fpga_ml.layers.celeste import Exponents, PatchSums, PixelTerms
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.science.celeste.evaluator import Floats, Patch, Result
from fpga_ml.simulate.emulate import emulate_raw

COEFFICIENTS, PIXELS = "coefficients", "pixels"
DARK = np.array([-64.0, 0.0, 0.0, 0.0, 0.0, 0.0])
"""Coefficients of a component without light."""
_MASKED = np.array([0.0, 0.0, 1.0])


def graph_of(design: Design, patch: tuple[int, int], components: int) -> LayerGraph:
    """The kernel as layers: inputs `coefficients` (K, 6) and `pixels` (rows, columns, 3), count, background and
    mask; outputs `value` (1,), `moments` (K, 6) and `overflow` (1,), the number of pixels in which something was out of its
    range."""
    rows, columns = patch
    layers = (
        Input(COEFFICIENTS, (), (components, MONOMIALS), design.coefficient),
        Input(PIXELS, (), (rows, columns, PIXEL), design.rate),
        Exponents("exponents", (COEFFICIENTS,), (*patch, components), design.exponent(*patch), design),
        PixelTerms("terms", ("exponents", PIXELS), (*patch, components + 2), design.term, design),
        PatchSums(VALUE, ("terms",), (1,), design.result(VALUE, *patch), components, 1, False, patch),
        PatchSums(MOMENTS, ("terms",), (components, MONOMIALS), design.result(MOMENTS, *patch), 0, components, True, patch),
        PatchSums(OVERFLOW, ("terms",), (1,), design.result(OVERFLOW, *patch), components + 1, 1, False, patch),
    )
    return LayerGraph.of(layers, OUTPUTS, "celeste")


def inputs_of(coefficients: Floats, patch: Patch) -> dict[str, Floats]:
    """What the kernel is given: a component without light (a constant of minus infinity) is one of 2**-64 electrons, a
    masked pixel has a mask of 1, no count and no background.

    Raises where a pixel that counts is below 0, which the kernel cannot hold.
    """
    below = int((patch.counts[patch.used] < 0).sum())
    if below:
        raise FpgaMlError(
            f"{below} pixels of the patch have counts below 0, which the fixed-point kernel cannot hold",
            where="the Celeste kernel",
            do="add a pedestal: patch.lifted()",
        )
    dark = np.isneginf(coefficients[:, :1])
    pixels = np.stack([patch.counts, patch.background, np.zeros_like(patch.background)], axis=-1)
    pixels[~patch.used] = _MASKED
    return {COEFFICIENTS: np.where(dark, DARK, coefficients), PIXELS: pixels}


def result_of(outputs: Mapping[str, Floats]) -> Result:
    """outputs: real values, of one patch."""
    value, overflow = float(outputs[VALUE].reshape(())), bool(outputs[OVERFLOW].reshape(()))
    return Result(value=value, moments=outputs[MOMENTS].reshape(-1, MONOMIALS), overflow=overflow)


@dataclass(frozen=True)
class Emulator:
    """An evaluator for patches of any size and any number of components. design: one, or the name of a preset."""

    design: Design | str

    @cached_property
    def _design(self) -> Design:
        return Design.of(self.design)

    def raw(self, coefficients: npt.NDArray[np.int64], pixels: npt.NDArray[np.int64]) -> dict[str, Tensor]:
        """Of patches: coefficients (N, K, 6) and pixels (N, rows, columns, 3) raw; every layer's result, (N, elements)."""
        patch = (pixels.shape[1], pixels.shape[2])
        graph = graph_of(self._design, patch, coefficients.shape[1])
        return emulate_raw(graph, {COEFFICIENTS: coefficients, PIXELS: pixels})

    def __call__(self, coefficients: Floats, patch: Patch) -> Result:
        given = inputs_of(coefficients, patch)
        types = {COEFFICIENTS: self._design.coefficient, PIXELS: self._design.rate}
        raw = {name: types[name].raw(values)[None] for name, values in given.items()}
        known = self.raw(raw[COEFFICIENTS], raw[PIXELS])
        return result_of({name: known[name].type.real(known[name].raw)[0] for name in (VALUE, MOMENTS, OVERFLOW)})
