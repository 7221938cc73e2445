"""A layer as hardware: a kernel for all of it at once, or rounds of a fold where its reuse factor asks for them and they are
smaller.

Rounds share multipliers, whose weights come from a memory. At once the weights are constants, and sums share their terms:
for a few rounds of short weights that is often smaller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fpga_ml.ir.area import area_of, kernel_area, only_luts
from fpga_ml.ir.kernel import Builder, Kernel, Wire
from fpga_ml.ir.network import Channel, Process
from fpga_ml.layers.base import Layer
from fpga_ml.layers.linear import Linear
from fpga_ml.lowering.folding import Folded, folded
from fpga_ml.lowering.size import luts_at_once

_ROUGHLY = 3  # times as many LUTs as the rounds: then a layer at once is larger, whatever the solver finds


@dataclass(frozen=True)
class Made:
    """A layer's result: the channel that carries it, and what each element can be."""

    channel: Channel
    wires: tuple[Wire, ...]


def shared(layer: Layer, reads: Sequence[Made], processes: list[Process]) -> tuple[list[Made], Kernel]:
    """The kernel that makes the layer's result, and what it reads: what the layer does, or the sums of a fold, which is then
    one of the processes."""
    if not isinstance(layer, Linear):
        return list(reads), lowered(layer, [r.wires for r in reads])
    made = smaller(layer, reads[0].channel, reads[0].wires)
    if isinstance(made, Kernel):
        return list(reads), made
    processes.append(made.process)
    return [Made(made.process.writes[0], made.wires)], made.finish


def smaller(layer: Linear, read: Channel, wires: Sequence[Wire]) -> Folded | Kernel:
    """The layer in its rounds, or at once if that takes fewer LUTs, multipliers and memory counted as LUTs."""
    fold = folded(layer, read, wires)
    if fold is None:
        return lowered(layer, [wires])
    luts = only_luts(area_of(fold.process) + kernel_area(fold.finish), [*fold.process.kernels, fold.finish])
    varying = [w for w in wires if w.interval.low != w.interval.high]  # products with the others are constants
    roughly = luts_at_once(layer, max(w.type.width for w in wires)) * len(varying) / len(wires)
    if roughly > _ROUGHLY * luts:
        return fold
    at_once = lowered(layer, [wires])
    return at_once if only_luts(kernel_area(at_once), [at_once]) <= luts else fold


def lowered(layer: Layer, reads: Sequence[Sequence[Wire]]) -> Kernel:
    """The layer as one kernel of everything it reads."""
    builder = Builder(layer.name)
    numbers = [[builder.input(w) for w in wires] for wires in reads]
    return builder.build(layer.lower(builder, *numbers))
