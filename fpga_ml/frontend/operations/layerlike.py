"""Operations that are a layer of Keras, its weights given as arrays: convolutions, poolings, normalisations, one_hot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from fpga_ml.frontend.layers import Function
from fpga_ml.frontend.operations.base import Operation, array_of, is_tensor
from fpga_ml.frontend.standins import Unknown
from fpga_ml.frontend.tensors import numbers

L = keras.layers


class OfValues(Operation):
    """A layer of one tensor; make(operation, name, number of the tensor's axes) gives it."""

    def __init__(self, make: Callable[[Any, str, int], Any], operation: Any, name: str) -> None:
        super().__init__(operation, name)
        self.make = make

    def results(self, x: Any, *others: Any, **_: Any) -> Any:
        if others or not is_tensor(x):
            raise Unknown
        return self.part("", lambda name: self.make(self.layer, name, len(x.shape)))(x)


class Gated(Operation):
    """glu: one half times the sigmoid of the other."""

    def results(self, x: Any, **_: Any) -> Any:
        every = numbers(x.shape[1:])[None]
        value, gate = (
            self.arranged(suffix, x, half[0])
            for suffix, half in zip(("value", "gate"), np.split(every, 2, self.layer.axis), strict=True)
        )
        gate = self.part("sigmoid", lambda name: L.Activation("sigmoid", name=name))(gate)
        return self.merged("", L.Multiply, value, gate)


class Weighted(Operation):
    """A convolution by constant kernels, a normalisation by constants."""

    def results(self, x: Any, *constants: Any, **named: Any) -> Any:
        every = [*constants, *named.values()]
        if not is_tensor(x) or any(map(is_tensor, every)):
            raise Unknown
        arrays = [None if c is None else array_of(c) for c in constants]
        by_name = {k: None if c is None else array_of(c) for k, c in named.items()}
        return getattr(self, f"_{self.kind}")(x, *arrays, **by_name)

    def _options(self, *names: str) -> dict[str, Any]:
        rest = ("strides", "padding", "data_format", "dilation_rate")
        return {n: v for n in (*rest, *names) if (v := getattr(self.layer, n, None)) is not None}

    def _Conv(self, x: Any, kernel: np.ndarray) -> Any:
        kind = {3: L.Conv1D, 4: L.Conv2D}.get(len(x.shape))
        if kind is None:
            raise Unknown
        options = self._options()
        channels = x.shape[1 if options.get("data_format") == "channels_first" else -1]
        options |= {"groups": channels // kernel.shape[-2], "use_bias": False}
        return self.part("", lambda name: kind(kernel.shape[-1], kernel.shape[:-2], name=name, **options), [kernel])(x)

    def _DepthwiseConv(self, x: Any, kernel: np.ndarray) -> Any:
        kind = {3: L.DepthwiseConv1D, 4: L.DepthwiseConv2D}.get(len(x.shape))
        if kind is None:
            raise Unknown
        options = self._options() | {"depth_multiplier": kernel.shape[-1], "use_bias": False}
        return self.part("", lambda name: kind(kernel.shape[:-2], name=name, **options), [kernel])(x)

    def _SeparableConv(self, x: Any, depthwise: np.ndarray, pointwise: np.ndarray) -> Any:
        kind = {3: L.SeparableConv1D, 4: L.SeparableConv2D}.get(len(x.shape))
        if kind is None:
            raise Unknown
        options = self._options() | {"depth_multiplier": depthwise.shape[-1], "use_bias": False}
        shape = (pointwise.shape[-1], depthwise.shape[:-2])
        return self.part("", lambda name: kind(*shape, name=name, **options), [depthwise, pointwise])(x)

    def _ConvTranspose(self, x: Any, kernel: np.ndarray) -> Any:
        kind = {3: L.Conv1DTranspose, 4: L.Conv2DTranspose}.get(len(x.shape))
        if kind is None:
            raise Unknown
        options = self._options("output_padding") | {"use_bias": False}
        return self.part("", lambda name: kind(kernel.shape[-2], kernel.shape[:-2], name=name, **options), [kernel])(x)

    def _BatchNorm(self, x: Any, mean: Any, variance: Any, offset: Any = None, scale: Any = None) -> Any:
        weights = [v for v in (scale, offset, mean, variance) if v is not None]
        options = {"axis": self.layer.axis, "epsilon": self.layer.epsilon}
        options |= {"center": offset is not None, "scale": scale is not None}
        return self.part("", lambda name: L.BatchNormalization(name=name, **options), weights)(x)

    def _LayerNorm(self, x: Any, gamma: Any = None, beta: Any = None) -> Any:
        if self.layer.rms_scaling:
            raise Unknown
        weights = [v.reshape(-1) for v in (gamma, beta) if v is not None]
        options = {"axis": self.layer.axis, "epsilon": self.layer.epsilon}
        options |= {"scale": gamma is not None, "center": beta is not None}
        return self.part("", lambda name: L.LayerNormalization(name=name, **options), weights)(x)

    def _RMSNorm(self, x: Any, scale: Any = None) -> Any:
        weights = [np.ones(x.shape[self.layer.axis]) if scale is None else scale.reshape(-1)]
        options = {"axis": self.layer.axis, "epsilon": self.layer.epsilon}
        return self.part("", lambda name: L.RMSNormalization(name=name, **options), weights)(x)


_POOLINGS = {
    ("MaxPool", 3): L.MaxPooling1D,
    ("MaxPool", 4): L.MaxPooling2D,
    ("AveragePool", 3): L.AveragePooling1D,
    ("AveragePool", 4): L.AveragePooling2D,
}


def pooled(op: Any, name: str, rank: int) -> Any:
    kind = _POOLINGS.get((type(op).__name__, rank))
    if kind is None:
        raise Unknown
    return kind(op.pool_size, op.strides, op.padding, op.data_format, name=name)


def resized(op: Any, name: str, rank: int) -> Any:
    height, width = op.size
    options = ("interpolation", "antialias", "crop_to_aspect_ratio", "pad_to_aspect_ratio", "fill_mode", "fill_value")
    return L.Resizing(
        height, width, data_format=op.data_format, name=name, **{o: getattr(op, o) for o in options if hasattr(op, o)}
    )


def one_hot(op: Any, name: str, rank: int) -> Any:
    if op.axis != -1 or op.sparse:
        raise Unknown
    return L.CategoryEncoding(op.num_classes, "one_hot", name=name)


def function(name: str, *parameters: str) -> Callable[[Any, str, int], Any]:
    """parameters: the operation's attributes that are the function's."""
    return lambda op, own, _: Function(name, [float(getattr(op, p)) for p in parameters], name=own)
