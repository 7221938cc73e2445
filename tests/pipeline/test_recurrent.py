"""Recurrent layers: C-simulation, emulator, lowered kernels and RTL in two simulators, bit for bit, in both architectures.

Each case is a cell that returns its sequence and, behind it, one that returns its last state. Sequences of all lengths up
to the declared one are among the data, zeros behind their ends.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hls4ml
import keras
import numpy as np
import pytest
import qkeras
from keras import layers as L
from ladder import kernels_equal, lowered_equals
from numpy.testing import assert_equal
from simulators import USUAL

import fpga_ml
from fpga_ml.bridge.mended import mended
from fpga_ml.bridge.read_graph import read_graph
from fpga_ml.config import Config, LayerConfig
from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.load import load
from fpga_ml.numerics import FixedType
from fpga_ml.quantise import to_qkeras
from fpga_ml.simulate.emulate import emulate

STEPS, FEATURES, UNITS = 4, 3, 2
Build = Callable[..., Any]


def q(bits: int, integer: int = 1) -> Any:
    return qkeras.quantized_bits(bits, integer, alpha=1)


def quantised(kind: Any, activation: Any = "tanh", gate: Any = "sigmoid") -> Build:
    quantizers = {name: q(6) for name in ("kernel_quantizer", "recurrent_quantizer", "bias_quantizer")}
    gates = {} if kind is qkeras.QSimpleRNN else {"recurrent_activation": gate}
    return lambda **options: kind(UNITS, activation=activation, **gates, **quantizers, state_quantizer=q(7), **options)


REAL = {
    "activation": qkeras.quantized_tanh(6, use_real_tanh=True),
    "gate": qkeras.quantized_sigmoid(6, use_real_sigmoid=True),
}
CELLS: dict[str, Build] = {
    "simple": lambda **o: L.SimpleRNN(UNITS, **o),
    "simple_relu": lambda **o: L.SimpleRNN(UNITS, activation="relu", use_bias=False, **o),
    "simple_linear": lambda **o: L.SimpleRNN(UNITS, activation="linear", **o),
    "lstm": lambda **o: L.LSTM(UNITS, **o),
    "lstm_relu": lambda **o: L.LSTM(UNITS, activation="relu", use_bias=False, **o),
    "gru": lambda **o: L.GRU(UNITS, **o),
    "gru_before": lambda **o: L.GRU(UNITS, reset_after=False, **o),
    "gru_relu": lambda **o: L.GRU(UNITS, activation="relu", use_bias=False, **o),
    "qsimple": quantised(qkeras.QSimpleRNN),
    "qlstm": quantised(qkeras.QLSTM, **REAL),
    "qgru": quantised(qkeras.QGRU, **REAL),
}
FAST = {("simple", "stream", True), ("lstm", "stream", False), ("gru_before", "parallel", True)}
EXACT = {"simple_relu", "simple_linear"}  # no tables
CASES = [
    pytest.param(name, arch, static, id=f"{name}-{arch}-{'static' if static else 'plain'}", marks=marks)
    for name in CELLS
    for arch in ("parallel", "stream")
    for static in (True, False)
    for marks in [[] if (name, arch, static) in FAST else [pytest.mark.slow]]
]


def chain(cell: Build) -> Any:
    """A sequence of states, and the last state of what reads it; random weights and biases."""
    keras.utils.set_random_seed(4)
    x = inputs = keras.Input((STEPS, FEATURES), name="x")
    first, second = cell(return_sequences=True), cell()
    first.name, second.name = "first", "second"  # qkeras-v3 forgets the argument
    model = keras.Model(inputs, second(first(x)))
    rng = np.random.default_rng(5)
    model.set_weights([rng.uniform(0.1, 0.6, w.shape) * rng.choice((-1, 1), w.shape) for w in model.get_weights()])
    return model


def sequences(n: int) -> np.ndarray:
    """(n, STEPS, FEATURES), of every length from 1 on in turn."""
    x = np.random.default_rng(6).normal(size=(n, STEPS, FEATURES))
    for k in range(n):
        x[k, 1 + k % STEPS :] = 0
    return x


def settings(arch: str, static: bool = True, **changes: Any) -> Config:
    layers = {name: LayerConfig(table_size=64, static=static) for name in ("first", "second")}
    return Config(arch=arch, bits=8, cosim_vectors=12, layers=layers, simulators=USUAL, **changes)


@pytest.mark.parametrize(("name", "arch", "static"), CASES)
def test_cell(name: str, arch: str, static: bool, tmp_path: Path) -> None:
    x = sequences(60)
    project = fpga_ml.compile(chain(CELLS[name]), data=x, output=tmp_path / "p", config=settings(arch, static))
    report = project.report
    assert report["emulator"]["mismatches"] == 0
    lowered_equals(project, [x])
    assert [run["simulator"] for run in report["cosim"]] == [*USUAL]
    assert all(run["passed"] for run in report["cosim"]), [run["texts"] for run in report["cosim"]]
    far = report["csim"]["max_abs_err_vs_quantised"]
    assert far == 0 if name in EXACT else 0 < far < 0.25, far  # 64 entries a table: 1/4 apart
    if arch == "stream":
        loops = [row for row in report["rtl"]["layers"] if row["kind"] == "loop"]
        assert [row["name"] for row in loops] == ["first", "second"]
        rtl = report["rtl"]
        assert rtl["interval_cycles"] == (STEPS - 1) * max(row["interval_cycles"] for row in loops) + 1
        for run in report["cosim"]:
            assert (run["latency_cycles"], run["interval_cycles"]) == (rtl["latency_cycles"], rtl["interval_cycles"])
            assert run["stalls"] > 0


@pytest.mark.parametrize(
    "name", ["gru", *(pytest.param(n, marks=pytest.mark.slow) for n in ("lstm", "simple", "gru_before"))]
)
@pytest.mark.parametrize("reuse", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_reuse_factor_folds_the_products(name: str, reuse: int, tmp_path: Path) -> None:
    model, x = chain(CELLS[name]), sequences(60)
    config = settings("stream", reuse_factor=reuse)
    report = fpga_ml.compile(model, data=x, output=tmp_path / "p", config=config).report
    assert report["emulator"]["mismatches"] == 0
    assert all(run["passed"] for run in report["cosim"]), [run["texts"] for run in report["cosim"]]
    rows = {row["name"]: row for row in report["rtl"]["layers"]}
    assert rows["first_inputs_fold"]["kind"] == rows["second_inputs_fold"]["kind"] == "fold"
    folded = {"lstm": 4, "gru": 3, "gru_before": 2, "simple": 1}[name] * UNITS * UNITS  # products with the state
    assert rows["first"]["interval_cycles"] > min(reuse, folded)
    assert rows["first"]["area"]["rom_bits"] > 0
    for run in report["cosim"]:
        assert run["interval_cycles"] == report["rtl"]["interval_cycles"]


@pytest.mark.parametrize("kind", ["simple", "lstm", "gru"])
def test_twins_carry_weights_and_states(kind: str) -> None:
    """At 16 bits the QKeras twin is the float model but for roundings; every quantizer is there."""
    model, x = chain(CELLS[kind]), sequences(40)
    twin = to_qkeras(model, bits=16, data=x)
    cell = twin.get_layer("first").cell
    assert type(cell).__name__.startswith("Q")
    names = ("kernel_quantizer", "recurrent_quantizer", "bias_quantizer", "state_quantizer")
    assert all(getattr(cell, n) is not None for n in names)
    far = np.abs(np.asarray(twin(x)) - np.asarray(model(x))).max()
    assert 0 < far < 1e-3


TWO_WAYS: dict[str, Callable[[], Any]] = {
    "lstm": lambda: L.Bidirectional(L.LSTM(UNITS), name="r"),
    "gru_sequences": lambda: L.Bidirectional(L.GRU(UNITS, return_sequences=True), name="r"),
    "different": lambda: L.Bidirectional(
        L.LSTM(UNITS, return_sequences=True),
        backward_layer=L.GRU(UNITS + 1, return_sequences=True, go_backwards=True),
        name="r",
    ),
}


@pytest.mark.parametrize("name", [n if n == "gru_sequences" else pytest.param(n, marks=pytest.mark.slow) for n in TWO_WAYS])
def test_two_directions_of_hls4mls_own(name: str, tmp_path: Path) -> None:
    """In hls4ml's scripts a Bidirectional layer stays one: its C-simulation against emulator, lowered kernels and Keras."""
    keras.utils.set_random_seed(4)
    inputs = keras.Input((STEPS, FEATURES), name="x")
    model = keras.Model(inputs, TWO_WAYS[name]()(inputs))
    x = FixedType.parse("ap_fixed<8,3>").quantise(sequences(60))
    with mended():
        config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="Vitis")
        config["LayerName"]["x"]["Precision"]["result"] = "fixed<8,3>"
        config["LayerName"]["r"] |= {"TableSize": 256}
        config["LayerName"]["r"]["Precision"] |= {"result": "fixed<12,2,RND_CONV,SAT>", "accum": "fixed<24,8>"}
        graph = hls4ml.converters.convert_from_keras_model(
            model, hls_config=config, backend="Vitis", output_dir=str(tmp_path / "p"), allow_da_fallback=False
        )
        graph.compile()
    read = read_graph(graph)
    assert [type(layer).__name__ for layer in read.layers] == ["Input", "Bidirectional"]
    (found,) = emulate(read, [x])
    assert_equal(found.reshape(len(x), -1), graph.predict(np.ascontiguousarray(x)).reshape(len(x), -1))
    assert 0 < np.abs(found - np.asarray(model(x))).max() < 0.1
    kernels_equal(read, [x])


