"""The hls4ml graph as typed layers: no strings, no attributes beyond this point.

Every type that the C++ would use (accumulator, product, table, result) is carried exactly; weights become raw integers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fpga_ml.bridge.readers import activations, celeste, linear, pooling, recurrent, shapes, softmax  # noqa: F401
from fpga_ml.bridge.readers.registry import READERS, check_widths, unsupported
from fpga_ml.layers.base import Layer

if TYPE_CHECKING:
    from fpga_ml.bridge.convert import Graph

EMULATED = ("Vitis", "Vivado")  # the C++ that the layers' meanings follow


def read_graph(graph: Graph) -> tuple[Layer, ...]:
    """Typed layers in the order of data. Raises FpgaMlError for the first layer that our RTL does not have yet."""
    return read_layers(graph.hls)


def read_layers(model: Any) -> tuple[Layer, ...]:
    """As `read_graph`, of an hls4ml ModelGraph; the inputs come first, in the order of the C++ function's arguments."""
    nodes = list(model.get_layers())
    inputs = [model.graph[name] for name in model.inputs]
    return tuple(_read(node) for node in (*inputs, *(n for n in nodes if n not in inputs)))


def _read(node: Any) -> Layer:
    check_widths(node)
    reader = READERS.get(node.class_name)
    if reader is None:
        raise unsupported(node, f"layer '{node.name}' ({node.class_name}) has no RTL yet", "")
    return reader(node)
