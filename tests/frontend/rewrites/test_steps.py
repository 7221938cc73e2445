"""RNN layers of cells, and one layer at each time step: by Keras itself, and in C-simulation, emulator and RTL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import qkeras
from keras import layers as L
from numpy.testing import assert_allclose, assert_array_equal
from qkeras import quantized_bits
from simulators import on_all_roads

from fpga_ml import FpgaMlError
from fpga_ml.bridge.convertible import check_model
from fpga_ml.frontend.load import load
from fpga_ml.frontend.rebuild import Probe, calls

Make = Callable[[Any], Any]


def bits(width: int = 6, integer: int = 1) -> Any:
    return quantized_bits(width, integer, alpha=1)


def model_of(make: Make, *shapes: tuple[int, ...], batch: int | None = None) -> Any:
    keras.utils.set_random_seed(3)
    inputs = [keras.Input(batch_shape=(batch, *s), name=f"x{k}") for k, s in enumerate(shapes)]
    outputs = keras.tree.flatten(make(*inputs))
    model = keras.Model(inputs[0] if len(inputs) == 1 else inputs, outputs if len(outputs) > 1 else outputs[0])
    rng = np.random.default_rng(4)
    for weight in [w for layer in model.layers for w in layer.weights if w.dtype == "float32" and "seed" not in w.path]:
        low = 0.3 if "variance" in weight.path else -0.8
        if "rnn" not in weight.path or "kernel" in weight.path or "bias" in weight.path:
            weight.assign(rng.uniform(low, 0.8, weight.shape))
    return model


def data_for(model: Any, samples: int = 8) -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    return [rng.integers(-40, 41, (samples, *t.shape[1:])) / 16 for t in model.inputs]


def check_same(model: Any, x: list[np.ndarray]) -> Any:
    """The rewritten model computes what Keras does, and every layer of it converts."""
    given = [a.astype("float32") for a in x]
    wanted = keras.tree.flatten(model(given[0] if len(x) == 1 else given))
    new = load(model).model
    check_model(new)
    for got, want in zip(Probe(new).outputs(x), wanted, strict=True):
        assert_allclose(got, np.asarray(want), rtol=2e-5, atol=2e-5)
    return new


# --- cells ---------------------------------------------------------------------------------------------------------------

CELLS: dict[str, Callable[[], Any]] = {
    "lstm": lambda: L.LSTMCell(3),
    "gru": lambda: L.GRUCell(3),
    "gru_before": lambda: L.GRUCell(3, reset_after=False, use_bias=False),
    "simple": lambda: L.SimpleRNNCell(3, activation="relu", dropout=0.2, recurrent_dropout=0.3),
    "quantised": lambda: qkeras.QLSTMCell(
        3,
        kernel_quantizer=bits(),
        recurrent_quantizer=bits(),
        bias_quantizer=bits(),
        state_quantizer=bits(8),
    ),
    "stacked": lambda: L.StackedRNNCells([L.LSTMCell(2), L.GRUCell(4), L.LSTMCell(3)]),
    "list": lambda: [L.SimpleRNNCell(4), L.SimpleRNNCell(3)],
    "stack_of_one": lambda: L.StackedRNNCells([L.LSTMCell(3)]),
}


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize(("sequences", "states"), [(False, False), (True, True), (False, True)])
def test_cells_are_layers(name: str, backwards: bool, sequences: bool, states: bool) -> None:
    options = {"go_backwards": backwards, "return_sequences": sequences, "return_state": states}
    model = model_of(lambda x: L.RNN(CELLS[name](), name="rnn-1", **options)(x), (5, 2))
    new = check_same(model, data_for(model))
    assert "RNN" not in {type(c.layer).__name__ for c in calls(new)}


def test_first_states_go_to_their_cells() -> None:
    def make(x: Any, h: Any, c: Any, other: Any) -> Any:
        rnn = L.RNN([L.LSTMCell(3), L.GRUCell(2)], return_state=True, name="rnn")
        return rnn(x, initial_state=[[h, c], other])

    model = model_of(make, (4, 2), (3,), (3,), (2,))
    check_same(model, data_for(model))


def test_a_first_state_without_its_name() -> None:
    model = model_of(lambda x, h: L.GRU(3)(x, h), (4, 2), (3,))
    check_same(model, data_for(model))


@pytest.mark.parametrize("merge", ["concat", "sum", None])
def test_cells_in_both_directions(merge: str | None) -> None:
    def make(x: Any) -> Any:
        rnn = L.RNN([L.LSTMCell(3), L.SimpleRNNCell(2)], return_sequences=True, return_state=True)
        return L.Bidirectional(rnn, merge_mode=merge, name="both")(x)

    model = model_of(make, (4, 2))
    check_same(model, data_for(model))


def test_quantised_layers_in_both_directions() -> None:
    def make(x: Any) -> Any:
        options = dict.fromkeys(("kernel_quantizer", "recurrent_quantizer", "bias_quantizer"), bits())
        inner = qkeras.QGRU(2, **options, state_quantizer=bits(8), return_sequences=True)
        return qkeras.QBidirectional(inner, name="both")(x)

    model = model_of(make, (4, 2))
    check_same(model, data_for(model))


def test_a_stateful_stack_goes_on() -> None:
    model = model_of(lambda x: L.RNN([L.GRUCell(3), L.SimpleRNNCell(2)], stateful=True, name="rnn")(x), (3, 2), batch=1)
    x = np.random.default_rng(5).integers(-40, 41, (4, 3, 2)) / 16
    wanted = [np.asarray(model(a[None].astype("float32")))[0] for a in x]
    (found,) = Probe(load(model).model).outputs([x])
    assert_allclose(found, wanted, rtol=2e-5, atol=2e-5)


def test_cells_of_ones_own_are_refused() -> None:
    class Own(L.SimpleRNNCell):  # type: ignore[misc]
        pass

    model = model_of(lambda x: L.RNN(Own(2), name="rnn")(x), (3, 2))
    with pytest.raises(FpgaMlError, match="cell of the class Own") as error:
        load(model)
    assert error.value.where == "layer 'rnn'"


@pytest.mark.parametrize("kind", [L.ConvLSTM1D, L.ConvLSTM2D, L.ConvLSTM3D])
def test_states_that_are_images_are_refused(kind: Any) -> None:
    rank = int(kind.__name__[-2])
    model = model_of(lambda x: kind(2, 2, name="lstm")(x), (3, *(4,) * rank, 2))
    with pytest.raises(FpgaMlError, match=f"layer 'lstm' is a {kind.__name__}") as error:
        check_model(load(model).model)
    assert "TimeDistributed" in error.value.do


@pytest.mark.parametrize(
    "make", [lambda x: L.LSTM(2)(L.Masking(name="m")(x)), lambda x: L.RNN(L.LSTMCell(2))(L.Masking(name="m")(x))]
)
def test_masks_are_refused_by_the_name_of_the_layer_that_makes_them(make: Make) -> None:
    with pytest.raises(FpgaMlError, match="layer 'm' is a Masking"):
        load(model_of(make, (3, 2)))


# --- one layer at each step ----------------------------------------------------------------------------------------------


def tagger() -> Any:
    """A model of one frame, with a branch."""
    image = keras.Input((5, 4, 2))
    y = L.Conv2D(3, 2, padding="same", activation="relu", name="c")(image)
    y = L.Add(name="a")([y, L.Conv2D(3, 1, name="d")(image)])
    y = L.Concatenate(axis=1, name="j")([L.MaxPooling2D(2, name="p")(y), L.AveragePooling2D(2, name="q")(y)])
    return keras.Model(image, L.Dense(2, name="o")(L.Flatten(name="f")(y)))


VECTOR, SERIES, FRAMES = (3, 6), (3, 6, 2), (3, 5, 4, 2)
INNER: dict[str, tuple[tuple[int, ...], Callable[[], Any]]] = {
    "dense": (VECTOR, lambda: L.Dense(2, activation="relu")),
    "normalised": (SERIES, lambda: L.BatchNormalization(axis=2)),
    "layer_normalised": (SERIES, lambda: L.LayerNormalization(axis=(1, 2))),
    "softmax": (SERIES, lambda: L.Softmax(axis=1)),
    "conv": (SERIES, lambda: L.Conv1D(3, 2)),
    "conv_same": (SERIES, lambda: L.Conv1D(3, 3, strides=2, padding="same", activation="relu")),
    "conv_causal": (SERIES, lambda: L.Conv1D(3, 2, padding="causal", use_bias=False)),
    "conv_quantised": (SERIES, lambda: qkeras.QConv1D(3, 2, kernel_quantizer=bits(), bias_quantizer=bits())),
    "deep": (SERIES, lambda: L.DepthwiseConv1D(2)),
    "deep_strided": (SERIES, lambda: L.DepthwiseConv1D(2, strides=2)),
    "separable": (SERIES, lambda: L.SeparableConv1D(3, 2)),
    "max": (SERIES, lambda: L.MaxPooling1D(2)),
    "mean": (SERIES, lambda: L.AveragePooling1D(3, strides=1, padding="same")),
    "max_of_all": (SERIES, lambda: L.GlobalMaxPooling1D()),
    "mean_of_all": (SERIES, lambda: L.GlobalAveragePooling1D(keepdims=True)),
    "up": (SERIES, lambda: L.UpSampling1D(2)),
    "pad": (SERIES, lambda: L.ZeroPadding1D((1, 2))),
    "crop": (SERIES, lambda: L.Cropping1D((1, 2))),
    "flat": (SERIES, lambda: L.Flatten()),
    "reshaped": (SERIES, lambda: L.Reshape((-1, 3))),
    "permuted": (SERIES, lambda: L.Permute((2, 1))),
    "recurrent": (SERIES, lambda: L.GRU(3)),
    "both_ways": (SERIES, lambda: L.Bidirectional(L.LSTM(2, return_sequences=True))),
    "many": ((9, 2, 2), lambda: L.GRU(2)),
    "grouped": (SERIES, lambda: L.GroupNormalization(1)),
    "slopes": (SERIES, lambda: L.PReLU()),
    "in_steps_of_steps": (SERIES, lambda: L.TimeDistributed(L.Dense(3))),
    "frames": (FRAMES, lambda: L.Conv2D(3, (2, 3), activation="relu")),
    "frames_same": (FRAMES, lambda: L.Conv2D(3, 3, padding="same")),
    "frames_strided": (FRAMES, lambda: L.Conv2D(3, 2, strides=(2, 3), padding="same")),
    "frames_far_apart": (FRAMES, lambda: L.Conv2D(3, 1, strides=3)),
    "frames_deep": (FRAMES, lambda: L.DepthwiseConv2D(2, strides=2)),
    "frames_quantised": (FRAMES, lambda: qkeras.QConv2D(3, 2, kernel_quantizer=bits(), bias_quantizer=bits())),
    "frames_folded": (FRAMES, lambda: qkeras.QConv2DBatchnorm(3, 2, kernel_quantizer=bits(), bias_quantizer=bits(8, 3))),
    "frames_max": (FRAMES, lambda: L.MaxPooling2D(2)),
    "frames_max_padded": (FRAMES, lambda: L.MaxPooling2D(2, padding="same")),
    "frames_mean": (FRAMES, lambda: L.AveragePooling2D((2, 1), strides=(1, 2))),
    "frames_mean_of_all": (FRAMES, lambda: L.GlobalAveragePooling2D()),
    "frames_max_of_all": (FRAMES, lambda: L.GlobalMaxPooling2D(keepdims=True)),
    "frames_pad": (FRAMES, lambda: L.ZeroPadding2D(((1, 0), (2, 1)))),
    "frames_flat": (FRAMES, lambda: L.Flatten()),
    "frames_dense": (FRAMES, lambda: L.Dense(3)),
    "model": (FRAMES, tagger),
    "sequential": (FRAMES, lambda: keras.Sequential([L.Conv2D(2, 2), L.ReLU(), L.Flatten(), L.Dense(3)])),
}


@pytest.mark.parametrize("name", INNER)
def test_one_layer_at_each_step(name: str) -> None:
    shape, make = INNER[name]
    model = model_of(lambda x: L.TimeDistributed(make(), name="steps")(x), shape)
    new = check_same(model, data_for(model))
    assert "TimeDistributed" not in {type(c.layer).__name__ for c in calls(new)}


def test_frames_are_one_convolution() -> None:
    model = model_of(lambda x: L.TimeDistributed(L.Conv2D(3, 3, padding="same"), name="steps")(x), FRAMES)
    assert sum(type(c.layer).__name__ == "Conv2D" for c in calls(load(model).model)) == 1


def test_a_bare_operation_at_each_step_is_refused() -> None:
    inputs = keras.Input((4,))
    model = model_of(lambda x: L.TimeDistributed(keras.Model(inputs, inputs * 2.0), name="steps")(x), (3, 4))
    with pytest.raises(FpgaMlError, match="bare operation") as error:
        load(model)
    assert error.value.where == "layer 'steps'"


SOME = ("conv_quantised", "max", "recurrent", "frames_quantised", "frames_max", "flat")
EIGHT = [tuple(INNER)[k : k + 8] for k in range(0, len(INNER), 8)]


@pytest.mark.parametrize(
    ("arch", "names"),
    [
        pytest.param("parallel", SOME, id="some"),
        *(
            pytest.param(arch, names, marks=pytest.mark.slow, id=f"{arch}-{names[0]}")
            for arch in ("parallel", "stream")
            for names in EIGHT
        ),
    ],
)
def test_steps_on_all_roads(arch: str, names: tuple[str, ...], tmp_path: Path) -> None:
    built(model_of_steps(names), tmp_path, arch)


def model_of_steps(names: tuple[str, ...]) -> Any:
    """A branch and an input for each."""

    def make(*inputs: Any) -> list[Any]:
        steps = [L.TimeDistributed(INNER[n][1](), name=n)(x) for n, x in zip(names, inputs, strict=True)]
        return [L.ReLU(name=f"{n}_relu")(y) for n, y in zip(names, steps, strict=True)]

    return model_of(make, *(INNER[n][0] for n in names))


def built(model: Any, folder: Path, arch: str) -> Any:
    """C-simulation, emulator and RTL agree, and with Keras before the first table."""
    project = on_all_roads(model, data_for(model, 20), folder, arch=arch)
    assert project.agrees, project.report["stages"]
    for got, want in zip(project.outputs["csim"], project.outputs["float"], strict=True):
        assert_allclose(got.reshape(want.shape), want, atol=0.1)
    return project


@pytest.mark.parametrize("arch", ["parallel", pytest.param("stream", marks=pytest.mark.slow)])
def test_cells_on_all_roads(arch: str, tmp_path: Path) -> None:
    def make(x: Any) -> Any:
        last = L.RNN([L.LSTMCell(2), L.GRUCell(3)], return_state=True, name="stack")(x)
        return [*keras.tree.flatten(last), L.RNN(CELLS["quantised"](), return_sequences=True, name="one")(x)]

    built(model_of(make, (4, 2)), tmp_path, arch)


def test_quantised_frames_are_those_of_qkeras(tmp_path: Path) -> None:
    def make(x: Any) -> Any:
        inner = qkeras.QConv2D(2, 2, kernel_quantizer=bits(), bias_quantizer=bits())
        return L.TimeDistributed(inner, name="frames")(x)

    model = model_of(make, (2, 3, 3, 2))
    project = built(model, tmp_path, "parallel")
    (x,) = data_for(model, 20)
    wanted = np.asarray(model(x.astype("float32")))
    assert_array_equal(project.outputs["csim"][0].reshape(wanted.shape), wanted)


SHARED: dict[str, Callable[[], Any]] = {
    "gru": lambda: L.GRU(3, name="shared"),
    "cells": lambda: L.RNN([L.LSTMCell(2), L.GRUCell(3)], name="shared"),
    "both_ways": lambda: L.Bidirectional(L.LSTM(2), name="shared"),
}


@pytest.mark.parametrize("name", SHARED)
def test_a_recurrent_layer_that_is_called_twice(name: str) -> None:
    def make(x: Any, y: Any) -> Any:
        shared = SHARED[name]()
        return [shared(x), shared(y)]

    new = check_same(model_of(make, (4, 2), (4, 2)), data_for(model_of(make, (4, 2), (4, 2))))
    used = [c.layer for c in calls(new) if type(c.layer).__name__ in ("GRU", "LSTM")]
    assert len(used) == len({layer.name for layer in used})  # hls4ml's configuration of a cell is of one node


def test_a_recurrent_layer_that_is_called_twice_on_all_roads(tmp_path: Path) -> None:
    def make(x: Any, y: Any) -> Any:
        shared = SHARED["gru"]()
        return [shared(x), shared(y)]

    built(model_of(make, (3, 2), (3, 2)), tmp_path, "parallel")
