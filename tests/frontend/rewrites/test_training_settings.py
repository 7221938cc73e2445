"""What a model was trained with is nothing that hardware needs: losses, metrics and optimizers of one's own, registered
nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as L

from fpga_ml.frontend.load import load


def own_loss(truth: Any, found: Any) -> Any:
    return keras.ops.mean(found - truth)


class OwnLoss(keras.losses.Loss):  # type: ignore[misc]
    def call(self, truth: Any, found: Any) -> Any:
        return own_loss(truth, found)


class OwnMetric(keras.metrics.MeanAbsoluteError):  # type: ignore[misc]
    pass


class OwnOptimizer(keras.optimizers.SGD):  # type: ignore[misc]
    pass


TRAINED = {
    "function": lambda: ("adam", own_loss, []),
    "loss": lambda: ("adam", OwnLoss(), []),
    "metrics": lambda: ("adam", "mse", [OwnMetric(), own_loss]),
    "optimizer": lambda: (OwnOptimizer(), "mse", []),
}


@pytest.mark.parametrize("form", ["keras", "h5", "json"])
@pytest.mark.parametrize("name", TRAINED)
def test_a_trained_model_loads(name: str, form: str, tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((3,)), L.Dense(2, name="d")], name="trained")
    optimizer, loss, metrics = TRAINED[name]()
    model.compile(optimizer, loss, metrics=metrics)
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    file, weights = tmp_path / f"m.{form}", None
    if form == "json":
        weights = tmp_path / "m.weights.h5"
        file.write_text(model.to_json())
        model.save_weights(weights)
    else:
        model.save(file)

    found = load(file, weights).model

    for got, want in zip(found.get_layer("d").get_weights(), model.get_layer("d").get_weights(), strict=True):
        np.testing.assert_array_equal(got, want)
