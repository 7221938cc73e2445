"""Layers of whole tensors whose every value has a type (bridge/tensors.py), and hls4ml's own of the same functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from fpga_ml.bridge.readers.registry import common_of, data_type, reads, type_of
from fpga_ml.layers.base import Layer
from fpga_ml.layers.elementwise import Products, RequantiseEach, Scaled
from fpga_ml.layers.gather import Gather
from fpga_ml.layers.linear import Linear
from fpga_ml.layers.pooling import MaxPool
from fpga_ml.layers.tables import Lookups


@reads("Quantise")
def _quantise(node: Any) -> Layer:
    return RequantiseEach(**common_of(node), types=tuple(node.get_attr("types")))


@reads("Lookup")
def _lookup(node: Any) -> Layer:
    common = common_of(node)
    tables = tuple(tuple(int(v) for v in common["result"].raw(np.asarray(t))) for t in node.get_attr("tables"))
    first, fraction = (tuple(node.get_attr(name)) for name in ("first", "fraction"))
    return Lookups(**common, which=np.asarray(node.get_attr("which")), first=first, fraction=fraction, tables=tables)


@reads("Arrange")
def _arrange(node: Any) -> Layer:
    return Gather(**common_of(node), index=np.asarray(node.get_attr("places")))


@reads("Scale")
def _scale(node: Any) -> Layer:
    return Scaled(**common_of(node), bits=int(node.get_attr("bits")))


@reads("Reduce")
def _reduce(node: Any) -> Layer:
    common, index, op = common_of(node), np.asarray(node.get_attr("terms")), node.get_attr("op")
    if op == "sum":
        groups, terms = int(node.get_attr("groups")), index.shape[1]
        ones, zero = np.ones((groups, terms, 1), np.int64), np.zeros(groups, np.int64)
        return Linear(**common, index=index.reshape(-1, groups, terms), weights=ones, weight_fraction=0, bias=zero,
                      bias_fraction=0, accum=common["result"])  # fmt: skip
    t = data_type(node)
    if op == "max":
        return MaxPool(**common, index=index, accum=common["result"], padding=t.min_raw, padding_fraction=t.fraction)
    raise AssertionError("nothing makes a Reduce of another kind")


@reads("Products")
def _products(node: Any) -> Layer:
    index = (np.asarray(node.get_attr("first")), np.asarray(node.get_attr("second")))
    return Products(**common_of(node), index=index, accum=type_of(node.get_output_variable().type))
