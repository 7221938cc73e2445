"""A planted fault is found, and its place is named."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import qkeras
from numpy.testing import assert_equal
from zoo import ZOO, quick, samples

import fpga_ml
from fpga_ml import pipeline
from fpga_ml.bridge.softmax import choose, evaluate
from fpga_ml.config import Config
from fpga_ml.report.metrics import classifier
from fpga_ml.simulate.compare import argmax_flips


def _flip_one_weight(folder: Path, name: str) -> None:
    file = folder / "firmware" / "weights" / f"{name}.txt"
    values = file.read_text().split(", ")
    values[5] = str(float(values[5]) + 2.0**-5)
    file.write_text(", ".join(values))


def _sabotage(monkeypatch: pytest.MonkeyPatch, weights: str) -> None:
    """One weight, off by its last bit, between writing the project and simulating it."""
    build = pipeline.build_csim

    def sabotaged(graph: object, folder: Path, backend: str) -> object:
        _flip_one_weight(folder, weights)
        return build(graph, folder, backend)  # type: ignore[arg-type]

    monkeypatch.setattr(pipeline, "build_csim", sabotaged)


def test_one_wrong_weight_bit_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the second layer."""
    model = ZOO["tagger_6bit"]()
    _sabotage(monkeypatch, "w4")
    project = fpga_ml.compile(model, data=samples(model), output=tmp_path / "p", config=quick())
    csim = project.report["csim"]
    assert csim["bit_exact_vs_quantised_model"] is False
    assert not project.agrees
    assert csim["first_difference"]["layer"] == "fc2"
    assert csim["first_difference"]["index"] == [5]
    step = abs(csim["first_difference"]["got"] - csim["first_difference"]["expected"])
    assert step == 2.0**-5 * round(step * 2**5 * 16) / 16  # the weight's last bit times a 6-bit activation
    untouched = [row for row in csim["layers"] if row["layer"] in ("fc1", "relu1")]
    assert [row["different"] for row in untouched] == [0, 0]


def _tanh_between() -> keras.Model:
    """Two quantised dense layers with a table between them, and no softmax behind."""
    keras.utils.set_random_seed(3)
    x = keras.Input((6,), name="x")

    def dense(units: int, name: str) -> qkeras.QDense:
        bits = "quantized_bits(6, 0, alpha=1)"
        return qkeras.QDense(units, kernel_quantizer=bits, bias_quantizer=bits, name=name)

    return keras.Model(x, dense(3, "fc2")(keras.layers.Activation("tanh", name="t")(dense(8, "fc1")(x))), name="between")


def test_what_lies_behind_a_table_is_told_and_not_judged(tmp_path: Path) -> None:
    model = _tanh_between()
    project = fpga_ml.compile(model, data=samples(model), output=tmp_path / "p", config=quick())
    csim = project.report["csim"]
    assert csim["bit_exact_vs_quantised_model"] is None
    assert csim["compared_at"] == ["fc2", "fc1"]
    assert csim["first_difference"]["layer"] == "t_round"
    assert 0 < csim["max_abs_err_vs_quantised"] < 0.1
    assert project.agrees


def test_a_reshape_behind_a_table_tells_the_table(tmp_path: Path) -> None:
    """It and its rounding are one node of hls4ml, and the first that differs."""
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [keras.Input((4, 3)), keras.layers.LSTM(4, name="cell"), keras.layers.Reshape((1, 4), name="r")]
    )
    project = fpga_ml.compile(model, data=samples(model), output=tmp_path / "p", config=quick(bits=8))
    first = project.report["csim"]["first_difference"]
    assert first["layer"] == "r"
    assert first["cause"].startswith("QLSTM goes through a table")


