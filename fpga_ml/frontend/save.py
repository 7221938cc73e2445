"""Trained models on disk."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import keras
import numpy as np


def content_of(model: keras.Model) -> bytes:
    """What the model is: the same for the same layers, names and weights."""
    config = json.dumps(keras.saving.serialize_keras_object(model), sort_keys=True, default=str)
    return config.encode() + b"".join(np.asarray(w).tobytes() for w in model.get_weights())


def file_of(model: keras.Model) -> bytes:
    """What `save_plain` writes."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "model.keras"
        save_plain(model, path)
        return path.read_bytes()


def save_plain(model: keras.Model, path: Path) -> None:
    """The model with its weights, without the optimiser's state."""
    plain = keras.models.clone_model(model)
    plain.set_weights(model.get_weights())
    plain.save(path)


def read_back(path: Path) -> keras.Model:
    """What `save_plain` wrote."""
    return keras.models.load_model(path, compile=False)
