"""The shortest interval for which a network's hardware stays within what the user has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from fpga_ml.errors import FpgaMlError
from fpga_ml.ir.area import Area, area_of
from fpga_ml.ir.network import Network

_LONGEST = 1 << 24  # cycles


@dataclass(frozen=True)
class Budget:
    """luts and multipliers that may be used, by estimate; None: any number."""

    luts: int | None = None
    multipliers: int | None = None

    def holds(self, area: Area) -> bool:
        within = self.multipliers is None or area.multipliers <= self.multipliers
        return within and (self.luts is None or area.luts <= self.luts)


def fitting(lower: Callable[[int], Network], shortest: int, budget: Budget) -> Network:
    """The network for the shortest interval, at least `shortest` cycles, that fits; found by doubling and halving.

    lower: the network for an interval. Raises FpgaMlError where sharing more makes it no smaller and it does not fit.
    """

    @cache
    def found(interval: int) -> tuple[Network, Area]:
        network = lower(interval)
        return network, sum((area_of(p) for p in network.processes), Area())

    high = shortest
    while not budget.holds(found(high)[1]):
        if high >= _LONGEST:
            network, area = found(high)
            most = max(network.processes, key=lambda p: area_of(p).luts)
            raise FpgaMlError(
                f"the network needs about {area.luts:,} LUTs and {area.multipliers:,} multipliers however long it takes,"
                f" most of the LUTs ({area_of(most).luts:,}) in '{most.name}'",
                where=f"network '{network.name}'",
                do="allow more (--max-luts, --max-dsps), or choose a smaller model or fewer bits",
            )
        high *= 2
    low = high // 2 if high > shortest else high
    while high - low > max(1, high // 32):
        middle = (low + high) // 2
        low, high = (low, middle) if budget.holds(found(middle)[1]) else (middle, high)
    return found(high)[0]
