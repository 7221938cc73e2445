"""Layers and activations of QKeras that become others: by QKeras itself, by formulas, and in C-simulation, emulator, RTL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import qkeras
from keras import layers as L
from numpy.testing import assert_allclose, assert_array_equal
from qkeras import QActivation, QDense, quantized_bits, quantized_linear

import fpga_ml
from fpga_ml import Config, FpgaMlError
from fpga_ml.bridge.convertible import check_model
from fpga_ml.frontend.load import load
from fpga_ml.frontend.rebuild import Probe, copy_layer
from fpga_ml.frontend.rewrites import rewritten

X = np.arange(-90, 90).reshape(30, 6) / 32  # every place between the roundings of these tests, and the places of ties
Make = Callable[[Any], Any]


def bits(width: int = 6, integer: int = 1, **more: Any) -> Any:
    return quantized_bits(width, integer, **{"alpha": 1, **more})


def model_of(make: Make, shape: tuple[int, ...] = (6,)) -> Any:
    inputs = keras.Input(shape, name="x")
    model = keras.Model(inputs, make(inputs))
    rng = np.random.default_rng(4)
    for layer in model.layers:
        layer.set_weights([rng.uniform(0.2, 1.0, w.shape) * rng.choice((-1, 1), w.shape) for w in layer.get_weights()])
    return model


def in_qkeras(model: Any, x: np.ndarray) -> np.ndarray:
    return np.asarray(model(x.astype("float32")), np.float64)


def here(model: Any, x: np.ndarray) -> np.ndarray:
    (found,) = Probe(load(model).model).outputs([x])
    return found


def held(x: np.ndarray, step: float, low: float, high: float) -> np.ndarray:
    return np.clip(np.rint(x / step) * step, low, high)


# --- activations ---------------------------------------------------------------------------------------------------------

ACTIVATIONS: dict[str, tuple[Callable[[], Any], Callable[[np.ndarray], np.ndarray]]] = {
    "linear": (lambda: quantized_linear(5, 1), lambda x: held(x, 1 / 8, -1.875, 1.875)),
    "linear_whole": (lambda: quantized_linear(5, 1, symmetric=0), lambda x: held(x, 1 / 8, -2, 1.875)),
    "linear_unsigned": (lambda: quantized_linear(5, 1, keep_negative=False), lambda x: held(x, 1 / 16, 0, 1.9375)),
    "linear_sign": (lambda: quantized_linear(1, 0), lambda x: np.where(x >= 0, 0.5, -0.5)),
    "linear_scaled": (lambda: quantized_linear(4, 0, alpha=4.0), lambda x: held(x, 0.5, -3.5, 3.5)),
    "linear_random": (lambda: quantized_linear(5, 1, use_stochastic_rounding=True), lambda x: held(x, 0.125, -1.875, 1.875)),
    "bits_random": (lambda: bits(5, 1, use_stochastic_rounding=True), lambda x: held(x, 1 / 8, -2, 1.875)),
    "bits_scaled": (lambda: bits(5, 1, alpha=0.25), lambda x: held(x, 1 / 8, -2, 1.875) / 4),
    "bits_scaled_oddly": (lambda: bits(5, 1, alpha=0.625), lambda x: held(x, 1 / 8, -2, 1.875) * 0.625),
    "bits_no_ste": (lambda: bits(5, 1, use_ste=False), lambda x: held(x, 1 / 8, -2, 1.875)),
    "hard_swish": (
        lambda: qkeras.quantized_hswish(6, 1, alpha=1),
        lambda x: held(x * np.clip(x + 3, 0, 6) / 6, 1 / 16, -2, 1.9375),
    ),
    "hard_swish_symmetric": (
        lambda: qkeras.quantized_hswish(5, 0, symmetric=1),
        lambda x: held(x * np.clip(x + 3, 0, 6) / 6, 1 / 16, -0.9375, 0.9375),
    ),
    "sigmoid_symmetric": (
        lambda: qkeras.quantized_sigmoid(4, symmetric=True),
        lambda x: held(np.clip(x / 2 + 0.5, 0, 1), 1 / 16, 1 / 16, 15 / 16),
    ),
    "real_sigmoid_symmetric": (
        lambda: qkeras.quantized_sigmoid(4, symmetric=True, use_real_sigmoid=True),
        lambda x: held(1 / (1 + np.exp(-x)), 1 / 16, 1 / 16, 15 / 16),
    ),
    "bounded_leaky_relu": (
        lambda: qkeras.quantized_relu(6, 1, negative_slope=0.25, relu_upper_bound=1.5, is_quantized_clip=False),
        lambda x: np.where(x > 0, held(x, 1 / 16, 0, 1.5), held(x / 4, 1 / 16, -0.5, 0)),
    ),
    "relu_random": (
        lambda: qkeras.quantized_relu(6, 1, use_stochastic_rounding=True),
        lambda x: held(x, 1 / 32, 0, 2 - 1 / 32),
    ),
}
BY_TABLE = ("hard_swish", "hard_swish_symmetric", "real_sigmoid_symmetric")


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_those_of_qkeras(name: str) -> None:
    """As a layer and inside of one; under a name that makes the model be copied first."""
    make, function = ACTIVATIONS[name]
    model = model_of(lambda x: QActivation(make(), name=f"{name}-1")(x))
    assert_allclose(in_qkeras(model, X), function(X), rtol=3e-7, atol=3e-7)
    assert_array_equal(here(model, X), function(X))
    check_model(load(model).model)
    inside = model_of(lambda x: QDense(6, kernel_quantizer=bits(3), use_bias=False, activation=make(), name="d")(x))
    inside.get_layer("d").set_weights([np.eye(6)])
    assert_array_equal(here(inside, X), function(X))


@pytest.mark.parametrize("arch", ["parallel", pytest.param("stream", marks=pytest.mark.slow)])
def test_activations_on_all_roads(arch: str, tmp_path: Path) -> None:
    some = [n for n in ACTIVATIONS if n not in BY_TABLE]
    inputs = [keras.Input((6,), name=f"in{k}") for k in range(3)]  # hls4ml copies a stream to seven readers at most
    outputs = [QActivation(ACTIVATIONS[n][0](), name=n)(inputs[k // 6]) for k, n in enumerate(some)]
    got = build(keras.Model(inputs, outputs), [X] * 3, tmp_path, arch)
    for name, values in zip(some, got, strict=True):
        assert_array_equal(values, ACTIVATIONS[name][1](X), err_msg=name)


def build(model: Any, x: list[np.ndarray], folder: Path, arch: str) -> list[np.ndarray]:
    """C-simulation's outputs, after all roads were found to give the same."""
    data = {t.name: a for t, a in zip(model.inputs, x, strict=True)}
    config = Config(arch=arch, simulators=("icarus",), cosim_vectors=6)
    project = fpga_ml.compile(model, data=data, output=folder / "p", config=config)
    assert project.agrees, project.report["stages"]
    assert project.report["csim"]["bit_exact_vs_quantised_model"] is True
    assert [run["passed"] for run in project.report["cosim"]] == [True]
    return list(project.outputs["csim"])


