"""Keras layers that we add: what users' layers become where Keras or QKeras has none that is exact in fixed point."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from qkeras import QActivation, get_quantizer

from fpga_ml.activations import EVERYWHERE, FUNCTIONS
from fpga_ml.numerics import FixedType, Overflow, Rounding

_MANTISSA_BITS = 24  # of float32


@keras.saving.register_keras_serializable(package="fpga_ml")
class Affine(keras.layers.Layer):  # type: ignore[misc]
    """y = q_s(scale) * x + q_b(bias) per channel, exact in fixed point.

    What remains of a batch normalisation once its statistics are frozen: scale = gamma / sqrt(var + eps),
    bias = beta - scale * mean (Ioffe, Szegedy, arXiv:1502.03167, algorithm 2). Channels last. Without quantizers it is a
    layer of real numbers, of which quantisation makes one with them.
    """

    def __init__(self, scale_quantizer: Any = None, bias_quantizer: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale_quantizer = get_quantizer(scale_quantizer)
        self.bias_quantizer = get_quantizer(bias_quantizer)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        channels = (input_shape[-1],)
        self.scale = self.add_weight(name="scale", shape=channels, initializer="ones")
        self.bias = self.add_weight(name="bias", shape=channels, initializer="zeros")

    def call(self, inputs: Any) -> Any:
        scale = self.scale_quantizer(self.scale) if self.scale_quantizer else self.scale
        bias = self.bias_quantizer(self.bias) if self.bias_quantizer else self.bias
        return inputs * scale + bias

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "scale_quantizer": keras.saving.serialize_keras_object(self.scale_quantizer),
            "bias_quantizer": keras.saving.serialize_keras_object(self.bias_quantizer),
        }


@keras.saving.register_keras_serializable(package="fpga_ml")
class Clipped(keras.layers.Layer):  # type: ignore[misc]
    """x above zero, slope * x below, held between low and high, each of which may be infinite; quantised, a Bounded."""

    def __init__(self, slope: float = 1.0, low: float = -math.inf, high: float = math.inf, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.slope, self.low, self.high = float(slope), float(low), float(high)

    def call(self, inputs: Any) -> Any:
        bent = inputs if self.slope == 1 else ops.where(inputs > 0, inputs, inputs * self.slope)
        return ops.minimum(ops.maximum(bent, self.low), self.high)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def of(self, values: np.ndarray) -> np.ndarray:
        """The function of numbers."""
        found: np.ndarray = np.where(values > 0, values, values * self.slope).clip(self.low, self.high)
        return found

    def rounded(self, t: FixedType, slope: float, name: str) -> Bounded:
        """To a type, the ends to its values: rounding keeps order, so rounded ends are the ends of what is rounded."""
        low, high = (float(v) for v in t.quantise(np.array([self.low, self.high]).clip(t.min, t.max)))
        sign = t.signed and low >= 0  # which the result does not need
        return Bounded(slope, t.width - sign, t.integer - sign, low, high, clips=True, name=name)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "slope": self.slope, "low": self.low, "high": self.high}


class _Pointwise(keras.layers.Layer):  # type: ignore[misc]
    """A function of one value; its results have a type."""

    type: FixedType

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape


@keras.saving.register_keras_serializable(package="fpga_ml")
class Steps(_Pointwise):
    """A staircase: values[k] where x has passed k of the rising thresholds; inclusive: of each threshold, whether x equal to
    it has passed. QKeras' binary and ternary activations are such."""

    def __init__(
        self, thresholds: Sequence[float], inclusive: Sequence[bool], values: Sequence[float], **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.thresholds, self.inclusive, self.values = list(thresholds), list(inclusive), list(values)
        self.type = exact_type(np.array(self.values))

    def call(self, inputs: Any) -> Any:
        x, found = inputs, ops.full_like(inputs, self.values[0])
        for at, with_it, value in zip(self.thresholds, self.inclusive, self.values[1:], strict=True):
            found = ops.where(x >= at if with_it else x > at, ops.cast(value, x.dtype), found)
        return found

    def get_config(self) -> dict[str, Any]:
        own = {"thresholds": self.thresholds, "inclusive": self.inclusive, "values": self.values}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="fpga_ml")
