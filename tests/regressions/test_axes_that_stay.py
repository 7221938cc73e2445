"""Axes that a layer leaves: a global pooling lost those that it keeps, and a convolution behind it in parallel did not
convert; a Permute that leaves two axes in place swapped them, in Vitis' streams and in Quartus' and Catapult's parallel
projects."""

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
def test_a_convolution_behind_a_global_pooling(tmp_path: Path) -> None:
    inputs = keras.Input((4, 3), name="x")
    convolution = L.Conv1D(2, 1, use_bias=False)
    model = keras.Model(inputs, convolution(L.GlobalMaxPooling1D(keepdims=True)(inputs)))
    rng = np.random.default_rng(1)
    kernel, x = rng.integers(-8, 9, (1, 3, 2)) / 4, rng.integers(-100, 100, (30, 4, 3)) / 8
    convolution.set_weights([kernel])
    project, differences = built(model, x, Config(strategy="resource", reuse_factor=3, until="emulate"), tmp_path / "p")
    assert differences == ""
    assert_equal(project.csim(x), x.max(1, keepdims=True) @ kernel[0])


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "arch"), [("Vitis", "stream"), ("Quartus", "parallel")])
def test_permute_in_place(backend: str, arch: str, tmp_path: Path) -> None:
    inputs = keras.Input((5, 2), name="x")
    model = keras.Model(inputs, L.ReLU()(L.Permute((1, 2))(inputs)))
    x = np.random.default_rng(1).integers(-100, 100, (30, 5, 2)) / 8
    project, differences = built(model, x, Config(backend=backend, arch=arch, until="emulate"), tmp_path / "p")
    assert differences == ""
    assert_equal(project.csim(x), np.maximum(x, 0))
