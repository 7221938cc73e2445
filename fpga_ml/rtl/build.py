"""From typed layers to a network, and from a network to RTL, in either architecture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fpga_ml.devices import GENERIC, DelayModel
from fpga_ml.ir.network import Network
from fpga_ml.layers.base import Layer
from fpga_ml.lowering import parallel, stream
from fpga_ml.lowering.stream import most_pixels
from fpga_ml.rtl.network import Rtl, emit_network, emit_stream

__all__ = ["Rtl", "build_rtl", "emit", "lower", "shortest_interval"]


def lower(
    layers: Sequence[Layer],
    ports: Mapping[str, str],
    heads: Sequence[str],
    top: str,
    arch: str,
    interval_cycles: int | None = None,
    *,
    interleave: int = 1,
) -> Network:
    """ports: {layer: port name} of inputs and outputs; heads: output layers; arch: parallel or stream; interval_cycles:
    between two inferences, for which layers share hardware (None: by their own reuse factors); interleave: of a stream,
    sequences that come in turn."""
    if arch == "stream":
        return stream(layers, ports, heads, top, interval_cycles, interleave)
    return parallel(layers, ports, heads, top, interval_cycles)


def shortest_interval(layers: Sequence[Layer], heads: Sequence[str], arch: str) -> int:
    """Cycles between two inferences that no sharing of hardware can be below; heads: output layers."""
    return most_pixels(layers, heads) if arch == "stream" else 1


def emit(network: Network, clock_ns: float, arch: str, model: DelayModel = GENERIC, *, frame_last: bool = False) -> Rtl:
    """RTL of a network that was lowered for that architecture, for a target clock; frame_last: streams with TLAST."""
    if arch == "stream":
        return emit_stream(network, clock_ns, model, frame_last=frame_last)
    return emit_network(network, clock_ns, model)


def build_rtl(
    layers: Sequence[Layer],
    ports: Mapping[str, str],
    heads: Sequence[str],
    top: str,
    clock_ns: float,
    model: DelayModel = GENERIC,
    arch: str = "parallel",
) -> Rtl:
    """Both in one."""
    return emit(lower(layers, ports, heads, top, arch), clock_ns, arch, model)
