"""Layers for which hls4ml's own C++ is known to compute another function, told by the plugin before anything is built on it.

fpga_ml.compile mends or rewrites each of them. In an hls4ml script the reference is hls4ml's own Vitis project, so the plugin
raises, and names the option that takes our C++ instead.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from hls4ml.model.types import FixedPrecisionType, IntegerPrecisionType

from fpga_ml.bridge.own import is_padded
from fpga_ml.errors import FpgaMlError
from fpga_ml.layers.base import Layer, Tensor
from fpga_ml.layers.softmax import LatencySoftmax, LegacySoftmax
from fpga_ml.layers.tables import Softmax

_LEAD = 4.0  # of one logit: a probability of 0.95 among four classes


def _resets_before(node: Any) -> bool:
    return any(str(node.get_attr(f"{way}apply_reset_gate")) == "before" for way in ("", "forward_", "backward_"))


def _pads_unsigned(node: Any) -> bool:
    data = node.get_input_variable().type.precision
    known = isinstance(data, (FixedPrecisionType, IntegerPrecisionType))
    return bool(known and not data.signed and is_padded(node) and node.get_attr("pool_op") == "Max")


def _quantised_positions(node: Any) -> bool:
    shape = node.get_input_variable().shape
    return len(shape) > 1 and node.get_attr("weight_quantizer") is not None


_KNOWN: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "SimpleRNN": (lambda node: True, "has no C++ of a SimpleRNN"),
    "GRU": (_resets_before, "computes reset_after=True in place of reset_after=False"),
    "Bidirectional": (_resets_before, "computes reset_after=True in place of reset_after=False"),
    "Pooling1D": (_pads_unsigned, "pads unsigned data of a max pooling with the middle of their range"),
    "Pooling2D": (_pads_unsigned, "pads unsigned data of a max pooling with the middle of their range"),
    "Dense": (_quantised_positions, "forgets the quantizers of a dense layer over several positions"),
}


def check_faults(model: Any) -> None:
    """Raises FpgaMlError for the first layer of an hls4ml graph whose C++ is known to be wrong."""
    for node in model.get_layers():
        is_wrong, what = _KNOWN.get(node.class_name, (lambda node: False, ""))
        if is_wrong(node):
            raise FpgaMlError(
                f"hls4ml's Vitis project {what}",
                where=f"layer '{node.name}' ({node.class_name})",
                do="convert with exact=True, which takes our own C++ and types in place of hls4ml's",
            )


def warn_of_constants(layers: Sequence[Layer]) -> None:
    """Warn of a softmax whose outputs a clear lead of one class does not change, as hls4ml's default types make some do: their
    tables are addressed by the highest bits of a wide type."""
    types = {layer.name: layer.result for layer in layers}
    for layer in (k for k in layers if isinstance(k, (Softmax, LatencySoftmax, LegacySoftmax))):
        t = types[layer.reads[0]]
        leads = np.diag(np.full(layer.shape[-1], min(_LEAD, t.max)))
        rows = np.tile(t.raw(np.concatenate([leads, 0 * leads[:1]])), layer.size // layer.shape[-1])
        results = layer.evaluate(Tensor(rows, t)).raw
        if (results == results[0]).all():
            warnings.warn(
                f"softmax '{layer.name}' gives the same outputs whichever class leads by {_LEAD:g}: its input has the type "
                f"{t.cpp()}. Set the layer's types and TableSize in hls_config, or convert with exact=True",
                stacklevel=2,
            )
