"""Keras 3 handlers that hls4ml 1.3.0 lacks: the layers of qkeras-v3.

hls4ml knows QKeras through its Keras-2 handlers, which read a layer's config and ask a reader for weights by their
Keras-2 names. Each handler here delegates to them and adds what Keras 3 does differently: quantizers arrive as
objects, a layer's activation may be a quantizer, and some variables are named otherwise. No handler says what it
`handles`, for hls4ml would register it for good: the table at the end makes patches of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hls4ml.converters.keras.core import parse_layernorm_layer
from hls4ml.converters.keras.qkeras import (
    parse_qactivation_layer,
    parse_qbatchnorm_layer,
    parse_qconv_layer,
    parse_qdense_layer,
    parse_qdepthwiseqconv_layer,
    parse_qsepconv_layer,
)
from hls4ml.converters.keras_v3._base import KerasV3LayerHandler, registry
from hls4ml.converters.keras_v3.core import ActivationHandler, SoftmaxHandler
from hls4ml.model.quantizers import QKerasQuantizer
from hls4ml.model.types import FixedPrecisionType

from fpga_ml.bridge.patches import ADDED, MENDED

# Keras-2 variable name -> the names that Keras 3 gives the same variable, in order of preference.
_ALIASES = {"depthwise_kernel": ("depthwise_kernel", "kernel")}


class _LayerReader:
    """What hls4ml's Keras-2 handlers ask for weights: here one Keras 3 layer."""

    def __init__(self, layer: Any) -> None:
        self._weights = {w.name: np.asarray(w) for w in layer.weights}

    def get_weights_data(self, _layer_name: str, variable: str) -> np.ndarray | None:
        for name in _ALIASES.get(variable, (variable,)):
            if name in self._weights:
                return self._weights[name]
        return None


class _QKerasHandler(KerasV3LayerHandler):  # type: ignore[misc]
    """Delegates to a Keras-2 handler; an activation that is a quantizer becomes a layer of its own."""

    parse: Any = None

    def handle(self, layer: Any, in_tensors: Sequence[Any], out_tensors: Sequence[Any]) -> tuple[dict[str, Any], ...]:
        source = {"class_name": type(layer).__name__, "config": self._config(layer)}
        shapes = [list(t.shape) for t in in_tensors]
        parsed, _ = type(self).parse(source, [t.name for t in in_tensors], shapes, _LayerReader(layer))
        main = {
            **self.default_config,
            **parsed,
            "class_name": parsed["class_name"],
            "input_shape": [list(t.shape[1:]) for t in in_tensors],
        }
        return self._split_activation(layer, main, out_tensors)

    def _config(self, layer: Any) -> dict[str, Any]:
        return dict(layer.get_config())

    def _split_activation(self, layer: Any, main: dict[str, Any], out_tensors: Sequence[Any]) -> tuple[dict[str, Any], ...]:
        activation = getattr(layer, "activation", None)
        if not hasattr(activation, "get_config"):
            plain, between = self.maybe_get_activation_config(layer, out_tensors)
            if plain is None:
                return (main,)
            return {**main, "output_keras_tensor_names": [between]}, plain
        name = f"{layer.name}_{type(activation).__name__}"
        between = f"{out_tensors[0].name}_activation"
        source = {"class_name": "QActivation", "config": {"name": name, "activation": activation}}
        parsed, _ = parse_qactivation_layer(source, [between], [list(out_tensors[0].shape)], None)
        parsed["input_keras_tensor_names"] = [between]
        parsed["output_keras_tensor_names"] = [out_tensors[0].name]
        return {**main, "output_keras_tensor_names": [between]}, parsed


class QDenseHandler(_QKerasHandler):
    parse = staticmethod(parse_qdense_layer)


class QConvHandler(_QKerasHandler):
    parse = staticmethod(parse_qconv_layer)


class QDepthwiseConvHandler(_QKerasHandler):
    parse = staticmethod(parse_qdepthwiseqconv_layer)


class QSeparableConvHandler(_QKerasHandler):
    parse = staticmethod(parse_qsepconv_layer)


class QBatchNormalizationHandler(_QKerasHandler):
    parse = staticmethod(parse_qbatchnorm_layer)


class QActivationHandler(_QKerasHandler):
    parse = staticmethod(parse_qactivation_layer)

    def _split_activation(self, layer: Any, main: dict[str, Any], out_tensors: Sequence[Any]) -> tuple[dict[str, Any], ...]:
        return (main,)


