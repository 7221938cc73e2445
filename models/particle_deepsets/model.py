"""Jet tagger on the 16 leading particles as a set: dense layers a particle, their mean, and a head. Five logits.

Bit widths are trained (HGQ2): of weights each its own, of data one a feature, the same for all particles.
"""

from __future__ import annotations

import keras
from keras import layers

from fpga_ml.frontend.hgq.files import need_hgq

CLASSES = ("g", "q", "W", "Z", "t")
PARTICLES, FEATURES = 16, 5
PARTICLE, HEAD = (16, 16), (16, 16)
EBOPS = 20_000


def build() -> keras.Model:
    """(PARTICLES, FEATURES) of fpga_ml.science.jets.series to logits of CLASSES."""
    hgq = need_hgq()
    inputs = keras.Input((PARTICLES, FEATURES), name="particles")
    scope = hgq.config.QuantizerConfigScope
    with scope(place=("weight", "bias"), b0=6, i0=1), scope(place="datalane", f0=5, heterogeneous_axis=(-1,)):
        x = inputs
        for i, units in enumerate(PARTICLE):
            x = hgq.layers.QDense(units, activation="relu", name=f"particle_{i + 1}")(x)
        x = hgq.layers.QSum(axes=1, scale=1 / PARTICLES, name="mean")(x)
        for i, units in enumerate(HEAD):
            x = hgq.layers.QDense(units, activation="relu", name=f"head_{i + 1}")(x)
        x = hgq.layers.QDense(len(CLASSES), name="logits")(x)
    return keras.Model(inputs, x, name="particle_deepsets")


def build_float() -> keras.Model:
    """The same network without quantisation."""
    x = inputs = keras.Input((PARTICLES, FEATURES), name="particles")
    for i, units in enumerate(PARTICLE):
        x = layers.Dense(units, activation="relu", name=f"particle_{i + 1}")(x)
    x = layers.GlobalAveragePooling1D(name="mean")(x)
    for i, units in enumerate(HEAD):
        x = layers.Dense(units, activation="relu", name=f"head_{i + 1}")(x)
    return keras.Model(inputs, layers.Dense(len(CLASSES), name="logits")(x), name="particle_deepsets")
