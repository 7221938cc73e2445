"""Models that the tests build: the ones that hls4ml users know, by name.

Each entry gives a built Keras model with random but seeded weights; inputs are drawn by `samples`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import qkeras
from keras import layers as L
from qkeras import quantized_bits, quantized_relu

from fpga_ml.config import Config

Model = Any


def quick(**settings: Any) -> Config:
    """A build without RTL, which most tests do not look at."""
    return Config(**{"until": "emulate", **settings})


ZOO: dict[str, Callable[[], Model]] = {}


def entry(build: Callable[[], Model]) -> Callable[[], Model]:
    def made() -> Model:
        keras.utils.set_random_seed(3)
        return moved(build())

    assert build.__name__ not in ZOO
    ZOO[build.__name__] = made
    return made


def moved(model: Model) -> Model:
    """With every weight elsewhere than where it begins."""
    rng = np.random.default_rng(7)
    for layer in (k for k in model.layers if not hasattr(k, "finalize_state")):  # what has adapted to data keeps it
        layer.set_weights([_weight(rng, w) for w in layer.weights])
    return model


def _weight(rng: np.random.Generator, w: Any) -> np.ndarray:
    """Every weight moved from its initial value, so that none is zero or one by chance; variances stay positive."""
    values = np.asarray(w)
    if w.name in ("moving_variance", "gamma"):
        return rng.uniform(0.5, 2.0, values.shape)
    if values.ndim < 2:
        return rng.normal(0.0, 0.2, values.shape)
    fan_in = int(np.prod(values.shape[:-1]))
    return rng.normal(0.0, 1.2 / np.sqrt(fan_in), values.shape)


def samples(model: Model, n: int = 200, seed: int = 5) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(n, *t.shape[1:])) for t in model.inputs]


def w6() -> Any:
    return quantized_bits(6, 0, alpha=1)


def _tagger(hidden: Callable[[int, int], list[Any]], last: Callable[[], Any], softmax: bool = True) -> Model:
    """The jet tagger 16-64-32-32-5."""
    stack = [keras.Input((16,), name="features")]
    for i, n in enumerate((64, 32, 32), start=1):
        stack += hidden(i, n)
    stack.append(last())
    if softmax:
        stack.append(L.Activation("softmax", name="softmax"))
    return keras.Sequential(stack, name="tagger")


@entry
def tagger_float() -> Model:
    return _tagger(
        lambda i, n: [L.Dense(n, activation="relu", name=f"fc{i}")], lambda: L.Dense(5, name="logits"), softmax=True
    )


@entry
def tagger_batchnorm() -> Model:
    return _tagger(
        lambda i, n: [
            L.Dense(n, name=f"fc{i}"),
            L.BatchNormalization(name=f"bn{i}"),
            L.Activation("relu", name=f"relu{i}"),
        ],
        lambda: L.Dense(5, name="logits"),
    )


def _q_tagger(kernel: Callable[[], Any], activation: Callable[[], Any], *, norm: bool = False) -> Model:
    def hidden(i: int, n: int) -> list[Any]:
        dense = qkeras.QDense(n, kernel_quantizer=kernel(), bias_quantizer=w6(), name=f"fc{i}")
        between = [L.BatchNormalization(name=f"bn{i}")] if norm else []
        return [dense, *between, qkeras.QActivation(activation(), name=f"relu{i}")]

    return _tagger(hidden, lambda: qkeras.QDense(5, kernel_quantizer=kernel(), bias_quantizer=w6(), name="logits"))


@entry
def tagger_6bit() -> Model:
    return _q_tagger(w6, lambda: quantized_relu(6, 2))


@entry
def tagger_6bit_pruned() -> Model:
    model = _q_tagger(w6, lambda: quantized_relu(6, 2))
    rng = np.random.default_rng(11)
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            layer.kernel.assign(np.where(rng.uniform(size=layer.kernel.shape) < 0.75, 0.0, layer.kernel))
    return model


@entry
def tagger_6bit_batchnorm() -> Model:
    return _q_tagger(w6, lambda: quantized_relu(6, 2), norm=True)


@entry
def tagger_binary() -> Model:
    return _q_tagger(lambda: qkeras.binary(alpha=1), lambda: qkeras.binary(alpha=1))


@entry
def tagger_ternary() -> Model:
    return _q_tagger(lambda: qkeras.ternary(alpha=1), lambda: qkeras.ternary(alpha=1))


@entry
def tagger_po2() -> Model:
    return _q_tagger(lambda: qkeras.quantized_po2(5), lambda: quantized_relu(6, 2))


@entry
def tagger_auto_po2_scale() -> Model:
    return _q_tagger(lambda: quantized_bits(6, 0, alpha="auto_po2"), lambda: quantized_relu(6, 2))


@entry
def tagger_activation_inside() -> Model:
    return _tagger(
        lambda i, n: [
            qkeras.QDense(n, kernel_quantizer=w6(), bias_quantizer=w6(), activation=quantized_relu(6, 2), name=f"fc{i}")
        ],
        lambda: qkeras.QDense(5, kernel_quantizer=w6(), bias_quantizer=w6(), name="logits"),
    )


@entry
def conv1d_float() -> Model:
    return keras.Sequential(
        [
            keras.Input((24, 3), name="series"),
            L.Conv1D(6, 4, activation="relu", name="conv1"),
            L.MaxPooling1D(2, name="pool1"),
            L.Conv1D(4, 3, padding="same", strides=2, activation="relu", name="conv2"),
            L.Flatten(name="flatten"),
            L.Dense(3, name="out"),
        ],
        name="conv1d",
    )


@entry
def conv1d_6bit() -> Model:
    return keras.Sequential(
        [
            keras.Input((24, 3), name="series"),
            qkeras.QConv1D(6, 4, kernel_quantizer=w6(), bias_quantizer=w6(), name="conv1"),
            qkeras.QActivation(quantized_relu(6, 2), name="relu1"),
            L.AveragePooling1D(2, name="pool1"),
            qkeras.QActivation(quantized_bits(8, 2, alpha=1), name="round1"),
            L.Flatten(name="flatten"),
            qkeras.QDense(3, kernel_quantizer=w6(), bias_quantizer=w6(), name="out"),
        ],
        name="conv1d",
    )


@entry
def conv2d_float() -> Model:
    return keras.Sequential(
        [
            keras.Input((10, 9, 2), name="image"),
            L.Conv2D(4, 3, name="conv1"),
            L.BatchNormalization(name="bn1"),
            L.ReLU(name="relu1"),
            L.MaxPooling2D(2, name="pool1"),
            L.Conv2D(6, (2, 3), padding="same", activation="relu", name="conv2"),
            L.GlobalAveragePooling2D(name="gap"),
            L.Dense(2, activation="softmax", name="out"),
        ],
        name="conv2d",
    )


@entry
def conv2d_6bit() -> Model:
    return keras.Sequential(
        [
            keras.Input((10, 9, 2), name="image"),
            qkeras.QConv2D(4, 3, kernel_quantizer=w6(), bias_quantizer=w6(), name="conv1"),
            qkeras.QActivation(quantized_relu(6, 2), name="relu1"),
            L.MaxPooling2D(2, name="pool1"),
            qkeras.QConv2D(3, 2, strides=2, padding="same", kernel_quantizer=w6(), bias_quantizer=w6(), name="conv2"),
            qkeras.QActivation(quantized_relu(6, 2), name="relu2"),
            L.Flatten(name="flatten"),
            qkeras.QDense(2, kernel_quantizer=w6(), bias_quantizer=w6(), name="logits"),
            L.Softmax(name="softmax"),
        ],
        name="conv2d",
    )


@entry
def separable_6bit() -> Model:
    return keras.Sequential(
        [
            keras.Input((8, 8, 3), name="image"),
            qkeras.QSeparableConv2D(
                4, 3, depthwise_quantizer=w6(), pointwise_quantizer=w6(), bias_quantizer=w6(), name="separable"
            ),
            qkeras.QActivation(quantized_relu(6, 2), name="relu1"),
            qkeras.QDepthwiseConv2D(2, depthwise_quantizer=w6(), bias_quantizer=w6(), name="depthwise"),
            qkeras.QActivation(quantized_relu(6, 2), name="relu2"),
            L.Flatten(name="flatten"),
            qkeras.QDense(2, kernel_quantizer=w6(), bias_quantizer=w6(), name="out"),
        ],
        name="separable",
    )


@entry
def skip_6bit() -> Model:
    x = inputs = keras.Input((12,), name="features")
    x = qkeras.QDense(12, kernel_quantizer=w6(), bias_quantizer=w6(), name="fc1")(x)
    x = y = qkeras.QActivation(quantized_relu(6, 2), name="relu1")(x)
    x = qkeras.QDense(12, kernel_quantizer=w6(), bias_quantizer=w6(), name="fc2")(x)
    x = L.Add(name="add")([x, y])
    x = qkeras.QActivation(quantized_relu(6, 3), name="relu2")(x)
    return keras.Model(inputs, qkeras.QDense(3, kernel_quantizer=w6(), bias_quantizer=w6(), name="out")(x), name="skip")


@entry
def two_inputs_two_heads_float() -> Model:
    a, b = keras.Input((6,), name="tracks"), keras.Input((4,), name="towers")
    x = L.Concatenate(name="join")(
        [L.Dense(5, activation="relu", name="fa")(a), L.Dense(5, activation="relu", name="fb")(b)]
    )
    x = L.Dense(8, activation="relu", name="shared")(x)
    heads = [L.Dense(1, name="pt")(x), L.Dense(1, name="mass")(x)]
    return keras.Model([a, b], heads, name="regression")
