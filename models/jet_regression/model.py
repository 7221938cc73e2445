"""True pT and mass of a jet from what is reconstructed under pile-up: one trunk of two layers, two heads."""

from __future__ import annotations

import keras
from keras import layers

INPUTS = ("pt", "mass", "tau21", "c2_b1", "c2_b2", "d2_b1", "d2_b2", "particles")
COLUMNS = (0, 2, 3, 4, 5, 6, 7, 8)  # of `feat` in the w_qcd set
MASS_UNIT_GEV = 80.0


def build(units: int = 32) -> keras.Model:
    """(8,) standardised scalars to [true pT / reconstructed pT (1,), true mass / 80 GeV (1,)]."""
    x = inputs = keras.Input((len(INPUTS),), name="scalars")
    for i in (1, 2):
        x = layers.Dense(units, kernel_initializer="he_uniform", name=f"fc{i}")(x)
        x = layers.ReLU(name=f"relu{i}")(x)
    heads = [layers.Dense(1, name=name)(x) for name in ("pt", "mass")]
    return keras.Model(inputs, heads, name="jet_regression")