REFUSED: dict[str, tuple[Make, str, str]] = {
    "random": (lambda x: QActivation(qkeras.bernoulli(), name="bad")(x), "bernoulli", "stochastic_binary"),
    "random_weights": (lambda x: QDense(2, kernel_quantizer=qkeras.bernoulli(), name="bad")(x), "random", "stochastic"),
    "logarithms": (lambda x: QActivation(qkeras.quantized_ulaw(6), name="bad")(x), "quantized_ulaw", "quantized_bits"),
    "odd_steps": (lambda x: QActivation(quantized_linear(4, alpha=0.3), name="bad")(x), "alpha = 0.3", "power of two"),
    "of_each_batch": (lambda x: QActivation(quantized_linear(4, alpha="auto"), name="bad")(x), "alpha = 'auto'", "alpha=1"),
    "other_swish": (lambda x: QActivation(qkeras.quantized_hswish(6, relu_shift=2), name="bad")(x), "relu_shift", "3 and 6"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    make, what, do = REFUSED[name]
    model = model_of(make)
    with pytest.raises(FpgaMlError, match=what) as error:
        fpga_ml.compile(model, data=X, config=Config(until="csim"), output="/nowhere/p")
    assert "bad" in str(error.value)
    assert do in error.value.do


# --- adaptive activations ------------------------------------------------------------------------------------------------

ADAPTIVE: dict[str, tuple[dict[str, Any], Any, Callable[[np.ndarray], np.ndarray]]] = {
    # options, (least, largest) of each channel, what they come to
    "bits": ({"activation": "quantized_bits"}, (-1.5, 2.9), lambda x: held(x, 1 / 8, -3.875, 3.875)),
    "whole": (
        {"activation": "quantized_bits", "symmetric": False, "po2_rounding": True},
        (-1.2, 2.6),
        lambda x: held(x, 1 / 16, -2, 2 - 1 / 16),
    ),
    "relu": ({"activation": "quantized_relu"}, (0.0, 1.3), lambda x: held(x, 1 / 32, 0, 2 - 1 / 32)),
    "leaky": (
        {"activation": "quantized_relu", "relu_neg_slope": 0.25},
        (-0.5, 1.3),
        lambda x: np.where(x > 0, held(x, 1 / 16, 0, 2 - 1 / 16), held(x / 4, 1 / 16, -0.5, 0)),
    ),
    "untrained": ({"activation": "quantized_bits"}, (0.0, 0.0), lambda x: held(x, 1 / 32, -1 + 1 / 32, 1 - 1 / 32)),
    "relu_channels": (
        {"activation": "quantized_relu", "per_channel": True},
        (0.0, np.array([0.5, 1.3, 2.5, 4.1, 0.2, 1.0])),
        lambda x: held(x, step := 2.0 ** np.array([-6, -5, -4, -3, -6, -5]), 0, 63 * step),
    ),
    "bits_channels": (
        {"activation": "quantized_bits", "per_channel": True},
        (np.array([-0.5, -1.3, -2.5, -4.1, -0.2, -1.0]), 0.0),
        lambda x: held(
            x,
            step := 2.0 ** (integer := np.array([0, 1, 2, 3, 0, 1])) / 32,
            -(2.0**integer) + step,
            2.0**integer - step,
        ),
    ),
}  # fmt: skip


def adaptive(name: str, called: str = "") -> Any:
    options, (low, high), _ = ADAPTIVE[name]
    layer = qkeras.QAdaptiveActivation(**options, total_bits=6, name=called or name)
    layer.build((None, 6))
    layer.ema_min.assign(np.broadcast_to(low, layer.ema_min.shape))
    layer.ema_max.assign(np.broadcast_to(high, layer.ema_max.shape))
    return layer


@pytest.mark.parametrize("name", ADAPTIVE)
def test_adaptive_activations_hold_their_averages(name: str) -> None:
    layer = adaptive(name)
    layer(np.zeros((1, 6), "float32"))  # QKeras chooses the binary point at the end of a call, for the next one
    inputs = keras.Input((6,), name="x")
    model = keras.Model(inputs, layer(inputs))
    wanted = ADAPTIVE[name][2](X)
    assert_allclose(in_qkeras(model, X), wanted, rtol=3e-7)
    assert_array_equal(here(model, X), wanted)
    strange = adaptive(name, "an-adaptive.one")
    assert_array_equal(here(keras.Model(inputs, strange(inputs)), X), wanted)


@pytest.mark.parametrize("arch", ["parallel", pytest.param("stream", marks=pytest.mark.slow)])
def test_adaptive_activations_on_all_roads(arch: str, tmp_path: Path) -> None:
    inputs = [keras.Input((6,), name=f"in{k}") for k in range(2)]
    model = keras.Model(inputs, [adaptive(n)(inputs[k // 4]) for k, n in enumerate(ADAPTIVE)])
    for (name, (_, _, function)), values in zip(ADAPTIVE.items(), build(model, [X] * 2, tmp_path, arch), strict=True):
        assert_array_equal(values, function(X), err_msg=name)


def test_a_channel_with_a_slope_is_refused() -> None:
    layer = qkeras.QAdaptiveActivation("quantized_relu", 6, per_channel=True, relu_neg_slope=0.25, name="bad")
    with pytest.raises(FpgaMlError, match="per_channel=True and relu_neg_slope"):
        load(model_of(layer))


# --- poolings and scales -------------------------------------------------------------------------------------------------

IMAGE = np.random.default_rng(5).integers(-40, 41, (12, 4, 6, 2)) / 16
QUARTER, SIXTH, NINTH = 0.25, 11 / 64, 7 / 64  # as seven bits behind the point have 1/4 and 1/6; five have 1/9


def means(x: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Sums over windows side by side."""
    n, h, w, c = x.shape
    return x.reshape(n, h // rows, rows, w // columns, columns, c).sum(axis=(2, 4))


POOLED: dict[str, tuple[Make, Callable[[np.ndarray], np.ndarray]]] = {
    "windows": (
        lambda x: qkeras.QAveragePooling2D((2, 3), average_quantizer=bits(7, 0), name="windows")(x),
        lambda x: means(x, 2, 3) * SIXTH,
    ),
    "activated": (
        lambda x: qkeras.QAveragePooling2D(
            2, average_quantizer=bits(7, 0), activation=qkeras.quantized_relu(6, 1), name="activated"
        )(x),
        lambda x: held(means(x, 2, 2) * QUARTER, 1 / 32, 0, 2 - 1 / 32),
    ),
    "strided": (
        lambda x: qkeras.QAveragePooling2D(2, strides=(2, 4), average_quantizer=bits(7, 0), name="strided")(x),
        lambda x: means(x, 2, 2)[:, :, ::2] * QUARTER,
    ),
    "padded": (
        lambda x: qkeras.QAveragePooling2D((4, 4), padding="same", average_quantizer=bits(7, 0), name="padded")(x),
        lambda x: means(np.pad(x, [(0, 0), (0, 0), (1, 1), (0, 0)]), 4, 4) / 12,
    ),
    "unquantised": (
        lambda x: qkeras.QAveragePooling2D(2, activation=qkeras.quantized_relu(6, 1), name="unquantised")(x),
        lambda x: held(means(x, 2, 2) * QUARTER, 1 / 32, 0, 2 - 1 / 32),
    ),
    "all": (
        lambda x: qkeras.QGlobalAveragePooling2D(average_quantizer=bits(8, 0), activation=bits(8, 2), name="all")(x),
        lambda x: held(x.sum(axis=(1, 2)) * (5 / 128), 1 / 32, -4, 4 - 1 / 32),
    ),
    "all_kept": (
        lambda x: qkeras.QGlobalAveragePooling2D(average_quantizer=bits(8, 0), keepdims=True, name="all_kept")(x),
        lambda x: x.sum(axis=(1, 2), keepdims=True) * (5 / 128),
    ),
    "scaled": (
        lambda x: qkeras.QScaleShift(bits(), bits(5, 1), activation=qkeras.quantized_relu(6, 2), name="scaled")(x),
        lambda x: held(0.625 * x - 0.75, 1 / 16, 0, 4 - 1 / 16),
    ),
    "scaled_only": (
        lambda x: qkeras.QScaleShift(qkeras.quantized_po2(4), use_bias=False, name="scaled_only")(x),
        lambda x: 0.5 * x,
    ),
    "scaled_freely": (lambda x: qkeras.QScaleShift(name="scaled_freely")(x), lambda x: 0.625 * x - 0.75),
}
SCALE = [np.array([[0.63]]), np.array([[-0.74]])]
CALIBRATED = ("padded", "unquantised", "scaled_freely")  # types are chosen on the data


def pooled(names: list[str]) -> Any:
    inputs = [keras.Input((4, 6, 2), name=f"in{k}") for k in range(-(-len(names) // 5))]
    outputs = [POOLED[n][0](inputs[k // 5]) for k, n in enumerate(names)]
    model = keras.Model(inputs, outputs) if len(names) > 1 else keras.Model(inputs[0], outputs[0])
    for layer in model.layers:
        if isinstance(layer, qkeras.QScaleShift):
            layer.set_weights([np.round(w * 8) / 8 if "freely" in layer.name else w for w in SCALE][: len(layer.weights)])
    return model


@pytest.mark.parametrize("name", POOLED)
def test_poolings_and_scales_are_those_of_qkeras(name: str) -> None:
    model = pooled([name])
    wanted = POOLED[name][1](IMAGE)
    assert_allclose(in_qkeras(model, IMAGE), wanted, rtol=1e-6, atol=1e-6)
    assert_allclose(here(model, IMAGE), wanted, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("arch", ["parallel", pytest.param("stream", marks=pytest.mark.slow)])
def test_poolings_and_scales_on_all_roads(arch: str, tmp_path: Path) -> None:
    model = pooled(list(POOLED))
    got = build(model, [IMAGE] * len(model.inputs), tmp_path, arch)
    for (name, (_, function)), values in zip(POOLED.items(), got, strict=True):
        if name not in CALIBRATED:
            assert_array_equal(values.reshape(len(IMAGE), -1), function(IMAGE).reshape(len(IMAGE), -1), err_msg=name)


# --- what copies keep ----------------------------------------------------------------------------------------------------


def test_copies_keep_what_qkeras_does_not_write_down() -> None:
    layer = QDense(2, kernel_quantizer=bits(4, 0, alpha="auto", scale_axis=0), bias_quantizer=bits(use_ste=False), name="d")
    copy = copy_layer(layer)
    assert copy.kernel_quantizer_internal.scale_axis == 0
    assert copy.bias_quantizer_internal.use_ste is False
    other = copy_layer(layer, changes={"kernel_quantizer": bits(5)})
    assert (other.kernel_quantizer_internal.bits, other.kernel_quantizer_internal.scale_axis) == (5, None)
    deep = copy_layer(qkeras.QLSTM(2, kernel_quantizer=bits(4, 0, alpha="auto", scale_axis=0), name="lstm"))
    assert deep.cell.kernel_quantizer_internal.scale_axis == 0


KERNELS: dict[str, Callable[[], Any]] = {
    "by_row": lambda: bits(4, 0, alpha="auto", scale_axis=0),
    "by_row_po2": lambda: bits(4, 0, alpha="auto_po2", scale_axis=0),
    "in_groups": lambda: bits(4, 0, alpha="auto_po2", scale_axis=0, elements_per_scale=2),
    "given": lambda: bits(4, 0, alpha="auto_po2", post_training_scale=np.array([[0.5, 2.0, 1.0]])),
    "held": lambda: bits(4, 0, alpha="auto_po2", min_po2_exponent=-1, max_po2_exponent=1),
    "unsigned": lambda: bits(4, 0, keep_negative=False),
    "symmetric": lambda: bits(4, 0, symmetric=1),
    "no_ste": lambda: bits(4, 0, use_ste=False),
    "random_in_training": lambda: bits(4, 0, use_stochastic_rounding=True),
    "linear": lambda: quantized_linear(4, 0),
    "linear_sign": lambda: quantized_linear(1, 1),
    "linear_auto": lambda: quantized_linear(4, 0, alpha="auto"),
    "linear_by_row": lambda: quantized_linear(4, 0, alpha="auto_po2", scale_axis=0),
    "stochastic_ternary": lambda: qkeras.stochastic_ternary(alpha="auto"),
    "stochastic_binary": lambda: qkeras.stochastic_binary(alpha="auto"),
}


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_are_those_of_qkeras(name: str) -> None:
    """In a model that is copied before its weights are rewritten."""
    x = np.random.default_rng(6).integers(-40, 41, (9, 3, 6)) / 16
    model = model_of(
        lambda t: (
            L.TimeDistributed(QDense(3, kernel_quantizer=KERNELS[name](), bias_quantizer=bits(), name="a-dense"))(t)
            if name == "stochastic_binary"
            else QDense(3, kernel_quantizer=KERNELS[name](), bias_quantizer=bits(), name="a-dense")(t)
        ),
        (3, 6),
    )
    assert_allclose(here(model, x), in_qkeras(model, x), rtol=2e-6, atol=2e-6)


def test_plain_models_stay() -> None:
    model = model_of(lambda x: QActivation(qkeras.quantized_relu(6, 2), name="a")(QDense(2, bits(3), bits(3), name="d")(x)))
    assert rewritten(model) is model
