"""The hls4ml graph as typed layers: no strings, no attributes beyond this point.

Every type that the C++ would use (accumulator, product, table, result) is carried exactly; weights become raw integers.
"""

from __future__ import annotations

from typing import Any

from fpga_ml.bridge.readers import (  # noqa: F401
    activations,
    celeste,
    linear,
    normalise,
    pooling,
    recurrent,
    shapes,
    softmax,
    tensors,
)
from fpga_ml.bridge.readers.registry import READERS, check_widths, unsupported
from fpga_ml.layers.base import Layer
from fpga_ml.layers.graph import LayerGraph


def read_graph(model: Any) -> LayerGraph:
    """An hls4ml ModelGraph as typed layers, the inputs first, in the order of the C++ function's arguments; its ports have
    the C++ names. Raises FpgaMlError for the first layer that our RTL does not have yet."""
    nodes = list(model.get_layers())
    inputs, outputs = [model.graph[name] for name in model.inputs], output_layers(model)
    layers = [_read(node) for node in (*inputs, *(n for n in nodes if n not in inputs))]
    ports = {v.name: v.name for v in model.get_input_variables()}
    ports |= {name: v.name for name, v in zip(outputs, model.get_output_variables(), strict=True)}
    return LayerGraph.of(layers, outputs, model.config.get_project_name(), ports)


def output_layers(model: Any) -> list[str]:
    """Of an hls4ml ModelGraph: the names of the layers whose results are its outputs."""
    return [next(n.name for n in model.get_layers() if name in n.outputs) for name in model.outputs]


def _read(node: Any) -> Layer:
    check_widths(node)
    reader = READERS.get(node.class_name)
    if reader is None:
        raise unsupported(node, f"layer '{node.name}' ({node.class_name}) has no RTL yet", "")
    return reader(node)
