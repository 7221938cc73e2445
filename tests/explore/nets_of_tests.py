"""Functions that make networks, for searches of architectures."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers


def build(trial: Any) -> keras.Model:
    width = trial.suggest_int("width", 2, 6, step=2)
    kind = trial.suggest_categorical("activation", ["relu", "tanh"])
    depth = trial.suggest_int("depth", 0, 2)
    x = inputs = keras.Input((3,), name="x")
    for _ in range(depth):
        x = layers.Dense(width, activation=kind)(x)
    return keras.Model(inputs, layers.Dense(1)(x))


def depends(trial: Any) -> keras.Model:
    if trial.suggest_int("layers", 0, 1):
        trial.suggest_int("more", 1, 2)
    return build(trial)


def twice(trial: Any) -> keras.Model:
    trial.suggest_int("width", 1, 2)
    return build(trial)


def takes_a_float(trial: Any) -> keras.Model:
    trial.suggest_float("rate", 0.0, 1.0)
    return build(trial)


def steps_past(trial: Any) -> keras.Model:
    trial.suggest_int("n", 1, 4, step=2)
    return build(trial)


def of_the_search(trial: Any) -> keras.Model:
    trial.suggest_int("zeros", 1, 4)
    return build(trial)


def no_choice(trial: Any) -> keras.Model:
    trial.suggest_categorical("kind", [])
    return build(trial)


def raises(trial: Any) -> keras.Model:
    raise ValueError("no layers today")


def makes_nothing(trial: Any) -> None:
    trial.suggest_int("n", 1, 2)


def misfits(trial: Any) -> keras.Model:
    """The smallest network cannot be made."""
    if trial.suggest_int("n", 0, 1) == 0:
        return None
    return build(trial)
