"""A SimpleRNN without a bias: the second bias of its C++ had no type, and the build was refused."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from fuzzing import built
from keras import layers as L

from fpga_ml.config import Config


@pytest.mark.slow
def test_it_builds(tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    layer = L.SimpleRNN(2, use_bias=False, activation="relu")
    model = keras.Sequential([keras.Input((3, 2), name="x"), layer])
    x = np.random.default_rng(1).normal(size=(30, 3, 2))
    project, differences = built(model, x, Config(until="emulate"), tmp_path / "p")
    assert differences == ""
    assert project.report["csim"]["bit_exact_vs_quantised_model"] is True
