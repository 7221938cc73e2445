"""The clock period that gives a network the lowest latency.

More stages are more registers on the way, fewer are a slower clock; what counts is from the clock edge that takes the inputs
to the one after which the outputs can be taken: a period more than the latency in cycles. For a number of cycles the fastest
clock is best.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from fpga_ml.errors import FpgaMlError

SLOWEST_NS = 25.0  # a bunch crossing of the LHC
_STEP = 0.9
_DIGITS = 2


def clock_of_least_latency_ns(cycles_at: Callable[[float], int], slowest_ns: float = SLOWEST_NS) -> float:
    """At most `slowest_ns`. cycles_at: latency for a clock period, more of them for a shorter one; raises FpgaMlError for
    one that is too short for an operation."""

    @cache
    def cycles(clock_ns: float) -> int | None:
        try:
            return cycles_at(clock_ns)
        except FpgaMlError:
            if clock_ns == slowest_ns:
                raise
            return None

    def answer_ns(clock_ns: float) -> float:
        found = cycles(clock_ns)
        return float("inf") if found is None else (found + 1) * clock_ns

    tried = [slowest_ns]
    while cycles(tried[-1]) is not None and round(tried[-1] * _STEP, _DIGITS) < tried[-1]:
        tried.append(round(tried[-1] * _STEP, _DIGITS))
    settled = [
        _fastest(cycles, high, low) for high, low in zip(tried, [*tried[1:], 0.0], strict=True) if cycles(high) is not None
    ]
    return min(settled, key=answer_ns)


def _fastest(cycles: Callable[[float], int | None], high: float, low: float) -> float:
    """The shortest period above `low` with the cycles of `high`."""
    wanted, unit = cycles(high), 10**-_DIGITS
    while high - low > 1.5 * unit:
        middle = round((high + low) / 2, _DIGITS)
        low, high = (low, middle) if cycles(middle) == wanted else (middle, high)
    return high
