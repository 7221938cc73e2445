"""Float models as models of HGQ2: nearly the same outputs, built bit for bit, narrower where resources weigh more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as L

import fpga_ml
from fpga_ml.config import Config
from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.hgq.rewrite import fit_ranges, to_hgq
from fpga_ml.frontend.hgq.train import train, unit
from fpga_ml.frontend.load import load
from fpga_ml.frontend.prepare import samples_of
from fpga_ml.frontend.save import read_back, save_plain
from fpga_ml.frontend.train import Goal
from fpga_ml.simulate.emulate import emulate
from fpga_ml.sizing import typed


def mlp(x: Any) -> Any:
    x = L.Dropout(0.3)(L.Dense(8, activation="relu", name="fc-1")(x))
    return L.Dense(3, activation="softmax", name="out-1")(x)


def normalised(x: Any) -> Any:
    """Batch normalisations: one that folds, one that does not."""
    x = L.Activation("tanh")(L.BatchNormalization()(L.Dense(8)(x)))
    return L.Dense(1, activation="sigmoid")(L.BatchNormalization(center=False)(x))


def cnn(x: Any) -> Any:
    x = L.MaxPooling2D(2)(L.ReLU()(L.BatchNormalization()(L.Conv2D(3, 3, use_bias=False)(x))))
    x = L.Add()([L.Conv2D(3, 1)(x), x])
    return L.Softmax()(L.Dense(2)(L.GlobalAveragePooling2D()(x)))


def series(x: Any) -> Any:
    x = L.Conv1D(4, 3, padding="causal", activation="relu")(x)
    x = L.Multiply()([x, L.EinsumDense("btc,tcd->btd", (6, 4), bias_axes="d", activation="softplus")(x)])
    return L.Dense(2)(L.Concatenate()([L.GlobalMaxPooling1D()(x), L.Flatten()(L.AveragePooling1D(3)(x))]))


def attention(x: Any) -> Any:
    x = L.Dense(6, activation="relu")(x)
    return L.Dense(2)(L.GlobalAveragePooling1D()(L.Add()([L.MultiHeadAttention(2, 3)(x, x), x])))


NETWORKS: dict[str, tuple[tuple[int, ...], Callable[[Any], Any]]] = {
    "mlp": ((6,), mlp),
    "normalised": ((6,), normalised),
    "cnn": ((8, 8, 2), cnn),
    "series": ((6, 3), series),
    "attention": ((4, 5), attention),
}


def made(name: str) -> tuple[Any, np.ndarray]:
    """A network with random weights and statistics, and samples."""
    keras.utils.set_random_seed(3)
    shape, build = NETWORKS[name]
    inputs = keras.Input(shape, name="x")
    model, rng = keras.Model(inputs, build(inputs)), np.random.default_rng(1)
    for w in model.weights:
        if w.name in ("gamma", "moving_variance"):
            w.assign(rng.uniform(0.5, 2, w.shape))
        elif w.name in ("bias", "beta", "moving_mean"):
            w.assign(rng.normal(0, 0.3, w.shape))
    return model, rng.normal(0, 1, (400, *shape)).astype(np.float32)


@pytest.mark.parametrize("name", NETWORKS)
def test_nearly_the_same_and_bit_exact_when_built(name: str, tmp_path: Path) -> None:
    model, x = made(name)
    twin = to_hgq(model, x)
    exact, theirs = (np.asarray(m.predict(x, verbose=0), np.float64) for m in (model, twin))
    assert np.sqrt(np.mean((theirs - exact) ** 2)) < 0.05 * max(exact.std(), 0.3)
    save_plain(twin, tmp_path / "twin.keras")
    source, config = load(tmp_path / "twin.keras"), Config()
    prepared, layers = typed(source, config, samples_of(source, x.astype(np.float64), 1))
    (ours,) = emulate(layers, list(prepared.x))
    assert len(np.unique(theirs)) > 20
    np.testing.assert_array_equal(ours.reshape(theirs.shape), theirs)


def test_more_bits_are_nearer() -> None:
    model, x = made("series")
    exact = model.predict(x, verbose=0)
    far, near = (np.abs(to_hgq(model, x, bits).predict(x, verbose=0) - exact).mean() for bits in (4, 10))
    assert near < far / 8


def of(layer: Any, shape: tuple[int, ...] = (8, 4)) -> Any:
    inputs = keras.Input(shape, name="x")
    return keras.Model(inputs, layer(inputs))


def twice(x: Any) -> Any:
    shared = L.Dense(4, name="shared")
    return L.Concatenate(axis=1)([shared(x), shared(L.MaxPooling1D(2)(x))])


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "recurrent": (lambda: of(L.GRU(3, name="gru_1")), "layer 'gru_1' is a GRU"),
    "prelu": (lambda: of(L.PReLU(name="steep")), "layer 'steep' is a PReLU"),
    "leaky": (lambda: of(L.LeakyReLU(0.25, name="leaky")), "layer 'leaky'"),
    "shapes": (lambda: of(twice), "layer 'shared' is called with tensors of several shapes"),
    "twin": (lambda: to_hgq(of(L.Dense(2, name="fc")), np.ones((9, 8, 4))), "layer 'fc' is a QDense"),
    "qkeras": (lambda: fpga_ml.to_qkeras(of(L.Dense(2, name="fc"))), "has quantizers already"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_has_no_twin_is_named(kind: str) -> None:
    model, said = REFUSED[kind]
    with pytest.raises(FpgaMlError, match=said) as error:
        fpga_ml.to_hgq(model(), np.ones((9, 8, 4)))
    assert error.value.do


def test_hgq2_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "hgq", None)
    with pytest.raises(FpgaMlError, match="HGQ2") as error:
        to_hgq(of(L.Dense(2)), np.ones((9, 8, 4)))
    assert "doctor --install hgq2" in str(error.value)


def test_resources_that_weigh_more_leave_fewer_operations(tmp_path: Path) -> None:
    """From the same twin, with the same batches. Adam divides by the size of the gradient, so widths move at a small
    weight too; a larger one still leaves fewer."""
    rng = np.random.default_rng(5)
    y = rng.integers(0, 2, 2048)
    x = (rng.normal(0, 1, (2048, 6)) + y[:, None] * np.linspace(-1, 1, 6)).astype(np.float32)
    save_plain(to_hgq(made("mlp")[0], x), tmp_path / "twin.keras")
    left = []
    for share in (0.01, 100.0):
        model = read_back(tmp_path / "twin.keras")
        goal = Goal.of(model, y)
        train(model, [x], goal, beta=share * unit(model, [x], goal), epochs=4, seed=1)
        left.append(fit_ranges(model, [x]))
    assert left[0] > 1.1 * left[1] > 0
