"""Layers for which hls4ml's own C++ is known to compute another function, told by the plugin before anything is built on it.

fpga_ml.compile mends or rewrites each of them. In an hls4ml script the reference is hls4ml's own Vitis project, so the
plugin raises, and names the option that takes our C++ instead.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from hls4ml.model.types import FixedPrecisionType, InplaceTensorVariable, IntegerPrecisionType

from fpga_ml.bridge.own import is_padded, leaves_rows_out
from fpga_ml.errors import FpgaMlError
from fpga_ml.layers.base import Tensor
from fpga_ml.layers.graph import LayerGraph
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


def _is_padded_beside_others(node: Any) -> bool:
    source = node.get_input_node()
    return bool(is_padded(node) and source is not None and len(source.get_output_nodes()) > 1)


def _is_half_ternary(node: Any) -> bool:
    return bool(node.get_attr("threshold") == 0.5)


def _ends_below(node: Any) -> bool:
    quantizer = node.get_attr("activation_quantizer")
    return bool(quantizer and quantizer["class_name"] == "quantized_relu" and node.get_attr("activ_param") != 1)


def _broadcasts(node: Any) -> bool:
    """Whether repeating the smaller input as a whole is not what Keras does."""
    shapes = [tuple(int(n) for n in node.model.output_vars[t].shape) for t in node.inputs]
    result = tuple(int(n) for n in node.get_output_variable().shape)
    whole = math.prod(result)
    own = [np.arange(math.prod(s)) for s in shapes]
    return any(
        not np.array_equal(np.broadcast_to(e.reshape(s), result).reshape(-1), np.resize(e, whole))
        for e, s in zip(own, shapes, strict=True)
    )


def _is_gathered_by_others(node: Any) -> bool:
    readers = [r.class_name for r in node.get_output_nodes()]
    return isinstance(node.get_output_variable(), InplaceTensorVariable) and readers != ["Dense"]


def _leaves_two_axes(node: Any) -> bool:
    return [int(k) for k in node.get_attr("perm")] == [0, 1]


def _reads_beside(node: Any) -> bool:
    entries = 1 << node.get_input_variable().type.precision.width
    return bool(node.get_attr("function_cpp") and node.get_attr("table_size") != entries)  # when types are known


def _drops_values(node: Any) -> bool:
    short, long = sorted(int(v.shape[-1]) for v in (node.get_input_variable(), node.get_output_variable()))
    return long % short > 0


_KNOWN: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "SimpleRNN": (lambda node: True, "has no C++ of a SimpleRNN"),
    "GRU": (_resets_before, "computes reset_after=True in place of reset_after=False"),
    "Bidirectional": (_resets_before, "computes reset_after=True in place of reset_after=False"),
    "Pooling1D": (_pads_unsigned, "pads unsigned data of a max pooling with the middle of their range"),
    "Pooling2D": (_pads_unsigned, "pads unsigned data of a max pooling with the middle of their range"),
    "TernaryTanh": (_is_half_ternary, "leaves a ternary activation with a threshold of 0.5 out of its C++"),
    "ParametrizedActivation": (_ends_below, "lets a leaky quantized_relu run down to the end of its type"),
    "Merge": (_broadcasts, "repeats the smaller input of a merge as a whole, whatever the axis"),
    "UnaryLUT": (_reads_beside, "takes the bits of a value of another type for its place in a table"),
    "Dense": (_quantised_positions, "forgets the quantizers of a dense layer over several positions"),
}


_STREAMED: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "Conv1D": (_is_padded_beside_others, "pads another layer that reads the same tensor in place of a convolution"),
    "Conv2D": (leaves_rows_out, "computes every row of a convolution that is to leave rows out"),
    "DepthwiseConv2D": (leaves_rows_out, "computes every row of a convolution that is to leave rows out"),
    "Transpose": (_leaves_two_axes, "swaps two axes that a Permute leaves in place"),
    "Reshape": (_is_gathered_by_others, "takes the first beat of a flattened tensor for all of it"),
    "Repack": (_drops_values, "drops values of a reshape to beats that are no multiple or part of those before"),
}
# Those that fpga_ml.compile rewrites in the Keras model; a graph that hls4ml has made already is past help.
_REWRITTEN: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "TernaryTanh": (lambda node: True, "computes a ternary activation wrongly on its threshold, or not at all"),
    "ParametrizedActivation": (_ends_below, "lets a leaky quantized_relu run down to the end of its type"),
    "Merge": (_broadcasts, "repeats the smaller input of a merge as a whole, whatever the axis"),
    "UnaryLUT": (_reads_beside, "takes the bits of a value of another type for its place in a table"),
}


def check_faults(model: Any, *, exact: bool) -> None:
    """Raises FpgaMlError for the first layer of an hls4ml graph whose C++ is known to be wrong; exact: with our C++ and
    types."""
    streamed = model.config.get_config_value("IOType") == "io_stream"
    rounders = [n for n in model.get_layers() if n.class_name == "FixedPointQuantizer"]
    if streamed and (each := next((n for n in rounders if any(np.unique(part).size > 1 for part in n.mask_kbi)), None)):
        raise FpgaMlError(
            f"layer '{each.name}' gives elements of a tensor different types, which hls4ml does not do in io_stream",
            where=f"layer '{each.name}'",
            do="convert with io_parallel, or build the Keras model with fpga_ml.compile(arch='stream')",
        )
    known = {**_KNOWN, **(_STREAMED if streamed else {})}
    for node in model.get_layers():
        is_wrong, what = (_REWRITTEN if exact else known).get(node.class_name, (lambda node: False, ""))
        if is_wrong(node):
            past_help = exact or node.class_name in ("Merge", "UnaryLUT")
            raise FpgaMlError(
                f"hls4ml's Vitis project {what}",
                where=f"layer '{node.name}' ({node.class_name})",
                do="build the Keras model with fpga_ml.compile, which rewrites such layers"
                if past_help
                else "convert with exact=True, which takes our own C++ and types in place of hls4ml's",
            )


def warn_of_constants(graph: LayerGraph, *, exact: bool) -> None:
    """Warn of a softmax whose outputs a clear lead of one class does not change, as hls4ml's default types make some do:
    their tables are addressed by the highest bits of a wide type."""
    for layer in (k for k in graph.layers if isinstance(k, (Softmax, LatencySoftmax, LegacySoftmax))):
        t = graph[layer.reads[0]].result
        leads = np.diag(np.full(layer.shape[-1], min(_LEAD, t.max)))
        rows = np.tile(t.raw(np.concatenate([leads, 0 * leads[:1]])), layer.size // layer.shape[-1])
        results = layer.evaluate(Tensor(rows, t)).raw
        if (results == results[0]).all():
            other = "fpga_ml.compile, which chooses its tables on data" if exact else "exact=True or fpga_ml.compile"
            warnings.warn(
                f"softmax '{layer.name}' gives the same outputs whichever class leads by {_LEAD:g}: its input has the type "
                f"{t.cpp()}. Set the layer's types and TableSize in hls_config, or convert with {other}",
                stacklevel=2,
            )
