"""Every kind of layer that converts, alone, with random weights: C-simulation against the quantised model.

`EXACT` layers must agree bit for bit; the others go through tables of hls4ml's own, and the report must say so.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import qkeras
from keras import layers as L
from ladder import lowered_equals
from zoo import quick

import fpga_ml


def q(bits: int = 6, integer: int = 1) -> Any:
    return qkeras.quantized_bits(bits, integer, alpha=1)


VECTOR, SERIES, IMAGE = (6,), (6, 3), (6, 6, 2)
Case = tuple[tuple[int, ...], Callable[[], Any]]
EXACT: dict[str, Case] = {
    "relu": (VECTOR, lambda: L.ReLU()),
    "relu_threshold": (VECTOR, lambda: L.ReLU(threshold=0.5)),
    "relu6": (VECTOR, lambda: L.Activation("relu6")),
    "leaky_relu": (VECTOR, lambda: L.LeakyReLU(0.25)),
    "prelu": (VECTOR, lambda: L.PReLU()),
    "quantized_tanh": (VECTOR, lambda: qkeras.QActivation("quantized_tanh(6)")),
    "quantized_sigmoid": (VECTOR, lambda: qkeras.QActivation("quantized_sigmoid(6)")),
    "binary": (VECTOR, lambda: qkeras.QActivation(qkeras.binary(alpha=1))),
    "ternary": (VECTOR, lambda: qkeras.QActivation(qkeras.ternary(alpha=1))),
    "dropout": (VECTOR, lambda: L.Dropout(0.5)),
    "batchnorm": (IMAGE, lambda: L.BatchNormalization()),
    "qbatchnorm": (VECTOR, lambda: qkeras.QBatchNormalization()),
    "dense_on_series": (SERIES, lambda: L.Dense(4)),
    "einsum_dense": (SERIES, lambda: L.EinsumDense("abc,cd->abd", output_shape=(6, 4), bias_axes="d")),
    "depthwise1d": (SERIES, lambda: L.DepthwiseConv1D(3)),
    "depthwise2d": (IMAGE, lambda: L.DepthwiseConv2D(3)),
    "separable1d": (SERIES, lambda: L.SeparableConv1D(4, 3)),
    "separable2d": (IMAGE, lambda: L.SeparableConv2D(4, 3)),
    "qconv1d": (SERIES, lambda: qkeras.QConv1D(4, 3, kernel_quantizer=q(), bias_quantizer=q())),
    "qseparable1d": (
        SERIES,
        lambda: qkeras.QSeparableConv1D(4, 3, depthwise_quantizer=q(), pointwise_quantizer=q(), bias_quantizer=q()),
    ),
    "qdepthwise2d": (IMAGE, lambda: qkeras.QDepthwiseConv2D(3, depthwise_quantizer=q(), bias_quantizer=q())),
    "avgpool2d": (IMAGE, lambda: L.AveragePooling2D(2)),
    "avgpool2d_same": (IMAGE, lambda: L.AveragePooling2D(3, strides=2, padding="same")),
    "global_avg1d": (SERIES, lambda: L.GlobalAveragePooling1D()),
    "global_avg2d": (IMAGE, lambda: L.GlobalAveragePooling2D()),
    "global_max1d": (SERIES, lambda: L.GlobalMaxPooling1D()),
    "global_max2d": (IMAGE, lambda: L.GlobalMaxPooling2D()),
    "pad1d": (SERIES, lambda: L.ZeroPadding1D(1)),
    "pad2d": (IMAGE, lambda: L.ZeroPadding2D(1)),
    "crop1d": (SERIES, lambda: L.Cropping1D(1)),
    "crop2d": (IMAGE, lambda: L.Cropping2D(1)),
    "up1d": (SERIES, lambda: L.UpSampling1D(2)),
    "up2d": (IMAGE, lambda: L.UpSampling2D(2)),
    "permute": (IMAGE, lambda: L.Permute((3, 1, 2))),
    "reshape": (IMAGE, lambda: L.Reshape((12, 6))),
}
TABLES: dict[str, Case] = {
    **{
        name: (VECTOR, lambda name=name: L.Activation(name))
        for name in ("sigmoid", "tanh", "softplus", "softsign", "elu", "selu", "hard_sigmoid", "softmax")
    },
    "lstm": (SERIES, lambda: L.LSTM(4)),
    "gru": (SERIES, lambda: L.GRU(4)),
}
NO_RTL_YET = {"LSTM", "GRU"}
TWO_INPUTS = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")
FAST = {"leaky_relu", "batchnorm", "avgpool2d_same", "einsum_dense", "binary", "tanh", "lstm"}


def _cases(table: dict[str, Case]) -> list[Any]:
    return [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in table]


def _compile(model: Any, tmp_path: Path) -> dict[str, Any]:
    rng = np.random.default_rng(2)
    for layer in model.layers:
        layer.set_weights([rng.uniform(0.2, 1.0, np.shape(w)) for w in layer.get_weights()])
    x = [rng.normal(size=(60, *t.shape[1:])) for t in model.inputs]
    project = fpga_ml.compile(model, data=x, output=tmp_path / "p", config=quick())
    if project.report["stages"]["emulate"] == "ran":
        assert project.report["emulator"]["mismatches"] == 0
        lowered_equals(project, x)
    else:
        kinds = {row["kind"] for row in project.report["layers"]}
        assert kinds & NO_RTL_YET, project.report["stages"]["emulate"]
    csim: dict[str, Any] = project.report["csim"]
    return csim


def _around(shape: tuple[int, ...], build: Callable[[], Any]) -> Any:
    """The layer between two that compute, so that it has a neighbour on either side."""
    keras.utils.set_random_seed(1)
    x = inputs = keras.Input(shape, name="x")
    x = L.Dense(shape[-1], name="before")(x)
    return keras.Model(inputs, build()(x))


@pytest.mark.parametrize("name", _cases(EXACT))
def test_exact_layer(name: str, tmp_path: Path) -> None:
    csim = _compile(_around(*EXACT[name]), tmp_path)
    assert csim["bit_exact_vs_quantised_model"] is True, csim["first_difference"]


@pytest.mark.parametrize("name", _cases(TABLES))
def test_layer_with_tables(name: str, tmp_path: Path) -> None:
    csim = _compile(_around(*TABLES[name]), tmp_path)
    assert csim["max_abs_err_vs_quantised"] < 0.1
    assert "goes through a table" in csim["first_difference"]["cause"]


@pytest.mark.slow
@pytest.mark.parametrize("name", TWO_INPUTS)
def test_merge(name: str, tmp_path: Path) -> None:
    inputs = [keras.Input((6,), name=n) for n in "ab"]
    csim = _compile(keras.Model(inputs, getattr(L, name)(name="merge")(inputs)), tmp_path)
    assert csim["bit_exact_vs_quantised_model"] is True, csim["first_difference"]


def test_embedding(tmp_path: Path) -> None:
    inputs = keras.Input((4,), name="x")
    model = keras.Model(inputs, L.Embedding(8, 3, name="embedding")(inputs))
    x = np.random.default_rng(1).integers(0, 8, size=(50, 4)).astype(float)
    csim = fpga_ml.compile(model, data=x, output=tmp_path / "p", config=quick()).report["csim"]
    assert csim["bit_exact_vs_quantised_model"] is True, csim["first_difference"]
