"""Jet tagger on the 16 leading particles as an interaction network of linear cost: JEDI-linear. Five logits.

Each particle sees the others through their mean, which is sent back to all of them by a broadcast addition; the layers are
the authors' (Que et al., arXiv:2508.15468), each with its batch normalisation in the weights, smaller. Bit widths are
trained (HGQ2): of weights each its own, of data one a feature, the same for all particles.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from fpga_ml.frontend.hgq.files import need_hgq

CLASSES = ("g", "q", "W", "Z", "t")
PARTICLES, FEATURES = 16, 5
UNITS = 16
EBOPS = 30_000
MOMENTUM = 0.95  # of the averages of batch normalisation; an epoch is 85 batches
Dense = Callable[[str, int, int, str | None], Callable[[Any], Any]]


def build() -> keras.Model:
    """(PARTICLES, FEATURES) of fpga_ml.science.jets.series to logits of CLASSES."""
    hgq = need_hgq()

    def dense(name: str, units: int, particles: int, activation: str | None) -> keras.Layer:
        equation, shape = ("bnc,cC->bnC", (particles, units)) if particles else ("bc,cC->bC", (units,))
        kind = hgq.layers.QEinsumDenseBatchnorm
        return kind(equation, shape, bias_axes="C", activation=activation, momentum=MOMENTUM, name=name)

    def mean(name: str, keepdims: bool) -> keras.Layer:
        return hgq.layers.QSum(axes=1, scale=1 / PARTICLES, keepdims=keepdims, name=name)

    scope = hgq.config.QuantizerConfigScope
    with scope(place=("weight", "bias"), b0=6, i0=1), scope(place="datalane", f0=5, heterogeneous_axis=(-1,)):
        return _network(dense, mean, hgq.layers.QAdd(name="shared"))


def build_float() -> keras.Model:
    """The same network without quantisation."""

    def dense(name: str, units: int, particles: int, activation: str | None) -> Callable[[Any], Any]:
        parts = [
            layers.Dense(units, use_bias=False, name=name),
            layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_norm"),
        ]
        parts += [layers.Activation(activation, name=f"{name}_{activation}")] if activation else []
        return lambda x: [x := part(x) for part in parts][-1]

    def mean(name: str, keepdims: bool) -> keras.Layer:
        return layers.GlobalAveragePooling1D(keepdims=keepdims, name=name)

    return _network(dense, mean, layers.Add(name="shared"))


def _network(dense: Dense, mean: Callable[[str, bool], Any], add: Any) -> keras.Model:
    """dense(name, units, particles or 0, activation), mean over particles (name, keepdims), and the addition."""
    inputs = keras.Input((PARTICLES, FEATURES), name="particles")
    x = dense("particle", UNITS, PARTICLES, "relu")(inputs)
    own = dense("own", UNITS, PARTICLES, "relu")(x)
    others = dense("others", UNITS, 1, "relu")(mean("mean", True)(x))
    x = dense("together", UNITS, PARTICLES, "relu")(add([own, others]))
    x = mean("jet", False)(x)
    for i in range(2):
        x = dense(f"head_{i + 1}", UNITS, 0, "relu")(x)
    return keras.Model(inputs, dense("logits", len(CLASSES), 0, None)(x), name="particle_jedi_linear")
