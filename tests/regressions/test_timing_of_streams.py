"""Streams whose ports were right in every value and wrong in a cycle. A padded convolution that flushed its last windows
when the next frame's first pixel came was planned a cycle later than it is; a frame whose outputs were complete before its
last pixels were taken left ap_idle low, or high too early."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from fuzzing import built
from keras import layers as L

from fpga_ml.config import Config

NETWORKS = {
    "flush": ((4, 2, 1), [L.Cropping2D(((0, 1), (0, 0))), L.Conv2D(1, 2, padding="same"), L.Conv2D(1, (2, 1))]),
    "rows_left_over": ((5, 4, 1), [L.MaxPooling2D(2)]),
    "two_tokens_of_one": ((8, 1), [L.Conv1D(1, 4, strides=4), L.UpSampling1D(2)]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_each_cycle_is_as_planned(name: str, tmp_path: Path) -> None:
    shape, stack = NETWORKS[name]
    x = np.random.default_rng(1).integers(-100, 100, (20, *shape)) / 8
    model = keras.Sequential([keras.Input(shape, name="x"), *stack], name=name)
    config = Config(arch="stream", bits=6, simulators=("icarus",))
    project, differences = built(model, x, config, tmp_path / "p")
    assert differences == ""
    assert project.report["cosim"][0]["passed"]


def test_two_inputs_and_pixels_left_over(tmp_path: Path) -> None:
    a, b = (keras.Input((5, 4, 1), name=name) for name in "ab")
    model = keras.Model([a, b], L.MaxPooling2D(2, name="pool")(L.Add(name="sum")([a, b])), name="left_over")
    x = np.random.default_rng(1).integers(-100, 100, (2, 20, 5, 4, 1)) / 8
    project, differences = built(model, [*x], Config(arch="stream", bits=6, simulators=("icarus",)), tmp_path / "p")
    assert differences == ""
    assert project.report["cosim"][0]["passed"]
