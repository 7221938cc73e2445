"""What a Keras layer computes, by a name."""

from __future__ import annotations

from typing import Any

import keras


def activation_name(layer: Any) -> str:
    """Name of the activation inside a layer: '' for none or linear, the function's name, 'quantizer' for a quantizer."""
    activation = getattr(layer, "activation", None)
    if activation is None or activation is keras.activations.linear:
        return ""
    return "quantizer" if hasattr(activation, "get_config") else str(activation.__name__)


def function_name(layer: Any) -> str:
    """The same, and 'softmax' for the layer of that name."""
    return "softmax" if type(layer).__name__ == "Softmax" else activation_name(layer)


def is_relu(layer: Any) -> bool:
    name = type(layer).__name__
    if name == "ReLU":
        return not layer.negative_slope and not layer.threshold and layer.max_value is None
    return name == "Activation" and activation_name(layer) == "relu"