@pytest.mark.parametrize(("weights", "verdict"), [("w2", False), ("w5", None)])
def test_a_fault_on_either_side_of_a_table_fails(
    weights: str, verdict: bool | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One weight of the layer before the table, and one of the layer behind it, which only the emulator can judge."""
    model = _tanh_between()
    _sabotage(monkeypatch, weights)
    project = fpga_ml.compile(model, data=samples(model), output=tmp_path / "p", config=quick())
    assert project.report["csim"]["bit_exact_vs_quantised_model"] is verdict
    assert project.report["csim"]["first_difference"]["layer"] == ("fc1" if verdict is False else "t_round")
    assert project.report["emulator"]["mismatches"] > 0
    assert not project.agrees


@pytest.mark.parametrize(("weights", "verdict"), [("", True), ("w4", False)])
def test_behind_a_table_of_every_argument_bits_are_judged(
    weights: str, verdict: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tanh of 8 bits is the function itself, rounded; so a fault behind it is one."""
    keras.utils.set_random_seed(3)
    bits = "quantized_bits(6, 0, alpha=1)"
    x = keras.Input((6,), name="x")
    dense = qkeras.QDense(3, kernel_quantizer=bits, bias_quantizer=bits, name="fc")
    model = keras.Model(x, dense(keras.layers.Activation("tanh", name="t")(x)), name="behind")
    if weights:
        _sabotage(monkeypatch, weights)
    config = quick().replace(input_type="ap_fixed<8,3>")
    csim = fpga_ml.compile(model, data=samples(model), output=tmp_path / "p", config=config).report["csim"]
    assert csim["bit_exact_vs_quantised_model"] is verdict
    assert (csim["first_difference"] is None) is verdict


def test_narrow_accumulator_is_named(tmp_path: Path) -> None:
    """The user's own accumulator type, too narrow: the report names the layer, both values and both types."""
    path = tmp_path / "fpga_ml.toml"
    path.write_text("[layers.fc2.precision]\naccum = 'ap_fixed<8,2>'\n")
    model = ZOO["tagger_6bit"]()
    project = fpga_ml.compile(
        model, data=samples(model), config=Config.read(path).replace(until="emulate"), output=tmp_path / "p"
    )
    first = project.report["csim"]["first_difference"]
    assert first["layer"] == "fc2"
    assert "rounds or overflows" in first["cause"]
    assert next(row for row in project.report["layers"] if row["name"] == "fc2")["types"]["accum"] == "ap_fixed<8,2>"


def test_flips_are_counted() -> None:
    a = np.array([[0.6, 0.4], [0.2, 0.8], [0.5, 0.5]])
    assert argmax_flips(a, a) == 0
    assert argmax_flips(a, a[:, ::-1]) == 2
    assert argmax_flips(np.array([[0.4], [0.6]]), np.array([[0.6], [0.6]])) == 1


def test_softmax_tables_grow_until_no_decision_flips() -> None:
    """Two logits a hair apart: small tables cannot tell them, larger ones can."""
    rng = np.random.default_rng(3)
    logits = rng.normal(size=(4000, 5)) * 3
    logits[:50, 1] = logits[:50].max(1) + 2.0**-10
    found = choose(logits, table_bits=6)
    assert found.flips == 0
    assert found.difference.width > 6
    probabilities = evaluate(logits, found)
    exact = np.exp(logits - logits.max(1, keepdims=True))
    assert np.abs(probabilities - exact / exact.sum(1, keepdims=True)).max() < 5e-3


def test_default_softmax_of_hls4ml_flips_where_ours_does_not(tmp_path: Path) -> None:
    """hls4ml issue 1512: the same logits through its default tables and through ours, in C-simulation."""
    model = ZOO["tagger_float"]()
    x = [samples(model, 4000)[0] * 0.5]
    ours = fpga_ml.compile(model, data=x, config=quick(vectors=4000), output=tmp_path / "ours")
    path = tmp_path / "fpga_ml.toml"
    path.write_text("vectors = 4000\n[layers.softmax]\nsoftmax = 'stable'\n")
    theirs = fpga_ml.compile(model, data=x, config=Config.read(path).replace(until="emulate"), output=tmp_path / "theirs")
    assert ours.report["csim"]["argmax_flips"] == 0
    assert theirs.report["csim"]["argmax_flips"] > 0


def test_auc_by_hand() -> None:
    """Four samples: of the four (signal, background) pairs three are in order."""
    scores = np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3], [0.1, 0.9]])
    assert_equal(classifier(scores, np.array([0, 0, 1, 1]))["auc"], 0.75)
