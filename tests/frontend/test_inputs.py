"""The type of an input whose values the model itself rounds: HGQ2's own results, also past what stands before the
quantizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as L

from fpga_ml.config import Config
from fpga_ml.frontend.calibrate import Calibrated, calibrate
from fpga_ml.frontend.hgq.files import need_hgq
from fpga_ml.frontend.inputs import reaches_of_inputs
from fpga_ml.frontend.load import load
from fpga_ml.frontend.rebuild import Probe

hgq = need_hgq()
dense: Callable[[], Any] = lambda: hgq.layers.QDense(2)  # noqa: E731  (read in each row)
# Of two series, (4, 3) and (4, 2).
MODELS: dict[str, Callable[[Any, Any], Any]] = {
    "at_once": lambda x, _: dense()(x),
    "flatten": lambda x, _: dense()(L.Flatten()(x)),
    "slice": lambda x, _: dense()(x[:, :3]),
    "slices": lambda x, _: hgq.layers.QAdd()([dense()(x[:, :2]), dense()(x[:, 2:])]),
    "permute": lambda x, _: dense()(L.Permute((2, 1))(x)),
    "dropout": lambda x, _: dense()(L.Dropout(0.5)(x)),
    "padding": lambda x, _: dense()(L.ZeroPadding1D(1)(x)),
    "joined": lambda x, y: dense()(L.Concatenate()([x, y])),
    "two_readers": lambda x, _: hgq.layers.QAdd()([dense()(x), dense()(x)]),
    "relu": lambda x, _: dense()(L.ReLU()(x)),
    "largest": lambda x, _: dense()(L.MaxPooling1D(2)(x)),
    "recurrent": lambda x, _: hgq.layers.QSimpleRNN(3)(x),
}


def built(make: Callable[[Any, Any], Any]) -> Any:
    """With widths that differ from element to element."""
    keras.utils.set_random_seed(1)
    inputs = [keras.Input((4, 3), name="x"), keras.Input((4, 2), name="y")]
    model = keras.Model(inputs, [make(*inputs), dense()(inputs[1])])
    rng = np.random.default_rng(2)
    for part in model._flatten_layers():
        width = getattr(part, "_f", None)
        if width is not None and "iq" in width.path:
            width.assign(np.asarray(width) + rng.integers(-1, 2, width.shape))
    return model


def calibrated(model: Any, x: list[np.ndarray]) -> Calibrated:
    source = load(model)
    return calibrate(source.model, x, [t.name for t in source.model.inputs], Config())


@pytest.mark.parametrize("name", MODELS)
def test_data_are_rounded_as_the_model_rounds_them(name: str) -> None:
    """A little beyond the range of HGQ2's default, where it wraps."""
    model, rng = built(MODELS[name]), np.random.default_rng(3)
    x = [rng.uniform(-4.2, 4.2, (500, *t.shape[1:])).astype(np.float32).astype(np.float64) for t in model.inputs]
    found = calibrated(model, x)
    given = [t.quantise(a) for t, a in zip(found.input_types, x, strict=True)]
    wanted = model([a.astype(np.float32) for a in x], training=False)
    for ours, theirs in zip(Probe(found.model).outputs(given), wanted, strict=True):
        np.testing.assert_array_equal(ours.reshape(theirs.shape), np.asarray(theirs, np.float64))
    assert found.notes == ()


def test_what_reads_an_input_as_it_comes_is_told() -> None:
    model = built(lambda x, _: L.Add()([L.Dense(2, name="plain")(x), hgq.layers.QDense(2)(x)]))
    x = [np.random.default_rng(3).uniform(-4, 4, (50, *t.shape[1:])) for t in model.inputs]
    (note,) = calibrated(model, x).notes
    assert note.startswith("input 'x' is read by plain as it comes, beside layers that round it: it has the type ap_fixed<")


def test_ranges_of_the_elements() -> None:
    """HGQ2's default: a sign and two integer bits; an element that is left out has the range of the others."""
    low, high = reaches_of_inputs(load(built(MODELS["slice"])).model)[0] or ((), ())
    assert np.min(low) == -4
    assert np.all((np.asarray(high) > 3.5) & (np.asarray(high) < 4))
    assert np.shape(low) == (4, 3)
