"""Quantized activations of which hls4ml computes another function become layers of ours that hold the right one.

hls4ml leaves a ternary activation with a threshold of 0.5 out of its C++, takes values on another threshold for less, knows
no scale of -1 and +1, and lets a leaky quantized_relu run down to the end of its type, where QKeras stops at
-slope * 2**integer. What depends on the data of a batch, or is drawn at random, is no function of the input and is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import qkeras

from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.layers import Bounded, Steps
from fpga_ml.frontend.rebuild import Call
from fpga_ml.frontend.standins import Activated, StandIn, layer_part, replaced

# The layer of a name that computes what a quantizer does.
Make = Callable[[str], Any]
_MOST_EXPONENTS = 24


def exact_activations(model: Any) -> Any:
    """The model with such activations as layers of ours; the model itself where there is none."""
    return replaced(model, _of)


def _of(c: Call) -> StandIn | None:
    layer, inside = c.layer, type(c.layer).__name__ != "QActivation"
    make = layer_for(getattr(layer, "activation", None), f"layer '{layer.name}'") if is_ours(layer) else None
    return None if make is None else Activated(layer, [layer_part(make)], inside=inside)


def is_ours(layer: Any) -> bool:
    """Whether the layer's activation stands behind it; in recurrent cells it does not."""
    return type(layer).__name__ == "QActivation" or not hasattr(layer, "cell")


def layer_for(quantizer: Any, where: str) -> Make | None:
    """What makes the layer of such an activation; None where hls4ml computes the function as it is."""
    _check(quantizer, where)
    kind = type(quantizer).__name__
    rule = _RULES.get(kind if hasattr(quantizer, "get_config") else getattr(quantizer, "__name__", ""))
    return rule(quantizer, where) if rule is not None else None


def _check(quantizer: Any, where: str) -> None:
    kind = type(quantizer).__name__
    if isinstance(getattr(quantizer, "alpha", None), str):
        raise FpgaMlError(
            f"activation {kind} has alpha = '{quantizer.alpha}': its scale is taken from the data of each batch, so that a "
            "sample's result depends on the others",
            where=where,
            do="use alpha=1 in activations",
        )
    if kind == "quantized_relu" and quantizer.use_sigmoid:
        raise FpgaMlError("activation quantized_relu has use_sigmoid, which has no C++", where=where, do="use use_sigmoid=0")
    if getattr(quantizer, "qnoise_factor", 1) != 1:
        raise FpgaMlError(
            f"activation {kind} has qnoise_factor = {float(quantizer.qnoise_factor):g}: it rounds in part only",
            where=where,
            do="set qnoise_factor=1 when training has ended",
        )


def _ternary(quantizer: Any, where: str) -> Make:
    size = 1.0 if quantizer.alpha is None else number(quantizer.alpha, where)
    threshold = quantizer.default_threshold if quantizer.threshold is None else quantizer.threshold
    at = float(np.float32(threshold))  # QKeras compares in float32
    ends = (False, True) if at > 0 else (True, False)  # without a dead zone zero alone is zero
    return lambda name: Steps([-max(at, 0.0), max(at, 0.0)], ends, [-size, 0.0, size], name=name)


def _binary(quantizer: Any, where: str) -> Make | None:
    size = 1.0 if quantizer.alpha is None else number(quantizer.alpha, where)
    if size == 1 and not quantizer.use_01:
        return (
            None if type(quantizer) is qkeras.binary else lambda name: qkeras.QActivation(qkeras.binary(alpha=1), name=name)
        )
    return lambda name: Steps([0.0], [True], [0.0 if quantizer.use_01 else -size, size], name=name)


def number(alpha: Any, where: str) -> float:
    """A scale as QKeras multiplies with it, in float32."""
    if np.ndim(alpha):
        raise FpgaMlError("the activation has a scale for each channel", where=where, do="give it one number as alpha")
    return float(np.float32(alpha))


def _bits(quantizer: Any, where: str, clips: bool = False) -> Make | None:
    bits, integer = int(quantizer.bits), int(quantizer.integer)
    if bits == 1 and quantizer.keep_negative:
        return lambda name: Steps([0.0], [True], [-1.0, 1.0], name=name)
    if not quantizer.keep_negative:
        return lambda name: qkeras.QActivation(qkeras.quantized_relu(bits, integer), name=name)
    if quantizer.symmetric:
        end = 2.0**integer - 2.0 ** (integer - bits + 1)
        return lambda name: Bounded(1.0, bits, integer + 1, -end, end, clips, name=name)
    return None


