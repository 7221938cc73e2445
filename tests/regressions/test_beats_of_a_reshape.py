"""A stream whose beats a Flatten or a Reshape must cut anew. Behind a Flatten, all layers but a dense one read beyond the
first beat; a Reshape from beats of 6 values to beats of 4 dropped values, and a model that ended there was called bit-exact;
Catapult's C++ read a flattened input again that was gone, and crashed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from fuzzing import built
from keras import layers as L
from numpy.testing import assert_equal

from fpga_ml.config import Config

NETWORKS: dict[str, tuple[tuple[int, ...], Callable[[Any], Any]]] = {
    "flatten": ((2, 3), lambda x: L.Flatten()(x)),
    "to_shorter": ((2, 6), lambda x: L.Reshape((3, 4))(x)),
    "to_longer": ((3, 4), lambda x: L.Reshape((2, 6))(x)),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "backend"), [*((name, "Vitis") for name in NETWORKS), ("flatten", "Catapult"), ("to_longer", "Quartus")]
)
def test_a_layer_reads_all_of_it(name: str, backend: str, tmp_path: Path) -> None:
    shape, build = NETWORKS[name]
    inputs = keras.Input(shape, name="x")
    moved = build(inputs)
    x = np.random.default_rng(1).integers(-100, 100, (30, *shape)) / 8
    model = keras.Model(inputs, L.ReLU()(moved))
    project, differences = built(model, x, Config(arch="stream", backend=backend, until="emulate"), tmp_path / "p")
    assert differences == ""
    assert_equal(project.csim(x), np.maximum(x, 0).reshape(-1, *moved.shape[1:]))


@pytest.mark.slow
def test_two_read_it_and_one_is_an_output(tmp_path: Path) -> None:
    inputs = keras.Input((2, 6), name="x")
    flat = L.Flatten()(inputs)
    model = keras.Model(inputs, [L.ReLU()(flat), L.Reshape((3, 4))(L.ReLU(negative_slope=0.5)(flat))])
    x = np.random.default_rng(1).integers(-100, 100, (30, 2, 6)) / 8
    project, differences = built(model, x, Config(arch="stream", until="emulate"), tmp_path / "p")
    assert differences == ""
    wanted = np.maximum(x, 0).reshape(-1, 12), np.where(x > 0, x, x / 2).reshape(-1, 3, 4)
    for got, want in zip(project.csim(x), wanted, strict=True):
        assert_equal(got, want)
