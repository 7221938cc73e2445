"""Normalisations in the quantised Keras model."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from keras import layers as L

import fpga_ml
from fpga_ml.frontend.floats import to_float
from fpga_ml.frontend.normalise import Normalise


def model(*layers: keras.layers.Layer) -> keras.Model:
    keras.utils.set_random_seed(3)
    made = keras.Sequential([keras.Input((5, 4)), L.Dense(4, name="before"), *layers])
    rng = np.random.default_rng(4)
    for layer in made.layers:
        layer.set_weights([rng.uniform(0.3, 1.0, w.shape) for w in layer.weights])
    return made


def normalisations(of: keras.Model) -> list[Normalise]:
    return [layer for layer in of.layers if isinstance(layer, Normalise)]


def test_formula_is_the_layer_it_stands_for() -> None:
    """In floats, for every kind, axis and option."""
    x = np.random.default_rng(1).normal(size=(9, 5, 4)).astype("float32")
    for layer in (
        L.LayerNormalization(epsilon=0.1),
        L.LayerNormalization(axis=1, scale=False),
        L.LayerNormalization(axis=(-2, -1), center=False),
        L.RMSNormalization(axis=(1, 2)),
        L.GroupNormalization(2),
        L.GroupNormalization(-1),
        L.GroupNormalization(5, axis=1),
    ):
        given = model(layer)
        twin = fpga_ml.to_qkeras(given, 24, data=x)
        assert len(normalisations(twin)) == 1
        np.testing.assert_allclose(twin.predict(x, verbose=0), given.predict(x, verbose=0), atol=2e-4)
        np.testing.assert_allclose(to_float(twin).predict(x, verbose=0), given.predict(x, verbose=0), atol=2e-4)


def test_trains_and_returns_from_a_file(tmp_path: Path) -> None:
    x = np.random.default_rng(1).normal(size=(64, 5, 4)).astype("float32")
    twin = fpga_ml.to_qkeras(model(L.LayerNormalization(name="norm")), 8, data=x)
    before = [np.array(w) for w in twin.get_layer("norm").weights]
    twin.compile("adam", "mse")
    twin.fit(x, x, epochs=1, verbose=0)
    after = twin.get_layer("norm").weights
    assert all((np.asarray(a) != b).any() for a, b in zip(after, before, strict=True))
    values, result = twin.predict(x, verbose=0), normalisations(twin)[0].type
    assert result.holds(values.astype(np.float64))
    twin.save(tmp_path / "twin.keras")
    assert (keras.models.load_model(tmp_path / "twin.keras").predict(x, verbose=0) == values).all()
    csim = fpga_ml.compile(twin, data=x, until="csim", output=tmp_path / "p", progress=False).report["csim"]
    assert csim["bit_exact_vs_quantised_model"]


def test_equal_values_give_beta() -> None:
    """Where Keras divides by zero."""
    given = model(L.LayerNormalization(epsilon=0.0, name="norm"))
    twin = fpga_ml.to_qkeras(given, 8)
    y = normalisations(twin)[0](np.ones((1, 5, 4), np.float32))
    form, beta = normalisations(twin)[0].form, np.asarray(given.layers[-1].beta, np.float64)
    assert form.beta is not None
    assert (np.asarray(y)[0] == form.result.quantise(form.beta.quantise(beta))).all()


def test_one_layer_called_twice(tmp_path: Path) -> None:
    norm, x = L.LayerNormalization(name="norm"), keras.Input((4,))
    a, b = L.Dense(4, name="a")(x), L.Dense(4, name="b")(x)
    given = keras.Model(x, L.Add(name="sum")([norm(a), norm(b)]))
    data = np.random.default_rng(1).normal(size=(64, 4))
    csim = fpga_ml.compile(given, data=data, until="csim", output=tmp_path / "p", progress=False).report["csim"]
    assert csim["bit_exact_vs_quantised_model"]
