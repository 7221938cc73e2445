"""Depthwise convolutions of one and of two dimensions in parallel: hls4ml's two headers have one include guard, so that
the project did not compile."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from fuzzing import built
from keras import layers as L

from fpga_ml.config import Config


def test_both_in_one_project(tmp_path: Path) -> None:
    series, image = keras.Input((3, 2), name="series"), keras.Input((3, 3, 2), name="image")
    model = keras.Model([series, image], [L.DepthwiseConv1D(2, name="one")(series), L.DepthwiseConv2D(2, name="two")(image)])
    rng = np.random.default_rng(1)
    x = {"series": rng.integers(-8, 8, (20, 3, 2)) / 4, "image": rng.integers(-8, 8, (20, 3, 3, 2)) / 4}
    project, differences = built(model, x, Config(until="csim"), tmp_path / "p")
    assert (project.report["stages"]["csim"], differences) == ("ran", "")
