"""QKeras' QAdaptiveActivation as the layer that it is at inference: a rounding of which the stored averages chose the binary
point."""

from __future__ import annotations

from typing import Any

import numpy as np
import qkeras
from qkeras.quantizers import _get_integer_bits

from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.tensors import Quantise


def settled(layer: Any, name: str) -> Any:
    """The layer under a name. QKeras cannot copy the layer itself: it keeps its averages to itself."""
    quantizer, bits = layer.quantizer, int(layer.total_bits)
    integer = np.asarray(
        _get_integer_bits(layer.ema_min, layer.ema_max, bits, layer.symmetric, layer.keep_negative, layer.po2_rounding)
    ).astype(int)
    relu = type(quantizer).__name__ == "quantized_relu"
    slope, bound = float(layer.relu_neg_slope), layer.relu_upper_bound
    if not layer.per_channel:
        one = int(integer[0])
        if relu:
            chosen = qkeras.quantized_relu(
                bits, one, negative_slope=slope, relu_upper_bound=bound, is_quantized_clip=not bound
            )
        else:
            chosen = qkeras.quantized_bits(bits, one, symmetric=bool(layer.symmetric), alpha=1)
        return qkeras.QActivation(chosen, name=name)
    if relu and (slope or bound):
        option = "relu_neg_slope" if slope else "relu_upper_bound"
        raise FpgaMlError(
            f"layer '{layer.name}' has per_channel=True and {option}, which has no C++",
            where=f"layer '{layer.name}'",
            do=f"leave one of the two out: per_channel, or {option}",
        )
    overflow = "SAT_SYM" if layer.symmetric and not relu else "SAT"
    return Quantise(not relu, integer, bits - (not relu) - integer, "RND_CONV", overflow, name=name)
