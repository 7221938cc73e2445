"""The FIFO bits that a network needs at least: a bound that no protocol and no depths go below.

Where branches of a fork join again, tokens of the shorter one wait until the longer one gives its first: so many as enter
the fork in that time. A lower bound for each FIFO is what it needs where nothing else costs anything:

* all other FIFOs are endless;
* a token takes a place from the cycle in which it is made to the one in which it is taken, and another may have the place
  in that very cycle. What is under way in a pipeline waits at the stages of the pipeline (`tokens.run`, elastic);
* line buffers, units and their latencies are as they are, and frames come as soon and as often as with endless FIFOs.

More room never makes a frame later, so what one FIFO needs while all others are endless is below its depth in any
assignment that keeps latency and interval. Where two FIFOs can hold the same waiting tokens, these depths together do not
do. From them on the cheapest assignments are tried first, each with one place more in a FIFO that let something wait: the
first that does is the least, and where the search is given up, no assignment takes less than the next one to be tried.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from heapq import heappop, heappush
from operator import mul

from fpga_ml.ir.network import Network
from fpga_ml.schedule.tokens import Trace, run
from fpga_ml.schedule.units import Buffer, Unit

ENDLESS = 1 << 30
_MOST_RUNS = 200


def least_depths(network: Network, units: Sequence[Unit], buffers: Sequence[Buffer], free: Trace) -> tuple[int, ...]:
    """Of each buffer, so that no assignment takes fewer bits together. free: the run with endless ones; the buffers' own
    depths are known to be enough."""
    endless = [replace(b, depth=ENDLESS) for b in buffers]

    def with_depths(given: Sequence[Buffer]) -> Trace:
        # A FIFO in the run is full until the cycle behind the one in which a token is taken: with one place more it does all
        # that one can do which gives the place away at once.
        return run(network, units, [replace(b, depth=b.depth + 1) for b in given], elastic=True)

    def enough(k: int, depth: int) -> bool:
        return with_depths([*endless[:k], replace(endless[k], depth=depth), *endless[k + 1 :]]).as_good_as(free)

    one_each = [replace(b, depth=1) for b in buffers]
    if with_depths(one_each).as_good_as(free):
        return (1,) * len(one_each)
    alone = tuple(least(partial(enough, k), b.depth) for k, b in enumerate(buffers))
    bits = [b.channel.width_bits for b in buffers]
    open_ = [(sum(map(mul, alone, bits)), alone)]
    for _ in range(_MOST_RUNS):
        cost, depths = open_[0]
        trace = with_depths([replace(b, depth=d) for b, d in zip(buffers, depths, strict=True)])
        if trace.as_good_as(free):
            break
        heappop(open_)
        for k in (k for k, refused in enumerate(trace.refused) if refused):
            more = cost + bits[k], (*depths[:k], depths[k] + 1, *depths[k + 1 :])
            if more not in open_:
                heappush(open_, more)
    return open_[0][1]


def least(holds: Callable[[int], bool], most: int) -> int:
    """The least depth that holds, where every larger one does; `most` does."""
    if most == 1 or holds(1):
        return 1
    low, high = 1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def least_bits(buffers: Sequence[Buffer]) -> int:
    """The bound for the whole network."""
    return sum(b.least * b.channel.width_bits for b in buffers)
