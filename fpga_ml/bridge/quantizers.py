"""The types of QKeras' quantizers in hls4ml.

hls4ml writes `ap_int` for a quantizer that has no bits behind the binary point: of another width than the quantizer's, cut
off towards zero in place of rounded, wrapped in place of saturated. It takes a quantizer without a sign for one with a sign,
forgets `symmetric`, and rounds weights in float32, in which 25 bits do not fit. Here a fixed-point quantizer has the type
that it is, whatever its binary point.
"""

from __future__ import annotations

from typing import Any

import hls4ml.utils.config as hls_config
import numpy as np
from hls4ml.model.quantizers import QKerasQuantizer
from hls4ml.model.types import FixedPrecisionType

from fpga_ml.bridge.patches import MENDED
from fpga_ml.frontend.quantizers import quantised, type_of_config
from fpga_ml.numerics import FixedType


def precision_of(t: FixedType) -> FixedPrecisionType:
    """The type in hls4ml's words."""
    return FixedPrecisionType(t.width, t.integer, t.signed, t.rounding.value, t.overflow.value)


def _of_activation(quantizer: Any) -> Any:
    """hls4ml.utils.config._get_precision_from_quantizer: of what an activation rounds to."""
    t = None if isinstance(quantizer, str) else type_of_config(quantizer["class_name"], quantizer["config"])
    return precision_of(t) if t is not None else _hls4mls_activation(quantizer)


def _of_weight(self: Any, quantizer: Any) -> Any:
    """QKerasQuantizer._get_type. Weights lie within their type: no mode is spelled out. A scale that QKeras finds from the
    data is a layer of its own; the type is that of the values before it."""
    t = type_of_config(quantizer["class_name"], {**quantizer["config"], "alpha": 1})
    return FixedPrecisionType(t.width, t.integer, t.signed) if t is not None else _hls4mls_weight(self, quantizer)


def _rounded(self: Any, data: Any) -> np.ndarray:
    """QKerasQuantizer.__call__, on doubles."""
    return quantised(self.quantizer_fn, np.asarray(data))


_hls4mls_activation, _hls4mls_weight = hls_config._get_precision_from_quantizer, QKerasQuantizer._get_type
MENDED.add(hls_config, "_get_precision_from_quantizer", _of_activation)
MENDED.add(QKerasQuantizer, "_get_type", _of_weight)
MENDED.add(QKerasQuantizer, "__call__", _rounded)
