"""Static scheduling of a network in the parallel architecture: in which cycle after its input each process begins.

A process begins in the cycle in which the last of what it reads comes, with what that leaves of the cycle. Nothing waits:
the whole network is one pipeline, and takes a new input as often as its slowest process does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

from fpga_ml.devices import GENERIC, DelayModel
from fpga_ml.ir.network import Channel, Fold, Map, Network, Process
from fpga_ml.schedule.pipeline import Schedule, schedule


@dataclass(frozen=True)
class Placed:
    """A process from stage `start_stage` to stage `end_stage`; schedule: of its kernel."""

    process: Process
    schedule: Schedule
    start_stage: int
    end_stage: int

    @property
    def latency_cycles(self) -> int:
        return self.end_stage - self.start_stage


@dataclass(frozen=True)
class Plan:
    """latency_cycles: the stage in which the network gives its outputs; interval_cycles: between two inputs."""

    network: Network
    placed: tuple[Placed, ...]
    latency_cycles: int
    interval_cycles: int

    def lives(self) -> dict[str, tuple[Channel, int, int]]:
        """For each channel by name: itself, the stage it is made in, and the last one it is read in."""
        made = {c.name: (c, 0) for c in self.network.inputs}
        made |= {c.name: (c, p.end_stage) for p in self.placed for c in p.process.writes}
        last = {name: stage for name, (_, stage) in made.items()}
        for p in self.placed:
            for c in p.process.reads:
                last[c.name] = max(last[c.name], p.start_stage)
        for name in self.network.outputs:
            last[name] = self.latency_cycles
        return {name: (c, stage, last[name]) for name, (c, stage) in made.items()}


@dataclass(frozen=True)
class _Ready:
    """When a channel is there: from which stage on, and how long after its clock edge each element arrives."""

    stage: int
    arrivals_ns: tuple[float, ...]


def plan(network: Network, clock_ns: float, model: DelayModel = GENERIC) -> Plan:
    """Raises FpgaMlError for a clock that one operation alone is too slow for."""
    ready = {c.name: _Ready(0, (0.0,) * len(c.types)) for c in network.inputs}
    found = []
    for process in network.processes:
        placed = _placed(process, ready, clock_ns, model)
        found.append(placed)
        times = iter(placed.schedule.outputs_ns if isinstance(process, Map) else ())
        for c in process.writes:
            arrivals = tuple(islice(times, len(c.types))) or (0.0,) * len(c.types)
            ready[c.name] = _Ready(placed.end_stage, arrivals)
    latency = max((ready[name].stage for name in network.outputs), default=0)
    return Plan(network, tuple(found), latency, max((p.interval_cycles for p in network.processes), default=1))


def _placed(process: Process, ready: Mapping[str, _Ready], clock_ns: float, model: DelayModel) -> Placed:
    reads = [ready[c.name] for c in process.reads]
    start = max((r.stage for r in reads), default=0)
    if isinstance(process, Map):
        arrivals = [t if r.stage == start else 0.0 for r in reads for t in r.arrivals_ns]
        own = schedule(process.kernel, clock_ns, model, arrivals)
        return Placed(process, own, start, start + own.latency_cycles)
    if isinstance(process, Fold):
        own = schedule(process.step, clock_ns, model)
        return Placed(process, own, start, start + fold_latency(process, own))
    raise TypeError(f"{process.kind} has no place in the parallel architecture")


def fold_latency(process: Fold, own: Schedule) -> int:
    """A cycle to take the token, one a round, those of the step, and one in which the sum is made, if one is."""
    return process.rounds + own.latency_cycles + 1 + (process.accumulated > 1)
