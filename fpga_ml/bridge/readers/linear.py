"""Sums of products: dense layers, convolutions, normalisations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from fpga_ml.bridge.readers.registry import (
    Index,
    bias_of,
    common_of,
    data_type,
    is_xnor,
    product_of,
    raw_of,
    reads,
    reads_signs,
    reuse_of,
    type_of,
    unsupported,
)
from fpga_ml.bridge.readers.windows import channels_of, windows
from fpga_ml.layers.base import Layer
from fpga_ml.layers.gather import Reordered
from fpga_ml.layers.linear import Affine, Linear
from fpga_ml.numerics import FixedType, Overflow, cast_raw
from fpga_ml.numerics.exact import Exact
from fpga_ml.numerics.types import Raw


def _linear(
    node: Any,
    index: Index,
    weights: Raw,
    fraction: int,
    product: FixedType | None,
    bias: Raw | None = None,
) -> Layer:
    """weights (G, K, M); bias raw in the order of the sums, where it is not the variable as it stands."""
    own_bias, bias_fraction = bias_of(node)
    bias = own_bias.reshape(-1) if bias is None else bias
    if product is not None and product.fraction >= data_type(node).fraction + fraction:
        product = None  # loses nothing
    accum = type_of(node.types["accum_t"])
    layer = Linear(**common_of(node), index=index, weights=weights, weight_fraction=fraction, bias=bias,
                   bias_fraction=bias_fraction, accum=accum, product=product,
                   reuse=reuse_of(node))  # fmt: skip
    return _of_signs(node, layer) if reads_signs(node, "weight") else layer


def _of_signs(node: Any, layer: Linear) -> Layer:
    """A Linear whose data are bits for signs, as one of the bits themselves (nnet_mult.h).

    By a bit 0 a weight w counts as -w, by 1 as w (data_binary): sum(2 w bit) - sum(w); so does padding, which is a bit 0.
    Where weights are bits as well (both_binary), the C++ counts the products that are +1, in accum, and makes 2 * count
    - n of the count in an integer type: the bias counts twice, and half of it is cut off.
    """
    accum, k = layer.accum, layer.weights.shape[1]
    if accum.overflow is not Overflow.WRAP or accum.fraction < layer.weight_fraction:
        raise unsupported(node, f"layer '{node.name}' sums values of one bit in {accum.cpp()}, which loses bits", "")
    start = np.array([cast_raw(int(v), layer.bias_fraction, accum) for v in layer.bias], object)
    if not is_xnor(node.weights["weight"]):
        total = (layer.weights.astype(object).sum(axis=1) << accum.fraction - layer.weight_fraction).reshape(-1)
        return replace(layer, weight_fraction=layer.weight_fraction - 1, bias=start - total, bias_fraction=accum.fraction)
    bits = _ceil_log2(k) + 2
    whole = 2 * start << max(-accum.fraction, 0)
    halves = (whole % (1 << max(accum.fraction, 0))).any()
    if bits > accum.integer + 1 or halves or node.class_name.startswith("Depthwise"):
        raise unsupported(node, f"layer '{node.name}' counts {k} products of one bit in {accum.cpp()}, which has no RTL", "")
    twice = (whole >> max(accum.fraction, 0)) + (2 * (layer.weights < 0).sum(axis=1) - k).reshape(-1)
    integer = FixedType(True, bits, bits)
    return replace(layer, weight_fraction=-1, bias=twice, bias_fraction=0, accum=integer)


def _ceil_log2(n: int) -> int:
    """nnet_helpers.h: ceillog2, which is 1 for 1."""
    return max((n - 1).bit_length(), 1)


@reads("Dense")
def _dense(node: Any) -> Layer:
    weights, fraction, _ = raw_of(node.weights["weight"])
    if node.get_attr("_weights_transposed"):
        weights = weights.T
    index = np.arange(weights.shape[0]).reshape(1, 1, -1)
    return _linear(node, index, weights[None], fraction, product_of(node.weights["weight"], data_type(node)))


def _kernel(node: Any) -> tuple[Raw, int]:
    """Weights (window, channels, filters), whatever the strategy did to their order."""
    weights, fraction, _ = raw_of(node.weights["weight"])
    if node.get_attr("_weights_transposed"):
        weights = np.moveaxis(weights, 0, -1)
    return weights.reshape(-1, weights.shape[-2], weights.shape[-1]), fraction


@reads("Conv1D", "Conv2D", "PointwiseConv1D", "PointwiseConv2D")
def _convolution(node: Any) -> Layer:
    weights, fraction = _kernel(node)
    channels = int(node.get_attr("n_chan"))
    index = channels_of(windows(node), channels)
    flat = index.reshape(len(index), 1, -1)
    return _linear(
        node, flat, weights.reshape(1, -1, weights.shape[-1]), fraction, product_of(node.weights["weight"], data_type(node))
    )


@reads("DepthwiseConv1D", "DepthwiseConv2D")
def _depthwise(node: Any) -> Layer:
    weights, fraction = _kernel(node)
    index = np.moveaxis(channels_of(windows(node), int(node.get_attr("n_chan"))), -1, 1)
    return _linear(node, index, np.moveaxis(weights, 1, 0), fraction, product_of(node.weights["weight"], data_type(node)))


@reads("BatchNormalization", "ApplyAlpha")
def _affine(node: Any) -> Layer:
    common = common_of(node)
    size = int(np.prod(common["shape"]))
    (scale, scale_fraction, _), (bias, bias_fraction) = raw_of(node.weights["scale"]), bias_of(node)
    scale, bias = (np.resize(v.reshape(-1), size) for v in (scale, bias))
    product = product_of(node.weights["scale"], data_type(node))
    if reads_signs(node, "scale"):
        common_fraction = max(scale_fraction, bias_fraction)
        exact = Exact.given(scale)
        bias = ((Exact.given(bias) << common_fraction - bias_fraction) - (exact << common_fraction - scale_fraction)).raw
        scale, bias_fraction = (exact << 1).raw, common_fraction
    return Affine(
        **common, scale=scale, scale_fraction=scale_fraction, bias=bias, bias_fraction=bias_fraction, product=product
    )


@reads("EinsumDense")
def _einsum_dense(node: Any) -> Layer:
    """nnet_einsum_dense.h: the input transposed to (in place, free, contracted), a dense layer for each of the first two
    with the weights of the first, the result transposed.

    Every dense layer has its own bias; positions share a group where theirs are the same.
    """
    inplace, free, inside, outputs = (
        int(node.get_attr(f"n_{n}")) for n in ("inplace", "free_data", "contract", "free_kernel")
    )
    shape = tuple(node.get_input_variable().shape)
    elements = np.arange(int(np.prod(shape))).reshape(shape).transpose(node.get_attr("inp_tpose_idxs"))
    index = np.moveaxis(elements.reshape(inplace, free, inside), 1, 0)  # (position, group, contracted)
    raw, fraction, _ = raw_of(node.weights["weight"])
    weights = raw.reshape(inplace, inside, outputs)
    bias = np.moveaxis(bias_of(node)[0].reshape(inplace, free, outputs), 1, 0)
    sums = np.arange(bias.size).reshape(free, inplace, outputs)  # the order in which Linear gives them
    if (bias == bias[:1]).all():
        bias = bias[0]
    else:
        index, weights = index.reshape(1, free * inplace, inside), np.tile(weights, (free, 1, 1))
    order = np.moveaxis(sums, 1, 0).reshape(node.get_attr("out_interpert_shape")).transpose(node.get_attr("out_tpose_idxs"))
    layer = _linear(node, index, weights, fraction, product_of(node.weights["weight"], data_type(node)), bias.reshape(-1))
    if np.array_equal(order.reshape(-1), np.arange(order.size)):
        return layer
    return Reordered(**common_of(node), inner=layer, order=order.reshape(-1))
