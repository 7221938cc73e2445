"""Activations of QKeras that are several layers in one: a function, its rounding, and a scale behind.

What comes out are roundings and functions that later rewrites and hls4ml know. An activation inside of a layer stands
behind it then, as it does for exact_activations.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import qkeras

from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.adaptive import settled
from fpga_ml.frontend.layers import Bounded, Steps
from fpga_ml.frontend.rebuild import Call
from fpga_ml.frontend.rewrites.activations import check_sigmoid, is_ours, number
from fpga_ml.frontend.rewrites.values import exact_affine
from fpga_ml.frontend.standins import Activated, Part, StandIn, layer_part, replaced

ADAPTIVE = frozenset(["QAdaptiveActivation"])


def composed_activations(model: Any) -> Any:
    """The model with such activations taken apart; the model itself where there is none."""
    return replaced(model, _of)


def _of(c: Call) -> StandIn | None:
    layer, kind = c.layer, type(c.layer).__name__
    if kind in ADAPTIVE:
        return Activated(layer, [layer_part(partial(settled, layer))], inside=False)
    parts = parts_of(getattr(layer, "activation", None), f"layer '{layer.name}'") if is_ours(layer) else []
    return Activated(layer, parts, inside=kind != "QActivation") if parts else None


def parts_of(quantizer: Any, where: str) -> list[Part]:
    """The parts of an activation, in a row; none for one that is a single layer."""
    rule = _RULES.get(type(quantizer).__name__)
    return [] if rule is None or isinstance(getattr(quantizer, "alpha", None), str) else rule(quantizer, where)


def _scaled(scale: float, offset: float, where: str) -> Part:
    """scale * x + offset."""

    def put(standin: StandIn, suffix: str, x: Any) -> Any:
        weights = [np.full(x.shape[-1], v) for v in (scale, offset)]
        return standin.part(suffix, lambda name: exact_affine(weights, name, where), weights)(x)

    return put


def _rounded(bits: int, integer: int, symmetric: Any, keep_negative: bool) -> Part:
    chosen = qkeras.quantized_bits(bits, integer, int(bool(symmetric)), keep_negative, alpha=1)
    return layer_part(lambda name: qkeras.QActivation(chosen, name=name))


def _bits(quantizer: Any, where: str) -> list[Part]:
    """With a scale: QKeras rounds first, and multiplies what is rounded."""
    if quantizer.alpha is None or (scale := number(quantizer.alpha, where)) == 1:
        return []
    form = _rounded(int(quantizer.bits), int(quantizer.integer), quantizer.symmetric, bool(quantizer.keep_negative))
    return [form, _scaled(scale, 0.0, where)]


def _linear(quantizer: Any, where: str) -> list[Part]:
    """Its scale moves the places at which it rounds."""
    scale = 1.0 if quantizer.alpha is None else number(quantizer.alpha, where)
    mantissa, exponent = math.frexp(scale)
    if mantissa != 0.5:
        raise FpgaMlError(
            f"activation quantized_linear has alpha = {scale:g}: it rounds to numbers that fixed point does not have",
            where=where,
            do="use alpha=1 or another power of two",
        )
    bits, integer, signed = int(quantizer.bits), int(quantizer.integer) + exponent - 1, bool(quantizer.keep_negative)
    if bits == 1 and signed:
        half = 2.0 ** (integer - 1)
        return [layer_part(lambda name: Steps([0.0], [True], [-half, half], name=name))]
    return [_rounded(bits, integer, quantizer.symmetric, signed)]


def _hard_swish(quantizer: Any, where: str) -> list[Part]:
    if (quantizer.relu_shift, quantizer.relu_upper_bound) != (3, 6):
        raise FpgaMlError(
            f"activation quantized_hswish has relu_shift = {quantizer.relu_shift} and relu_upper_bound = "
            f"{quantizer.relu_upper_bound}, which has no C++",
            where=where,
            do="use 3 and 6, the numbers of hard_swish",
        )
    form = _rounded(int(quantizer.bits), int(quantizer.integer), quantizer.symmetric, True)
    scale = _bits(quantizer, where)[1:]
    return [layer_part(lambda name: keras.layers.Activation("hard_silu", name=name)), form, *scale]


def _sigmoid(quantizer: Any, where: str) -> list[Part]:
    """symmetric: 0 counts as the smallest number above it."""
    if not quantizer.symmetric:
        return []
    bits, hard = int(quantizer.bits), not quantizer.use_real_sigmoid
    low = 2.0**-bits
    held = layer_part(lambda name: Bounded(1.0, bits, 0, low, 1.0 - low, hard, name=name))
    if hard:
        check_sigmoid(quantizer, where, "use_real_sigmoid=True")
        return [_scaled(0.5, 0.5, where), held]
    return [layer_part(lambda name: keras.layers.Activation("sigmoid", name=name)), held]


_RULES: dict[str, Callable[[Any, str], list[Part]]] = {
    "quantized_bits": _bits,
    "quantized_linear": _linear,
    "quantized_hswish": _hard_swish,
    "quantized_sigmoid": _sigmoid,
}