def _relu(quantizer: Any, where: str) -> Make | None:
    """slope and upper bound, which hls4ml misreads and drops."""
    slope, bits, integer = float(quantizer.negative_slope), int(quantizer.bits), int(quantizer.integer)
    lsb = 2.0 ** (integer - bits + bool(slope))
    low, high = -slope * 2.0**integer, 2.0**integer - lsb
    bound = quantizer.relu_upper_bound if not quantizer.is_quantized_clip else None
    if bound:
        high = min(high, float(np.float32(bound)))
    if not slope and high == 2.0**integer - lsb:
        return None
    for what, value in (("negative_slope", low), ("relu_upper_bound", high)):
        if value % lsb:
            raise FpgaMlError(
                f"activation quantized_relu ends at {value:g} because of its {what}, which is no multiple of its step"
                f" {lsb:g}",
                where=where,
                do=f"use another {what}, or more bits",
            )
    return lambda name: Bounded(slope, bits, integer + bool(slope), low, high, bool(bound), name=name)


def _power_of_two(quantizer: Any, where: str) -> Make:
    """The nearest power of two, in exponents, or the one below: a staircase with a step for each."""
    positive = type(quantizer).__name__ == "quantized_relu_po2"
    low, high = int(quantizer._min_exp), int(quantizer._max_exp)
    if quantizer.max_value:
        high = max(low, min(high, round(math.log2(quantizer.max_value))))
    faults = {
        "has a quadratic approximation": quantizer.quadratic_approximation,
        "has a negative slope": getattr(quantizer, "negative_slope", 0),
        f"has {high - low + 1} exponents": high - low >= _MOST_EXPONENTS,
    }
    for what in [w for w, found in faults.items() if found]:
        raise FpgaMlError(
            f"activation {type(quantizer).__name__} {what}, which has no C++",
            where=where,
            do=f"use one of at most {_MOST_EXPONENTS} exponents (fewer bits) without such options, or quantized_relu",
        )
    rise = 0.5 if quantizer.log2_rounding == "rnd" else 0.0
    least = float(np.float32(keras.config.epsilon()))  # below, QKeras takes the smallest power
    steps = [max(2.0 ** (e - rise), least) for e in range(low + 1, high + 1)]
    values = [2.0**e for e in range(low, high + 1)]
    passed = [True] * len(steps)
    if positive:
        return lambda name: Steps(steps, passed, values, name=name)
    below = [-t for t in reversed(steps)]
    whole = [*(-v for v in reversed(values)), *values]
    return lambda name: Steps([*below, 0.0, *steps], [*(not p for p in passed), True, *passed], whole, name=name)


def _tanh(quantizer: Any, where: str) -> Make | None:
    """2 * hard_sigmoid(x) - 1 is x held between -1 and 1."""
    if quantizer.use_real_tanh:
        return None
    check_sigmoid(quantizer, where, "use_real_tanh=True")
    return _bits(qkeras.quantized_bits(quantizer.bits, 0, 1, alpha=1), where, True) if quantizer.symmetric else None


def _sigmoid(quantizer: Any, where: str) -> Make | None:
    if quantizer.use_real_sigmoid:
        return None
    check_sigmoid(quantizer, where, "use_real_sigmoid=True")
    return None


def check_sigmoid(quantizer: Any, where: str, instead: str) -> None:
    """Raises FpgaMlError where QKeras was told to take another sigmoid than the hard one."""
    if qkeras.quantizers._sigmoid is not qkeras.quantizers.hard_sigmoid:
        raise FpgaMlError(
            f"activation {type(quantizer).__name__} takes QKeras' internal sigmoid, which was set to another than 'hard'",
            where=where,
            do=f"call qkeras.set_internal_sigmoid('hard'), or give it {instead}",
        )


_RULES: dict[str, Callable[[Any, str], Make | None]] = {
    "ternary": _ternary,
    "stochastic_ternary": _ternary,
    "binary": _binary,
    "stochastic_binary": _binary,
    "quantized_bits": _bits,
    "quantized_relu": _relu,
    "quantized_relu_po2": _power_of_two,
    "quantized_po2": _power_of_two,
    "quantized_tanh": _tanh,
    "quantized_sigmoid": _sigmoid,
}
