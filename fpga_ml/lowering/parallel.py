"""The parallel architecture: all of a tensor is one token, each layer a kernel over what the layers before it can give.

A layer with a reuse factor above 1 becomes a fold and a kernel behind it, where that is smaller.
"""

from __future__ import annotations

from fpga_ml import progress
from fpga_ml.ir.network import Channel, Map, Network, Process, verified
from fpga_ml.ir.network.process import output_wires
from fpga_ml.layers.base import Input
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.lowering.hardware import shareable, shared
from fpga_ml.lowering.made import Made
from fpga_ml.lowering.unread import without_unread
from fpga_ml.passes import BEFORE_PARALLEL, applied
from fpga_ml.passes.choose_reuse import Shareable, choose_reuse


def parallel(graph: LayerGraph, interval_cycles: int | None = None) -> Network:
    """interval_cycles: the reuse factor of all layers (None: each its own).

    Between layers an element is as wide as the values that reach it; at the ports it has its declared type.
    """
    made: dict[str, Made] = {}
    processes: list[Process] = []
    graph = applied(BEFORE_PARALLEL, graph)
    for layer in progress.each(graph.layers, "layers"):
        if isinstance(layer, Input):
            channel = Channel(graph.port(layer.name), (layer.result,) * layer.size)
            made[layer.name] = Made(channel, channel.wires)
            continue
        reads = [made[r] for r in layer.reads]
        layer = shareable(layer, reads)
        if isinstance(layer, Shareable):
            layer = choose_reuse(layer, interval_cycles)
        reads, kernel = shared(layer, reads, processes)
        wires = output_wires(kernel)
        types = (layer.result,) * layer.size if layer.name in graph.outputs else tuple(w.type for w in wires)
        made[layer.name] = Made(Channel(graph.port(layer.name), types), wires)
        processes.append(Map(layer.name, tuple(r.channel for r in reads), (made[layer.name].channel,), kernel))
    inputs = tuple(made[layer.name].channel for layer in graph.inputs)
    outputs = tuple(made[o].channel.name for o in graph.outputs)
    return verified(Network(graph.name, inputs, outputs, tuple(without_unread(processes, outputs))))
