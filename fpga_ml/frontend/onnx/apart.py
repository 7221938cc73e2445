"""From an ONNX graph to a Keras model of the same function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import fpga_ml.frontend.onnx.elementwise
import fpga_ml.frontend.onnx.linear
import fpga_ml.frontend.onnx.moves
import fpga_ml.frontend.onnx.pooling
import fpga_ml.frontend.onnx.quant  # noqa: F401  (they say what each operation becomes)
from fpga_ml.frontend.onnx.build import Builder
from fpga_ml.frontend.onnx.evaluate import Folded, folded
from fpga_ml.frontend.onnx.graph import Graph


@dataclass(frozen=True)
class Exchanged:
    """An ONNX model that was read. model: of Keras; inexact: nodes that do not keep every bit, none of a fully quantised
    one; rounded: nodes whose scales are of single precision."""

    folded: Folded
    model: Any
    inexact: tuple[str, ...]
    rounded: tuple[str, ...] = ()


def as_keras(graph: Graph) -> Exchanged:
    builder = Builder(folded(graph))
    model = builder.model()
    return Exchanged(builder.folded, model, tuple(builder.inexact), tuple(builder.rounded))
