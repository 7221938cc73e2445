"""A reuse factor beyond the inputs of a kernel in parallel: the C++ of a convolution by the resource strategy stopped there,
or, of a dense layer over several positions, did not compile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from fuzzing import built
from keras import layers as L

from fpga_ml.config import Config

LAYERS = {"pointwise": lambda: L.Conv1D(4, 1), "dense": lambda: L.Dense(4), "convolution": lambda: L.Conv1D(4, 2)}


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYERS)
def test_it_is_that_of_all_inputs(name: str, tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    layer: Any = LAYERS[name]()
    model = keras.Sequential([keras.Input((4, 1), name="x"), layer])
    x = np.random.default_rng(1).normal(size=(30, 4, 1))
    project, differences = built(model, x, Config(strategy="resource", reuse_factor=4, until="emulate"), tmp_path / "p")
    assert differences == ""
    assert project.report["csim"]["bit_exact_vs_quantised_model"] is True
    assert any("in place of 4" in note for note in project.report["notes"])
