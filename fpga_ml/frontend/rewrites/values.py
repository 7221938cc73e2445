"""What a QKeras quantizer makes of weights, as numbers that fixed point holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.layers import Affine, exact_type
from fpga_ml.frontend.quantizers import signed_quantizer
from fpga_ml.frontend.rebuild import Array
from fpga_ml.numerics import FixedType

# The widest type of a rewritten weight; with more, sums of products would leave the types of hls4ml and of the RTL.
MOST_BITS = 32
_SIGNS = ("binary", "stochastic_binary", "ternary", "stochastic_ternary")


@dataclass(frozen=True)
class Scaled:
    """The values of a variable, values * scale; scale has as many axes."""

    values: Array
    scale: Array

    @property
    def is_shifted(self) -> bool:
        """Whether every scale is a power of two."""
        mantissa, _ = np.frexp(self.scale)
        return bool((mantissa == 0.5).all())

    @property
    def whole(self) -> Array:
        """The products: exact where scales are powers of two, else as QKeras has them, in float32."""
        product = self.values * self.scale
        return product if self.is_shifted else rounded_to_fit(product)


def is_plain(quantizer: Any, argument: str) -> bool:
    """Whether hls4ml gives weights of this quantizer (a layer's argument) a type that holds them, and multiplies exactly."""
    kind, alpha = type(quantizer).__name__, getattr(quantizer, "alpha", None)
    if not (alpha is None or (isinstance(alpha, (int, float)) and alpha == 1)):
        return False
    if kind in ("binary", "ternary"):
        return argument == "kernel_quantizer" and not getattr(quantizer, "use_01", False)
    return kind == "quantized_bits" and bool(quantizer.keep_negative) and 1 < quantizer.bits > quantizer.integer


def scaled_by(quantizer: Any, weights: np.ndarray) -> Scaled:
    """The quantizer's values of some weights, without the float32 noise that QKeras adds on the way."""
    rounded = np.asarray(quantizer(np.asarray(weights, np.float32)), np.float64)
    one = np.ones((1,) * rounded.ndim)
    kind = type(quantizer).__name__
    if kind.endswith("_po2"):
        power = np.exp2(np.rint(np.log2(np.where(rounded == 0, 1, np.abs(rounded)))))
        return Scaled(np.sign(rounded) * power, one)
    grid = _fraction(quantizer)
    scale = np.asarray(getattr(quantizer, "scale", 1.0), np.float64)
    scale = scale.reshape((1,) * (rounded.ndim - scale.ndim) + scale.shape)
    if grid is None or not (scale > 0).all():
        return Scaled(rounded, one)
    values = np.ldexp(np.rint(np.ldexp(rounded / scale, grid)), -grid)
    return Scaled(values, scale)


def _fraction(quantizer: Any) -> int | None:
    """Fraction bits of the values before they are scaled; None where that is not known."""
    if type(quantizer).__name__ in _SIGNS:
        return 0
    kind = type(quantizer).__name__
    if kind not in ("quantized_bits", "quantized_linear"):
        return None
    bits = int(quantizer.bits) - bool(quantizer.keep_negative)
    if bits:
        return bits - int(quantizer.integer)
    return 1 - int(quantizer.integer) if kind == "quantized_linear" else 0


def fixed_for(values: Array, where: str) -> FixedType:
    """The type of the weights; FpgaMlError where it is too wide."""
    found = exact_type(values)
    if found.width > MOST_BITS:
        sizes = np.abs(values[values != 0])
        raise FpgaMlError(
            f"its values reach from {sizes.min():.3g} to {sizes.max():.3g} in magnitude: {found.width} bits of fixed point "
            f"would hold them, more than {MOST_BITS}",
            where=where,
            do="give its quantizer fewer bits (quantized_po2: fewer exponents, or a max_value), or use quantized_bits",
        )
    return found


def exact_affine(weights: Sequence[Array], name: str, where: str) -> Affine:
    """A layer for these two weights, scale and bias, whose types hold them."""
    return Affine(*(signed_quantizer(fixed_for(v, where), where) for v in weights), name=name)


def rounded_to_fit(values: Array) -> Array:
    """Numbers of float32, of which those that MOST_BITS of fixed point do not hold together lose their last bits."""
    exponent = int(np.frexp(np.abs(values).max(initial=0.0) or 1.0)[1])
    lsb = np.ldexp(1.0, min(exponent + 1 - MOST_BITS, -1))
    held: Array = np.rint(np.asarray(values, np.float32).astype(np.float64) / lsb) * lsb
    return held
