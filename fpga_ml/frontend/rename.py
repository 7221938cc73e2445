"""A model with identifiers in place of the names that its user gave."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import keras

from fpga_ml.frontend.rebuild import calls, copy_layer, give_weights, rebuild
from fpga_ml.naming import Naming, identifier

SCOPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")  # of a model that TensorFlow evaluates


def renamed(model: Any) -> tuple[Any, Naming]:
    """The model, a Functional one, under names that every stage takes, and what they stand for; itself where they are such.

    An input is called by its tensor's name, as Keras calls it in a dictionary of data.
    """
    every, given = calls(model), [t.name for t in model.inputs]
    called = Counter(c.key if c.key in given else c.layer.name for c in every)
    naming = Naming.of([*called], given, [name for name, times in called.items() if times > 1])
    name = model.name if SCOPE.fullmatch(model.name) else identifier(model.name)
    if name == model.name and not naming.names and {c.layer.name for c in every} == set(called):
        return model, naming
    return _called(model, naming.identifier, name), naming


def as_given(model: Any, naming: Naming) -> Any:
    """A model of identifiers under the names that its user gave."""
    return _called(model, lambda name: naming.names.get(name, name), model.name)


def _called(model: Any, new_name: Callable[[str], str], name: str) -> Any:
    """A copy whose layers and inputs have other names."""
    pairs: list[tuple[Any, Any]] = []

    def make(layer: Any) -> Any:
        copy = copy_layer(layer)
        copy.name = new_name(layer.name)
        pairs.append((layer, copy))
        return copy

    inputs = [keras.Input(batch_shape=t.shape, dtype=t.dtype, name=new_name(t.name)) for t in model.inputs]
    new = rebuild(model, make, inputs=inputs, name=name)
    for layer, copy in pairs:
        give_weights(copy, layer.get_weights())
    return new
