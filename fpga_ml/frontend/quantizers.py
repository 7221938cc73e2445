"""QKeras quantizers and the fixed-point types that they stand for."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from typing import Any

import keras
import numpy as np
from qkeras import quantized_bits, quantized_relu
from qkeras.base_quantizer import BaseQuantizer

from fpga_ml.errors import FpgaMlError
from fpga_ml.numerics import FixedType, Overflow, Rounding

_MAX_RELU_INTEGER = 30  # QKeras computes 2**integer of quantized_relu in int32


def weight_type(values: np.ndarray, width_bits: int, *, saturate: bool = False) -> FixedType:
    """The finest signed type of that width in which no value overflows; with `saturate` the one of the least error."""
    if saturate:
        return FixedType.for_values(np.asarray(values, np.float64), width_bits, signed=True)
    return FixedType.for_range(float(np.min(values)), float(np.max(values)), width_bits, signed=True)


def signed_quantizer(t: FixedType, where: str) -> Any:
    """quantized_bits of exactly this type: signed, round to even, saturating."""
    _check(t, where)
    if not t.signed:
        raise FpgaMlError(f"{t.cpp()} is unsigned, but values there may be negative", where=where, do="use ap_fixed")
    return quantized_bits(t.width, t.integer - 1, alpha=1)


def relu_quantizer(t: FixedType, where: str) -> Any:
    """quantized_relu of exactly this type: unsigned, round to even, saturating."""
    _check(t, where)
    width, integer = t.width - t.signed, t.integer - t.signed
    if 0 <= integer <= _MAX_RELU_INTEGER:
        return quantized_relu(width, integer)
    return quantized_bits(width, integer, keep_negative=False, alpha=1)  # the same function, for every integer


def _check(t: FixedType, where: str) -> None:
    """QKeras knows one rounding and one overflow; plain ap_fixed<W,I> is read as those."""
    plain = (t.rounding, t.overflow) == (Rounding.TRN, Overflow.WRAP)
    if not plain and (t.rounding, t.overflow) != (Rounding.RND_CONV, Overflow.SAT):
        raise FpgaMlError(
            f"{t.cpp()}: a quantised tensor rounds to even and saturates (AP_RND_CONV, AP_SAT)",
            where=where,
            do="leave the two modes out, or write AP_RND_CONV,AP_SAT",
        )


def type_of(quantizer: Any) -> FixedType | None:
    """The type of a quantizer's values, None where it is no plain fixed point (binary, ternary, power of two, scaled).

    QKeras makes a sign of quantized_bits(1).
    """
    name = type(quantizer).__name__
    if name == "quantized_bits" and quantizer.alpha in (1, 1.0, None) and quantizer.bits > quantizer.keep_negative:
        signed = bool(quantizer.keep_negative)
        overflow = Overflow.SAT_SYM if quantizer.symmetric else Overflow.SAT
        return FixedType(signed, int(quantizer.bits), int(quantizer.integer) + signed, Rounding.RND_CONV, overflow)
    if name == "quantized_relu" and not quantizer.negative_slope and not quantizer.use_sigmoid:
        return FixedType(False, int(quantizer.bits), int(quantizer.integer), Rounding.RND_CONV, Overflow.SAT)
    return None


def type_of_config(name: str, config: Mapping[str, Any]) -> FixedType | None:
    """As `type_of`, of a quantizer as Keras writes it down; hls4ml calls quantized_bits linear where it is an activation."""
    kind = {"linear": quantized_bits, "quantized_bits": quantized_bits, "quantized_relu": quantized_relu}.get(name)
    return type_of(kind.from_config(dict(config))) if kind is not None else None


def quantised(quantizer: Any, values: np.ndarray) -> np.ndarray:
    """The values that a quantizer makes of weights: exact where it has a type, else as QKeras computes it, in float32."""
    t = type_of(quantizer)
    if t is not None:
        return t.quantise(np.asarray(values, np.float64))
    return np.asarray(quantizer(np.asarray(values, np.float32)))


# Of a quantizer, what is no setting of its function.
_BOOKKEEPING = ("use_variables", "var_name")


def keep_settings(old: Any, new: Any, changed: Collection[str] = ()) -> None:
    """Gives the quantizers of a layer's copy, and of the layers in it, what QKeras does not write into their configurations:
    `scale_axis`, `is_quantized_clip` and others. changed: arguments that the copy has from elsewhere."""
    for name, was in list(vars(old).items()):
        now = vars(new).get(name)
        if type(now) is not type(was) or name.removesuffix("_internal") in changed:
            continue
        if isinstance(was, BaseQuantizer):
            for setting in set(inspect.signature(type(was)).parameters) - set(was.get_config()) - set(_BOOKKEEPING):
                held = f"_{setting}" if f"_{setting}" in vars(was) else setting
                setattr(now, held, getattr(was, held))
        elif isinstance(was, keras.layers.Layer):
            keep_settings(was, now)
