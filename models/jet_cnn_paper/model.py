"""The jet-image CNN of Komiske, Metodiev, Schwartz, arXiv:1612.01551: three valid convolutions of 64 filters (8x8, 4x4,
4x4) with 2x2 max-pooling and spatial dropout (.25, .5, .5), a dense layer of 128 with dropout .5, two classes.

    python models/jet_cnn_paper/model.py

writes float.keras (152,130 parameters, seeded initial weights: not trained) and sample.npz (the first images of
models/jet_cnn). What is asked of it is its size: how large a network streams, and what it costs.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from keras import layers

HERE = Path(__file__).parent
IMAGES = 24


def build(filters: int = 64, units: int = 128, channels: int = 3) -> keras.Model:
    """Float model: (33, 33, channels) standardised image to two class probabilities (gluon, quark)."""
    x = inputs = keras.Input((33, 33, channels), name="image")
    for i, (size, dropped) in enumerate(((8, 0.25), (4, 0.5), (4, 0.5)), start=1):
        x = layers.Conv2D(filters, size, kernel_initializer="he_uniform", name=f"conv{i}")(x)
        x = layers.ReLU(name=f"relu{i}")(x)
        x = layers.MaxPooling2D(2, name=f"pool{i}")(x)
        x = layers.SpatialDropout2D(dropped, name=f"dropout{i}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(units, kernel_initializer="he_uniform", name="dense")(x)
    x = layers.ReLU(name="relu4")(x)
    x = layers.Dropout(0.5, name="dropout4")(x)
    x = layers.Dense(2, name="logits")(x)
    return keras.Model(inputs, layers.Softmax(name="softmax")(x), name="jet_cnn_paper")


def main() -> None:
    keras.utils.set_random_seed(1)
    build().save(HERE / "float.keras")
    with np.load(HERE.parent / "jet_cnn" / "sample.npz") as z:
        np.savez_compressed(HERE / "sample.npz", **{name: z[name][:IMAGES] for name in z.files})


if __name__ == "__main__":
    main()
