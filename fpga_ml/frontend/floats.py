"""The float model behind a QKeras model: the same latent weights, the rounding taken out."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from fpga_ml.frontend.celeste import LAYERS as CELESTE
from fpga_ml.frontend.layers import Bounded
from fpga_ml.frontend.normalise import Normalise
from fpga_ml.frontend.quantise import _LINEAR
from fpga_ml.frontend.rebuild import copy_layer, copy_weights, rebuild
from fpga_ml.frontend.recurrent import inner, is_recurrent, rewritten

# These only round. Others (binary, ternary, power of two, quantized_tanh, ...) are what the network computes and stay.
_ROUNDERS = ("quantized_bits", "quantized_relu", "quantized_linear")


def to_float(model: Any) -> Any:
    """A Keras model without the rounding of its quantizers: what quantisation is measured against."""
    weights: dict[str, list[np.ndarray]] = {}

    def make(layer: Any) -> Any:
        weights[layer.name] = [np.asarray(w) for w in layer.weights]
        if isinstance(layer, CELESTE):
            return type(layer).from_config({**layer.get_config(), "design": None})
        if isinstance(layer, (Bounded, Normalise)):
            return layer.unrounded()
        if type(layer).__name__ == "QActivation":
            return _float_activation(layer.activation, layer.name) if _rounds(layer.activation) else copy_layer(layer)
        if is_recurrent(layer):
            return rewritten(layer, without(inner(layer)))
        return without(layer)

    def without(layer: Any) -> Any:
        config = layer.get_config()
        for argument in [k for k in config if k.endswith("_quantizer")]:
            if _rounds(getattr(layer, argument, None)):
                config[argument] = None
        if _rounds(getattr(layer, "activation", None)) and type(layer).__name__ in _LINEAR:
            config["activation"] = "relu" if type(layer.activation).__name__ == "quantized_relu" else None
        found = type(layer).from_config(config)
        found.name = layer.name
        return found

    return copy_weights(rebuild(model, make), weights)


def _rounds(quantizer: Any) -> bool:
    return type(quantizer).__name__ in _ROUNDERS and getattr(quantizer, "alpha", 1) in (1, None)


def _float_activation(quantizer: Any, name: str) -> Any:
    if type(quantizer).__name__ == "quantized_relu":
        return keras.layers.ReLU(negative_slope=float(quantizer.negative_slope), name=name)
    return keras.layers.Activation("linear", name=name)
