"""A value whose highest bit lies below the half of the last bit that it is rounded to: ap_types stopped C-simulation."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import qkeras
from fuzzing import built
from keras import layers as L
from numpy.testing import assert_equal

from fpga_ml.config import Config


@pytest.mark.slow
def test_it_rounds_to_zero(tmp_path: Path) -> None:
    inputs = keras.Input((4,), name="x")
    fine = qkeras.QActivation(qkeras.quantized_bits(8, -12, alpha=1), name="fine")(inputs)
    sloped = L.LeakyReLU(0.25, name="sloped")(fine)
    model = keras.Model(inputs, qkeras.QActivation(qkeras.quantized_bits(8, -4, alpha=1), name="coarse")(sloped))
    x = np.random.default_rng(1).normal(size=(30, 4))
    project, differences = built(model, x, Config(until="emulate", bits=4), tmp_path / "p")
    assert differences == ""
    got = project.csim(x)
    kept = np.clip(np.rint(x * 2**19), -128, 127) / 2**19
    assert_equal(got, np.rint(np.where(kept > 0, kept, kept / 4) * 2**11) / 2**11)
