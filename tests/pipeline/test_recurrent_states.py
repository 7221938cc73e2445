"""States of recurrent layers as inputs and outputs, layers that go backwards, two directions merged: Keras, C-simulation,
emulator, lowered kernels and RTL in two simulators, bit for bit, in both architectures."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hls4ml.converters import parse_keras_v3_model
from keras import layers as L
from ladder import lowered_equals
from numpy.testing import assert_equal
from simulators import USUAL

import fpga_ml
from fpga_ml.bridge.mended import mended
from fpga_ml.config import Config, LayerConfig
from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.load import load
from fpga_ml.quantise import to_qkeras
from pipeline.test_recurrent import CELLS, EXACT, FEATURES, STEPS, UNITS, sequences

ARCHS = ("parallel", "stream")


def weighted(model: Any) -> Any:
    rng = np.random.default_rng(5)
    model.set_weights([rng.uniform(0.1, 0.6, w.shape) * rng.choice((-1, 1), w.shape) for w in model.get_weights()])
    return model


def named(layer: Any, name: str) -> Any:
    layer.name = name  # qkeras-v3 forgets the argument
    return layer


def handed_on(name: str) -> Any:
    """A sequence from a state that is given; its last state is the first one of what reads the sequence."""
    keras.utils.set_random_seed(4)
    x = keras.Input((STEPS, FEATURES), name="x")
    given = [keras.Input((UNITS,), name=f"given_{k}") for k in range(2 if "lstm" in name else 1)]
    first = named(CELLS[name](return_sequences=True, return_state=True), "first")
    second = named(CELLS[name](return_state=True), "second")
    series, *states = first(x, initial_state=given)
    last, *others = second(series, initial_state=states)
    return weighted(keras.Model([x, *given], [series, last, *others]))


def data_of(model: Any, n: int = 60) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    states = {t.name: rng.uniform(-0.9, 0.9, size=(n, *t.shape[1:])) for t in model.inputs[1:]}
    return {"x": sequences(n)} | states


def settings(arch: str, *names: str, **changes: Any) -> Config:
    layers = {n: LayerConfig(table_size=64) for n in names}
    return Config(arch=arch, bits=8, cosim_vectors=12, layers=layers, simulators=USUAL, **changes)


def proven(model: Any, data: dict[str, np.ndarray], config: Config, folder: Path) -> fpga_ml.Project:
    """A build of which all agree."""
    project = fpga_ml.compile(model, data=data, output=folder / "p", config=config)
    report = project.report
    assert report["emulator"]["mismatches"] == 0
    assert [run["simulator"] for run in report["cosim"]] == [*USUAL], report["stages"]
    for run in report["cosim"]:
        assert run["passed"], run["texts"]
        assert run["stalls"] > 0
        assert (run["latency_cycles"], run["interval_cycles"]) == tuple(
            report["rtl"][k] for k in ("latency_cycles", "interval_cycles")
        )
    return project


@pytest.mark.parametrize(
    ("name", "arch"),
    [
        pytest.param(name, arch, marks=[] if (name, arch) == ("lstm", "stream") else [pytest.mark.slow])
        for name in CELLS
        for arch in ARCHS
    ],
)
def test_states_are_given_and_returned(name: str, arch: str, tmp_path: Path) -> None:
    model = handed_on(name)
    data = data_of(model)
    project = proven(model, data, settings(arch, "first", "second"), tmp_path)
    lowered_equals(project, list(project.x))
    far = project.report["csim"]["max_abs_err_vs_quantised"]
    assert far == 0 if name in EXACT else 0 < far < 0.25, far  # 64 entries a table: 1/4 apart
    _, last, h = project.csim(list(project.x))[:3]
    assert_equal(last, h)
    if arch == "stream":
        rows = {row["name"]: row for row in project.report["rtl"]["layers"]}
        step = max(rows[n]["interval_cycles"] for n in ("first", "second"))
        assert project.report["rtl"]["interval_cycles"] == (STEPS - 1) * step + 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["simple", "lstm", "gru", "gru_before"])
def test_a_given_state_and_a_fold(name: str, tmp_path: Path) -> None:
    model = handed_on(name)
    project = proven(model, data_of(model), settings("stream", "first", "second", reuse_factor=4), tmp_path)
    rows = {row["name"]: row for row in project.report["rtl"]["layers"]}
    assert rows["first"]["area"]["rom_bits"] > 0


def series_of(layer: Callable[[Any], Any]) -> Any:
    keras.utils.set_random_seed(4)
    x = keras.Input((STEPS, FEATURES), name="x")
    return weighted(keras.Model(x, layer(x)))


def decoder(x: Any) -> Any:
    """From the states of one that goes backwards, of which the last h alone is read."""
    _, *states = L.LSTM(UNITS, return_sequences=True, return_state=True, go_backwards=True, name="encoder")(x)
    y, h, _ = L.LSTM(UNITS, return_sequences=True, return_state=True, name="decoder")(x, initial_state=states)
    return [y, h]


def both_states(x: Any) -> Any:
    y, fh, _, _, bc = L.Bidirectional(L.LSTM(UNITS, return_state=True), name="r")(x)
    return [y, fh, bc]


def two(cell: Callable[..., Any], mode: str | None, **options: Any) -> Callable[[Any], Any]:
    return L.Bidirectional(cell(UNITS, **options), merge_mode=mode, name="r")


SEVERAL: dict[str, Callable[[Any], Any]] = {
    "backwards": L.GRU(UNITS, go_backwards=True, return_sequences=True, name="r"),
    "decoder": decoder,
    "both_states": both_states,
    "concat_lstm_last": two(L.LSTM, "concat"),
    "concat_gru": two(L.GRU, "concat", return_sequences=True),
    "different": L.Bidirectional(
        L.LSTM(UNITS, return_sequences=True),
        backward_layer=L.GRU(UNITS + 1, return_sequences=True, go_backwards=True),
        name="r",
    ),
    "sum_gru": two(L.GRU, "sum", return_sequences=True),
    "mul_lstm": two(L.LSTM, "mul", return_sequences=True),
    "ave_gru_before": two(L.GRU, "ave", reset_after=False, return_sequences=True),
    "none_lstm": two(L.LSTM, None, return_sequences=True),
    "concat_simple": two(L.SimpleRNN, "concat", return_sequences=True),
    "sum_simple_last": two(L.SimpleRNN, "sum", activation="relu"),
    "ave_simple_last": two(L.SimpleRNN, "ave", activation="relu"),
    "mul_simple": two(L.SimpleRNN, "mul", activation="linear", return_sequences=True),
    "concat_gru_before_last": two(L.GRU, "concat", reset_after=False),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_a_layer_taken_apart_is_the_same(name: str) -> None:
    model, x = series_of(SEVERAL[name]), sequences(20)
    found = load(model).model
    for want, got in zip(keras.tree.flatten(model(x)), keras.tree.flatten(found(x)), strict=True):
        np.testing.assert_allclose(np.asarray(got), np.asarray(want), atol=1e-6)  # Keras may fuse the two directions
    assert {type(layer).__name__ for layer in found.layers} <= {
        *("InputLayer", "SimpleRNN", "LSTM", "GRU", "Walk", "Pick"),
        *("Add", "Multiply", "Average", "Concatenate"),
    }


@pytest.mark.parametrize(
    ("name", "arch"),
    [
        pytest.param(name, arch, marks=[] if (name, arch) == ("concat_gru", "stream") else [pytest.mark.slow])
        for name in SEVERAL
        for arch in ARCHS
    ],
)
def test_several_layers_in_one(name: str, arch: str, tmp_path: Path) -> None:
    model = series_of(SEVERAL[name])
    layers = [c.name for c in load(model).model.layers if type(c).__name__ in ("SimpleRNN", "LSTM", "GRU", "Walk")]
    project = proven(model, {"x": sequences(60)}, settings(arch, *layers), tmp_path)
    lowered_equals(project, list(project.x))
    far = project.report["csim"]["max_abs_err_vs_quantised"]
    assert far == 0 if name in ("sum_simple_last", "ave_simple_last", "mul_simple") else 0 < far < 0.5, far


def test_twins_have_states(tmp_path: Path) -> None:
    """At 16 bits the QKeras twin is the float model but for roundings, first and last states included."""
    model = handed_on("lstm")
    data = data_of(model, 30)
    twin = to_qkeras(model, bits=16, data=list(data.values()))
    assert type(twin.get_layer("first").layer).__name__ == "QLSTM"
    for want, got in zip(model(list(data.values())), twin(list(data.values())), strict=True):
        far = np.abs(np.asarray(got) - np.asarray(want)).max()
        assert 0 < far < 2e-3
    twin.compile("adam", "mse")
    before = twin.get_layer("first").get_weights()[0]
    twin.fit(list(data.values()), [np.zeros(t.shape) for t in model(list(data.values()))], verbose=0)
    assert (twin.get_layer("first").get_weights()[0] != before).any()
    twin.save(tmp_path / "twin.keras")
    again = load(tmp_path / "twin.keras").model
    for want, got in zip(twin(list(data.values())), again(list(data.values())), strict=True):
        assert_equal(np.asarray(got), np.asarray(want))


def test_hls4ml_itself_is_told_what_to_do() -> None:
    """A script of hls4ml's own never sees a layer that would convert to something else."""
    for name, says in (
        ("backwards", "goes backwards"),
        ("both_states", "returns its state"),
        ("sum_gru", "merges by 'sum'"),
        ("concat_simple", "a cell that hls4ml does not take"),
    ):
        with mended(), pytest.raises(FpgaMlError, match=re.escape(says)):
            parse_keras_v3_model(series_of(SEVERAL[name]), allow_da_fallback=False)


