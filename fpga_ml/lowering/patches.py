"""Layers of the Celeste kernel as processes of a stream: what they add up along the rows and columns of a patch."""

from __future__ import annotations

from dataclasses import replace

from fpga_ml.ir.kernel import Builder, Kernel
from fpga_ml.ir.network import Channel, Map, Moments, Process, Quadratic, Split
from fpga_ml.ir.network.fold import hull
from fpga_ml.ir.network.process import output_wires
from fpga_ml.layers.celeste import Exponents, PatchSums
from fpga_ml.lowering.made import Made
from fpga_ml.numerics import FixedType


def corners(layer: Exponents, read: Made, processes: list[Process]) -> Made:
    """Each component's differences at the first pixel, from its coefficients, a component a token."""
    b = Builder(f"{layer.name}_corner")
    kernel = b.build(layer.lower_corner(b, [b.input(w) for w in read.wires]))
    return _mapped(kernel, read, tuple(w.type for w in output_wires(kernel)), kernel.name, processes)


def exponents(layer: Exponents, name: str, read: Made, processes: list[Process]) -> Made:
    """A pixel a token, from all components' differences in one."""
    rows, columns, components = layer.shape
    channel = Channel(name, (layer.result,) * components, rows * columns)
    processes.append(Quadratic(layer.name, (read.channel,), (channel,), rows, columns))
    return Made(channel, channel.wires)


def patch_sums(layer: PatchSums, name: str, read: Made, is_head: bool, processes: list[Process]) -> Made:
    """The elements that are summed, their sums after the last pixel, and of these what the layer gives: of moments an
    element a token."""
    (rows, columns), parts = layer.patch, layer.count if layer.moments else 1
    chosen = read.wires[layer.chosen]
    b = Builder(f"{layer.name}_terms")
    values = [b.input(w) for w in read.wires]
    kernel = b.build(values[layer.chosen])
    types = (hull(chosen).type,) * len(chosen) if layer.moments else tuple(w.type for w in chosen)
    terms = _mapped(kernel, read, types, kernel.name, processes)
    order = 2 if layer.moments else 0
    process = Moments(f"{layer.name}_sums", (terms.channel,), (), rows, columns, order)
    wires = process.reach(terms.channel.wires)[0]
    sums = Channel(process.name, tuple(w.type for w in wires))
    processes.append(replace(process, writes=(sums,)))
    made = Made(sums, wires)
    if parts > 1:
        each = len(wires) // parts
        one = Channel(f"{layer.name}_parts", sums.types[:each], parts)
        processes.append(Split(one.name, (sums,), (one,)))
        made = Made(one, wires[:each])
    b = Builder(layer.name)
    kernel = b.build(layer.lower_sums(b, [b.input(w) for w in made.wires]))
    found = output_wires(kernel)
    return _mapped(kernel, made, (layer.result,) * len(found) if is_head else tuple(w.type for w in found), name, processes)


def _mapped(kernel: Kernel, read: Made, types: tuple[FixedType, ...], name: str, processes: list[Process]) -> Made:
    channel = Channel(name, types, read.channel.tokens)
    processes.append(Map(kernel.name, (read.channel,), (channel,), kernel))
    return Made(channel, output_wires(kernel))
