"""The two architectures: all that one does otherwise than the other between layers and RTL."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, TypedDict, Unpack

from fpga_ml.config import Arch
from fpga_ml.devices import GENERIC, DelayModel
from fpga_ml.ir.network import Network
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.lowering import parallel, stream
from fpga_ml.lowering.stream import check_stream, most_pixels
from fpga_ml.rtl.network import Rtl, emit_network, emit_stream
from fpga_ml.schedule.parallel import plan
from fpga_ml.schedule.stream import unbuffered_latency_cycles

__all__ = ["ARCHITECTURES", "PARALLEL", "STREAM", "Architecture", "Rtl"]


class Asked(TypedDict, total=False):
    """Of a stream. least: as little hardware as the interval allows, however late the answer comes."""

    interleave: int
    lanes: int
    least: bool


class Architecture(ABC):
    """interval_cycles: between two inferences, for which layers share hardware; None: by their own reuse factors.
    interleave: sequences that take turns in a stream. lanes: pixels of a stream that pass at once. frame_last: streams have
    TLAST."""

    name: ClassVar[Arch]

    @abstractmethod
    def check(self, graph: LayerGraph, interval_cycles: int | None, interleave: int, lanes: int) -> None:
        """Raise FpgaMlError for settings with which the graph cannot be lowered; `lower` does so itself."""

    @abstractmethod
    def shortest_interval(self, graph: LayerGraph, lanes: int = 1) -> int:
        """Cycles between two inferences, of which no sharing of hardware needs fewer."""

    @abstractmethod
    def lower(self, graph: LayerGraph, interval_cycles: int | None = None, **asked: Unpack[Asked]) -> Network:
        """The network that becomes RTL."""

    @abstractmethod
    def latency_cycles(self, network: Network, clock_ns: float, model: DelayModel) -> int:
        """Of a verified network."""

    @abstractmethod
    def emit(self, network: Network, clock_ns: float, model: DelayModel = GENERIC, *, frame_last: bool = False) -> Rtl:
        """RTL of a network that this architecture lowered."""

    def build(self, graph: LayerGraph, clock_ns: float, model: DelayModel = GENERIC) -> Rtl:
        """RTL of a graph, its layers by their own reuse factors."""
        return self.emit(self.lower(graph), clock_ns, model)


class ParallelArchitecture(Architecture):
    """All of a tensor at once: channels are wires, and nothing waits."""

    name = Arch.PARALLEL

    def check(self, graph: LayerGraph, interval_cycles: int | None, interleave: int, lanes: int) -> None:
        pass

    def shortest_interval(self, graph: LayerGraph, lanes: int = 1) -> int:
        return 1

    def lower(self, graph: LayerGraph, interval_cycles: int | None = None, **asked: Unpack[Asked]) -> Network:
        return parallel(graph, interval_cycles)

    def latency_cycles(self, network: Network, clock_ns: float, model: DelayModel) -> int:
        return plan(network, clock_ns, model).latency_cycles

    def emit(self, network: Network, clock_ns: float, model: DelayModel = GENERIC, *, frame_last: bool = False) -> Rtl:
        return emit_network(network, clock_ns, model)


class StreamArchitecture(Architecture):
    """Pixel by pixel: channels are handshakes, with FIFOs where paths part and meet."""

    name = Arch.STREAM

    def check(self, graph: LayerGraph, interval_cycles: int | None, interleave: int, lanes: int) -> None:
        check_stream(graph, interval_cycles, interleave, lanes)

    def shortest_interval(self, graph: LayerGraph, lanes: int = 1) -> int:
        return most_pixels(graph, lanes)

    def lower(self, graph: LayerGraph, interval_cycles: int | None = None, **asked: Unpack[Asked]) -> Network:
        return stream(graph, interval_cycles, **asked)

    def latency_cycles(self, network: Network, clock_ns: float, model: DelayModel) -> int:
        return unbuffered_latency_cycles(network, clock_ns, model)

    def emit(self, network: Network, clock_ns: float, model: DelayModel = GENERIC, *, frame_last: bool = False) -> Rtl:
        return emit_stream(network, clock_ns, model, frame_last=frame_last)


PARALLEL, STREAM = ParallelArchitecture(), StreamArchitecture()
ARCHITECTURES: dict[Arch, Architecture] = {a.name: a for a in (PARALLEL, STREAM)}
