"""The RTL as an evaluator: fewer components than it has, on one patch after another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_equal

from fpga_ml.celeste_design import Table
from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste.emulator import Emulator
from fpga_ml.science.celeste.evaluator import Patch
from fpga_ml.science.celeste.hardware import Simulated, filled_up

from .scenes import gaussian
from .test_kernel import COARSE


def test_rtl_is_an_evaluator(tmp_path: Path) -> None:
    kernel = Simulated(COARSE, (3, 4), 2, tmp_path)
    source = np.array([gaussian(60, (0.2, -0.3), 2.0)])
    for counts in (40, 90):
        patch = Patch(np.full((3, 4), counts), np.full((3, 4), 64.0))
        found, want = kernel(source, patch), Emulator(COARSE)(source, patch)
        assert (found.value, found.overflow) == (want.value, False)
        assert_equal(found.moments, want.moments)
    assert kernel(source + np.eye(1, 6) * 9, patch).overflow
    other = Simulated(replace(COARSE, exp=Table(3, 9, interpolated=False)), (3, 4), 2, tmp_path)
    other.__dict__["rtl"] = kernel.rtl
    with pytest.raises(FpgaMlError, match="vector 0"):
        other(source, patch)


def test_components_that_do_not_fit() -> None:
    with pytest.raises(FpgaMlError, match="3 components for a kernel of 2"):
        filled_up(np.zeros((3, 6)), 2)