class LayerNormalizationHandler(_QKerasHandler):
    """Keras 3 gives the axis as a number, hls4ml's handler expects the list of Keras 2."""

    parse = staticmethod(parse_layernorm_layer)

    def _config(self, layer: Any) -> dict[str, Any]:
        axis = layer.axis if isinstance(layer.axis, (list, tuple)) else [layer.axis]
        rank = len(layer.input_spec.shape) if layer.input_spec is not None else 3
        return {**layer.get_config(), "axis": [a if a >= 0 else rank + a for a in axis]}


class HardActivationHandler(ActivationHandler):  # type: ignore[misc]
    """hls4ml computes hard_sigmoid with Keras 2's slope of 1/5; that of Keras 3 is 1/6. Its hard_tanh lacks a slope."""

    def handle(self, layer: Any, in_tensors: Sequence[Any], out_tensors: Sequence[Any]) -> tuple[dict[str, Any], ...]:
        (config,) = super().handle(layer, in_tensors, out_tensors)
        slope = {"hard_sigmoid": 1 / 6, "hard_tanh": 0.5}.get(config["activation"])
        if slope is None:
            return (config,)
        kind = FixedPrecisionType(16, 0, False, "RND")
        return ({**config, "class_name": "HardActivation", "slope": slope, "shift": 0.5, "slope_prec": kind},)


class FunctionHandler(KerasV3LayerHandler):  # type: ignore[misc]
    """A bare operation that hls4ml does not have becomes an activation, which bridge/tables.py gives a table."""

    def handle(self, layer: Any, in_tensors: Sequence[Any], out_tensors: Sequence[Any]) -> dict[str, Any]:
        own = {"activation": layer.function, "parameters": layer.parameters}
        return {"class_name": "Activation", **own, "n_in": int(np.prod(in_tensors[0].shape[1:]))}


class SoftmaxAxisHandler(SoftmaxHandler):  # type: ignore[misc]
    """hls4ml's streams demand -1 for the last axis; its handler finds that out and hands the layer's own number on."""

    def handle(self, layer: Any, in_tensors: Sequence[Any], out_tensors: Sequence[Any]) -> tuple[dict[str, Any], ...]:
        (config,) = super().handle(layer, in_tensors, out_tensors)
        return ({**config, "axis": -1 if layer.axis == len(in_tensors[0].shape) - 1 else layer.axis},)


class AffineHandler(KerasV3LayerHandler):  # type: ignore[misc]
    """Our frozen batch normalisation is hls4ml's ApplyAlpha: scale and bias with their own quantizers."""

    def handle(self, layer: Any, in_tensors: Sequence[Any], out_tensors: Sequence[Any]) -> dict[str, Any]:
        shape = in_tensors[0].shape
        return {
            "class_name": "ApplyAlpha",
            "n_in": int(np.prod(shape[1:])),
            "n_filt": -1 if len(shape) == 2 else int(shape[-1]),
            "scale_data": self.load_weight(layer, "scale"),
            "bias_data": self.load_weight(layer, "bias"),
            "scale_quantizer": quantizer_of(layer.scale_quantizer),
            "bias_quantizer": quantizer_of(layer.bias_quantizer),
        }


def quantizer_of(quantizer: Any) -> QKerasQuantizer | None:
    """Of QKeras, as hls4ml has it."""
    if quantizer is None:
        return None
    return QKerasQuantizer({"class_name": type(quantizer).__name__, "config": quantizer.get_config()})


_ADDED: tuple[tuple[KerasV3LayerHandler, tuple[str, ...]], ...] = (
    (QDenseHandler(), ("QDense",)),
    (QConvHandler(), ("QConv1D", "QConv2D")),
    (QDepthwiseConvHandler(), ("QDepthwiseConv2D",)),
    (QSeparableConvHandler(), ("QSeparableConv1D", "QSeparableConv2D")),
    (QBatchNormalizationHandler(), ("QBatchNormalization",)),
    (QActivationHandler(), ("QActivation",)),
    (LayerNormalizationHandler(), ("LayerNormalization",)),
    (AffineHandler(), ("Affine",)),
    (FunctionHandler(), ("Function",)),
)
for _handler, _kinds in _ADDED:
    for _kind in _kinds:
        ADDED.add(registry, _kind, _handler)
for _kind in ActivationHandler.handles:
    MENDED.add(registry, _kind, HardActivationHandler())
for _kind in SoftmaxHandler.handles:
    MENDED.add(registry, _kind, SoftmaxAxisHandler())
