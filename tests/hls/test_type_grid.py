"""Every width and every binary point is right in the C++: sums of products of hls4ml against exact integers (grid.py), whole
models of many types down to RTL, and no tensor of a default type."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grid
import keras
import numpy as np
import pytest
import qkeras
from grid import Case, Type
from hls4ml.model.types import IntegerPrecisionType, NamedType
from keras import layers as L
from numpy.testing import assert_equal

import fpga_ml
from fpga_ml.bridge import precision, quantizers
from fpga_ml.bridge.readers import registry
from fpga_ml.config import Config, LayerConfig
from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.quantizers import quantised, relu_quantizer, type_of
from fpga_ml.numerics import FixedType, Overflow, Rounding

FAST_CASES = 6


def _agree(chosen: Sequence[Case], folder: Path) -> None:
    compiled = grid.Compiled(chosen, folder)
    for index, case in enumerate(chosen):
        parallel, streamed = compiled.outputs(index)
        assert_equal(parallel, case.expected(), err_msg=str(case))
        assert_equal(streamed, case.expected(), err_msg=str(case))


def test_each_type_is_in_the_grid() -> None:
    for role in grid.ROLES:
        types = {(t.width, t.integer) for t in (getattr(case, role) for case in grid.cases())}
        assert types == set(itertools.product(range(2, 25), range(-20, 31)))


def test_some_types_of_the_grid(tmp_path: Path) -> None:
    wrapping = random.Random(1).sample(list(grid.cases()), FAST_CASES)
    _agree([*wrapping, *map(grid.exact, wrapping[:2])], tmp_path)


@pytest.mark.slow
def test_every_type_of_the_grid(tmp_path: Path) -> None:
    """23 widths x 51 binary points of five roles in 1,173 layers whose sums wrap, and 235 whose sums lose nothing."""
    chosen = list(grid.cases())
    _agree([*chosen, *map(grid.exact, chosen[::5])], tmp_path)


# Whole models: one branch a case, each with an input, a dense layer and a rounding of its own types.


def _chosen(count: int, seed: int) -> list[Case]:
    """Cases whose sum loses nothing in 64 bits."""
    found = [case for case in map(grid.exact, grid.cases()) if case.s.width <= 62]
    return random.Random(seed).sample(found, count)


def _quantizer(t: Type) -> Any:
    return qkeras.quantized_bits(t.width, t.integer - t.signed, keep_negative=t.signed, alpha=1)


def _branches(cases: Sequence[Case]) -> tuple[Any, dict[str, np.ndarray], dict[str, LayerConfig]]:
    """(model, samples, input types)."""
    inputs, outputs, samples, types = [], [], {}, {}
    for i, case in enumerate(cases):
        x = keras.Input((2,), name=f"x{i}")
        dense = qkeras.QDense(1, kernel_quantizer=_quantizer(case.w), bias_quantizer=_quantizer(case.b), name=f"fc{i}")
        inputs.append(x)
        outputs.append(qkeras.QActivation(_quantizer(case.y), name=f"y{i}")(dense(x)))
        values, weights, bias = case.data()
        dense.set_weights([np.array([[float(w)] for w in weights]), np.array([float(bias)])])
        samples[f"x{i}"] = values
        types[f"x{i}"] = LayerConfig(precision={"result": case.x.cpp().replace(",0>", ">")})
    return keras.Model(inputs, outputs), samples, types


def _built(cases: Sequence[Case], folder: Path, **settings: Any) -> None:
    model, samples, types = _branches(cases)
    project = fpga_ml.compile(model, data=samples, output=folder, config=Config(layers=types, **settings))
    csim = project.report["csim"]
    assert csim["bit_exact_vs_quantised_model"] is True, csim["first_difference"]
    for case, found in zip(cases, project.outputs["csim"], strict=True):
        assert_equal(found.reshape(-1), case.expected(), err_msg=str(case))
    if settings.get("backend", "Vitis") in ("Vitis", "Vivado"):
        assert project.report["emulator"]["mismatches"] == 0
    if settings["until"] == "cosim":
        assert project.report["cosim"]
        assert all(run["passed"] for run in project.report["cosim"])


def test_branches_of_many_types_down_to_rtl(tmp_path: Path) -> None:
    _built(_chosen(8, seed=3), tmp_path / "p", arch="stream", until="cosim", simulators=("icarus",))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("arch", ["parallel", "stream"])
def test_more_branches_down_to_rtl(arch: str, seed: int, tmp_path: Path) -> None:
    _built(_chosen(24, seed=seed), tmp_path / "p", arch=arch, until="cosim", simulators=("icarus",))


@pytest.mark.slow
@pytest.mark.parametrize("arch", ["parallel", "stream"])
@pytest.mark.parametrize("backend", ["Vivado", "Quartus", "Catapult"])
def test_branches_of_other_backends(backend: str, arch: str, tmp_path: Path) -> None:
    _built(_chosen(24, seed=5), tmp_path / "p", backend=backend, arch=arch, until="emulate")


# All other layers, at values of 2**20 and of 2**-20 in 8 bits.

_LAYERS: dict[str, Any] = {
    "dense_relu": lambda x: L.Dense(2, activation="relu")(L.Flatten()(x)),
    "dense_leaky_relu": lambda x: L.ReLU()(L.Dense(2, activation="leaky_relu")(L.Flatten()(x))),
    "conv1d": lambda x: L.Conv1D(2, 2)(x),
    "norm": lambda x: L.BatchNormalization()(x),
    "prelu": lambda x: L.PReLU()(x),
    "threshold": lambda x: L.Activation("relu6")(x),
    "average": lambda x: L.AveragePooling1D(3)(x),
    "global_average": lambda x: L.GlobalAveragePooling1D()(x),
    "largest": lambda x: L.MaxPooling1D(2)(x),
    "sum": lambda x: L.Add()([L.Conv1D(2, 1)(x), x]),
    "product": lambda x: L.Multiply()([L.Conv1D(2, 1)(x), x]),
}


def _scaled(power: int, names: Sequence[str]) -> tuple[Any, list[np.ndarray]]:
    """(one model of these layers side by side, each with its input; samples of about 2**power)."""
    keras.utils.set_random_seed(4)
    inputs = [keras.Input((6, 2), name=f"x_{name}") for name in names]
    model = keras.Model(inputs, [_LAYERS[name](x) for name, x in zip(names, inputs, strict=True)])
    rng = np.random.default_rng(8)
    norms = {"moving_mean": 2.0**power, "moving_variance": 4.0**power}
    model.set_weights([rng.uniform(0.5, 1.5, w.shape) * norms.get(w.name, 1.0) for w in model.weights])
    return model, [rng.normal(size=(40, 6, 2)) * 2.0**power for _ in names]


@pytest.mark.parametrize(("power", "arch"), [(20, "parallel"), pytest.param(-20, "stream", marks=pytest.mark.slow)])
def test_large_and_tiny_values_in_every_layer(power: int, arch: str, tmp_path: Path) -> None:
    names = [name for name in _LAYERS if arch == "parallel" or name != "threshold"]
    model, x = _scaled(power, names)
    config = Config(bits=8, arch=arch, cosim_vectors=10, simulators=("icarus",))
    project = fpga_ml.compile(model, data=x, output=tmp_path / "p", config=config)
    csim = project.report["csim"]
    assert csim["bit_exact_vs_quantised_model"] is True, csim["first_difference"]
    assert project.report["emulator"]["mismatches"] == 0
    assert project.agrees
    assert project.report["cosim"]
    for name, found, right in zip(names, project.outputs["csim"], project.outputs["float"], strict=True):
        if name != "threshold":  # 6 is far below the last bit of 2**20 in 8 bits
            assert np.abs(found - right).max() < 0.05 * np.abs(right).max()


# No type is hls4ml's default.


def test_no_tensor_has_a_default_type(tmp_path: Path) -> None:
    """Quantised layers with a plain activation before their quantizer, as trained QKeras models have."""
    x, names = keras.Input((4,), name="x"), ("relu", "leaky_relu", "elu", "tanh")
    outputs = []
    for name in names:
        q = {f"{kind}_quantizer": qkeras.quantized_bits(12, 0, alpha=1) for kind in ("kernel", "bias")}
        hidden = qkeras.QDense(3, activation=name, name=f"fc_{name}", **q)(x)
        outputs.append(qkeras.QActivation(qkeras.quantized_bits(12, 1, alpha=1), name=f"q_{name}")(hidden))
    model = keras.Model(x, outputs)
    rng = np.random.default_rng(2)
    model.set_weights([rng.normal(size=w.shape) * 0.3 for w in model.weights])
    project = fpga_ml.compile(model, data=rng.normal(size=(50, 4)), output=tmp_path / "p", config=Config(until="csim"))
    text = (tmp_path / "p" / "firmware" / "defines.h").read_text()
    assert "<16,6>" not in text
    assert "AP_SAT_ZERO" not in text
    for found, right in zip(project.outputs["csim"], project.outputs["float"], strict=True):
        assert np.abs(found - right).max() < 0.02  # an activation stands once; hls4ml's tables
    kernel, bias = (np.rint(np.float64(w) * 2**11) / 2**11 for w in model.get_layer("fc_relu").get_weights())
    sums = np.maximum(project.x[0] @ kernel + bias, 0)
    assert_equal(project.outputs["csim"][0], np.rint(sums * 2**10) / 2**10)  # no rounding but the model's own


def test_a_tensor_without_a_rule_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delitem(precision._RESULTS, "ParametrizedActivation")
    x = keras.Input((4,), name="x")
    model = keras.Model(x, L.ReLU(name="second")(L.LeakyReLU(0.25, name="first")(x)))
    with pytest.raises(FpgaMlError, match="type 'result' of layer 'first'"):
        fpga_ml.compile(model, output=tmp_path / "p", config=Config(until="convert"))


# QKeras' quantizers.


@pytest.mark.parametrize("width", [2, 7, 16, 24])
@pytest.mark.parametrize("integer", [-20, -1, 0, 1, 16, 30])
@pytest.mark.parametrize(("keep_negative", "symmetric"), [(True, False), (True, True), (False, False)])
def test_quantizers_are_those_of_qkeras(width: int, integer: int, keep_negative: bool, symmetric: bool) -> None:
    quantizer = qkeras.quantized_bits(width, integer, symmetric, keep_negative, alpha=1)
    t = type_of(quantizer)
    assert t is not None
    rng = np.random.default_rng(width)
    values = np.float32(np.concatenate([rng.uniform(-1.0, 1.0, 200), np.arange(-9, 10) / 2.0 ** (width - 1)]) * 2.0**integer)
    assert_equal(quantised(quantizer, values), np.asarray(quantizer(values)))
    assert (
        str(quantizers.precision_of(t))
        == f"{'' if keep_negative else 'u'}fixed<{width},{integer + keep_negative},RND_CONV,{'SAT_SYM' if symmetric else 'SAT'},0>"
    )


def test_relu_of_every_binary_point() -> None:
    """QKeras' own quantized_relu takes powers of two in int32, and none of a negative integer."""
    values = np.random.default_rng(1).normal(size=100).astype(np.float32)
    for integer in (-20, -1, 0, 30, 40):
        t = FixedType(False, 8, integer, Rounding.RND_CONV, Overflow.SAT)
        quantizer = relu_quantizer(t, "here")
        assert type_of(quantizer) == t
        scaled = values * np.float32(2.0**integer)
        expected = np.clip(np.rint(scaled.astype(np.float64) / t.lsb), 0, 255) * t.lsb
        assert_equal(np.asarray(quantizer(scaled)), expected)


def test_an_integer_of_hls4ml_is_cut_off_towards_zero() -> None:
    """Its own quantizers without fraction bits are ap_int, in the plugin as in its Vitis project."""
    named = NamedType("whole", IntegerPrecisionType(4))
    assert_equal(registry.type_of(named).quantise(np.array([-1.75, -0.5, 0.5, 7.5, 8.0])), [-1, 0, 0, 7, -8])
