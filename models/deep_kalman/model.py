"""A deep Kalman filter: a GRU whose candidate is linear walks over the planes; two heads read the last state.

The state moves by h = z h + (1 - z) (W x + b + r (U h + d)): a linear filter whose transition U and gain W are learned, and
whose gates, which see whether a plane was hit, say how much of it applies. One head is linear and gives the track's state
behind the last plane, the other gives the logarithms of its uncertainties. After Krishnan, Shalit, Sontag,
arXiv:1511.05121, with the inference network alone.
"""

from __future__ import annotations

import keras
from keras import layers

UNITS = 16


def build(planes: int = 8, features: int = 3) -> keras.Model:
    """(planes, features) to (6,): position, slope, curvature in widths of the road, and their log uncertainties."""
    inputs = keras.Input((planes, features), name="hits")
    state = layers.GRU(UNITS, activation="linear", name="filter")(inputs)
    hidden = layers.ReLU(name="relu")(layers.Dense(UNITS, name="hidden")(state))
    estimate = layers.Dense(3, name="estimate")(state)
    log_sigma = layers.Dense(3, name="log_sigma")(hidden)
    return keras.Model(inputs, layers.Concatenate(name="states")([estimate, log_sigma]), name="deep_kalman")
