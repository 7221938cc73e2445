"""Types chosen from data, and the QKeras twin for quantisation-aware training."""

from __future__ import annotations

import re
from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.testing import assert_equal
from zoo import ZOO, quick, samples

import fpga_ml
from fpga_ml.config import Config
from fpga_ml.frontend.calibrate import calibrate
from fpga_ml.frontend.floats import to_float
from fpga_ml.frontend.folding import affine_of
from fpga_ml.frontend.rebuild import Probe
from fpga_ml.numerics import FixedType
from fpga_ml.quantise import to_qkeras


@pytest.mark.parametrize("name", ["tagger_float", "conv1d_float", "conv2d_float", "two_inputs_two_heads_float"])
@pytest.mark.parametrize("bits", [6, 12])
def test_nothing_overflows_on_the_data(name: str, bits: int) -> None:
    model = ZOO[name]()
    x = samples(model, 300)
    found = calibrate(model, x, [t.name for t in model.inputs], Config(bits=bits))
    assert [row.tensor for row in found.tensors if row.saturated] == []
    assert all(FixedType.parse(row.type).width == bits for row in found.tensors if row.kind != "input")


def test_more_bits_cost_less() -> None:
    model = ZOO["tagger_float"]()
    x = samples(model, 300)
    want = Probe(model).outputs(x)[0]
    errors = []
    for bits in (6, 8, 12, 16):
        found = calibrate(model, x, ["features"], Config(bits=bits))
        errors.append(np.abs(Probe(found.model).outputs(found_inputs(found, x))[0] - want).max())
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < errors[0] / 100


def found_inputs(found: object, x: list[np.ndarray]) -> list[np.ndarray]:
    return [t.quantise(a) for t, a in zip(found.input_types, x, strict=True)]  # type: ignore[attr-defined]


def test_added_error_is_that_of_the_rounding() -> None:
    """An independent look: uniform rounding adds lsb / sqrt(12), and never more than half an lsb."""
    model = ZOO["tagger_float"]()
    found = calibrate(model, samples(model, 300), ["features"], Config(bits=8))
    row = next(r for r in found.tensors if r.tensor == "fc1.kernel")
    lsb = FixedType.parse(row.type).lsb
    assert row.added_max <= lsb / 2
    assert row.added_rms == pytest.approx(lsb / np.sqrt(12), rel=0.1)


def test_magnitudes_of_values_and_types() -> None:
    model = ZOO["tagger_float"]()
    kernel = np.asarray(model.get_layer("fc1").kernel).copy()
    kernel[0] = 0.0
    model.get_layer("fc1").kernel.assign(kernel)
    row = next(
        r for r in calibrate(model, samples(model, 300), ["features"], Config(bits=8)).tensors if r.tensor == "fc1.kernel"
    )
    found = np.sort(np.abs(kernel[kernel != 0]).ravel())
    assert (row.values, row.zeros) == (kernel.size, kernel.shape[1])
    assert (row.quantiles[0], row.quantiles[-1]) == (found[0], found[-1])
    assert row.quantiles[3] == pytest.approx(np.median(found))
    width, integer = (int(n) for n in re.findall(r"-?\d+", row.type)[:2])
    assert (row.step, row.largest) == (2.0 ** (integer - width), 2.0 ** (integer - 1))


def test_weights_that_the_model_rounds_are_shown_too() -> None:
    model = ZOO["tagger_6bit"]()
    rows = {r.tensor: r for r in calibrate(model, samples(model, 300), ["features"], Config()).tensors}
    layer = model.get_layer("fc1")
    kernel = np.asarray(layer.kernel, np.float64)
    rounded = np.asarray(layer.kernel_quantizer_internal(layer.kernel), np.float64)
    assert (rows["fc1.kernel"].kind, rows["fc1.kernel"].origin) == ("weight", "qkeras")
    assert rows["fc1.kernel"].added_rms == pytest.approx(np.sqrt(np.mean((rounded - kernel) ** 2)))
    assert rows["fc1.bias"].kind == "bias"


