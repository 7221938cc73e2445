"""Networks over particles: attention in both architectures, and sums over particles of which several pass in a cycle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as L
from simulators import USUAL

import fpga_ml

PARTICLES, FEATURES = 4, 3


def proved(model: Any, folder: Path, **settings: Any) -> fpga_ml.Project:
    """Samples are whole numbers of eighths: the input's type holds them."""
    x = np.random.default_rng(1).integers(-16, 16, (60, *model.inputs[0].shape[1:])) / 8
    found = fpga_ml.compile(model, data=x, output=folder, simulators=USUAL, progress=False, **settings)
    assert found.report["emulator"]["mismatches"] == 0
    assert [run["passed"] for run in found.report["cosim"]] == [True] * len(USUAL)
    return found


def attention() -> Any:
    keras.utils.set_random_seed(1)
    x = inputs = keras.Input((PARTICLES, FEATURES), name="particles")
    x = L.Add(name="first")([x, L.MultiHeadAttention(2, 2, name="heads")(x, x)])
    x = L.Dot(axes=(2, 2), name="pairs")([x, x])
    return keras.Model(inputs, L.Dense(2, name="logits")(L.GlobalAveragePooling1D(name="mean")(x)))


@pytest.mark.parametrize("arch", ["parallel", pytest.param("stream", marks=pytest.mark.slow)])
def test_attention(arch: str, tmp_path: Path) -> None:
    proved(attention(), tmp_path / "p", arch=arch, bits=6, softmax_table_bits=6)


def deep_sets() -> Any:
    keras.utils.set_random_seed(1)
    x = inputs = keras.Input((PARTICLES, FEATURES), name="particles")
    x = L.Dense(4, activation="relu", name="shared")(x)
    both = L.Concatenate(name="both")([L.GlobalMaxPooling1D(name="largest")(x), L.GlobalAveragePooling1D(name="mean")(x)])
    return keras.Model(inputs, L.Dense(2, name="logits")(both))


@pytest.mark.parametrize("lanes", [1, 2, pytest.param(4, marks=pytest.mark.slow)])
def test_sums_over_particles(lanes: int, tmp_path: Path) -> None:
    found = proved(deep_sets(), tmp_path / "p", arch="stream", bits=6, lanes=lanes)
    assert found.report["csim"]["bit_exact_vs_quantised_model"] is True
    assert found.report["rtl"]["interval_cycles"] == PARTICLES // lanes


def test_lanes_are_of_streams(tmp_path: Path) -> None:
    with pytest.raises(fpga_ml.FpgaMlError, match="lanes = 2"):
        fpga_ml.compile(deep_sets(), output=tmp_path / "p", lanes=2, progress=False)