def with_heads() -> Any:
    """Dense layers on each time step, one of them wrapped, behind a recurrent layer."""
    keras.utils.set_random_seed(4)
    x = inputs = keras.Input((STEPS, FEATURES), name="x")
    x = L.GRU(UNITS, return_sequences=True, name="first")(x)
    x = L.TimeDistributed(L.Dense(3, activation="relu"), name="wrapped")(x)
    x = L.TimeDistributed(L.BatchNormalization(), name="normed")(x)
    return keras.Model(inputs, L.LSTM(UNITS, name="second")(x))


def test_time_distributed_is_what_it_holds() -> None:
    model, x = with_heads(), sequences(20)
    found = load(model).model
    assert type(found.get_layer("wrapped")).__name__ == "Dense"
    assert type(found.get_layer("normed")).__name__ == "BatchNormalization"
    np.testing.assert_array_equal(np.asarray(found(x)), np.asarray(model(x)))


@pytest.mark.slow
@pytest.mark.parametrize("arch", ["parallel", "stream"])
def test_layers_between(arch: str, tmp_path: Path) -> None:
    config = settings(arch)
    report = fpga_ml.compile(with_heads(), data=sequences(60), output=tmp_path / "p", config=config).report
    assert report["emulator"]["mismatches"] == 0
    assert all(run["passed"] for run in report["cosim"]), [run["texts"] for run in report["cosim"]]


def piecewise() -> Any:
    return quantised(qkeras.QLSTM, activation=qkeras.quantized_tanh(6))()


REFUSED: dict[str, tuple[Callable[[], Any], str, str]] = {
    "softsign": (
        lambda: L.LSTM(2, recurrent_activation="softsign", name="r"),
        "Vitis",
        "recurrent_activation = softsign: it is not one of a cell's",
    ),
    "hard_sigmoid": (lambda: L.LSTM(2, recurrent_activation="hard_sigmoid", name="r"), "Quartus", "piecewise linear"),
    "piecewise": (piecewise, "Quartus", "piecewise linear"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_cpp_is_refused(name: str, tmp_path: Path) -> None:
    build, backend, says = REFUSED[name]
    inputs = keras.Input((STEPS, FEATURES), name="x")
    model = keras.Model(inputs, build()(inputs))
    with pytest.raises(FpgaMlError, match=re.escape(says)):
        fpga_ml.compile(model, data=sequences(8), output=tmp_path / "p", config=Config(backend=backend, until="convert"))
