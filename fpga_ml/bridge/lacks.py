"""Layers of which hls4ml 1.3.0's C++ for a backend stops, does not compile or computes something else, refused before a
compiler starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import hls4ml

from fpga_ml.activations import ONLY_OURS
from fpga_ml.bridge.own import WITH_OWN_CPP, check_backend, is_padded, leaves_rows_out, other_windows
from fpga_ml.config import Config
from fpga_ml.errors import FpgaMlError


@dataclass(frozen=True)
class Lack:
    """kinds: hls4ml's classes; when: whether a node of them is meant; what: after the class, in the message."""

    kinds: tuple[str, ...]
    what: str = ""
    when: Callable[[Any], bool] = lambda node: True


def _averages(node: Any) -> bool:
    return str(node.get_attr("pool_op")) == "Average"


def _steps(node: Any) -> bool:
    return is_padded(node) or any(node.get_attr(f"stride_{side}", 1) > 1 for side in ("height", "width"))


def _has_three_axes(node: Any) -> bool:
    return len(node.get_output_variable().shape) > 2


def _is_vector(node: Any) -> bool:
    return len(node.get_output_variable().shape) == 1


_DEPTHWISE = Lack(("DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"))
_STEPPED = Lack(("DepthwiseConv2D",), " with strides or padding", _steps)
_POOLED = Lack(("Pooling1D", "Pooling2D"), " whose windows overlap, leave values out or are padded", other_windows)
_POOLED_MEANS = Lack(("Pooling1D", "Pooling2D"), when=_averages)
_MEANS = Lack(("Pooling1D", "Pooling2D", "GlobalPooling1D", "GlobalPooling2D"), when=_averages)
_VECTORS = Lack(("Concatenate",), " of vectors", _is_vector)
_ROWS = Lack(("Conv2D", "DepthwiseConv2D"), " that leaves rows out", leaves_rows_out)
_LACKS: Mapping[tuple[str, str], tuple[Lack, ...]] = {
    ("Quartus", "parallel"): (_DEPTHWISE, _MEANS),
    ("Quartus", "stream"): (_DEPTHWISE, _POOLED_MEANS, _POOLED, Lack(("Transpose",), " of three axes", _has_three_axes)),
    ("Catapult", "parallel"): (_STEPPED, _MEANS, Lack(("DepthwiseConv1D", "EinsumDense"))),
    ("Catapult", "stream"): (_POOLED_MEANS, _POOLED, _ROWS, _VECTORS, Lack(("Cropping1D", "Cropping2D", "Transpose"))),
}


def _as_written(node: Any) -> str:
    """The kind of a layer by its Keras name."""
    kind = str(node.class_name)
    return str(node.get_attr("class_name")) if "Pooling" in kind else {"Transpose": "Permute"}.get(kind, kind)


def check_cpp(graph: Any, config: Config) -> None:
    """Raises FpgaMlError for the first layer of an hls4ml graph of which the backend has no right C++."""
    for node in graph.get_layers():
        if node.class_name == "Activation" and node.get_attr("activation") in ONLY_OURS:
            check_backend(node, WITH_OWN_CPP)
        for lack in _LACKS.get((config.backend, config.arch), ()):
            if node.class_name in lack.kinds and lack.when(node):
                raise FpgaMlError(
                    f"hls4ml {hls4ml.__version__} has no C++ of a {_as_written(node)}{lack.what} for {config.backend} that"
                    f" works in {config.arch} projects",
                    where=f"layer '{node.name}'",
                    do="use another kind of layer, or --backend Vivado or Vitis",
                )
