"""The dense jet tagger: 16 substructure features to five classes (g, q, W, Z, t); 64, 32, 32 ReLU units.

The topology is that of Duarte et al., arXiv:1804.06913.
"""

from __future__ import annotations

import keras
from keras import layers

CLASSES = ("g", "q", "W", "Z", "t")
UNITS = (64, 32, 32)


def build() -> keras.Model:
    """(16,) standardised features to five class probabilities."""
    x = inputs = keras.Input((16,), name="features")
    for i, units in enumerate(UNITS, start=1):
        x = layers.Dense(units, kernel_initializer="lecun_uniform", name=f"fc{i}")(x)
        x = layers.ReLU(name=f"relu{i}")(x)
    x = layers.Dense(len(CLASSES), kernel_initializer="lecun_uniform", name="logits")(x)
    return keras.Model(inputs, layers.Softmax(name="softmax")(x), name="jet_tagger")