def test_what_has_no_cpp_is_refused(tmp_path: Path) -> None:
    model = handed_on("lstm")
    config = settings("parallel", "first", until="convert", backend="Quartus")
    with pytest.raises(FpgaMlError, match="has no C\\+\\+ for backend Quartus"):
        fpga_ml.compile(model, data=data_of(model, 8), output=tmp_path / "p", config=config)
    x, mask = keras.Input((STEPS, FEATURES)), keras.Input((STEPS,), dtype="bool")
    with pytest.raises(FpgaMlError, match="is called with mask"):
        load(keras.Model([x, mask], L.GRU(UNITS, name="r")(x, mask=mask)))


def kept(name: str) -> Any:
    """Two layers that keep their states, the first giving its last one."""
    keras.utils.set_random_seed(4)
    x = keras.Input(batch_shape=(1, STEPS, FEATURES), name="x")
    first = named(CELLS[name](return_sequences=True, return_state=True, stateful=True), "first")
    series, *states = first(x)
    return weighted(keras.Model(x, [series, named(CELLS[name](stateful=True), "second")(series), states[-1]]))


def one_after_another(model: Any, x: np.ndarray) -> list[np.ndarray]:
    """What Keras itself gives, sample by sample, from cleared states on."""
    for layer in model.layers:
        if getattr(layer, "stateful", False):
            layer.reset_state()
    found = [keras.tree.flatten(model(x[n : n + 1])) for n in range(len(x))]
    return [np.concatenate([np.asarray(t) for t in tensors]) for tensors in zip(*found, strict=True)]


