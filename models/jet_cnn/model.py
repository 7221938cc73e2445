"""The compact jet-image CNN: three convolutions with 2x2 max-pooling, a dense layer, two classes (gluon, quark).

The topology and the kernel sizes are those of Komiske, Metodiev, Schwartz, arXiv:1612.01551 (8x8, 4x4, 4x4, valid
padding); the widths are ours (8-16-32 filters and 64 units where the paper has 64-64-64 and 128), without dropout. They grow
where the image shrinks: a stream has 1,089 pixels to take at the first layer and 25 at the last, so that a filter there
costs a fortieth of the multipliers.
"""

from __future__ import annotations

import keras
from keras import layers


def build(filters: tuple[int, int, int] = (8, 16, 32), units: int = 64, channels: int = 3) -> keras.Model:
    """Float model: (33, 33, channels) standardised image to two class probabilities (gluon, quark)."""
    x = inputs = keras.Input((33, 33, channels), name="image")
    for i, (n_filters, size) in enumerate(zip(filters, (8, 4, 4), strict=True), start=1):
        x = layers.Conv2D(n_filters, size, kernel_initializer="he_uniform", name=f"conv{i}")(x)
        x = layers.ReLU(name=f"relu{i}")(x)
        x = layers.MaxPooling2D(2, name=f"pool{i}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(units, kernel_initializer="he_uniform", name="dense")(x)
    x = layers.ReLU(name="relu4")(x)
    x = layers.Dense(2, name="logits")(x)
    return keras.Model(inputs, layers.Softmax(name="softmax")(x), name="jet_cnn")
