"""A softmax along an axis that is given by its number. In a stream hls4ml's C++ stopped at an assertion where that is the
last axis, or has only axes of 1 behind it. Along another than the last axis the tables' types were chosen along the last:
differences and sums saturated, and probabilities were wrong unseen, as behind a table nothing is compared bit for bit."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from fuzzing import built
from keras import layers as L

from fpga_ml.config import Config

CASES = [
    pytest.param("parallel", (8, 2), 1, id="parallel"),
    pytest.param("stream", (4, 3), 2, id="last", marks=pytest.mark.slow),
    pytest.param("stream", (4, 1), 1, id="before_one", marks=pytest.mark.slow),
    pytest.param("stream", (8, 2), 1, id="stream", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("arch", "shape", "axis"), CASES)
def test_it_is_the_softmax_along_that_axis(arch: str, shape: tuple[int, ...], axis: int, tmp_path: Path) -> None:
    inputs = keras.Input(shape, name="x")
    model = keras.Model(inputs, L.Softmax(axis=axis, name="softmax")(inputs))
    x = np.random.default_rng(1).integers(-16, 16, (30, *shape)) / 8
    project, differences = built(model, x, Config(arch=arch, backend="Vivado", until="emulate"), tmp_path / "p")
    assert differences == ""
    got = project.emulate(x)
    assert np.abs(got - np.exp(x) / np.exp(x).sum(axis, keepdims=True)).max() < 2**-8
