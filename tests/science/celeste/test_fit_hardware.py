"""The same fit through every road to the kernel's bits: emulator, C-simulation and RTL take the same steps to the same
place."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_equal

import fpga_ml
from fpga_ml.celeste_design import Design
from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.celeste import kernel_model
from fpga_ml.science.celeste import Evaluator, Patch, Result, Star, fit
from fpga_ml.science.celeste.emulator import Emulator
from fpga_ml.science.celeste.hardware import Compiled, Simulated
from fpga_ml.science.celeste.simulate import SDSS, observe

from .test_hls import config

SIDE = 15


@dataclass
class Counted:
    """An evaluator that counts how often it was asked."""

    inner: Evaluator
    calls: list[Result] = field(default_factory=list)

    def __call__(self, coefficients: np.ndarray, patch: Patch) -> Result:
        self.calls.append(self.inner(coefficients, patch))
        return self.calls[-1]


@pytest.mark.slow
@pytest.mark.parametrize("road", ["csim", "rtl"])
def test_a_star_through_the_hardware(road: str, tmp_path: Path) -> None:
    patch, _ = observe([Star(0.0, 0.0, 30.0)], seed=1, side=SIDE)
    kernels = [Counted(Emulator("D16")), Counted(_kernel(road, tmp_path))]
    emulated, found = (fit(patch, SDSS, Star(0.1, 0.0, 25.0), evaluator=kernel) for kernel in kernels)
    assert emulated.sources == found.sources
    assert emulated.value == found.value
    assert len(kernels[0].calls) == len(kernels[1].calls) > 3
    for one, other in zip(kernels[0].calls, kernels[1].calls, strict=True):
        assert_equal(one.moments, other.moments)


def _kernel(road: str, folder: Path) -> Evaluator:
    design, shape = Design.of("D16"), (SIDE, SIDE)
    if road == "rtl":
        return Simulated(design, shape, 2, folder)
    settings = config(design, until="csim", vectors=2)
    return Compiled(fpga_ml.compile(kernel_model(design, shape, 2), config=settings, output=folder / "p"))


def test_too_bright_a_star_is_reported() -> None:
    """r = 9: its brightest pixels hold more electrons than the preset's rate; the exact fit takes it."""
    patch, truth = observe([Star(0.0, 0.0, 250_000.0)], seed=1)
    with pytest.raises(FpgaMlError, match=r"the kernel overflows where the fit begins(.|\n)*Float64"):
        fit(patch, SDSS, truth, evaluator=Emulator("D16"))
    assert fit(patch, SDSS, truth).sources[0].flux == pytest.approx(250_000, rel=1e-3)
