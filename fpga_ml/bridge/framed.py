"""Layers for which hls4ml 1.3.0's io_stream has no C++, or C++ that stops or forgets something: functions of ours.

Most take io_parallel's on a whole frame (nnet_framed.h): windows of a pooling that overlap, leave pixels out or reach beyond
the image fail an assertion, and so does a softmax along another axis than the last; relu6 and Dot do not compile. A
convolution whose kernel is one row high forgets that it leaves rows out (nnet_strided.h).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hls4ml.backends.template import Template
from hls4ml.model.optimizer.optimizer import optimizer_map

from fpga_ml.bridge.own import add_source, leaves_rows_out, other_windows
from fpga_ml.bridge.patches import MENDED
from fpga_ml.bridge.tables import TableFunction

FRAMED, STRIDED = (Path(__file__).parent / f"nnet_{name}.h" for name in ("framed", "strided"))


def _other_axis(node: Any) -> bool:
    return bool(node.get_attr("n_inner", 1) > 1 or node.get_attr("axis", -1) != -1)


def _is_relu6(node: Any) -> bool:
    return bool(node.get_attr("activation").lower() == "relu6")


def _is_dot(node: Any) -> bool:
    return bool(node.class_name == "Dot")


# By the layers of a template: the header whose function is taken, and when.
_OURS: Mapping[str, tuple[Path, Callable[[Any], bool]]] = {
    "pooling1d_pooling2d_globalpooling1d_globalpooling2d": (FRAMED, other_windows),
    "softmax": (FRAMED, _other_axis),
    "activation_hardactivation": (FRAMED, _is_relu6),
    "merge_concatenate_dot": (FRAMED, _is_dot),
    "conv2d_conv2dbatchnorm": (STRIDED, leaves_rows_out),
    "depthwiseconv2d": (STRIDED, leaves_rows_out),
}


class Streamed(Template):  # type: ignore[misc]
    """hls4ml's own template; where a stream needs it, with the function of the same name in a header of ours: in a
    namespace, and with a true attribute of the node, that have the header's name."""

    def __init__(self, theirs: Any, header: Path, needed: Callable[[Any], bool]) -> None:
        super().__init__(theirs.name, theirs.layer_class, theirs.attribute_name)
        self.theirs, self.header, self.needed = theirs, header, needed

    def transform(self, model: Any, node: Any) -> bool:
        changed: bool = self.theirs.transform(model, node)
        if model.config.get_config_value("IOType") == "io_stream" and self.needed(node):
            space = self.header.stem.removeprefix("nnet_")
            node.set_attr("function_cpp", node.get_attr("function_cpp").replace("nnet::", f"nnet::{space}::", 1))
            node.set_attr("include_header", [*node.get_attr("include_header"), f"nnet_utils/{self.header.name}"])
            node.set_attr(space, True)
        return changed


for _backend in ("vivado", "vitis"):  # Vitis has its own copies of Vivado's templates, OpenRTL takes Vivado's
    for _layers, (_header, _needed) in _OURS.items():
        _key = f"{_backend}:{_layers}_function_template"
        _theirs = optimizer_map[_key]
        _inner = TableFunction(_theirs) if _needed is _is_relu6 else _theirs  # an activation may have a table of ours
        MENDED.add(optimizer_map, _key, Streamed(_inner, _header, _needed))
add_source(FRAMED)
add_source(STRIDED)
