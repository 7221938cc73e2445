"""Options of layers that another layer computes: the rewritten model against Keras in float64, on random weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as L
from numpy.testing import assert_allclose
from qkeras import (
    QConv1D,
    QConv2D,
    QConv2DTranspose,
    QDense,
    QDepthwiseConv2D,
    QSeparableConv1D,
    QSeparableConv2D,
    binary,
    quantized_bits,
    quantized_relu,
    ternary,
)

from fpga_ml import FpgaMlError
from fpga_ml.bridge.convertible import check_model
from fpga_ml.frontend.layers import Affine
from fpga_ml.frontend.rebuild import Probe, as_functional
from fpga_ml.frontend.rewrites import rewritten

IMAGE, SERIES, VECTOR = (6, 8, 4), (9, 4), (5,)
Q = quantized_bits(6, 1, alpha=1)
QK, QD = {"kernel_quantizer": Q, "bias_quantizer": Q}, {"depthwise_quantizer": Q, "bias_quantizer": Q}
Make = Callable[[], Any]


def _crossed() -> dict[str, tuple[tuple[int, ...], Make]]:
    """Convolutions of each kind with their options crossed."""
    found: dict[str, tuple[tuple[int, ...], Make]] = {}
    for groups in (1, 2, 4):
        for dilation, padding, strides in (((2, 3), "same", 1), (2, "valid", 1), (1, "same", 2)):
            if groups > 1 or dilation != 1:
                options = {"groups": groups, "dilation_rate": dilation, "padding": padding, "strides": strides}
                found[f"Conv2D {options}"] = IMAGE, lambda o=options: L.Conv2D(4, (3, 2), **o)
    for kernel in (1, 2, 3):
        for dilation, strides in ((1, 1), (1, 2), (1, 3), (2, 1), (3, 1)):
            options = {"dilation_rate": dilation, "strides": strides, "padding": "causal"}
            found[f"Conv1D {kernel} {options}"] = SERIES, lambda k=kernel, o=options: L.Conv1D(3, k, **o)
    for times in (2, 3):
        for dilation, padding in ((1, "same"), (2, "valid"), (2, "same")):
            options = {"depth_multiplier": times, "dilation_rate": dilation, "padding": padding}
            found[f"DepthwiseConv2D {options}"] = IMAGE, lambda o=options: L.DepthwiseConv2D((3, 2), **o)
            found[f"DepthwiseConv1D {options}"] = SERIES, lambda o=options: L.DepthwiseConv1D(3, **o)
            found[f"SeparableConv2D {options}"] = IMAGE, lambda o=options: L.SeparableConv2D(5, (2, 3), **o)
            found[f"SeparableConv1D {options}"] = SERIES, lambda o=options: L.SeparableConv1D(3, 2, **o)
    for kernel in (1, 2, 3, 5):
        for strides in (1, 2, 3):
            for padding in ("same", "valid"):
                name = f"{kernel} {strides} {padding}"
                options = {"strides": strides, "padding": padding}
                found[f"Conv1DTranspose {name}"] = SERIES, lambda k=kernel, o=options: L.Conv1DTranspose(3, k, **o)
                found[f"Conv2DTranspose {name}"] = IMAGE, lambda k=kernel, o=options: L.Conv2DTranspose(2, (k, 3), **o)
    return found


OTHERS: dict[str, tuple[tuple[int, ...], Make]] = {
    "transposed, with padding of the output": (
        IMAGE,
        lambda: L.Conv2DTranspose(2, 3, strides=2, padding="same", output_padding=1, activation="relu"),
    ),
    "transposed, of one axis padded": (IMAGE, lambda: L.Conv2DTranspose(2, 3, strides=2, output_padding=(0, 1))),
    "quantised groups": (IMAGE, lambda: QConv2D(4, 3, groups=4, **QK)),
    "binary groups": (IMAGE, lambda: QConv2D(4, 3, groups=2, kernel_quantizer=binary(alpha=1), bias_quantizer=Q)),
    "ternary dilation": (
        IMAGE,
        lambda: QConv2D(
            4, 3, dilation_rate=2, kernel_quantizer=ternary(alpha=1), bias_quantizer=Q, activation=quantized_relu(6, 2)
        ),
    ),
    "quantised groups of a series": (SERIES, lambda: QConv1D(4, 3, groups=2, dilation_rate=2, **QK)),
    "quantised filters of a channel": (IMAGE, lambda: QDepthwiseConv2D(3, depth_multiplier=2, **QD)),
    "quantised separable": (IMAGE, lambda: QSeparableConv2D(5, 3, depth_multiplier=2, pointwise_quantizer=Q, **QD)),
    "quantised separable series": (SERIES, lambda: QSeparableConv1D(5, 3, depth_multiplier=2, pointwise_quantizer=Q, **QD)),
    "quantised transposed": (IMAGE, lambda: QConv2DTranspose(2, 3, strides=2, padding="same", **QK)),
    "bilinear": (IMAGE, lambda: L.UpSampling2D(2, interpolation="bilinear")),
    "bilinear by three and one": (IMAGE, lambda: L.UpSampling2D((3, 1), interpolation="bilinear")),
    "bicubic": (IMAGE, lambda: L.UpSampling2D(2, interpolation="bicubic")),
    "resized": (IMAGE, lambda: L.Resizing(9, 5)),
    "resized to half": (IMAGE, lambda: L.Resizing(3, 4)),
    "resized, antialias": (IMAGE, lambda: L.Resizing(3, 4, antialias=True)),
    "resized to the nearest": (IMAGE, lambda: L.Resizing(9, 5, interpolation="nearest")),
    "resized to the nearest, by whole factors": (IMAGE, lambda: L.Resizing(12, 16, interpolation="nearest")),
    "adaptive mean": (IMAGE, lambda: L.AdaptiveAveragePooling2D((3, 4))),
    "adaptive mean, of thirds": (IMAGE, lambda: L.AdaptiveAveragePooling2D((4, 3))),
    "adaptive mean, of a series": (SERIES, lambda: L.AdaptiveAveragePooling1D(4)),
    "adaptive largest": (IMAGE, lambda: L.AdaptiveMaxPooling2D((4, 3))),
    "adaptive largest of a series": (SERIES, lambda: L.AdaptiveMaxPooling1D(3)),
    "global mean, axes kept": (IMAGE, lambda: L.GlobalAveragePooling2D(keepdims=True)),
    "global largest, axes kept": (SERIES, lambda: L.GlobalMaxPooling1D(keepdims=True)),
    "centre": (IMAGE, lambda: L.CenterCrop(3, 5)),
    "rescaled": (IMAGE, lambda: L.Rescaling(1 / 255, -0.5)),
    "rescaled by channel": (IMAGE, lambda: L.Rescaling([0.1, 0.2, 0.3, 0.5], [1, 2, 3, 4])),
    "normalised": (IMAGE, lambda: L.Normalization(mean=[0.1, 0.2, 0.3, 0.4], variance=[1, 2, 3, 4.0])),
    "exactly normalised": (IMAGE, lambda: L.Normalization(mean=[0, 0.5, -2, 1], variance=[1, 4, 0.25, 16.0])),
    "exactly normalised by row": (IMAGE, lambda: L.Normalization(axis=1, mean=np.arange(6) / 8, variance=[1, 4] * 3)),
    "normalised by row": (IMAGE, lambda: L.Normalization(axis=1, mean=np.arange(6) / 10, variance=np.arange(1, 7.0))),
    "normalised by place": (
        IMAGE,
        lambda: L.Normalization(axis=(1, 2), mean=np.ones((6, 8)) / 3, variance=np.arange(1, 49.0).reshape(6, 8)),
    ),
    "normalised back": (IMAGE, lambda: L.Normalization(axis=None, mean=0.5, variance=2.0, invert=True)),
    "batch normalisation of rows": (IMAGE, lambda: L.BatchNormalization(axis=1)),
    "batch normalisation of columns": (IMAGE, lambda: L.BatchNormalization(axis=2)),
    "batch normalisation of steps": (SERIES, lambda: L.BatchNormalization(axis=1)),
    "softmax over an image": (IMAGE, lambda: L.Softmax(axis=(1, 2))),
    "softmax over rows": (IMAGE, lambda: L.Softmax(axis=1)),
    "shared prelu": (IMAGE, lambda: L.PReLU(shared_axes=[1, 2])),
    "prelu of rows": (IMAGE, lambda: L.PReLU(shared_axes=[2])),
    "relu to 6": (VECTOR, lambda: L.ReLU(6.0)),
    "relu to 0.3125": (VECTOR, lambda: L.ReLU(max_value=0.3125, negative_slope=0.125)),
    "relu with a threshold": (VECTOR, lambda: L.ReLU(threshold=0.25)),
    "relu with all": (VECTOR, lambda: L.ReLU(max_value=0.5, negative_slope=0.25, threshold=0.25)),
    "leaky relu": (VECTOR, lambda: L.ReLU(negative_slope=0.3)),
    "relu6": (VECTOR, lambda: L.Activation("relu6")),
    "repeated": (VECTOR, lambda: L.RepeatVector(4)),
    "bins": (VECTOR, lambda: L.Discretization(bin_boundaries=[-0.5, 0.0, 0.5])),
    "noise": (VECTOR, lambda: L.GaussianNoise(0.1)),
    "itself": (VECTOR, lambda: L.Identity()),
    "a penalty": (VECTOR, lambda: L.ActivityRegularization(0.1)),
}
CASES = _crossed() | OTHERS
# Which TensorFlow interpolates in float32, or whose constants are rounded to it as all weights are.
FLOAT32 = ("bicubic", "resized", "bilinear", "normalised", "rescaled", "adaptive mean, ")


def with_weights(model: Any, rng: np.random.Generator) -> Any:
    for layer in model.layers:
        if layer.weights and not isinstance(layer, L.Normalization):
            values = [rng.normal(size=w.shape) for w in layer.weights]
            named = zip(layer.weights, values, strict=True)
            layer.set_weights([np.abs(v) + 0.5 if "variance" in w.name else v for w, v in named])
    return model


def model_of(shape: tuple[int, ...], *layers: Any) -> Any:
    inputs = keras.Input(shape, name="x")
    y = inputs
    for layer in layers:
        y = layer(y)
    return with_weights(keras.Model(inputs, y), np.random.default_rng(3))


def assert_same(model: Any, x: Sequence[np.ndarray], atol: float = 1e-12) -> Any:
    """The rewritten model is the same function, of layers that convert."""
    made = rewritten(as_functional(model))
    check_model(made)
    for got, want in zip(Probe(made).outputs(x), Probe(model).outputs(x), strict=True):
        assert got.shape == want.shape
        assert_allclose(got, want, rtol=0, atol=atol * max(1.0, np.abs(want).max()))
    return made


@pytest.mark.parametrize("name", CASES)
def test_an_option(name: str) -> None:
    shape, make = CASES[name]
    x = np.random.default_rng(4).uniform(-1, 1, (4, *shape))
    assert_same(model_of(shape, make()), [x], 2e-6 if name.startswith(FLOAT32) else 1e-12)


CHANNELS_FIRST: dict[str, Callable[[str], Any]] = {
    "convolution": lambda f: L.Conv2D(3, 3, data_format=f, padding="same"),
    "groups": lambda f: L.Conv2D(4, 3, data_format=f, groups=2),
    "depthwise": lambda f: L.DepthwiseConv2D(3, data_format=f, depth_multiplier=2),
    "separable": lambda f: L.SeparableConv2D(3, 2, data_format=f),
    "transposed": lambda f: L.Conv2DTranspose(3, 3, strides=2, data_format=f),
    "largest": lambda f: L.MaxPooling2D(2, data_format=f),
    "mean": lambda f: L.AveragePooling2D(2, data_format=f),
    "global mean": lambda f: L.GlobalAveragePooling2D(data_format=f),
    "global, axes kept": lambda f: L.GlobalMaxPooling2D(data_format=f, keepdims=True),
    "larger": lambda f: L.UpSampling2D(2, data_format=f, interpolation="bilinear"),
    "zeros": lambda f: L.ZeroPadding2D(((1, 0), (2, 1)), data_format=f),
    "cropped": lambda f: L.Cropping2D(1, data_format=f),
    "centre": lambda f: L.CenterCrop(3, 5, data_format=f),
    "resized": lambda f: L.Resizing(4, 4, data_format=f),
    "quantised": lambda f: QConv2D(3, 3, data_format=f, **QK),
}


@pytest.mark.parametrize("name", CHANNELS_FIRST)
def test_channels_first(name: str) -> None:
    """TensorFlow does not compute it on a CPU: against the layer with channels last, of turned data."""
    last = model_of(IMAGE, CHANNELS_FIRST[name]("channels_last"))
    first = keras.Input((4, 6, 8), name="x")
    model = keras.Model(first, CHANNELS_FIRST[name]("channels_first")(first))
    model.set_weights(last.get_weights())
    made = rewritten(as_functional(model))
    check_model(made)
    x = np.random.default_rng(5).uniform(-1, 1, (3, *IMAGE))
    (want,) = Probe(last).outputs([x])
    (got,) = Probe(made).outputs([x.transpose(0, 3, 1, 2)])
    atol = 2e-6 if name in ("larger", "resized") else 1e-12
    assert_allclose(got, want.transpose(0, 3, 1, 2) if want.ndim == 4 else want, rtol=0, atol=atol)


def test_flattened_channels_first() -> None:
    model = model_of((4, 6, 8), L.Flatten(data_format="channels_first"))
    assert_same(model, [np.random.default_rng(5).uniform(-1, 1, (3, 4, 6, 8))])


def test_nothing_is_turned_between_layers_of_channels_first() -> None:
    first = keras.Input((4, 6, 8), name="x")
    y = L.Conv2D(3, 3, data_format="channels_first", padding="same")(first)
    y = L.BatchNormalization(axis=1)(y)
    z = L.ReLU()(y)
    y = L.Conv2D(3, 3, data_format="channels_first", padding="same")(z)
    y = L.MaxPooling2D(data_format="channels_first")(L.Add()([y, z]))
    made = rewritten(as_functional(keras.Model(first, y)))
    turned = [layer for layer in made.layers if isinstance(layer, L.Permute)]
    assert [layer.input.shape[1:] for layer in turned] == [(4, 6, 8), (3, 4, 3)]  # of the input and the output alone


def test_permutations_that_differ_stay() -> None:
    inputs = keras.Input((3, 4, 5), name="x")
    y = L.Add()([L.ReLU()(L.Permute((2, 1, 3))(inputs)), L.Permute((2, 1, 3))(L.Permute((1, 2, 3))(inputs))])
    y = L.Conv2D(2, 1)(L.Permute((3, 2, 1))(y))
    z = L.Activation("softmax")(L.Permute((3, 1, 2))(inputs))
    assert_same(
        with_weights(keras.Model(inputs, [y, z]), np.random.default_rng(1)),
        [np.random.default_rng(2).normal(size=(3, 3, 4, 5))],
    )


@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
@pytest.mark.parametrize("columns", [1, 3])
def test_categories(mode: str, columns: int) -> None:
    inputs = keras.Input((columns,), dtype="int32", name="x")
    model = keras.Model(inputs, L.CategoryEncoding(5, mode)(inputs))
    x = np.random.default_rng(6).integers(0, 5, (20, columns))
    made = rewritten(as_functional(model))
    check_model(made)
    assert np.array_equal(np.asarray(made(x)).reshape(model(x).shape), np.asarray(model(x)))


@pytest.mark.parametrize("times", [2, 3, 4, 5])
def test_the_mean_of_several(times: int) -> None:
    inputs = [keras.Input((4,), name=f"x{k}") for k in range(times)]
    model = keras.Model(inputs, L.Average()(inputs))
    exact = times in (2, 4)  # 1 / 3 is rounded to float32, as weights are
    assert_same(model, list(np.random.default_rng(7).normal(size=(times, 6, 4))), 1e-12 if exact else 1e-7)


@pytest.mark.parametrize(("strides", "padding"), [(1, "valid"), (1, "same")])
def test_a_dilated_transposed_convolution(strides: int, padding: str) -> None:
    """TensorFlow does not compute it on a CPU: each value is added where the weights, spread, put it."""
    inputs = keras.Input((7, 3), name="x")
    layer = L.Conv1DTranspose(2, 3, strides=strides, padding=padding, dilation_rate=2)
    model = keras.Model(inputs, layer(inputs))
    rng = np.random.default_rng(8)
    kernel, bias = rng.normal(size=(3, 2, 3)).astype(np.float32), rng.normal(size=2).astype(np.float32)
    model.set_weights([kernel, bias])
    x = rng.normal(size=(4, 7, 3))
    whole = np.zeros((4, 7 + 4, 2))
    for i in range(7):
        for k in range(3):
            whole[:, i + 2 * k] += x[:, i] @ kernel[k].T.astype(np.float64)
    want = (whole if padding == "valid" else whole[:, 2:-2]) + bias
    (got,) = Probe(rewritten(as_functional(model))).outputs([x])
    assert_allclose(got, want, rtol=0, atol=1e-12)


FOLDED: dict[str, tuple[tuple[int, ...], list[Make], bool]] = {
    "an offset before a dense layer": (VECTOR, [lambda: L.Rescaling(0.25, 0.5), lambda: L.Dense(3)], True),
    "before a dense layer without a bias": (
        VECTOR,
        [lambda: L.Rescaling(0.25, 0.5), lambda: L.Dense(3, use_bias=False)],
        True,
    ),
    "before a convolution": (IMAGE, [lambda: L.Rescaling([1, 2, 4, 8], 0.5), lambda: L.Conv2D(3, (2, 3))], True),
    "a scale before zeros": (IMAGE, [lambda: L.Rescaling(0.25), lambda: L.Conv2D(3, 3, padding="same")], True),
    "an offset before zeros": (IMAGE, [lambda: L.Rescaling(0.25, 1), lambda: L.Conv2D(3, 3, padding="same")], False),
    "before a quantised layer": (VECTOR, [lambda: L.Rescaling(0.25, 0.5), lambda: QDense(3, **QK)], False),
}


@pytest.mark.parametrize("name", FOLDED)
def test_a_step_before_weights(name: str) -> None:
    """Folded where that is exact: of the sums, float32 rounds the new bias as it does all weights."""
    shape, makes, folds = FOLDED[name]
    model = model_of(shape, *(make() for make in makes))
    made = assert_same(model, [np.random.default_rng(4).uniform(-1, 1, (4, *shape))], 1e-6)
    assert any(isinstance(layer, Affine) for layer in made.layers) is not folds


def test_a_step_that_something_else_reads_stays() -> None:
    inputs = keras.Input((5,), name="x")
    step = L.Rescaling(0.25, 0.5)(inputs)
    model = with_weights(keras.Model(inputs, [L.Dense(3)(step), L.ReLU()(step)]), np.random.default_rng(3))
    made = assert_same(model, [np.random.default_rng(4).uniform(-1, 1, (4, 5))])
    assert any(isinstance(layer, Affine) for layer in made.layers)


def test_numbers_that_are_none() -> None:
    inputs = keras.Input((4,), name="x")
    model = keras.Model(inputs, L.Normalization(mean=[0.0] * 4, variance=[1.0, -1.0, 1.0, 1.0], name="scale")(inputs))
    with pytest.raises(FpgaMlError, match="'scale' \\(Normalization\\) multiplies by, or adds, what is no finite number"):
        rewritten(as_functional(model))
