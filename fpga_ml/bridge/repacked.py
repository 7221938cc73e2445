"""Beats of a stream are the last axis of a tensor; hls4ml 1.3.0 does not always cut them anew where a Reshape or a Flatten
needs it.

The mends hold for the streams of every backend.
"""

from __future__ import annotations

from math import gcd
from typing import Any

from hls4ml.backends.fpga.passes.inplace_stream_flatten import InplaceStreamFlatten
from hls4ml.backends.fpga.passes.repack_stream import ReshapeStream
from hls4ml.model.layers import Reshape
from hls4ml.model.optimizer.optimizer import optimizer_map
from hls4ml.model.types import InplaceTensorVariable

from fpga_ml.bridge.patches import MENDED


class GatheredFlatten(InplaceStreamFlatten):  # type: ignore[misc]
    """hls4ml leaves the beats of a flattened tensor as they were and trusts its readers to gather them. A dense layer does;
    all others take the first beat for the whole vector, and read beyond it."""

    def match(self, node: Any) -> bool:
        return bool(super().match(node)) and [r.class_name for r in node.get_output_nodes()] == ["Dense"]


class TypedRepack(ReshapeStream):  # type: ignore[misc]
    """hls4ml gives the values of a reshape in a stream their type, but not the layer, of which a copy for a second reader
    takes it: the model's default type. Its C++ makes beats of several, or several of one; where neither length is a multiple
    of the other it drops values. Beats of their greatest common divisor come in between."""

    def match(self, node: Any) -> bool:
        return isinstance(node, Reshape) and not isinstance(node.get_output_variable(), InplaceTensorVariable)

    def transform(self, model: Any, node: Any) -> bool:
        lengths = [int(v.shape[-1]) for v in (node.get_input_variable(), node.get_output_variable())]
        streams = model.config.get_config_value("IOType") == "io_stream"
        if streams and gcd(*lengths) < min(lengths):
            _insert_common(model, node, gcd(*lengths))
            return True
        changed: bool = super().transform(model, node)
        if changed:
            made = model.graph[f"repack_{node.name}"]
            made.set_attr("result_t", made.get_output_variable().type)
        return changed


def _insert_common(model: Any, node: Any, length: int) -> None:
    """A Reshape to beats of a length before the node."""
    data = node.get_input_variable()
    made = model.make_node(
        "Reshape", f"{node.name}_common", {"target_shape": [data.size() // length, length]}, [node.inputs[0]]
    )
    made.get_output_variable().type.precision = data.type.precision
    model.insert_node(made, before=node)


for _key in list(optimizer_map):
    if _key.endswith(":inplace_stream_flatten"):
        MENDED.add(optimizer_map, _key, GatheredFlatten())
    elif _key.endswith(":reshape_stream"):
        MENDED.add(optimizer_map, _key, TypedRepack())
