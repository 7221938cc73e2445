"""The jet-image CNN of Komiske, Metodiev, Schwartz, arXiv:1612.01551: three valid convolutions of 64 filters (8x8, 4x4,
4x4) with 2x2 max-pooling and spatial dropout (.25, .5, .5), a dense layer of 128 with dropout .5, two classes.
"""

from __future__ import annotations

import keras
from keras import layers


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
