"""Weights of a quantized_linear: QKeras' initialiser kept the quantizer and did not compute in float64."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import qkeras
from fuzzing import built
from numpy.testing import assert_equal

from fpga_ml.config import Config


@pytest.mark.slow
def test_the_kernel_is_on_its_grid(tmp_path: Path) -> None:
    quantizer = qkeras.quantized_linear(6, 1, alpha=1)
    model = keras.Sequential([keras.Input((4,), name="x"), qkeras.QDense(3, kernel_quantizer=quantizer, name="fc")])
    rng = np.random.default_rng(1)
    kernel, x = rng.uniform(-1.5, 1.5, (4, 3)), rng.integers(-32, 32, (30, 4)) / 8
    model.get_layer("fc").set_weights([kernel, np.zeros(3)])
    project, differences = built(model, x, Config(until="emulate", bits=24), tmp_path / "p")
    assert differences == ""
    got = project.emulate(x)
    assert_equal(got, x @ (np.rint(kernel * 16) / 16))
