"""A stream that more than seven read: hls4ml has copies for seven at most, and the model did not convert."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from fuzzing import built
from keras import layers as L
from numpy.testing import assert_equal

from fpga_ml.config import Config


@pytest.mark.parametrize(
    ("readers", "until"), [(8, "emulate"), *(pytest.param(n, "cosim", marks=pytest.mark.slow) for n in (8, 13, 23))]
)
def test_more_than_seven(readers: int, until: str, tmp_path: Path) -> None:
    """Dense layers, one layer that reads the tensor twice, and the model's output."""
    inputs = keras.Input((3, 2), name="x")
    shared = L.ReLU(name="shared")(inputs)
    denses = [L.Dense(1, use_bias=False, name=f"d{k}") for k in range(readers - 2)]
    outputs = [shared, L.Multiply(name="square")([shared, shared]), *(d(shared) for d in denses)]
    model = keras.Model(inputs, outputs)
    rng = np.random.default_rng(1)
    kernels = [rng.integers(-8, 9, (2, 1)) / 4 for _ in denses]
    for dense, kernel in zip(denses, kernels, strict=True):
        dense.set_weights([kernel])
    x = rng.integers(-40, 41, (20, 3, 2)) / 8
    config = Config(arch="stream", until=until, simulators=("icarus",), cosim_vectors=4)
    project, differences = built(model, x, config, tmp_path / "p")
    assert differences == ""
    got, relu = project.csim(x), np.maximum(x, 0)
    assert_equal(got[0], relu)
    assert_equal(got[1], relu**2)
    for values, kernel in zip(got[2:], kernels, strict=True):
        assert_equal(values.reshape(20, 3), (relu @ kernel)[..., 0])
