"""Trained models on disk."""

from __future__ import annotations

from pathlib import Path

import keras


def save_plain(model: keras.Model, path: Path) -> None:
    """The model with its weights, without the optimiser's state."""
    plain = keras.models.clone_model(model)
    plain.set_weights(model.get_weights())
    plain.save(path)
