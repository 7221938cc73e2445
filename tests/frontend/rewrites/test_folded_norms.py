"""QKeras layers with a folded batch normalisation: what QKeras computes at inference, by QKeras itself and by formulas."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import qkeras
from numpy.testing import assert_allclose, assert_array_equal
from qkeras import quantized_bits

import fpga_ml
from fpga_ml import Config
from fpga_ml.frontend.load import load
from fpga_ml.frontend.rebuild import Probe, calls
from fpga_ml.frontend.rewrites import rewritten


def bits(width: int = 6, integer: int = 1, alpha: Any = 1) -> Any:
    return quantized_bits(width, integer, alpha=alpha)


def randomised(model: Any, seed: int = 1) -> Any:
    """Weights as after training: positive variances, signs of both kinds elsewhere."""
    rng = np.random.default_rng(seed)
    for weight in [w for layer in model.layers for w in layer.weights]:
        if weight.name == "iteration":
            weight.assign(17)
        elif "variance" in weight.name:
            weight.assign(rng.uniform(0.3, 2.0, weight.shape))
        else:
            weight.assign(rng.uniform(0.2, 1.0, weight.shape) * rng.choice((-1, 1), weight.shape))
    return model


def folded(layer: Any, scale_shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Kernel and bias in double precision, before they are quantised."""
    w = {v.name: np.asarray(v, np.float64) for v in layer.weights}
    scale = w["gamma"] / np.sqrt(w["moving_variance"] + layer.batchnorm.epsilon)
    kernel = w["depthwise_kernel"] if "depthwise_kernel" in w else w["kernel"]
    return kernel * scale.reshape(scale_shape), scale * (w.get("bias", 0) - w["moving_mean"]) + w["beta"]


def conv(**options: Any) -> Any:
    return qkeras.QConv2DBatchnorm(3, (2, 3), kernel_quantizer=bits(), **options)


def deep(**options: Any) -> Any:
    return qkeras.QDepthwiseConv2DBatchnorm((2, 3), depthwise_quantizer=bits(), **options)


def dense(**options: Any) -> Any:
    return qkeras.QDenseBatchnorm(3, kernel_quantizer=bits(), **options)


@pytest.mark.parametrize("make", [conv, deep, dense])
def test_same_as_qkeras_and_as_the_formula(make: Any) -> None:
    """Modes, delays, with and without bias, quantizer of the bias and activation, crossed."""
    x = np.random.default_rng(2).integers(-40, 41, (5, 4, 5, 2)) / 16
    inputs = keras.Input((4, 5, 2), name="x")
    crossed = itertools.product(("ema_stats_folding", "batch_stats_folding"), (None, 3), (True, False), (True, False))
    layers = [
        make(
            folding_mode=mode,
            ema_freeze_delay=delay,
            use_bias=use_bias,
            bias_quantizer=bits(8, 3) if rounded else None,
            activation=qkeras.quantized_relu(6, 2) if rounded else None,
            epsilon=0.01 if use_bias else 0.001,
            name=f"l{n}",
        )
        for n, (mode, delay, use_bias, rounded) in enumerate(crossed)
    ]
    model = randomised(keras.Model(inputs, [layer(inputs) for layer in layers]))

    new = rewritten(model)

    assert {type(c.layer).__name__ for c in calls(new)} <= {"InputLayer", "QDense", "QConv2D", "QDepthwiseConv2D"}
    for layer, got, want in zip(layers, Probe(new).outputs([x]), model(x.astype("float32")), strict=True):
        if layer.bias_quantizer is not None:  # then all is on a grid, and exact in float32 too
            assert_array_equal(got, np.asarray(want), err_msg=layer.name)
        assert_allclose(got, np.asarray(want), rtol=1e-5, atol=1e-5, err_msg=layer.name)
        kernel, bias = folded(layer, (2, 1) if make is deep else (-1,))
        assert_allclose(new.get_layer(layer.name).get_weights()[0], kernel, rtol=1e-6)
        assert_allclose(new.get_layer(layer.name).get_weights()[1], bias, rtol=1e-5, atol=1e-6)


def test_scales_of_kernels_are_those_of_the_folded_kernel() -> None:
    inputs = keras.Input((4, 4, 2), name="x")
    layer = qkeras.QConv2DBatchnorm(3, 2, kernel_quantizer=bits(4, 0, "auto"), bias_quantizer=bits(8, 3), name="auto")
    model = randomised(keras.Model(inputs, layer(inputs)))
    x = np.random.default_rng(2).integers(-40, 41, (5, 4, 4, 2)) / 16
    (got,) = Probe(rewritten(model)).outputs([x])
    assert_allclose(got, np.asarray(model(x.astype("float32"))), rtol=1e-5, atol=1e-5)


def test_a_file_keeps_its_statistics(tmp_path: Path) -> None:
    """Under a name that becomes an identifier: the model is rebuilt before it is rewritten."""
    inputs = keras.Input((4, 4, 2), name="x")
    layer = conv(bias_quantizer=bits(8, 3), name="conv-1.bn")
    model = randomised(keras.Model(inputs, layer(inputs)))
    model.save(tmp_path / "m.keras")
    source = load(tmp_path / "m.keras")
    x = np.random.default_rng(2).integers(-40, 41, (5, 4, 4, 2)) / 16
    (got,) = Probe(source.model).outputs([x])
    assert_array_equal(got, np.asarray(model(x.astype("float32"))))


@pytest.mark.parametrize("arch", ["parallel", pytest.param("stream", marks=pytest.mark.slow)])
def test_on_all_roads(arch: str, tmp_path: Path) -> None:
    inputs = keras.Input((4, 5, 2), name="x")
    quantised = {"bias_quantizer": bits(8, 3), "activation": qkeras.quantized_relu(6, 2)}
    y = conv(name="conv", **quantised)(inputs)
    y = dense(name="over", **quantised)(deep(name="deep", **quantised, use_bias=False)(y))
    model = randomised(keras.Model(inputs, dense(name="last", bias_quantizer=bits(8, 3))(keras.layers.Flatten()(y))))
    x = np.random.default_rng(2).integers(-40, 41, (20, 4, 5, 2)) / 16
    config = Config(arch=arch, simulators=("icarus",), cosim_vectors=6)

    project = fpga_ml.compile(model, data=x, output=tmp_path / "p", config=config)

    assert project.agrees, project.report["stages"]
    assert project.report["cosim"]
    assert_array_equal(project.outputs["csim"][0], np.asarray(model(x.astype("float32"))))
