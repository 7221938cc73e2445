"""softmax = 'latency' in a stream, of logits that something else reads too and that were rounded to fewer bits than its
table has: the C++ read beyond the value, and the emulator failed."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from fuzzing import built
from keras import layers as L

from fpga_ml.config import Config, LayerConfig


@pytest.mark.slow
def test_the_table_has_an_entry_for_each_value(tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    inputs = keras.Input((4,), name="x")
    logits = L.Dense(3, name="logits")(inputs)
    model = keras.Model(inputs, [logits, L.Softmax(name="softmax")(logits)])
    x = np.random.default_rng(1).normal(size=(30, 4))
    config = Config(bits=5, arch="stream", until="emulate", layers={"softmax": LayerConfig(softmax="latency")})
    project, differences = built(model, x, config, tmp_path / "p")
    assert differences == ""
    assert "exp_table_size = 32;" in (project.folder / "firmware" / "parameters.h").read_text()