@pytest.mark.parametrize("name", ["simple", "lstm", "gru_before"])
def test_a_kept_state_is_that_of_keras(name: str) -> None:
    model, x = kept(name), sequences(12)
    found = load(model).model
    for want, got in zip(one_after_another(model, x), found(x), strict=True):
        np.testing.assert_allclose(np.asarray(got), want, atol=1e-6)


@pytest.mark.parametrize("name", [n if n == "gru" else pytest.param(n, marks=pytest.mark.slow) for n in CELLS])
def test_states_are_kept_and_cleared_by_reset(name: str, tmp_path: Path) -> None:
    """Resets in mid-run begin anew with the first sample, in simulation and here."""
    model = kept(name)
    project = proven(model, {"x": sequences(60)}, settings("stream", "first", "second"), tmp_path)
    assert any("layer 'first' is stateful" in note for note in project.report["notes"])
    x = project.x[0]
    found = project.csim(x)
    assert any((project.emulate(x[n:])[0] != found[0][n:]).any() for n in range(1, 9))  # relu may have forgotten some
    for begun in (0, 4):
        for want, got in zip(project.csim(x[begun:]), project.emulate(x[begun:]), strict=True):
            assert_equal(got, want)
    far = project.report["csim"]["max_abs_err_vs_quantised"]
    assert far == 0 if name in EXACT else 0 < far < 0.5, far


@pytest.mark.slow
def test_a_kept_state_is_for_streams(tmp_path: Path) -> None:
    """C-simulation and emulator of io_parallel keep it too."""
    config = settings("parallel", "first", "second")
    report = fpga_ml.compile(kept("gru"), data={"x": sequences(60)}, output=tmp_path / "p", config=config).report
    assert report["emulator"]["mismatches"] == 0
    assert "'first' is stateful" in report["stages"]["rtl"]


def test_one_sequence_at_a_time() -> None:
    x = keras.Input(batch_shape=(2, STEPS, FEATURES))
    with pytest.raises(FpgaMlError, match="keeps 2 states side by side"):
        load(keras.Model(x, L.GRU(UNITS, stateful=True, name="r")(x)))
    x, shared = (
        keras.Input(batch_shape=(1, STEPS, FEATURES)),
        L.GRU(FEATURES, return_sequences=True, stateful=True, name="r"),
    )
    with pytest.raises(FpgaMlError, match="is stateful and called 2 times"):
        load(keras.Model(x, shared(shared(x))))
