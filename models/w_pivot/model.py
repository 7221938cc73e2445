"""Boosted W or QCD jet from six substructure features: the classifier of Louppe, Kagan, Cranmer, arXiv:1611.01046.

64 tanh, 64 ReLU, 64 ReLU, sigmoid. In hardware the tanh is its hard form (linear between -1 and 1): that one is exact
arithmetic, where hls4ml's tanh is a table.
"""

from __future__ import annotations

import keras
import qkeras
from keras import layers

FEATURES = ("mass", "tau21", "c2_b1", "c2_b2", "d2_b1", "d2_b2")
COLUMNS = (2, 3, 4, 5, 6, 7)  # of `feat` in the w_qcd set
_HARD_TANH_BITS = 8


def build(units: int = 64, *, hard: bool = False) -> keras.Model:
    """(6,) standardised features to the probability of a W, (1,). hard: with the hardware's tanh."""
    x = inputs = keras.Input((len(FEATURES),), name="features")
    x = layers.Dense(units, name="fc1")(x)
    if hard:
        x = qkeras.QActivation(qkeras.quantized_bits(_HARD_TANH_BITS, 0, alpha=1), name="tanh")(x)
    else:
        x = layers.Activation("tanh", name="tanh")(x)
    for i in (2, 3):
        x = layers.Dense(units, name=f"fc{i}")(x)
        x = layers.ReLU(name=f"relu{i}")(x)
    x = layers.Dense(1, name="logits")(x)
    return keras.Model(inputs, layers.Activation("sigmoid", name="sigmoid")(x), name="w_pivot")
