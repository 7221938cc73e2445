"""A stream that many read: hls4ml 1.3.0 copies one to seven readers at most, and stops at more.

The mend holds for the streams of every backend.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from hls4ml.backends.fpga.passes.clone import Clone, CloneOutput
from hls4ml.model.optimizer.optimizer import optimizer_map

from fpga_ml.bridge.patches import MENDED

_MOST = 7


class CopiesOfCopies(CloneOutput):  # type: ignore[misc]
    """Where there are more readers, the last seven read copies of one copy, until no more than seven are left."""

    def transform(self, model: Any, node: Any) -> bool:
        for output in node.outputs:
            most = _MOST - (output in model.outputs)
            while len(readers := node.get_output_use_map()[output]) > most:
                _share(model, node, output, readers[-_MOST:])
        changed: bool = super().transform(model, node)
        return changed


def _share(model: Any, node: Any, output: str, readers: list[Any]) -> None:
    """These readers of an output get copies of it, all made by one node that reads it."""
    name = f"clone_clone_{node.name}"
    while name in model.graph:
        name = f"clone_{name}"
    copies = [f"{output}_of_{name}_cpy{k}" for k in range(1, len(readers) + 1)]
    for reader, copy in zip(reversed(readers), copies, strict=True):
        last = max(k for k, t in enumerate(reader.inputs) if t == output)  # a layer may read it twice
        reader.inputs[last] = copy
    variable = node.get_output_variable(output)
    made = model.make_node(Clone, name, {"size": variable.size()}, [output], copies)
    for copy in copies:
        made.attributes[copy].type = variable.type
    graph = OrderedDict()
    for key, value in model.graph.items():
        graph[key] = value
        if value is node:
            graph[name] = made
    model.graph = graph


for _key in list(optimizer_map):
    if _key.endswith(":clone_output"):
        MENDED.add(optimizer_map, _key, CopiesOfCopies())
