"""Bare Keras operations of one value as layers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as L
from keras import ops

import fpga_ml
from fpga_ml import Config, FpgaMlError
from fpga_ml.activations import CURVES, FUNCTIONS
from fpga_ml.frontend.layers import Function
from fpga_ml.frontend.rewrites.opened import opened

OPERATIONS: dict[str, Callable[[Any], Any]] = {
    **{
        name: getattr(ops, name)
        for name, row in FUNCTIONS.items()
        if row.ours and hasattr(ops, name) and name != "threshold"
    },
    "exp": ops.exp,
    "gelu, not approximate": lambda x: ops.gelu(x, approximate=False),
    "celu": lambda x: ops.celu(x, 0.5),
    "squareplus": lambda x: ops.squareplus(x, 1),
    "hard_shrink": lambda x: ops.hard_shrink(x, 0.25),
    "soft_shrink": lambda x: ops.soft_shrink(x, 0.25),
    "threshold": lambda x: ops.threshold(x, 0.3, -1.0),
    "sigmoid": ops.sigmoid,
    "tanh": ops.tanh,
    "relu": ops.relu,
    "relu6": ops.relu6,
    "softmax": ops.softmax,
    "hard_sigmoid": ops.hard_sigmoid,
    "elu": lambda x: ops.elu(x, 0.5),
    "leaky_relu": lambda x: ops.leaky_relu(x, 0.25),
    "2": lambda x: x**2,
    "1 / 2": lambda x: x**0.5,
    "- 1": lambda x: x**-1,
}


def _model(operation: Callable[[Any], Any]) -> Any:
    inputs = keras.Input((3,), name="x")
    return keras.Model(inputs, operation(inputs))


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_layer_computes_what_the_operation_does(name: str) -> None:
    model = _model(OPERATIONS[name])
    found = opened(model)
    assert all(isinstance(layer, L.Layer) for layer in found.operations)
    again = keras.Model.from_config(found.get_config())
    x = np.random.default_rng(1).uniform(0.1, 0.9, (20, 3)).astype(np.float32)
    for m in (found, again):
        np.testing.assert_allclose(np.asarray(m(x)), np.asarray(model(x)), rtol=2e-6, atol=1e-7)


def test_every_function_has_a_layer() -> None:
    layers = [layer for f in OPERATIONS.values() for layer in opened(_model(f)).layers if isinstance(layer, Function)]
    named = {name for name, row in FUNCTIONS.items() if row.ours} - {
        "abs",
        "swish",
        "hard_swish",
        "mish",
    }  # which keras.ops lacks, or other names
    assert {layer.function for layer in layers} == named
    assert named < set(CURVES)


@pytest.mark.parametrize(
    ("operation", "low", "what"),
    [
        (ops.log, -1.0, "the log of values from -1 to 2 on the data, and has no finite value at -1"),
        (ops.log, 0.0, "the log of values from 0 to 2 on the data, and has no finite value at 0"),
        (ops.sqrt, -1.0, "the sqrt of values from -1 to 2 on the data, and has no finite value at -1"),
        (ops.reciprocal, 0.0, "the reciprocal of values from 0 to 2 on the data, and has no finite value at 0"),
        (ops.arccos, -1.0, "the arccos of values from -1 to 2 on the data, and has no finite value at 2"),
    ],
)
def test_data_outside_the_domain(operation: Callable[[Any], Any], low: float, what: str, tmp_path: Path) -> None:
    x = np.array([[low, 2.0, 1.0], [0.5, 1.0, 1.0]])
    with pytest.raises(FpgaMlError, match=what):
        fpga_ml.compile(_model(operation), data=x, output=tmp_path / "p")


def test_what_rounds_to_a_pole_saturates(tmp_path: Path) -> None:
    """A value behind a layer is finite on the float model, and 0 once it is rounded: nothing widens, all roads agree."""
    inputs = keras.Input((2,), name="x")
    model = keras.Model(inputs, ops.log(L.Activation("sigmoid")(inputs)))
    x = np.concatenate([[[-7.0, 0.0]], np.random.default_rng(1).normal(size=(60, 2))])
    config = Config(bits=6, vectors=40, cosim_vectors=20, simulators=("icarus",))
    project = fpga_ml.compile(model, data=x, config=config, output=tmp_path / "p")
    assert project.report["csim"]["bit_exact_vs_quantised_model"] is True
    assert project.agrees
    assert project.outputs["csim"][0].min() == -8.0
    rows = {row["tensor"]: row for row in project.report["quantisation"]}
    assert all(np.isfinite(row["low"]) for row in rows.values())


def test_a_backend_without_our_cpp(tmp_path: Path) -> None:
    with pytest.raises(FpgaMlError, match=r"layer 'silu\w*' \(silu\) has no C\+\+ for backend Quartus"):
        fpga_ml.compile(_model(ops.silu), config=Config(backend="Quartus"), output=tmp_path / "p")
