"""Keras-2 and QKeras-0.9 files: rebuilt in Keras 3, converted, equal bit for bit."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

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


def _ternary_dense(folder: Path, given: str = "x", fc: str = "fc") -> tuple[Path, Path]:
    """A model of hls4ml's own TernaryDense, as Keras 2 wrote it: (architecture, weights)."""
    dense = {"units": 4, "activation": "linear", "use_bias": True, "name": fc, "trainable": True}
    layers = [
        {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 6], "dtype": "float32", "name": given}},
        {"class_name": "TernaryDense", "config": dense},
    ]
    config = {"name": "old", "layers": layers}
    (folder / "m.json").write_text(json.dumps({"class_name": "Sequential", "config": config, "keras_version": "2.3.1"}))
    rng = np.random.default_rng(1)
    kernel, bias = rng.normal(size=(6, 4)), np.zeros(4)
    with h5py.File(folder / "w.h5", "w") as file:
        file.attrs["layer_names"] = [fc.encode()]
        group = file.create_group(fc)
        group.attrs["weight_names"] = [f"{fc}/kernel:0".encode(), f"{fc}/bias:0".encode()]
        group[f"{fc}/kernel:0"], group[f"{fc}/bias:0"] = kernel, bias
    return folder / "m.json", folder / "w.h5"


def test_a_class_that_is_gone_converts_without_reference(tmp_path: Path) -> None:
    """hls4ml's own TernaryDense exists in no Keras: it converts, and the report says that nothing was compared."""
    paths = _ternary_dense(tmp_path)
    with h5py.File(paths[1]) as file:
        kernel = np.asarray(file["fc/fc/kernel:0"])
    x = np.random.default_rng(2).integers(-3, 4, size=(30, 6)).astype(float)

    project = fpga_ml.compile(paths[0], weights=paths[1], data=x, output=tmp_path / "p", config=quick())

    assert "TernaryDense" in project.report["model"]["no_reference"]
    assert project.report["csim"]["bit_exact_vs_quantised_model"] is None
    ternary = np.where(kernel > 0.5, 1.0, np.where(kernel <= -0.5, -1.0, 0.0))
    assert_equal(project.csim(x)[0], x @ ternary)
    assert [row["name"] for row in project.report["layers"]] == ["x", "fc"]
    assert any("types of x, fc are the default, ap_fixed<16,6>" in note for note in project.report["notes"])
    assert not any("leave its type" in note for note in project.report["notes"])


def test_data_that_leave_a_default_type_are_counted(tmp_path: Path) -> None:
    """hls4ml's ap_fixed<16,6> ends at 32; a larger --bits widens it."""
    paths, x = _ternary_dense(tmp_path), np.arange(60.0).reshape(10, 6)
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
    common = {"trainable": True, "dtype": "float32"}
    dense = {"activation": "linear", "use_bias": True, **common}
    layers = [
        {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 6], "dtype": "float32", "name": "x"}},
        {"class_name": "BinaryDense", "config": {"units": 8, "name": "fc1", **dense}},
        {
            "class_name": "BatchNormalization",
            "config": {"name": "bn", "axis": [-1], "epsilon": 1e-3, "scale": True, "center": True, **common},
        },
        {"class_name": "Activation", "config": {"name": "sign", "activation": "binary_tanh", **common}},
        {"class_name": "BinaryDense", "config": {"units": 3, "name": "fc2", **dense}},
    ]
    config = {"name": "old", "layers": layers}
    (tmp_path / "m.json").write_text(json.dumps({"class_name": "Sequential", "config": config, "keras_version": "2.3.1"}))
    weights = {name: {"kernel": kernel, "bias": np.zeros(kernel.shape[1])} for name, kernel in kernels.items()}
    weights["bn"] = norm
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in weights]
        for name, own in weights.items():
            group = file.create_group(name)
            group.attrs["weight_names"] = [f"{name}/{k}:0".encode() for k in own]
            for k, values in own.items():
                group[f"{name}/{k}:0"] = values
    x = rng.integers(-3, 4, size=(200, 6)).astype(float)

    project = fpga_ml.compile(tmp_path / "m.json", weights=tmp_path / "w.h5", data=x, output=tmp_path / "p", config=quick())

    first, second = (np.where(k >= 0, 1.0, -1.0) for k in kernels.values())
    scale = norm["gamma"] / np.sqrt(norm["moving_variance"] + 1e-3)
    sums = x @ first + 1  # hls4ml makes a sign of the bias too, 1 of 0, but drops it behind signs
    signs = np.where((sums - norm["moving_mean"]) * scale + norm["beta"] >= 0, 1.0, -1.0)
    assert project.report["emulator"]["mismatches"] == 0
    assert_equal(project.csim(x)[0], signs @ second)
