"""Keras-2 and QKeras-0.9 files: rebuilt in Keras 3, converted, equal bit for bit."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import h5py
import keras2
import numpy as np
import pytest
from numpy.testing import assert_equal
from zoo import ZOO, quick, samples

import fpga_ml
from fpga_ml.config import Config
from fpga_ml.frontend.load import load
from fpga_ml.frontend.rebuild import Probe

NAMES = [
    "tagger_float",
    "tagger_6bit",
    "tagger_6bit_pruned",
    "tagger_binary",
    "tagger_ternary",
    "tagger_batchnorm",
    "conv1d_6bit",
    "conv2d_6bit",
    "skip_6bit",
]


@pytest.mark.parametrize("name", NAMES)
def test_json_and_h5_form_matches(name: str, tmp_path: Path) -> None:
    model = ZOO[name]()
    keras2.write_json(model, tmp_path / "model.json")
    keras2.write_weights(model, tmp_path / "w.h5")
    x = samples(model)

    project = fpga_ml.compile(
        tmp_path / "model.json", weights=tmp_path / "w.h5", data=x, output=tmp_path / "p", config=quick()
    )

    rebuilt = load(tmp_path / "model.json", tmp_path / "w.h5")
    assert rebuilt.kind == "keras-2"
    assert_equal(Probe(rebuilt.model).outputs(x), Probe(model).outputs(x))
    assert project.report["csim"]["bit_exact_vs_quantised_model"] is True
    assert project.report["csim"]["argmax_flips"] in (0, None)


def test_one_h5_file_holds_both(tmp_path: Path) -> None:
    model = ZOO["tagger_6bit"]()
    keras2.write_h5(model, tmp_path / "m.h5")
    x = samples(model, 20)
    assert_equal(Probe(load(tmp_path / "m.h5").model).outputs(x), Probe(model).outputs(x))


def test_what_keras_2_itself_wrote(tmp_path: Path) -> None:
    """tf_keras is Keras 2 as it was: its own JSON and h5 files, not our imitation."""
    tf_keras = pytest.importorskip("tf_keras", reason="the dev extra brings it")
    old = tf_keras.Sequential(
        [
            tf_keras.layers.Conv1D(3, 2, input_shape=(8, 2), name="conv"),
            tf_keras.layers.BatchNormalization(name="bn"),
            tf_keras.layers.LeakyReLU(0.25, name="leaky"),
            tf_keras.layers.Flatten(name="flat"),
            tf_keras.layers.Dense(2, activation="softmax", name="out"),
        ]
    )
    (tmp_path / "model.json").write_text(old.to_json())
    old.save_weights(tmp_path / "w.h5")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras 2 calls its own file format legacy
        old.save(tmp_path / "whole.h5")
    x = np.random.default_rng(0).normal(size=(16, 8, 2))
    for source in (load(tmp_path / "model.json", tmp_path / "w.h5"), load(tmp_path / "whole.h5")):
        for theirs, ours in zip(old.weights, source.model.weights, strict=True):
            assert_equal(np.asarray(ours), theirs.numpy())
        np.testing.assert_allclose(source.model.predict(x, verbose=0), old.predict(x, verbose=0), rtol=1e-5)


def write(folder: Path, layers: list[dict[str, Any]], weights: dict[str, dict[str, np.ndarray]]) -> None:
    """m.json and w.h5 as Keras 2 wrote them, of a chain of layers."""
    config = {"name": "old", "layers": layers}
    (folder / "m.json").write_text(json.dumps({"class_name": "Sequential", "config": config, "keras_version": "2.3.1"}))
    with h5py.File(folder / "w.h5", "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in weights]
        for name, own in weights.items():
            group = file.create_group(name)
            group.attrs["weight_names"] = [f"{name}/{k}:0".encode() for k in own]
            for k, values in own.items():
                group[f"{name}/{k}:0"] = values


COMMON = {"trainable": True, "dtype": "float32"}
INPUT = {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 6], "dtype": "float32", "name": "x"}}


def dense(kind: str, units: int, name: str, **options: Any) -> dict[str, Any]:
    return {
        "class_name": kind,
        "config": {"units": units, "name": name, "activation": "linear", "use_bias": True, **COMMON, **options},
    }


@pytest.mark.parametrize("kind", ["TernaryDense", "BinaryDense"])
def test_dense_layers_that_were_never_keras_own(kind: str, tmp_path: Path) -> None:
    """hls4ml keeps the names: kernels of -1, 0 and 1, or of signs, times H; the bias stays what it is."""
    rng = np.random.default_rng(1)
    kernel, bias = rng.normal(size=(6, 4)), rng.integers(-9, 9, 4) / 8
    kernel[0] = (0.5, -0.5, 0.25, 0.0)
    write(tmp_path, [INPUT, dense(kind, 4, "fc", H=0.5)], {"fc": {"kernel": kernel, "bias": bias}})
    x = rng.integers(-3, 4, size=(30, 6)).astype(float)

    project = fpga_ml.compile(tmp_path / "m.json", weights=tmp_path / "w.h5", data=x, output=tmp_path / "p", config=quick())

    assert "no_reference" not in project.report["model"]
    assert project.report["csim"]["bit_exact_vs_quantised_model"] is True
    halves = kernel / 0.5
    signs = np.where(halves >= 0, 1.0, -1.0)
    ternary = np.where(halves > 0.5, 1.0, np.where(halves <= -0.5, -1.0, 0.0))
    assert_equal(project.csim(x), x @ (ternary if kind == "TernaryDense" else signs) * 0.5 + bias)


def test_ternary_tanh_rounds_to_even(tmp_path: Path) -> None:
    layers = [INPUT, {"class_name": "Activation", "config": {"name": "t", "activation": "ternary_tanh", **COMMON}}]
    write(tmp_path, layers, {})
    x = np.random.default_rng(1).integers(-8, 9, size=(30, 6)) / 8

    project = fpga_ml.compile(tmp_path / "m.json", weights=tmp_path / "w.h5", data=x, output=tmp_path / "p", config=quick())

    assert project.report["csim"]["bit_exact_vs_quantised_model"] is True
    assert_equal(project.csim(x), np.rint(np.clip(x, -1, 1)))


def _without_reference(folder: Path, given: str = "x", fc: str = "fc") -> tuple[Path, Path]:
    """A TernaryDense whose H is the name of a rule: what Keras 2 computed is not in the file. (architecture, weights)."""
    inputs = {"class_name": "InputLayer", "config": {**INPUT["config"], "name": given}}
    weights = {"kernel": np.random.default_rng(1).normal(size=(6, 4)), "bias": np.zeros(4)}
    write(folder, [inputs, dense("TernaryDense", 4, fc, H="Glorot")], {fc: weights})
    return folder / "m.json", folder / "w.h5"


@pytest.mark.parametrize(("given", "fc"), [("x", "fc"), ("int", "block/fc")])
def test_a_layer_that_cannot_be_rebuilt_converts_without_reference(given: str, fc: str, tmp_path: Path) -> None:
    """It converts with hls4ml's types, and the report says so and that nothing was compared."""
    paths = _without_reference(tmp_path, given, fc)
    kernel = np.random.default_rng(1).normal(size=(6, 4))
    x = np.random.default_rng(2).integers(-3, 4, size=(30, 6)).astype(float)

    project = fpga_ml.compile(paths[0], weights=paths[1], data=x, output=tmp_path / "p", config=quick())

    assert "Glorot" in project.report["model"]["no_reference"]
    assert project.report["csim"]["bit_exact_vs_quantised_model"] is None
    ternary = np.where(kernel > 0.5, 1.0, np.where(kernel <= -0.5, -1.0, 0.0))
    assert_equal(project.csim(x), x @ ternary)
    assert [row["name"] for row in project.report["layers"]] == [given, fc]
    assert any(f"types of {given}, {fc} are the default, ap_fixed<16,6>" in note for note in project.report["notes"])
    assert not any("leave its type" in note for note in project.report["notes"])


