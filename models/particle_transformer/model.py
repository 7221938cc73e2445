"""Jet tagger on the 8 leading particles: a transformer's block, attention of two heads and a feed-forward layer, each added
to what it saw; then the mean over particles and a head. Five logits.

Bit widths are trained (HGQ2): of weights each its own, of data one a feature, the same for all particles.
"""

from __future__ import annotations

import keras
from keras import layers

from fpga_ml.frontend.hgq.files import need_hgq

CLASSES = ("g", "q", "W", "Z", "t")
PARTICLES, FEATURES = 8, 5
UNITS, HEADS, KEY = 16, 2, 4
EBOPS = 35_000


def build() -> keras.Model:
    """(PARTICLES, FEATURES) of fpga_ml.science.jets.series to logits of CLASSES."""
    hgq = need_hgq()
    q, quantizer = hgq.layers, hgq.config.QuantizerConfig
    inputs = keras.Input((PARTICLES, FEATURES), name="particles")
    scope = hgq.config.QuantizerConfigScope
    with scope(place=("weight", "bias"), b0=6, i0=1), scope(place="datalane", f0=5, heterogeneous_axis=(-1,)):
        x = q.QDense(UNITS, activation="relu", name="particle")(inputs)
        attention = q.QMultiHeadAttention(
            HEADS,
            KEY,
            qkvo_oq_conf=quantizer(place="datalane", heterogeneous_axis=(-2, -1)),
            softmax_oq_conf=quantizer(place="datalane", heterogeneous_axis=(1,)),
            name="attention",
        )
        x = q.QAdd(name="attended")([attention(x, x, x), x])
        y = q.QDense(UNITS, activation="relu", name="forward_1")(x)
        x = q.QAdd(name="forwarded")([q.QDense(UNITS, activation="relu", name="forward_2")(y), x])
        x = q.QSum(axes=1, scale=1 / PARTICLES, name="mean")(x)
        x = q.QDense(UNITS, activation="relu", name="head")(x)
        x = q.QDense(len(CLASSES), name="logits")(x)
    return keras.Model(inputs, x, name="particle_transformer")


def build_float() -> keras.Model:
    """The same network without quantisation."""
    inputs = keras.Input((PARTICLES, FEATURES), name="particles")
    x = layers.Dense(UNITS, activation="relu", name="particle")(inputs)
    x = layers.Add(name="attended")([layers.MultiHeadAttention(HEADS, KEY, name="attention")(x, x), x])
    y = layers.Dense(UNITS, activation="relu", name="forward_1")(x)
    x = layers.Add(name="forwarded")([layers.Dense(UNITS, activation="relu", name="forward_2")(y), x])
    x = layers.GlobalAveragePooling1D(name="mean")(x)
    x = layers.Dense(UNITS, activation="relu", name="head")(x)
    return keras.Model(inputs, layers.Dense(len(CLASSES), name="logits")(x), name="particle_transformer")
