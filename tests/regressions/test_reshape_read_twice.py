"""A Reshape in a stream that two layers read: the copy had hls4ml's default type, and the build was refused."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from fuzzing import built
from keras import layers as L
from numpy.testing import assert_equal

from fpga_ml.config import Config


@pytest.mark.slow
def test_both_readers_have_the_values(tmp_path: Path) -> None:
    inputs = keras.Input((6,), name="x")
    shaped = L.Reshape((6, 1), name="shaped")(L.ReLU(name="positive")(inputs))
    model = keras.Model(inputs, [shaped, L.ZeroPadding1D(1, name="padded")(shaped)])
    x = np.random.default_rng(1).integers(-100, 100, (30, 6)) / 8
    project, differences = built(model, x, Config(arch="stream", until="emulate"), tmp_path / "p")
    assert differences == ""
    wanted = np.maximum(x, 0)[:, :, None]
    for got, want in zip(project.emulate(x), (wanted, np.pad(wanted, ((0, 0), (1, 1), (0, 0)))), strict=True):
        assert_equal(got, want)
