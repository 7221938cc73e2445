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

    def holds(self, network: Network) -> bool:
        area = _area(network)
        return not self._lacks_multipliers(area) and (self.luts is None or area.luts <= self.luts)

    def _lacks_multipliers(self, area: Area) -> bool:
        return self.multipliers is not None and area.multipliers > self.multipliers

    def refusal(self, network: Network) -> FpgaMlError:
        """Of a network that does not fit, however long its interval is."""
        area = _area(network)
        what, of = ("multipliers", "multipliers") if self._lacks_multipliers(area) else ("LUTs", "luts")
        most = max(network.processes, key=lambda p: getattr(area_of(p), of))
        return FpgaMlError(
            f"the network needs about {area.luts:,} LUTs and {area.multipliers:,} multipliers however long it takes;"
            f" no other part needs as many {what} as '{most.name}', {getattr(area_of(most), of):,}",
            where=f"network '{network.name}'",
            do="allow more (--max-luts, --max-dsps), or choose a smaller model or fewer bits",
        )


def _area(network: Network) -> Area:
    return sum(map(area_of, network.processes), Area())


def fitting(lower: Callable[[int], Network], shortest: int, budget: Budget) -> tuple[int, Network]:
    """The shortest interval, at least `shortest` cycles, with which the network fits, and the network; found by doubling and
    halving.

    lower: the network for an interval. Raises FpgaMlError where sharing more makes it no smaller and it does not fit.
    """

    @cache
    def found(interval: int) -> tuple[Network, bool]:
        network = lower(interval)
        return network, budget.holds(network)

    high = shortest
    while not found(high)[1]:
        if high >= _LONGEST:
            raise budget.refusal(found(high)[0])
        high *= 2
    low = high // 2 if high > shortest else high
    while high - low > max(1, high // 32):
        middle = (low + high) // 2
        low, high = (low, middle) if found(middle)[1] else (middle, high)
    return high, found(high)[0]
