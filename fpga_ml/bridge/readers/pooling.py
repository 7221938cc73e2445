"""Pooling over windows and over whole images."""

from __future__ import annotations

from typing import Any

import numpy as np

from fpga_ml.bridge.readers.registry import (
    Index,
    common_of,
    data_type,
    reads,
    type_of,
)
from fpga_ml.bridge.readers.windows import channels_of, windows
from fpga_ml.layers.base import Layer
from fpga_ml.layers.pooling import AveragePool, MaxPool


def _pool(node: Any, pixels: Index) -> Layer:
    channels = int(node.get_attr("n_filt"))
    index = np.moveaxis(channels_of(pixels, channels), -1, 1).reshape(len(pixels) * channels, -1)
    accum, t = type_of(node.types["accum_t"]), data_type(node)
    if node.get_attr("pool_op").lower() == "average":
        counts = bool(node.get_attr("count_pad"))
        return AveragePool(**common_of(node), index=index, accum=accum, counts_padding=counts)
    highest_bit = t.min_raw if t.signed else 1 << (t.width - 1)
    return MaxPool(**common_of(node), index=index, accum=accum, padding=highest_bit, padding_fraction=t.fraction)


@reads("Pooling1D", "Pooling2D")
def _pooling(node: Any) -> Layer:
    return _pool(node, windows(node, "pool"))


@reads("GlobalPooling1D", "GlobalPooling2D")
def _global_pooling(node: Any) -> Layer:
    elements = int(np.prod(node.get_input_variable().shape))
    return _pool(node, np.arange(elements // int(node.get_attr("n_filt")))[None])
