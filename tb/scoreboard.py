"""What should come out, and when: compares every output with what is expected. Knows nothing of simulators.

A vector is in flight from the cycle in which it is first offered until all of its outputs came. Outputs of one port come
in the order of the vectors; each port has its own place in that order, so that a top may write them in different cycles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from .cosim_types import Fault, Guarantee, Mismatch, Mode, ModeResult, Vectors
from .ports import OutputPort

_KEPT_MISMATCHES = 1000
FLUSH = -2  # in place of a vector: one more, which pushes those before it out, whose outputs do not matter


@dataclass
class Flight:
    """A vector on its way: cycles of its first offer, of its accepted start, of its last output; outputs seen."""

    vector: int
    offered: int
    accepted: int | None = None
    completed: int | None = None
    outputs: int = 0


@dataclass(frozen=True)
class Sample:
    """What the monitor saw in one cycle: (index of the output port, its bits) for each valid one; ap_done; ap_idle;
    ap_ready."""

    cycle: int
    valid: tuple[tuple[int, str], ...]
    done: bool
    idle: bool
    ready: bool


class Mismatches:
    """What went wrong in one run: differences, the first of them whole, and broken rules.

    closed: the run was ended before its last vector, at so many differences as were asked for; nothing is added any more.
    """

    def __init__(self, mode: Mode) -> None:
        self.mode: Mode = mode
        self._faults: dict[tuple[str, str], Fault] = {}
        self._mismatches: list[Mismatch] = []
        self.count = 0
        self.x_values = 0
        self.closed = False

    @property
    def wrong(self) -> int:
        """Differences and kinds of broken rules."""
        return self.count + len(self._faults)

    def fault(self, signal: str, cycle: int, what: str) -> None:
        """A broken rule; the first of its kind is kept, the others are counted."""
        if self.closed:
            return
        known = self._faults.get((signal, what))
        self._faults[signal, what] = (
            replace(known, count=known.count + 1) if known else Fault(self.mode, signal, cycle, what, 1)
        )

    def level(self, signal: str, got: bool, wanted: bool, cycle: int) -> None:
        """A signal that has one right level in this cycle."""
        if got != wanted:
            self.fault(signal, cycle, f"is {int(got)}, must be {int(wanted)} here")

    def add(
        self, vector: int | None, output: str, element: int, port: str, cycle: int, expected: int | None, got: str
    ) -> None:
        """An output value that is not what was expected."""
        if self.closed:
            return
        self.count += 1
        if len(self._mismatches) < _KEPT_MISMATCHES:
            self._mismatches.append(Mismatch(self.mode, vector, output, element, port, cycle, expected, got))

    def result(self, *, vectors: int, completed: int, **seen: Any) -> ModeResult:
        """All of it; seen: the other fields of a ModeResult."""
        faults = tuple(self._faults.values())
        return ModeResult(self.mode, vectors, completed, tuple(self._mismatches), self.count, faults, self.x_values, **seen)


class Scoreboard:
    """guarantee: the guaranteed latency and interval, from which ap_ready, ap_done and ap_idle are known in every cycle,
    with all outputs in the cycle of ap_done. Without it no output may come after its ap_done, unless later vectors push it
    out (flush)."""

    def __init__(
        self, mode: Mode, vectors: Vectors, outputs: Sequence[OutputPort], guarantee: Guarantee | None, flush: int
    ) -> None:
        self.mode: Mode = mode
        self.guarantee, self._flush = guarantee, flush
        self.outputs, self.vectors = tuple(outputs), len(vectors)
        rows = {t.name: t.values for t in vectors.outputs}
        self._expected = [(rows[o.tensor], o.element) for o in outputs]
        self._flights: list[Flight] = []
        self._next = [0] * len(self.outputs)
        self.found = Mismatches(mode)
        self._first: Flight | None = None
        self._last_start: int | None = None
        self._under_way: list[int] = []
        self._dones = 0
        self.completed = 0
        self.accepted = 0
        self.interval_cycles: int | None = None

    @property
    def pending(self) -> bool:
        """Whether an offered vector still misses outputs."""
        return any(flight.completed is None and flight.vector != FLUSH for flight in self._flights)

    @property
    def latency_cycles(self) -> int | None:
        """Of the first vector: from its start to its last output.

        A top without guaranteed timing may accept a start at its end (Vitis HLS does for intervals above 1): there the start
        is the first offer.
        """
        if self._first is None or self._first.completed is None or self._first.accepted is None:
            return None
        return self._first.completed - (self._first.accepted if self.guarantee else self._first.offered)

    def offered(self, vector: int, cycle: int) -> None:
        self._flights.append(Flight(vector, cycle))

    def accept(self, cycle: int) -> None:
        """The start of the vector offered last is taken."""
        self._flights[-1].accepted = cycle
        self._under_way.append(cycle)
        self.accepted += 1
        if self._last_start is not None:
            self.interval_cycles = max(self.interval_cycles or 0, cycle - self._last_start)
        self._last_start = cycle

    def sample(self, seen: Sample) -> None:
        """Everything that is valid in this cycle."""
        for k, bits in seen.valid:
            self._output(k, bits, seen.cycle)
        self._dones += seen.done
        if self.guarantee:
            self._together(seen)
        elif seen.idle and any(
            f.accepted is not None and f.accepted < seen.cycle and f.completed is None for f in self._flights
        ):
            self.found.fault("ap_idle", seen.cycle, "high while a vector is being processed")
        if seen.done and not self.guarantee and not self._flush and self._dones > self.completed:
            self.found.fault("ap_done", seen.cycle, "high before all outputs of its vector have been valid")
        while self._flights and self._flights[0].completed is not None:
            self._retire()

    def timing(self, seen: Sample, *, start: bool, complete: bool, resetting: bool) -> None:
        """ap_ready, ap_done and ap_idle against the guaranteed timing; start: the level of ap_start; complete: it and all
        valid signals are high.

        A start in a reset is lost, and whether ap_ready answers it does not matter.
        """
        assert self.guarantee is not None
        latency, interval = self.guarantee.latency_cycles, self.guarantee.interval_cycles
        before = [c for c in self._under_way if c < seen.cycle]
        free = not before or seen.cycle - before[-1] >= interval
        done = seen.cycle - latency in self._under_way
        if not resetting:
            self.found.level("ap_ready", seen.ready, complete and free, seen.cycle)
        self.found.level("ap_done", seen.done, done, seen.cycle)
        self.found.level("ap_idle", seen.idle, not start and not any(c + latency >= seen.cycle for c in before), seen.cycle)
        self._under_way = [c for c in self._under_way if seen.cycle - c < max(latency, interval)]

    def reset(self) -> list[int]:
        """Forget what is in flight and give its vectors: nothing of them may come any more."""
        lost = [flight.vector for flight in self._flights if flight.vector != FLUSH]
        self._flights.clear()
        self._next = [0] * len(self.outputs)
        self._last_start = None
        self._under_way.clear()
        self._dones = self.completed
        return lost

    def finish(self, cycle: int, unsent: int) -> None:
        """The end: what still misses is a mismatch; unsent: vectors that were never offered."""
        for index, flight in enumerate(f for f in self._flights if f.vector != FLUSH):
            for k in (k for k, place in enumerate(self._next) if place <= index):
                self._mismatch(k, flight.vector, cycle, "nothing")
        if unsent:
            self.found.fault("ap_ready", cycle, f"{unsent} vectors were never sent: no start is accepted any more")
        if not self.guarantee and self._dones != self.completed and not self._flights:
            self.found.fault("ap_done", cycle, f"{self._dones} pulses for {self.completed} vectors")

    def result(self, *, stalls: int, resets: int, discarded: int, cycles: int) -> ModeResult:
        return self.found.result(
            vectors=self.vectors,
            completed=self.completed,
            latency_cycles=self.latency_cycles,
            interval_cycles=self.interval_cycles if self.mode == "back_to_back" else None,
            stalls=stalls,
            resets=resets,
            discarded=discarded,
            cycles=cycles,
        )

    def _output(self, k: int, bits: str, cycle: int) -> None:
        got = raw_of(bits, signed=self.outputs[k].signed)
        self.found.x_values += got is None
        told = f"{bits} (bits)" if got is None else str(got)
        if self._next[k] >= len(self._flights):
            self._mismatch(k, None, cycle, told)
            return
        flight = self._flights[self._next[k]]
        self._next[k] += 1
        rows, element = self._expected[k]
        if flight.vector != FLUSH and got != rows[flight.vector][element]:
            self._mismatch(k, flight.vector, cycle, told)
        flight.outputs += 1
        if flight.outputs == len(self.outputs):
            flight.completed = cycle
            self._complete(flight)

    def _complete(self, flight: Flight) -> None:
        self.completed += flight.vector != FLUSH
        assert flight.completed is not None
        if self._first is None:
            self._first = flight
        if self.guarantee and flight.accepted is None:
            self.found.fault("ap_done", flight.completed, "outputs before the start was accepted")

    def _retire(self) -> None:
        self._flights.pop(0)
        self._next = [place - 1 for place in self._next]

    def _together(self, seen: Sample) -> None:
        here = {k for k, _ in seen.valid}
        if seen.done and len(here) < len(self.outputs):
            absent = next(o for k, o in enumerate(self.outputs) if k not in here)
            self.found.fault(absent.data, seen.cycle, "not valid in a cycle with ap_done")
        elif here and not seen.done:
            self.found.fault(self.outputs[min(here)].data, seen.cycle, "valid in a cycle without ap_done")

    def _mismatch(self, k: int, vector: int | None, cycle: int, got: str) -> None:
        port, (rows, element) = self.outputs[k], self._expected[k]
        expected = None if vector is None else rows[vector][element]
        self.found.add(vector, port.tensor, element, port.data, cycle, expected, got)


def raw_of(bits: str, *, signed: bool) -> int | None:
    """The raw integer of a string of bits, most significant first; None where one is X or Z."""
    if bits.strip("01"):
        return None
    raw = int(bits, 2)
    return raw - (1 << len(bits)) if signed and bits[0] == "1" else raw
