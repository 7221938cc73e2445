"""Convolutions of groups, of spread kernels, causal ones and those of several filters a channel, as plain ones.

Groups, dilation and masks of weights are zeros in a kernel, which cost nothing in hardware; a causal convolution is one
behind zeros; a depthwise one of several filters a channel reads each channel so many times.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import qkeras

from fpga_ml.frontend.kernels import of_all_channels, spread
from fpga_ml.frontend.quantizers import quantised, signed_quantizer
from fpga_ml.frontend.rebuild import Call, copy_layer, weight_quantizers
from fpga_ml.frontend.rewrites.values import fixed_for
from fpga_ml.frontend.standins import Composed, replaced
from fpga_ml.frontend.tensors import Kept, numbers

_FULL = ("Conv1D", "Conv2D", "QConv1D", "QConv2D")
_DEPTHWISE = ("DepthwiseConv1D", "DepthwiseConv2D", "QDepthwiseConv2D")
_SEPARABLE = ("SeparableConv1D", "SeparableConv2D", "QSeparableConv1D", "QSeparableConv2D")


def convolution(axes: int, *, is_quantised: bool) -> Any:
    """The class of Keras' or of QKeras' convolution."""
    kinds = [(keras.layers.Conv1D, qkeras.QConv1D), (keras.layers.Conv2D, qkeras.QConv2D)]
    return kinds[axes - 1][is_quantised]


def plain_kernels(model: Any) -> Any:
    """The model with such layers as plain convolutions; the model itself where there is none."""
    return replaced(model, _of)


def _of(c: Call) -> Composed | None:
    layer, kind = c.layer, type(c.layer).__name__
    if kind not in (*_FULL, *_DEPTHWISE, *_SEPARABLE):
        return None
    special = max(layer.dilation_rate) > 1 or layer.padding == "causal" or getattr(layer, "groups", 1) > 1
    if not special and getattr(layer, "_mask", None) is None and (getattr(layer, "depth_multiplier", None) or 1) == 1:
        return None
    if kind in _FULL:
        return _Full(layer)
    return _Depthwise(layer) if kind in _DEPTHWISE else _Separable(layer)


class _Plain(Composed):
    """changes: arguments that the plain layer has in place of the layer's own."""

    def __init__(self, layer: Any) -> None:
        super().__init__(layer)
        self.changes: dict[str, Any] = {"dilation_rate": 1}
        self.axes = len(layer.kernel_size)

    def kernel(self, number: int, argument: str) -> np.ndarray:
        """A weight; as its quantizer has it, where what that makes of 0 may be another number. argument: the quantizer's."""
        values = np.asarray(self.layer.weights[number], np.float64)
        quantizer, where = weight_quantizers(self.layer).get(argument), f"layer '{self.name}'"
        if quantizer is not None and type(quantizer).__name__ != "quantized_bits":
            values = np.asarray(quantised(quantizer, values), np.float64)
            self.changes[argument] = signed_quantizer(fixed_for(values, where), where)
        return values

    def padded(self, x: Any) -> Any:
        if self.layer.padding != "causal":
            return x
        self.changes["padding"] = "valid"
        before = (self.layer.kernel_size[0] - 1) * self.layer.dilation_rate[0]
        return self.part("padded", lambda name: keras.layers.ZeroPadding1D((before, 0), name=name))(x)

    def like(self, x: Any, *kernels: np.ndarray) -> Any:
        """The layer with these kernels in place of its own."""
        x, layer = self.padded(x), self.layer
        changes = {**self.changes, "kernel_size": kernels[0].shape[: self.axes]}
        weights = [*kernels, *(np.asarray(w) for w in layer.weights[len(kernels) :])]
        return self.part("", lambda name: copy_layer(layer, changes={**changes, "name": name}), weights)(x)


class _Full(_Plain):
    def results(self, x: Any, *_: Any, **__: Any) -> Any:
        kernel, groups, mask = self.kernel(0, "kernel_quantizer"), self.layer.groups, getattr(self.layer, "_mask", None)
        self.changes["groups"] = 1
        if mask is not None:  # of QKeras: which weights are left
            kernel = kernel * np.asarray(mask, np.float64)
            self.changes["mask"] = None
        return self.like(x, of_all_channels(spread(kernel, self.layer.dilation_rate), groups))


class _Depthwise(_Plain):
    def results(self, x: Any, *_: Any, **__: Any) -> Any:
        kernel = spread(self.kernel(0, "depthwise_quantizer"), self.layer.dilation_rate)
        self.changes["depth_multiplier"] = 1
        times = kernel.shape[-1]
        x = self.arranged("repeated", x, numbers(x.shape[1:]).repeat(times, axis=-1))
        return self.like(x, kernel.reshape(*kernel.shape[:-2], -1, 1))


class _Separable(_Plain):
    """With several filters a channel, a depthwise convolution and a pointwise one."""

    def results(self, x: Any, *_: Any, **__: Any) -> Any:
        layer, quantizers = self.layer, weight_quantizers(self.layer)
        names = ("depthwise_quantizer", "pointwise_quantizer")
        depthwise, pointwise = (self.kernel(k, name) for k, name in enumerate(names))
        depthwise = spread(depthwise, layer.dilation_rate)
        times = depthwise.shape[-1]
        if times == 1:
            return self.like(x, depthwise, pointwise)
        first = keras.layers.DepthwiseConv1D if self.axes == 1 else keras.layers.DepthwiseConv2D
        second = convolution(self.axes, is_quantised=bool(quantizers))
        x = self.arranged("repeated", x, numbers(x.shape[1:]).repeat(times, axis=-1))
        size, options = depthwise.shape[: self.axes], {"strides": layer.strides, "padding": layer.padding, "use_bias": False}
        kernel = depthwise.reshape(*depthwise.shape[:-2], -1, 1)
        if names[0] in quantizers:
            kernel = quantised(quantizers[names[0]], kernel)
        made = self.part("depthwise", lambda name: first(size, name=name, **options), [kernel])(x)
        options = {n: getattr(layer, n) for n in ("activation", "use_bias")}
        if quantizers:
            made = self.part("depthwise_kept", lambda name: Kept(name=name))(made)
            options |= {"kernel_quantizer": self.changes.get(names[1], quantizers.get(names[1]))}
            options |= {"bias_quantizer": quantizers.get("bias_quantizer")}
        weights = [pointwise, *(np.asarray(w) for w in layer.weights[2:])]
        return self.part("", lambda name: second(layer.filters, 1, name=name, **options), weights)(made)
