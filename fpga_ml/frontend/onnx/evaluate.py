"""What an ONNX graph computes, in double precision, node by node.

onnxruntime sums in single precision, which passes 24 bits; so this is the reference. One sample at a time: the batch is 1.
Integers stay integers. A constant that a Quant made keeps the scale that it was made with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.onnx.graph import Graph, Node
from fpga_ml.frontend.onnx.meaning.moves import MOVES
from fpga_ml.frontend.onnx.meaning.operations import computed
from fpga_ml.frontend.onnx.meaning.settings import Array, along

_CHECK = "check the file with onnx.checker.check_model"


@dataclass(frozen=True)
class Folded:
    """A graph whose constants are known: nodes that compute on data; constants: all others' results, by name; scales: of
    those that a Quant made, its scale at each element."""

    graph: Graph
    nodes: tuple[Node, ...]
    constants: Mapping[str, Array]
    scales: Mapping[str, Array]

    def evaluate(self, x: Sequence[Array]) -> list[Array]:
        """The outputs of samples: one array (N, ...) an input."""
        names = self.graph.outputs
        found: list[list[Array]] = [[] for _ in names]
        for sample in zip(*x, strict=True):
            known = dict(self.constants)
            known |= {n: np.asarray(v, np.float64)[None] for (n, _), v in zip(self.graph.inputs, sample, strict=True)}
            for node in self.nodes:
                known.update(computed(node, known))
            for kept, name in zip(found, names, strict=True):
                kept.append(np.asarray(known[name], np.float64))
        return [np.concatenate([np.atleast_1d(a) for a in kept]) for kept in found]


def folded(graph: Graph) -> Folded:
    """The graph with all that does not depend on its inputs computed, and outputs that do not left out: Brevitas gives its
    scales and widths as outputs."""
    constants, scales = dict(graph.constants), dict[str, Array]()
    known: dict[str, Array] = dict(constants) | {n: np.zeros((1, *shape)) for n, shape in graph.inputs}
    nodes = []
    for node in graph.nodes:
        made = computed(node, known)
        known.update(made)
        if not (node.op in ("Shape", "Size") or all(not n or n in constants for n in node.inputs)):
            nodes.append(node)
            continue
        constants.update(made)
        if node.op in ("Quant", "IntQuant", "BipolarQuant", "DequantizeLinear"):
            value, scale = made[node.outputs[0]], known[node.inputs[1]]
            if node.op == "DequantizeLinear":
                scale = along(scale, node.attributes.get("axis", 1), value.ndim)
            scales[node.outputs[0]] = np.broadcast_to(scale, value.shape)
        elif node.op in MOVES and node.inputs[0] in scales:
            moved = {**known, node.inputs[0]: scales[node.inputs[0]]}
            scales |= {n: a for n, a in computed(node, moved).items() if a.shape == constants[n].shape}
    varying = tuple(n for n in graph.outputs if n not in constants)
    if not varying:
        raise FpgaMlError(
            f"output '{graph.outputs[0]}' depends on no input", where=f"output '{graph.outputs[0]}'", do=_CHECK
        )
    return Folded(replace(graph, outputs=varying), tuple(nodes), constants, scales)