def test_own_types_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "fpga_ml.toml"
    path.write_text(
        "bits = 10\ninput_type = 'ap_fixed<9,3>'\n[layers.fc2]\nbits = 5\n[layers.fc3.precision]\n"
        "weight = 'ap_fixed<7,2>'\nresult = 'ap_fixed<11,4>'\n"
    )
    model = ZOO["tagger_float"]()
    project = fpga_ml.compile(
        model, data=samples(model), config=Config.read(path).replace(until="emulate"), output=tmp_path / "p"
    )
    types = {row["tensor"]: row["type"] for row in project.report["quantisation"]}
    assert types["features"] == "ap_fixed<9,3>"
    assert types["fc1.kernel"].startswith("ap_fixed<10,")
    assert types["fc2.kernel"].startswith("ap_fixed<5,")
    assert types["fc2"].startswith("ap_ufixed<5,")
    assert types["fc3.kernel"] == "ap_fixed<7,2>"
    assert project.report["csim"]["bit_exact_vs_quantised_model"] is True, project.report["csim"]["first_difference"]


def test_data_on_a_grid_give_its_type() -> None:
    model = ZOO["tagger_6bit"]()
    codes = np.random.default_rng(1).integers(-100, 90, size=(50, 16)) / 8.0
    assert calibrate(model, [codes], ["features"], Config()).input_types[0].type.cpp() == "ap_fixed<8,5,AP_RND_CONV,AP_SAT>"


def test_fold_is_exact_algebra() -> None:
    """conv -> batch norm -> relu with the norm folded into the convolution, against the unfolded float64 model."""
    model = ZOO["conv2d_float"]()
    x = samples(model, 20)
    twin = to_qkeras(model, bits=24)
    assert "bn1" not in [layer.name for layer in twin.layers]
    kernel, bias = (np.asarray(w) for w in model.get_layer("conv1").weights)
    scale, shift = affine_of(model.get_layer("bn1"))
    assert_equal(np.asarray(twin.get_layer("conv1").kernel), (kernel * scale).astype(np.float32))
    assert_equal(np.asarray(twin.get_layer("conv1").bias), (bias * scale + shift).astype(np.float32))
    np.testing.assert_allclose(twin.predict(x[0], verbose=0), model.predict(x[0], verbose=0), atol=1e-4)


def test_twin_carries_weights_and_trains(tmp_path: Path) -> None:
    model = ZOO["tagger_float"]()
    x = samples(model, 256)[0]
    y = np.random.default_rng(2).integers(0, 5, 256)
    twin = to_qkeras(model, bits=6, data=x)
    assert_equal(np.asarray(twin.get_layer("fc2").kernel), np.asarray(model.get_layer("fc2").kernel))
    twin.compile("adam", "sparse_categorical_crossentropy")
    before, after = (twin.fit(x, y, epochs=1, verbose=0).history["loss"][0] for _ in range(2))
    assert after < before
    twin.save(tmp_path / "twin.keras")
    project = fpga_ml.compile(tmp_path / "twin.keras", data=x, output=tmp_path / "p", config=quick())
    assert project.report["csim"]["bit_exact_vs_quantised_model"] is True
    assert {r["origin"] for r in project.report["quantisation"]} <= {"data", "qkeras"}


def test_float_twin_takes_only_the_rounding_out() -> None:
    model = ZOO["tagger_activation_inside"]()
    floating = to_float(model)
    weights = [np.asarray(w) for w in model.weights]
    stack = [keras.Input((16,))] + [keras.layers.Dense(n, activation="relu") for n in (64, 32, 32)]
    by_hand = keras.Sequential([*stack, keras.layers.Dense(5, activation="softmax")])
    by_hand.set_weights(weights)
    x = samples(model, 30)[0]
    assert_equal(floating.predict(x, verbose=0), by_hand.predict(x, verbose=0))
