"""Jet tagger on the 20 leading constituents, hardest first: an LSTM and a softmax over g, q, W, Z, t."""

from __future__ import annotations

import keras
from keras import layers

CLASSES = ("g", "q", "W", "Z", "t")
UNITS = 16


def build(constituents: int = 20, features: int = 5) -> keras.Model:
    """(constituents, features) of fpga_ml.science.jets.series to five class probabilities."""
    inputs = keras.Input((constituents, features), name="constituents")
    x = layers.LSTM(UNITS, name="lstm")(inputs)
    x = layers.Dense(len(CLASSES), name="logits")(x)
    return keras.Model(inputs, layers.Softmax(name="softmax")(x), name="constituent_lstm")
