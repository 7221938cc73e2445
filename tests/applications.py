"""Networks of known kinds: blocks of Keras' own applications, made by their own code, and others as papers describe them.

Of each application there is the block, on a small input down to RTL, or the network cut at a layer. Weights are random.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import layers as L
from keras.src.applications import (
    convnext,
    densenet,
    efficientnet,
    efficientnet_v2,
    inception_resnet_v2,
    inception_v3,
    mobilenet,
    mobilenet_v2,
    mobilenet_v3,
    nasnet,
    resnet,
)
from zoo import moved

Tensor = Any


@dataclass(frozen=True)
class Application:
    """tables: whether a table lies between inputs and outputs, so that C-simulation departs from Keras there."""

    make: Callable[[], Any]
    until: str = "cosim"
    tables: bool = False
    quick: bool = False  # part of `make test`
    settings: dict[str, Any] = field(default_factory=dict)


TABLE: dict[str, Application] = {}


def entry(**facts: Any) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    def added(build: Callable[[], Any]) -> Callable[[], Any]:
        TABLE[build.__name__] = Application(lambda: moved(build()), **facts)
        return build

    return added


def samples(model: Any, n: int, seed: int = 5) -> list[np.ndarray]:
    """Pictures of three colours have values 0..255, as those that applications read; others are normal."""
    rng = np.random.default_rng(seed)
    shapes = [(n, *t.shape[1:]) for t in model.inputs]
    return [rng.integers(0, 256, s).astype(float) if len(s) == 4 and s[-1] == 3 else rng.normal(size=s) for s in shapes]


def block(shape: tuple[int, ...], *functions: Callable[[Tensor], Tensor]) -> Any:
    x = inputs = keras.Input(shape, name="x")
    for f in functions:
        x = f(x)
    return keras.Model(inputs, x)


def cut(model: Any, last: str, size: int) -> Any:
    """Up to a layer, for pictures of another size, and a classifier behind it."""
    part = keras.Model(model.inputs, model.get_layer(last).output)
    inputs = keras.Input((size, size, 3), name="picture")
    body = keras.models.clone_model(part, input_tensors=[inputs])
    x = L.GlobalAveragePooling2D(name="pooled")(body.outputs[0])
    return keras.Model(inputs, L.Dense(4, name="classes")(x))


def whole(make: Any, last: str, size: int, **options: Any) -> Any:
    return cut(make(include_top=False, weights=None, input_shape=(None, None, 3), **options), last, size)


# --- Keras' applications ---------------------------------------------------------------------------------------------------


@entry(quick=True)
def mobilenet_block() -> Any:
    return block(
        (8, 8, 3),
        mobilenet.preprocess_input,
        lambda x: mobilenet._conv_block(x, 16, 0.25, strides=(2, 2)),
        lambda x: mobilenet._depthwise_conv_block(x, 32, 0.25, block_id=1),
        lambda x: mobilenet._depthwise_conv_block(x, 32, 0.25, depth_multiplier=2, strides=(2, 2), block_id=2),
    )


@entry(until="emulate")
def mobilenet_cut() -> Any:
    return whole(keras.applications.MobileNet, "conv_pw_4_relu", 16, alpha=0.25)


@entry(tables=True, until="emulate")
def mobilenet_top() -> Any:
    """Whole blocks at its own least size, with the layers of its classifier."""
    net = keras.applications.MobileNet(weights=None, input_shape=(32, 32, 3), alpha=0.25, classes=5)
    part = keras.Model(net.inputs, net.get_layer("conv_pw_3_relu").output)
    names = [layer.name for layer in net.layers]
    x = part.output
    for name in names[names.index("conv_pw_13_relu") + 1 :]:
        layer = net.get_layer(name)
        x = layer.__class__.from_config(layer.get_config())(x)
    return keras.Model(part.inputs, x)


@entry()
def mobilenet_v2_block() -> Any:
    return block(
        (8, 8, 3),
        mobilenet_v2.preprocess_input,
        lambda x: mobilenet_v2._inverted_res_block(x, filters=8, alpha=1.0, stride=1, expansion=1, block_id=0),
        lambda x: mobilenet_v2._inverted_res_block(x, filters=8, alpha=0.35, stride=1, expansion=2, block_id=1),
        lambda x: mobilenet_v2._inverted_res_block(x, filters=16, alpha=0.5, stride=2, expansion=2, block_id=2),
    )


@entry(until="emulate")
def mobilenet_v2_cut() -> Any:
    return whole(keras.applications.MobileNetV2, "block_5_add", 32, alpha=0.35)


@entry(tables=True)
def mobilenet_v3_block() -> Any:
    return block(
        (8, 8, 3),
        L.Rescaling(1 / 127.5, -1.0),
        L.Conv2D(8, 3, strides=2, padding="same", use_bias=False),
        lambda x: mobilenet_v3._inverted_res_block(x, 1, 8, 3, 2, 0.25, mobilenet_v3.relu, 0),
        lambda x: mobilenet_v3._inverted_res_block(x, 2, 8, 5, 1, 0.25, mobilenet_v3.hard_swish, 1),
    )


@entry(tables=True, until="emulate")
def mobilenet_v3_cut() -> Any:
    return whole(keras.applications.MobileNetV3Small, "expanded_conv_3_project_bn", 32, alpha=0.5)


@entry(until="emulate")
def mobilenet_v3_minimalistic() -> Any:
    return whole(keras.applications.MobileNetV3Small, "expanded_conv_4_add", 32, alpha=0.5, minimalistic=True)


@entry()
def resnet_v1_block() -> Any:
    return block(
        (8, 8, 3),
        resnet.preprocess_input,
        lambda x: resnet.stack_residual_blocks_v1(x, 2, 2, stride1=2, name="conv2"),
    )


@entry()
def resnet_v2_block() -> Any:
    return block(
        (8, 8, 3),
        mobilenet.preprocess_input,
        lambda x: resnet.stack_residual_blocks_v2(x, 2, 3, stride1=2, name="conv2"),
    )


@entry(until="emulate")
def resnet_whole() -> Any:
    """Its stem, two stacks and its classifier."""

    def stacks(x: Tensor) -> Tensor:
        return resnet.stack_residual_blocks_v1(resnet.stack_residual_blocks_v1(x, 8, 2, 1, "conv2"), 16, 1, 2, "conv3")

    return resnet.ResNet(stacks, False, True, input_shape=(32, 32, 3), weights=None, classes=4, classifier_activation=None)


@entry(tables=True)
def efficientnet_block() -> Any:
    """A shifted, then a residual block, each with a squeeze."""
    return block(
        (8, 8, 3),
        L.Rescaling(1 / 255.0),
        L.Normalization(mean=[0.485, 0.456, 0.406], variance=[0.05, 0.05, 0.05]),
        lambda x: efficientnet.block(x, name="a", filters_in=3, filters_out=4, kernel_size=5, strides=2, se_ratio=0.25),
        lambda x: efficientnet.block(x, name="b", drop_rate=0.2, filters_in=4, filters_out=4, expand_ratio=2, se_ratio=0.25),
    )


@entry(tables=True, until="emulate")
def efficientnet_cut() -> Any:
    net = efficientnet.EfficientNet(0.25, 0.3, 32, include_top=False, weights=None, input_shape=(32, 32, 3))
    return cut(net, "block3a_project_bn", 32)


@entry(tables=True)
def efficientnet_v2_block() -> Any:
    return block(
        (8, 8, 3),
        L.Rescaling(1 / 128.0, -1),
        efficientnet_v2.FusedMBConvBlock(3, 4, 1, strides=2, name="a"),
        efficientnet_v2.FusedMBConvBlock(4, 4, 2, name="b"),
        efficientnet_v2.MBConvBlock(4, 4, 2, se_ratio=0.25, name="c"),
    )


@entry()
def densenet_block() -> Any:
    return block(
        (8, 8, 3),
        densenet.preprocess_input,
        L.Conv2D(4, 3, padding="same"),
        lambda x: densenet.conv_block(x, 2, name="a"),
        lambda x: densenet.conv_block(x, 2, name="b"),
        lambda x: densenet.transition_block(x, 0.5, name="t"),
    )


@entry(until="emulate")
def densenet_cut() -> Any:
    net = densenet.DenseNet([1, 1, 1, 1], include_top=False, weights=None, input_shape=(None, None, 3))
    return cut(net, "pool2_pool", 32)


@entry(until="emulate")
def xception_cut() -> Any:
    return whole(keras.applications.Xception, "block3_sepconv1_act", 16)


@entry(tables=True)
def convnext_block() -> Any:
    return block(
        (8, 8, 3),
        convnext.PreStem(name="pre"),
        L.Conv2D(4, 2, strides=2, name="stem"),
        convnext.ConvNeXtBlock(4, layer_scale_init_value=0.5, name="a"),
        convnext.Head(3, name="head"),
    )


@entry()
def inception_block() -> Any:
    """Kernels one row high or wide, a mean of what lies inside the image, side by side."""

    def mixed(x: Tensor) -> Tensor:
        wide = inception_v3.conv2d_bn(inception_v3.conv2d_bn(x, 2, 1, 7), 3, 7, 1)
        mean = inception_v3.conv2d_bn(L.AveragePooling2D((3, 3), strides=(1, 1), padding="same")(x), 2, 1, 1)
        return L.Concatenate()([inception_v3.conv2d_bn(x, 2, 1, 1), wide, mean])

    return block((8, 8, 3), inception_v3.preprocess_input, mixed)


@entry(until="emulate")
def inception_resnet_block() -> Any:
    """Of 32 filters, on a picture of 4 x 4."""
    return block(
        (4, 4, 3),
        inception_resnet_v2.preprocess_input,
        lambda x: inception_resnet_v2.conv2d_bn(x, 4, 3),
        lambda x: inception_resnet_v2.inception_resnet_block(x, 0.17, "block35", 1),
    )


@entry()
def nasnet_cell() -> Any:
    return block((8, 8, 3), L.Conv2D(4, 3, padding="same"), lambda x: nasnet._normal_a_cell(x, None, 4, "n")[0])


# --- from papers -----------------------------------------------------------------------------------------------------------


@entry()
def unet() -> Any:
    """O. Ronneberger et al., arXiv:1505.04597, two levels."""

    def two(x: Tensor, filters: int) -> Tensor:
        for _ in range(2):
            x = L.Conv2D(filters, 3, padding="same", activation="relu")(x)
        return x

    x = inputs = keras.Input((8, 8, 1), name="x")
    across = []
    for filters in (2, 4):
        x = two(x, filters)
        across.append(x)
        x = L.MaxPooling2D()(x)
    x = two(x, 6)
    for filters in (4, 2):
        x = L.Conv2DTranspose(filters, 2, strides=2, padding="same")(x)
        x = two(L.Concatenate()([across.pop(), x]), filters)
    return keras.Model(inputs, L.Conv2D(1, 1)(x))


@entry()
def tcn() -> Any:
    """S. Bai et al., arXiv:1803.01271: causal, dilated, residual."""
    x = inputs = keras.Input((16, 2), name="x")
    for filters, rate in ((4, 1), (4, 2), (4, 4)):
        shortcut = x
        for _ in range(2):
            x = L.Conv1D(filters, 3, padding="causal", dilation_rate=rate)(x)
            x = L.BatchNormalization()(x)
            x = L.ReLU()(x)
            x = L.SpatialDropout1D(0.1)(x)
        if shortcut.shape[-1] != filters:
            shortcut = L.Conv1D(filters, 1)(shortcut)
        x = L.ReLU()(L.Add()([shortcut, x]))
    return keras.Model(inputs, L.Dense(3)(x[:, -1, :]))


@entry(tables=True)
def wavenet() -> Any:
    """A. van den Oord et al., arXiv:1609.03499: gated, causal, dilated, with skips."""
    inputs = keras.Input((16, 1), name="x")
    x = L.Conv1D(4, 2, padding="causal")(inputs)
    skips = []
    for rate in (1, 2, 4):
        gate = L.Conv1D(4, 2, padding="causal", dilation_rate=rate, activation="sigmoid")(x)
        value = L.Conv1D(4, 2, padding="causal", dilation_rate=rate, activation="tanh")(x)
        both = L.Multiply()([value, gate])
        skips.append(L.Conv1D(4, 1)(both))
        x = L.Add()([x, L.Conv1D(4, 1)(both)])
    x = L.ReLU()(L.Add()(skips))
    x = L.Conv1D(4, 1, activation="relu")(x)
    return keras.Model(inputs, L.Conv1D(3, 1)(x))


@entry()
def autoencoder() -> Any:
    return block(
        (8, 8, 1),
        L.Conv2D(4, 3, strides=2, padding="same", activation="relu"),
        L.Conv2D(6, 3, strides=2, padding="same", activation="relu"),
        L.Flatten(),
        L.Dense(4, name="code"),
        L.Dense(2 * 2 * 6, activation="relu"),
        L.Reshape((2, 2, 6)),
        L.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu"),
        L.Conv2DTranspose(1, 3, strides=2, padding="same"),
    )


def encoder() -> tuple[Tensor, Tensor, Tensor]:
    """Of a variational autoencoder (Keras' own example, smaller): input, mean and log of the variance."""
    inputs = keras.Input((8, 8, 1), name="x")
    x = L.Conv2D(4, 3, activation="relu", strides=2, padding="same")(inputs)
    x = L.Conv2D(6, 3, activation="relu", strides=2, padding="same")(x)
    x = L.Dense(6, activation="relu")(L.Flatten()(x))
    return inputs, L.Dense(2, name="z_mean")(x), L.Dense(2, name="z_log_var")(x)


@entry(quick=True)
def variational_encoder() -> Any:
    inputs, *code = encoder()
    return keras.Model(inputs, code)


@entry(tables=True)
def lstm_autoencoder() -> Any:
    return block(
        (6, 3),
        L.LSTM(4, name="encoder"),
        L.RepeatVector(6),
        L.LSTM(4, return_sequences=True, name="decoder"),
        L.TimeDistributed(L.Dense(3)),
    )
