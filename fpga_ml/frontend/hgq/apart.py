"""HGQ2's layers as Keras layers and those of frontend/tensors.py: the same function, each type an element's own.

HGQ2 (C. Sun et al., arXiv:2405.00645) trains a width for each weight and each value. A layer of its rounds what it reads and
its weights, computes as Keras would, and may round its result. Taken apart like this, every value has a type. The package
itself is not needed here: layers are known by the names of their classes, and their quantizers are asked for numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.hgq import layers, recurrent, tables  # noqa: F401  (they say what each kind becomes)
from fpga_ml.frontend.hgq.parts import Parts
from fpga_ml.frontend.rebuild import as_functional, copy_layer, rebuild
from fpga_ml.frontend.tensors import Kept

# Keras' own layers that compute without weights: exact, where what they read is.
_MERGES = ("Add", "Subtract", "Multiply", "Maximum", "Minimum")
_EXACT = frozenset(
    [
        *(*_MERGES, "Average", "ReLU"),
        *("AveragePooling1D", "AveragePooling2D", "GlobalAveragePooling1D", "GlobalAveragePooling2D"),
    ]
)


def is_hgq(layer: Any) -> bool:
    return type(layer).__module__.partition(".")[0] == "hgq"


def without_hgq(model: Any) -> Any:
    """The model, a Functional one, with HGQ2's layers taken apart; the model itself where there is none."""
    if not any(map(_holds_hgq, model.layers)):
        return model
    weights: dict[str, list[np.ndarray]] = {}

    def make(layer: Any) -> Any:
        if is_hgq(layer):
            return Parts(layer, weights)
        if _holds_hgq(layer):
            raise FpgaMlError(
                f"layer '{layer.name}' is a {type(layer).__name__} around a layer of HGQ2, which does not become hardware",
                where=f"layer '{layer.name}'",
                do="use HGQ2's own layers: QGRU and QSimpleRNN in place of an RNN; a QDense needs no TimeDistributed",
            )
        weights[layer.name] = layer.get_weights()
        copy = copy_layer(layer)
        return _Exact(copy) if type(layer).__name__ in _EXACT or _is_relu(layer) else copy

    new = rebuild(model, make)
    for layer in new.layers:
        if layer.weights:
            layer.set_weights(weights[layer.name])
    return new


def _holds_hgq(layer: Any) -> bool:
    return any(map(is_hgq, layer._flatten_layers()))


def taken_apart(layer: Any, made: Any) -> tuple[Any, dict[int, Any]]:
    """One call of an HGQ2 layer as a model of its parts, and its inputs by the id of the tensor for which each stands.

    made: what the call makes. Merges read tensors of one shape.
    """
    node = layer._inbound_nodes[made._keras_history.node_index]
    inputs = {id(t): keras.Input(t.shape[1:], dtype=t.dtype) for t in node.arguments.keras_tensors}
    weights: dict[str, list[np.ndarray]] = {}
    args, kwargs = node.arguments.fill_in(inputs)
    parts = Parts(layer, weights)
    outputs = parts(*args, **kwargs)
    model = rebuild(
        as_functional(keras.Model(list(inputs.values()), outputs)),
        lambda part: _Widened(parts, part) if type(part).__name__ in _MERGES else part,
        inputs=list(inputs.values()),
    )
    for part in model.layers:
        if part.weights:
            part.set_weights(weights[part.name])
    return model, inputs


class _Widened:
    """A merge whose inputs are repeated to the shape of its result."""

    def __init__(self, parts: Parts, merge: Any) -> None:
        self.parts, self.merge = parts, merge

    def __call__(self, x: Sequence[Any]) -> Any:
        shape = np.broadcast_shapes(*(tuple(t.shape[1:]) for t in x))
        return self.merge([self._wide(k, t, shape) for k, t in enumerate(x)])

    def _wide(self, number: int, x: Any, shape: tuple[int, ...]) -> Any:
        own = np.arange(math.prod(x.shape[1:])).reshape(x.shape[1:])
        return self.parts.arranged(f"{self.merge.name}_wide{number}", np.broadcast_to(own, shape), x)


def _is_relu(layer: Any) -> bool:
    return type(layer).__name__ == "Activation" and layer.activation is keras.activations.relu


class _Exact:
    """A Keras layer whose result keeps every bit."""

    def __init__(self, layer: Any) -> None:
        self.layer, self.kept = layer, Kept(name=f"{layer.name}_kept")

    def __call__(self, *x: Any, **kwargs: Any) -> Any:
        return self.kept(self.layer(*x, **kwargs))
