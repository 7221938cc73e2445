"""Layers of whole tensors whose every value has a type (bridge/tensors.py), and hls4ml's own of the same functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fpga_ml.bridge.readers.registry import (
    Index,
    common_of,
    data_type,
    is_xnor,
    raw_of,
    reads,
    reuse_of,
    type_of,
    unsupported,
)
from fpga_ml.layers.base import Layer
from fpga_ml.layers.elementwise import Products, RequantiseEach, Scaled
from fpga_ml.layers.gather import Gather
from fpga_ml.layers.linear import Linear
from fpga_ml.layers.pooling import MaxPool
from fpga_ml.layers.tables import Lookups
from fpga_ml.numerics import FixedType, Overflow, Rounding, cast_raw


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
    return Products(**common_of(node), index=index, accum=type_of(node.get_output_variable().type), reuse=reuse_of(node))


@reads("FixedPointQuantizer")
def _fixed_point_quantizer(node: Any) -> Layer:
    """hls4ml's own Quantise (backends/fpga/passes/hgq_proxy_model.py: generate_mask_fn)."""
    common, modes = common_of(node), (Rounding[node.get_attr("RND")], Overflow[node.get_attr("SAT")])
    signed, widths, integers = (
        np.broadcast_to(v[0], common["shape"]).reshape(-1).tolist() for v in node.get_attr("mask_kbi")
    )
    types = (
        FixedType(bool(k), int(w), int(i), *modes) if w > 0 else None
        for k, w, i in zip(signed, widths, integers, strict=True)
    )
    return RequantiseEach(**common, types=tuple(types))


@reads("UnaryLUT")
def _unary_lut(node: Any) -> Layer:
    """nnet_activation.h: unary_lut. The bits of a value, without a sign, are its place in the table."""
    common, t = common_of(node), data_type(node)
    raw, fraction, _ = raw_of(node.weights["table"])
    values = [cast_raw(int(v), fraction, common["result"]) for v in np.asarray(raw).reshape(-1)]
    turned = (*values[t.min_raw :], *values[: t.min_raw]) if t.signed else tuple(values)
    which = np.zeros(int(np.prod(common["shape"])), np.int64)
    return Lookups(**common, which=which, first=(t.min_raw,), fraction=(t.fraction,), tables=(turned,))


@reads("Einsum")
def _einsum(node: Any) -> Layer:
    """nnet_einsum.h: both tensors transposed to (in place, free, contracted), products of their rows, the result
    transposed."""
    if any(is_xnor(node.get_input_variable(name)) for name in node.inputs):
        raise unsupported(node, f"layer '{node.name}' multiplies values of one bit (xnor), which our RTL does not", "")
    inplace, inside, free = (int(node.get_attr(f"n_{n}")) for n in ("inplace", "contract", "free0"))
    first, second = (_transposed(node.get_attr(f"inp{k}_shape"), node.get_attr(f"inp{k}_tpose_idxs")) for k in (0, 1))
    first, second = first.reshape(inplace, free, 1, inside), second.reshape(inplace, 1, -1, inside)
    shape = (inplace, free, second.shape[2], inside)
    order = _transposed(node.get_attr("out_interpert_shape"), node.get_attr("out_tpose_idxs")).reshape(-1)
    index = tuple(np.broadcast_to(own, shape).reshape(-1, inside)[order] for own in (first, second))
    accum = type_of(node.types["accum_t"])
    return Products(**common_of(node), index=(index[0], index[1]), accum=accum, reuse=reuse_of(node))


def _transposed(shape: Sequence[int], axes: Sequence[int]) -> Index:
    """Element numbers of a tensor of this shape, in the order of its axes."""
    return np.arange(math.prod(shape)).reshape(shape).transpose(axes)
