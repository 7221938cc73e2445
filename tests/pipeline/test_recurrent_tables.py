"""Gates of recurrent layers through tables of ours: right to the steps of the state, small outputs and QKeras' defaults
too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import qkeras
from keras import layers as L
from ladder import lowered_equals

import fpga_ml
from fpga_ml.config import Config, LayerConfig
from fpga_ml.layers.recurrent import Recurrent
from fpga_ml.layers.unary import Unary

STEPS, FEATURES, UNITS = 3, 2, 2


def _q(bits: int, integer: int = 1) -> Any:
    return qkeras.quantized_bits(bits, integer, alpha=1)


# (layer, size of its weights, how many steps of its state C-simulation may be from the quantised model)
CELLS = {
    "lstm_small": (lambda: L.LSTM(UNITS), 0.03, 2),
    "gru_small": (lambda: L.GRU(UNITS), 0.03, 2),
    "simple_small": (lambda: L.SimpleRNN(UNITS), 0.03, 2),
    "lstm": (lambda: L.LSTM(UNITS), 0.6, 4),
    "gru": (lambda: L.GRU(UNITS, reset_after=False), 0.6, 4),
    "simple": (lambda: L.SimpleRNN(UNITS), 0.6, 4),
    "qlstm_defaults": (
        lambda: qkeras.QLSTM(
            UNITS, kernel_quantizer=_q(6), recurrent_quantizer=_q(6), bias_quantizer=_q(6), state_quantizer=_q(8)
        ),
        0.6,
        2,
    ),
    "qgru_defaults": (
        lambda: qkeras.QGRU(
            UNITS, kernel_quantizer=_q(6), recurrent_quantizer=_q(6), bias_quantizer=_q(6), state_quantizer=_q(8)
        ),
        0.6,
        2,
    ),
}
FAST = {("lstm_small", "parallel"), ("qlstm_defaults", "stream")}
CASES = [
    pytest.param(name, arch, id=f"{name}-{arch}", marks=[] if (name, arch) in FAST else [pytest.mark.slow])
    for name in CELLS
    for arch in ("parallel", "stream")
]


def _model(name: str) -> tuple[Any, np.ndarray]:
    build, size, _ = CELLS[name]
    keras.utils.set_random_seed(4)
    inputs = keras.Input((STEPS, FEATURES), name="x")
    layer = build()
    layer.name = "r"  # qkeras-v3 forgets the argument
    model = keras.Model(inputs, layer(inputs))
    rng = np.random.default_rng(5)
    model.set_weights([rng.normal(size=w.shape) * size for w in model.get_weights()])
    return model, rng.normal(size=(80, STEPS, FEATURES))


@pytest.mark.parametrize(("name", "arch"), CASES)
def test_gates(name: str, arch: str, tmp_path: Path) -> None:
    model, x = _model(name)
    config = Config(arch=arch, cosim_vectors=10, simulators=("icarus",))
    project = fpga_ml.compile(model, data=x, output=tmp_path / "p", config=config)
    assert project.agrees
    assert project.report["stages"]["cosim"] == "ran"
    lowered_equals(project, list(project.x))
    cell = next(layer.cell for layer in project.graph.layers if isinstance(layer, Recurrent))
    tables = [k for k in (cell.activation, getattr(cell, "gate", None)) if k is not None]
    assert all(isinstance(k, Unary) and k.table.cost <= 0.5 for k in tables)
    far = np.abs(project.outputs["quantised"][0] - project.outputs["csim"][0]).max()
    assert far <= CELLS[name][2] * cell.state.lsb
    assert project.report["notes"] == []


def test_the_users_table_stays_and_its_cost_is_told(tmp_path: Path) -> None:
    """64 entries for 16 bits, of a gate and of an activation behind the layer; the notes name both."""
    inputs = keras.Input((STEPS, FEATURES), name="x")
    outputs = L.Activation("tanh", name="end")(L.LSTM(UNITS, name="r")(inputs))
    layers = {name: LayerConfig(table_size=64) for name in ("r", "end")}
    x = np.random.default_rng(1).normal(size=(40, STEPS, FEATURES))
    config = Config(until="convert", layers=layers)
    project = fpga_ml.compile(keras.Model(inputs, outputs), data=x, output=tmp_path / "p", config=config)
    said = "\n".join(project.report["notes"])
    for where in ("layer 'end': the table of tanh", "layer 'r': the table of tanh", "layer 'r': the table of sigmoid"):
        assert where in said
    assert "leave out its table_size" in said
    config = Config(until="convert", backend="Quartus")
    project = fpga_ml.compile(keras.Model(inputs, outputs), data=x, output=tmp_path / "q", config=config)
    assert "use --backend Vitis" in "\n".join(project.report["notes"])
