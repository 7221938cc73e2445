"""Layers for which hls4ml 1.3.0's io_stream has no C++, or C++ that stops: io_parallel's on a whole frame (nnet_framed.h).

Windows of a pooling that overlap, leave pixels out or reach beyond the image fail an assertion, and so does a softmax along
another axis than the last; relu6, Dot, and a ternary activation with thresholds for each element of a frame, do not compile.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hls4ml.backends.template import Template
from hls4ml.model.optimizer.optimizer import optimizer_map

from fpga_ml.bridge.own import add_source, is_padded
from fpga_ml.bridge.patches import MENDED
from fpga_ml.bridge.tables import TableFunction

HEADER = Path(__file__).parent / "nnet_framed.h"


def _other_windows(node: Any) -> bool:
    sides = [s for s in ("height", "width") if node.get_attr(f"pool_{s}") is not None]
    apart = any(node.get_attr(f"pool_{s}") != node.get_attr(f"stride_{s}") for s in sides)
    return node.class_name in ("Pooling1D", "Pooling2D") and (apart or is_padded(node))


def _other_axis(node: Any) -> bool:
    return bool(node.get_attr("n_inner", 1) > 1)


def _is_relu6(node: Any) -> bool:
    return bool(node.get_attr("activation").lower() == "relu6")


def _is_dot(node: Any) -> bool:
    return bool(node.class_name == "Dot")


def _ternary_each(node: Any) -> bool:
    shape = node.get_output_variable().shape
    return bool(node.get_attr("quantize") == 3 and node.get_attr("n_filt") == -1 and math.prod(shape) != shape[-1])


_FRAMED: Mapping[str, Callable[[Any], bool]] = {
    "pooling1d_pooling2d_globalpooling1d_globalpooling2d": _other_windows,
    "softmax": _other_axis,
    "activation_hardactivation": _is_relu6,
    "merge_concatenate_dot": _is_dot,
    "batchnormalizationquantizedtanh": _ternary_each,
}


class Framed(Template):  # type: ignore[misc]
    """hls4ml's own template; where a stream needs it, with the function of the same name that takes whole frames, and the
    node's attribute `framed`."""

    def __init__(self, theirs: Any, needed: Callable[[Any], bool]) -> None:
        super().__init__(theirs.name, theirs.layer_class, theirs.attribute_name)
        self.theirs, self.needed = theirs, needed

    def transform(self, model: Any, node: Any) -> bool:
        changed: bool = self.theirs.transform(model, node)
        if model.config.get_config_value("IOType") == "io_stream" and self.needed(node):
            node.set_attr("function_cpp", node.get_attr("function_cpp").replace("nnet::", "nnet::framed::", 1))
            node.set_attr("include_header", [*node.get_attr("include_header"), f"nnet_utils/{HEADER.name}"])
            node.set_attr("framed", True)
        return changed


for _backend in ("vivado", "vitis"):  # Vitis has its own copies of Vivado's templates, OpenRTL takes Vivado's
    for _layers, _needed in _FRAMED.items():
        _key = f"{_backend}:{_layers}_function_template"
        _theirs = optimizer_map[_key]
        _inner = TableFunction(_theirs) if _needed is _is_relu6 else _theirs  # an activation may have a table of ours
        MENDED.add(optimizer_map, _key, Framed(_inner, _needed))
add_source(HEADER)