class Bounded(_Pointwise):
    """x above zero, slope * x below, rounded to even to a fixed-point type of `bits` and then held between low and high, two
    of its values. QKeras' leaky quantized_relu is this: it ends at -slope * 2**integer, where the type does not.

    clips: the ends belong to the function that was trained, as those of a tanh; else they are what rounding costs.
    """

    def __init__(
        self, slope: float, bits: int, integer: int, low: float, high: float, clips: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.slope, self.bits, self.integer, self.low, self.high, self.clips = slope, bits, integer, low, high, clips
        self.type = FixedType(low < 0, bits, integer, Rounding.RND_CONV, Overflow.SAT)

    def call(self, inputs: Any) -> Any:
        bent = ops.where(inputs > 0, inputs, inputs * self.slope)
        return ops.clip(ops.round(bent / self.type.lsb) * self.type.lsb, self.low, self.high)

    def unrounded(self) -> Any:
        """A layer of the same name that does not round."""
        if self.clips:
            finer = {"bits": self.bits + _MANTISSA_BITS}
            return type(self).from_config({**self.get_config(), **finer})
        if self.slope == 1:
            return keras.layers.Activation("linear", name=self.name)
        return keras.layers.ReLU(negative_slope=self.slope, name=self.name)

    def get_config(self) -> dict[str, Any]:
        names = ("slope", "bits", "integer", "low", "high", "clips")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="fpga_ml")
class Function(keras.layers.Layer):  # type: ignore[misc]
    """A function of each value, by its name in FUNCTIONS, with its parameters: a bare operation as a layer."""

    def __init__(self, function: str, parameters: Sequence[float] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.function, self.parameters = function, tuple(float(p) for p in parameters)

    def call(self, inputs: Any) -> Any:
        domain = FUNCTIONS[self.function].domain
        x = inputs if domain == EVERYWHERE else ops.clip(inputs, *domain)
        return of_keras(self.function)(x, *self.parameters)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "function": self.function, "parameters": list(self.parameters)}


def _gelu(x: Any, approximate: Any = False) -> Any:
    if approximate:
        return 0.5 * x * (1.0 + ops.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)))
    return 0.5 * x * (1.0 + ops.erf(x * math.sqrt(0.5)))


# Where Keras on TensorFlow has constants of float32, is not correctly rounded, or asks for the sign of a zero, which fixed
# point does not have.
_FORMULAS: dict[str, Callable[..., Any]] = {
    "gelu": _gelu,
    "reciprocal": lambda x: 1.0 / ops.where(x == 0.0, ops.zeros_like(x), x),
    "rsqrt": lambda x: 1.0 / ops.sqrt(ops.abs(x)),
}


def of_keras(function: str) -> Callable[..., Any]:
    """A function of ONLY_OURS on tensors of Keras, in their own precision."""
    known = _FORMULAS.get(function) or getattr(keras.activations, function, None)
    found: Callable[..., Any] = known or getattr(ops, function)
    return found


def activation_layer(function: Any, name: str) -> Any:
    """The function that is a layer's activation, or a quantizer, as a layer."""
    kind = QActivation if hasattr(function, "get_config") else keras.layers.Activation
    return kind(function, name=name)


def has_name_of_keras(function: Any) -> bool:
    """Whether an activation has the name of one of Keras' and is another."""
    name = getattr(function, "__name__", "")
    return getattr(keras.activations, name, function) is not function


def exact_type(values: np.ndarray) -> FixedType:
    """The narrowest signed type, with a fraction bit at least, that holds all values exactly."""
    sizes = np.unique(np.abs(values[values != 0]))
    if not sizes.size:
        sizes = np.ones(1)
    integer = int(np.frexp(sizes[-1])[1]) + 1
    fraction = max(1, *(float(v).as_integer_ratio()[1].bit_length() - 1 for v in sizes))
    return FixedType(True, integer + fraction, integer, Rounding.RND_CONV, Overflow.SAT)
