"""A network of a few weights on numbers with two classes, for searches that take seconds."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from keras import layers


def samples(count: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, count)
    return {"x": (rng.normal(0, 1, (count, 3)) + y[:, None] * [1.0, -0.5, 0.2]).astype(np.float32), "y": y}


def network() -> keras.Model:
    """Weights as training might leave them; names that are no identifiers."""
    x = inputs = keras.Input((3,), name="x")
    x = layers.Dense(4, activation="relu", name="fc-1")(x)
    model = keras.Model(inputs, layers.Dense(1, name="out")(x), name="small")
    rng = np.random.default_rng(2)
    signs = np.array([[1.0, -0.5, 0.2]]).T
    first = np.concatenate([signs, -signs, rng.normal(0, 0.3, (3, 2))], axis=1)
    model.set_weights([first, np.array([0.1, 0.0, 0.2, -0.1]), np.array([[1.0], [-1.0], [0.05], [-0.03]]), np.zeros(1)])
    return model


def written(folder: Path) -> tuple[Path, Path]:
    """Files of the network and of samples."""
    folder.mkdir(parents=True, exist_ok=True)
    network().save(folder / "small.keras")
    np.savez(folder / "data.npz", **samples(600, 1))
    return folder / "small.keras", folder / "data.npz"