def test_data_that_leave_a_default_type_are_counted(tmp_path: Path) -> None:
    """hls4ml's ap_fixed<16,6> ends at 32; a larger --bits widens it."""
    paths, x = _without_reference(tmp_path), np.arange(60.0).reshape(10, 6)
    for bits, outside in ((16, True), (18, False)):
        config = Config(until="convert", bits=bits)
        project = fpga_ml.compile(paths[0], weights=paths[1], data=x, output=tmp_path / "p", config=config)
        note = "28 of 60 values of input 'x' leave its type ap_fixed<16,6>: they reach from 0 to 59"
        assert any(note in n for n in project.report["notes"]) is outside, project.report["notes"]


def test_binary_layers_of_hls4ml(tmp_path: Path) -> None:
    """BinaryDense, batch normalisation, sign, BinaryDense: bits between them, thresholds in whole numbers."""
    rng = np.random.default_rng(1)
    kernels = {"fc1": rng.normal(size=(6, 8)), "fc2": rng.normal(size=(8, 3))}
    norm = {
        "gamma": rng.uniform(0.5, 1, 8),
        "beta": rng.normal(size=8),
        "moving_mean": rng.normal(size=8),
        "moving_variance": rng.uniform(0.5, 2, 8),
    }
    layers = [
        INPUT,
        dense("BinaryDense", 8, "fc1"),
        {
            "class_name": "BatchNormalization",
            "config": {"name": "bn", "axis": [-1], "epsilon": 1e-3, "scale": True, "center": True, **COMMON},
        },
        {"class_name": "Activation", "config": {"name": "sign", "activation": "binary_tanh", **COMMON}},
        dense("BinaryDense", 3, "fc2"),
    ]
    weights = {name: {"kernel": kernel, "bias": np.zeros(kernel.shape[1])} for name, kernel in kernels.items()}
    write(tmp_path, layers, {"fc1": weights["fc1"], "bn": norm, "fc2": weights["fc2"]})
    x = rng.integers(-3, 4, size=(200, 6)).astype(float)

    project = fpga_ml.compile(tmp_path / "m.json", weights=tmp_path / "w.h5", data=x, output=tmp_path / "p", config=quick())

    first, second = (np.where(k >= 0, 1.0, -1.0) for k in kernels.values())
    scale = norm["gamma"] / np.sqrt(norm["moving_variance"] + 1e-3)
    signs = np.where((x @ first - norm["moving_mean"]) * scale + norm["beta"] >= 0, 1.0, -1.0)
    assert project.report["csim"]["bit_exact_vs_quantised_model"] is True
    assert project.report["emulator"]["mismatches"] == 0
    assert_equal(project.csim(x), signs @ second)
