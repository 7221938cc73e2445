"""A tensor and its rounding are both outputs: hls4ml merged the two and stopped, for the first is an output already."""

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
@pytest.mark.parametrize("arch", ["parallel", "stream"])
def test_both_come_out(arch: str, tmp_path: Path) -> None:
    inputs = keras.Input((4,), name="x")
    held = L.Activation("relu6", name="held")(inputs)
    rounded = qkeras.QActivation(qkeras.quantized_bits(5, 3, alpha=1), name="rounded")(held)
    x = np.random.default_rng(1).integers(-64, 64, (30, 4)) / 8
    project, differences = built(keras.Model(inputs, [held, rounded]), x, Config(arch=arch, until="emulate"), tmp_path / "p")
    assert differences == ""
    for got, want in zip(project.emulate(x), (x.clip(0, 6), np.rint(x.clip(0, 6) * 2) / 2), strict=True):
        assert_equal(got, want)
