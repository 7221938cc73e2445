"""Passes: each makes another graph of layers that computes the same function. One file a pass; the lists below are all.

What changes the function, if only by a rounding, is no pass: that is quantisation (`frontend`), and it happens before. Three
other rewrites keep the function too, and stand where what they need is known:

* constants are folded and equal values made once while a kernel is built (`ir/kernel/builder.py`), for the width of every
  later value follows from it;
* products with constants become adders while a layer is lowered (`layers/cmvm.py`), for the solver wants the types of what
  the layer reads;
* registers are placed for a clock, and the network stays as it is (`schedule/`).

`choose_table.py` and `choose_reuse.py` choose for one layer: a table before hls4ml writes it, a reuse factor where the
tokens of a frame are known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fpga_ml.layers.graph import LayerGraph
from fpga_ml.passes.fold_rounding import fold_rounding
from fpga_ml.passes.fuse_pooling import fuse_pooling
from fpga_ml.passes.remove_padding import remove_padding
from fpga_ml.passes.zero_unread import zero_unread

Pass = Callable[[LayerGraph], LayerGraph]

BEFORE_EMULATION: tuple[Pass, ...] = (
    fuse_pooling,  # the emulator's time is that of convolutions; sums that no maximum keeps need no rounding
)
BEFORE_PARALLEL: tuple[Pass, ...] = (
    zero_unread,  # what is never read need not be scheduled, nor solved for
    # A bias takes a half in for nothing, a rounding is an adder. (A zero of padding is a constant, which the builder folds.)
    fold_rounding,
)
BEFORE_STREAM: tuple[Pass, ...] = (
    zero_unread,  # as above
    # A line buffer makes the zeros of its windows itself: without them a frame takes as many cycles as it has pixels.
    remove_padding,
)


def applied(passes: Sequence[Pass], graph: LayerGraph) -> LayerGraph:
    """The graph after all of them, in order; verified after each."""
    for each in passes:
        graph = each(graph)
    return graph
