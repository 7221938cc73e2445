"""HGQ2's layers as Keras layers and those of frontend/tensors.py: the same function, each type an element's own.

HGQ2 (C. Sun et al., arXiv:2405.00645) trains a width for each weight and each value. A layer of its rounds what it reads and
its weights, computes as Keras would, and may round its result. Taken apart like this, every value has a type. The package
itself is not needed here: layers are known by the names of their classes, and their quantizers are asked for numbers.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.hgq import layers, recurrent, tables  # noqa: F401  (they say what each kind becomes)
from fpga_ml.frontend.hgq.parts import Parts
from fpga_ml.frontend.rebuild import as_functional, copy_layer, copy_weights, rebuild
from fpga_ml.frontend.standins import StandIn, with_standins
from fpga_ml.frontend.tensors import Kept, numbers

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
    return with_standins(model, {id(layer): s for layer in model.layers if (s := _standin(layer)) is not None})


def _standin(layer: Any) -> StandIn | None:
    if is_hgq(layer):
        return Parts(layer)
    if _holds_hgq(layer):
        raise FpgaMlError(
            f"layer '{layer.name}' is a {type(layer).__name__} around a layer of HGQ2, which does not become hardware",
            where=f"layer '{layer.name}'",
            do="use HGQ2's own layers: QGRU and QSimpleRNN in place of an RNN; a QDense needs no TimeDistributed",
        )
    return _Exact(layer) if type(layer).__name__ in _EXACT or _is_relu(layer) else None


def _holds_hgq(layer: Any) -> bool:
    return any(map(is_hgq, layer._flatten_layers()))


def taken_apart(layer: Any, made: Any) -> tuple[Any, dict[int, Any]]:
    """One call of an HGQ2 layer as a model of its parts, and its inputs by the id of the tensor for which each stands.

    made: what the call makes. Merges read tensors of one shape.
    """
    node = layer._inbound_nodes[made._keras_history.node_index]
    inputs = {id(t): keras.Input(t.shape[1:], dtype=t.dtype) for t in node.arguments.keras_tensors}
    args, kwargs = node.arguments.fill_in(inputs)
    parts = Parts(layer)
    whole = as_functional(keras.Model(list(inputs.values()), parts(*args, **kwargs)))
    merges = {id(part): _Widened(part) for part in whole.layers if type(part).__name__ in _MERGES}
    model = rebuild(whole, lambda part: merges.get(id(part)) or part, inputs=list(inputs.values()))
    return copy_weights(model, parts.weights), inputs


class _Widened(StandIn):
    """A merge whose inputs are repeated to the shape of its result."""

    def results(self, x: Any, *_: Any, **given: Any) -> Any:
        shape = np.broadcast_shapes(*(tuple(t.shape[1:]) for t in x))
        return self.layer([self._wide(k, t, shape) for k, t in enumerate(x)])

    def _wide(self, number: int, x: Any, shape: tuple[int, ...]) -> Any:
        return self.arranged(f"wide{number}", x, np.broadcast_to(numbers(x.shape[1:]), shape))


def _is_relu(layer: Any) -> bool:
    return type(layer).__name__ == "Activation" and layer.activation is keras.activations.relu


class _Exact(StandIn):
    """A Keras layer whose result keeps every bit."""

    def results(self, x: Any, *others: Any, **given: Any) -> Any:
        made = self.part("", lambda _: copy_layer(self.layer), self.layer.get_weights())(x, *others, **given)
        return self.part("kept", lambda name: Kept(name=name))(made)
