"""Operations that round: those of QONNX (A. Pappalardo et al., arXiv:2206.07527; that clipping comes before rounding is
qonnx's), and QuantizeLinear and DequantizeLinear."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fpga_ml.frontend.onnx.graph import Node
from fpga_ml.frontend.onnx.meaning.settings import Array, Operation, along

ROUNDINGS: dict[str, Callable[[Array], Array]] = {
    **dict.fromkeys(("ROUND", "HALF_EVEN"), np.rint),
    "FLOOR": np.floor,
    "CEIL": np.ceil,
    "UP": lambda x: np.sign(x) * np.ceil(np.abs(x)),
    **dict.fromkeys(("DOWN", "ROUND_TO_ZERO"), np.fix),
    "HALF_UP": lambda x: np.sign(x) * np.floor(np.abs(x) + 0.5),
    "HALF_DOWN": lambda x: np.sign(x) * np.ceil(np.abs(x) - 0.5),
}


def reach_of(bits: Any, signed: bool, narrow: bool) -> tuple[Any, Any]:
    """The least and the greatest whole number of a Quant."""
    if signed:
        return -(2.0 ** (bits - 1)) + narrow, 2.0 ** (bits - 1) - 1
    return 0.0 * bits, 2.0**bits - 1 - narrow


def rounding_of(node: Node, default: str) -> Callable[[Array], Array]:
    mode = node.attributes.get("rounding_mode", default).upper()
    if mode not in ROUNDINGS:
        raise node.refused(f"has rounding_mode '{mode}'", f"use one of {', '.join(ROUNDINGS)}")
    return ROUNDINGS[mode]


def _quant(node: Node, x: Array, scale: Array, zero: Array, bits: Array) -> Array:
    signed, narrow = bool(node.attributes.get("signed", 1)), bool(node.attributes.get("narrow", 0))
    y = x / scale + zero
    if signed and np.all(bits == 1):
        y = np.where(y >= 0, 1.0, -1.0)
    else:
        y = rounding_of(node, "ROUND")(y.clip(*reach_of(bits, signed, narrow)))
    return (y - zero) * scale


def _bipolar(node: Node, x: Array, scale: Array) -> Array:
    return np.where(x >= 0, 1.0, -1.0) * scale


def _trunc(node: Node, x: Array, scale: Array, zero: Array, bits: Array, *given: Array) -> Array:
    whole, cut = np.rint(x / scale + zero), rounding_of(node, "FLOOR")
    if len(given) == 1:  # version 1
        return (cut(whole / 2.0 ** (bits - given[0])) - zero) * scale
    out_scale, out_bits = given
    step = 2.0 ** np.rint(np.log2(out_scale / scale))
    ends = reach_of(out_bits, bool(node.attributes.get("signed", 1)), bool(node.attributes.get("narrow", 0)))
    return (cut((whole / step).clip(*ends)) - zero / step) * out_scale


def _quantize(node: Node, x: Array, scale: Array, zero: Array | None = None) -> Array:
    zero = np.zeros((), np.uint8) if zero is None else np.asarray(zero)
    axis, ends = node.attributes.get("axis", 1), np.iinfo(zero.dtype)
    y = np.rint(x / along(scale, axis, x.ndim)) + along(zero, axis, x.ndim)
    return y.clip(ends.min, ends.max)


def _dequantize(node: Node, x: Array, scale: Array, zero: Array | None = None) -> Array:
    axis, x = node.attributes.get("axis", 1), x.astype(np.float64)
    return (x - (0.0 if zero is None else along(zero.astype(np.float64), axis, x.ndim))) * along(scale, axis, x.ndim)


ROUND: dict[str, Operation] = {
    "Quant": _quant,
    "IntQuant": _quant,
    "BipolarQuant": _bipolar,
    "Trunc": _trunc,
    "QuantizeLinear": _quantize,
    "DequantizeLinear": _dequantize,
}
