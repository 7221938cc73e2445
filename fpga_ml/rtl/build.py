"""From typed layers to RTL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fpga_ml.layers.base import Layer
from fpga_ml.lowering import parallel, stream
from fpga_ml.rtl.network import Rtl, emit_network, emit_stream
from fpga_ml.schedule import GENERIC, DelayModel

__all__ = ["Rtl", "build_rtl"]


def build_rtl(
    layers: Sequence[Layer],
    ports: Mapping[str, str],
    heads: Sequence[str],
    top: str,
    clock_ns: float,
    model: DelayModel = GENERIC,
    arch: str = "parallel",
) -> Rtl:
    """RTL of a whole network for a target clock. ports: {layer: port name} of inputs and outputs; heads: output layers;
    arch: parallel or stream."""
    if arch == "stream":
        return emit_stream(stream(layers, ports, heads, top), clock_ns, model)
    return emit_network(parallel(layers, ports, heads, top), clock_ns, model)
