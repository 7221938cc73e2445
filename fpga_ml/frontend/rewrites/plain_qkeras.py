"""Layers of QKeras that hls4ml does not know, as layers that it does.

Means of QKeras are sums times a rounded 1 / n, which is what a depthwise convolution of equal weights computes, and behind a
sum over all pixels an Affine.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import qkeras

from fpga_ml.frontend.layers import activation_layer
from fpga_ml.frontend.quantizers import signed_quantizer
from fpga_ml.frontend.rewrites.values import exact_affine, fixed_for, rounded_to_fit, scaled_by
from fpga_ml.frontend.standins import Composed, StandIn, by_class
from fpga_ml.frontend.tensors import Kept, Reduce


def plain_qkeras(model: Any) -> Any:
    """The model with other layers in the place of such ones; the model itself where there is none."""
    return by_class(model, _KINDS)


class _Activated(Composed):
    """A layer that ends in an activation."""

    def results(self, x: Any, *_: Any, **given: Any) -> Any:
        function = self.layer.activation
        if function is None:
            return self.before(x, "")
        return self.part("activation", lambda name: activation_layer(function, name))(self.before(x, ""))

    def before(self, x: Any, own: str) -> Any:
        """The result without the activation; own: the suffix of its last layer."""
        raise NotImplementedError

    @property
    def where(self) -> str:
        return f"layer '{self.layer.name}'"

    def exactly(self, suffix: str, x: Any, scale: float, bias: float = 0.0) -> Any:
        """scale * x + bias, in as many bits as that needs."""
        weights = [rounded_to_fit(np.full(x.shape[-1], v)) for v in (scale, bias)]
        return self.part(suffix, lambda name: exact_affine(weights, name, self.where), weights)(x)


class _ScaleShift(_Activated):
    """One factor and one summand for the whole tensor. What has no quantizer is a weight like that of any float layer."""

    def before(self, x: Any, own: str) -> Any:
        layer = self.layer
        scale, quantizer = float(np.asarray(layer.weight).item()), layer.weight_quantizer_internal
        bias = float(np.asarray(layer.bias).item()) if layer.use_bias else 0.0
        if quantizer is None:
            return self.affine(own, x, scale, bias)
        scale = scaled_by(quantizer, np.asarray(layer.weight)).whole.item()
        if layer.use_bias and layer.bias_quantizer_internal is not None:
            bias = scaled_by(layer.bias_quantizer_internal, np.asarray(layer.bias)).whole.item()
        return self.exactly(own, x, scale, bias)


class _Average(_Activated):
    """Over windows."""

    def before(self, x: Any, own: str) -> Any:
        layer, area = self.layer, math.prod(self.layer.pool_size)
        options = {n: getattr(layer, n) for n in ("strides", "padding", "data_format")}
        channels = x.shape[-1 if layer.data_format == "channels_last" else 1]
        factor = _factor(layer.average_quantizer_internal, area)
        if factor is None or layer.padding != "valid":  # at the edges of "same", means are of fewer values
            mean = keras.layers.AveragePooling2D
            suffix = own if factor is None else "mean"
            x = self.part(suffix, lambda name: mean(layer.pool_size, name=name, **options))(x)
            return x if factor is None else self.exactly(own, x, area * factor)
        kernel = np.full((*layer.pool_size, channels, 1), factor)
        rounding = signed_quantizer(fixed_for(kernel, self.where), self.where)
        options |= {"use_bias": False}
        if len(set(layer.strides)) == 1:
            deep = qkeras.QDepthwiseConv2D
            return self.part(
                own, lambda n: deep(layer.pool_size, depthwise_quantizer=rounding, name=n, **options), [kernel]
            )(x)
        kernel, flat = kernel * np.eye(channels), qkeras.QConv2D  # TensorFlow has no depthwise one of two strides
        return self.part(
            own, lambda n: flat(channels, layer.pool_size, kernel_quantizer=rounding, name=n, **options), [kernel]
        )(x)


class _GlobalAverage(_Activated):
    """Over all pixels."""

    def before(self, x: Any, own: str) -> Any:
        layer, first = self.layer, 1 if self.layer.data_format == "channels_last" else 2
        factor = _factor(layer.average_quantizer_internal, x.shape[first] * x.shape[first + 1])
        if factor is None:
            options = {n: getattr(layer, n) for n in ("data_format", "keepdims")}
            return self.part(own, lambda name: keras.layers.GlobalAveragePooling2D(name=name, **options))(x)
        total = self.part("sum", lambda name: Reduce("sum", (first, first + 1), layer.keepdims, name=name))(x)
        return self.exactly(own, self.part("kept", lambda name: Kept(name=name))(total), factor)


def _factor(quantizer: Any, area: int) -> float | None:
    """What sums are multiplied with; None for a mean without a quantizer."""
    return None if quantizer is None else float(np.asarray(quantizer(np.float32(1.0 / area))).item())


_KINDS: dict[str, type[StandIn]] = {
    "QScaleShift": _ScaleShift,
    "QAveragePooling2D": _Average,
    "QGlobalAveragePooling2D": _GlobalAverage,
}
PLAIN_QKERAS = frozenset(_KINDS)
