"""A layer as hardware: a kernel for all of it at once, or rounds of a fold where its reuse factor asks for them and they are
smaller.

Rounds share multipliers, whose weights come from a memory. At once the weights are constants, and sums share their terms:
for a few rounds of short weights that is often smaller.
"""

from __future__ import annotations

from collections.abc import Sequence

from fpga_ml.ir.area import kernel_area, only_luts
from fpga_ml.ir.kernel import Builder, Kernel, Wire
from fpga_ml.ir.network import Process
from fpga_ml.layers.base import Layer
from fpga_ml.layers.elementwise import Merge, Products
from fpga_ml.lowering.folding import Folded, folded
from fpga_ml.lowering.made import Made
from fpga_ml.lowering.size import luts_at_once
from fpga_ml.numerics import FixedType
from fpga_ml.passes.choose_reuse import Shareable

_ROUGHLY = 3  # times as many LUTs as the rounds: then a layer at once is larger, whatever the solver finds


def shared(layer: Layer, reads: Sequence[Made], processes: list[Process]) -> tuple[list[Made], Kernel]:
    """The kernel that makes the layer's result, and what it reads: what the layer does, or the sums of a fold, which is then
    one of the processes."""
    if not isinstance(layer, Shareable):
        return list(reads), lowered(layer, [r.wires for r in reads])
    made = smaller(layer, reads)
    if isinstance(made, Kernel):
        return list(reads), made
    processes.append(made.process)
    return [Made(made.process.writes[0], made.wires)], made.finish


def shareable(layer: Layer, reads: Sequence[Made]) -> Layer:
    """The layer in a form whose hardware can be shared, where there is one: products element by element are sums of one."""
    if not isinstance(layer, Merge) or layer.op != "multiply":
        return layer
    fraction = sum(max(w.fraction for w in r.wires) for r in reads)
    integer = sum(max(w.type.integer for w in r.wires) for r in reads)
    exact = FixedType(True, integer + fraction + 1, integer + 1)
    index = (layer.index[0][:, None], layer.index[1][:, None])
    return Products(layer.name, layer.reads, layer.shape, layer.result, index, exact)


def smaller(layer: Shareable, reads: Sequence[Made]) -> Folded | Kernel:
    """The layer in its rounds, or at once if that takes fewer LUTs, multipliers and memory counted as LUTs."""
    fold, wires = folded(layer, reads), [r.wires for r in reads]
    if fold is None:
        return lowered(layer, wires)
    every = [w for own in wires for w in own]
    varying = [w for w in every if w.interval.low != w.interval.high]  # products with the others are constants
    roughly = luts_at_once(layer, max(w.type.width for w in every)) * len(varying) / len(every)
    if roughly > _ROUGHLY * fold.luts:
        return fold
    at_once = lowered(layer, wires)
    return at_once if only_luts(kernel_area(at_once), [at_once]) <= fold.luts else fold


def lowered(layer: Layer, reads: Sequence[Sequence[Wire]]) -> Kernel:
    """The layer as one kernel of everything it reads."""
    builder = Builder(layer.name)
    numbers = [[builder.input(w) for w in wires] for wires in reads]
    return builder.build(layer.lower(builder, *numbers))
