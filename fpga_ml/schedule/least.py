"""The FIFO bits that a network needs at least: a bound that no protocol and no depths go below.

Where branches of a fork join again, tokens of the shorter one wait until the longer one gives its first: so many as enter
the fork in that time. A lower bound for each FIFO is what it needs where nothing else costs anything:

* all other FIFOs are endless;
* a token takes a place from the cycle in which it is made to the one in which it is taken, and another may have the place
  in that very cycle. What is under way in a pipeline waits at the stages of the pipeline (`tokens.run`, elastic);
* line buffers, units and their latencies are as they are, and frames come as soon and as often as with endless FIFOs.

A token between two units stands in a register of its own: one place is the least. More room never makes a frame later, so in
any assignment of depths that keeps latency and interval, each FIFO has its least depth; the sum over all FIFOs is a bound.
It is reached where no two FIFOs can hold the same waiting tokens in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from fpga_ml.ir.network import Network
from fpga_ml.schedule.tokens import Trace, run
from fpga_ml.schedule.units import Buffer, Unit

ENDLESS = 1 << 30


def least_depths(network: Network, units: Sequence[Unit], buffers: Sequence[Buffer], free: Trace) -> tuple[int, ...]:
    """Of each buffer. free: the run with endless ones; depths of the buffers are known to be enough."""
    endless = [replace(b, depth=ENDLESS) for b in buffers]

    def enough(k: int, depth: int) -> bool:
        # A FIFO in the run is full until the cycle behind the one in which a token is taken: with one place more it does all
        # that one can do which gives the place away at once.
        trial = [*endless[:k], replace(endless[k], depth=depth + 1), *endless[k + 1 :]]
        return run(network, units, trial, elastic=True).as_good_as(free)

    return tuple(least(partial(enough, k), b.depth) for k, b in enumerate(buffers))


def least(holds: Callable[[int], bool], most: int) -> int:
    """The least depth that holds, where every larger one does; `most` does."""
    if holds(1):
        return 1
    low, high = 1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def least_bits(buffers: Sequence[Buffer]) -> int:
    """The bound for the whole network."""
    return sum(b.least * b.channel.width_bits for b in buffers)
