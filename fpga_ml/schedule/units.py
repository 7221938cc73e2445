"""What a stream is scheduled as: segments, loops and holders, and the FIFOs before them."""

from __future__ import annotations

from dataclasses import dataclass

from fpga_ml.ir.network import Channel, Holder, Loop, Process
from fpga_ml.schedule.parallel import Plan, fold_latency
from fpga_ml.schedule.pipeline import Schedule


@dataclass(frozen=True)
class Segment:
    """A pipeline of token-wise processes; its own network's inputs and outputs are the channels that cross its border.

    stands: whether all of it stands still while what comes out has no room; else each token reserves a place for what it
    gives, and nothing waits on its way.
    """

    name: str
    plan: Plan
    stands: bool = False

    @property
    def reads(self) -> tuple[Channel, ...]:
        return self.plan.network.inputs

    @property
    def writes(self) -> tuple[Channel, ...]:
        return self.plan.network.results

    @property
    def processes(self) -> tuple[Process, ...]:
        return self.plan.network.processes


@dataclass(frozen=True)
class Looped:
    """A loop; schedule: of its step; fold_schedule: of the step of its fold, if it has one."""

    process: Loop
    schedule: Schedule
    fold_schedule: Schedule | None = None

    @property
    def name(self) -> str:
        return self.process.name

    @property
    def reads(self) -> tuple[Channel, ...]:
        return self.process.reads

    @property
    def writes(self) -> tuple[Channel, ...]:
        return self.process.writes

    @property
    def latency_cycles(self) -> int:
        """From the token to the cycle in which the next state is made."""
        return self.fold_cycles + self.schedule.latency_cycles

    @property
    def fold_cycles(self) -> int:
        """From the token to the cycle in which the products with the state are there."""
        if self.process.fold is None or self.fold_schedule is None:
            return 0
        return fold_latency(self.process.fold, self.fold_schedule)

    @property
    def turn_cycles(self) -> int:
        """Between two tokens of one sequence: the step, and the register of the state."""
        return self.latency_cycles + 1

    @property
    def spacing_cycles(self) -> int:
        """Between two tokens at least, whatever their sequences: the fold has one at a time."""
        return self.fold_cycles + 1

    @property
    def round_cycles(self) -> int:
        """Between two steps of all sequences."""
        return max(self.turn_cycles, self.process.interleaved * self.spacing_cycles)

    @property
    def interval_cycles(self) -> float:
        """Between two tokens, on average."""
        return shared_cycles(self.round_cycles, self.process.interleaved)


def shared_cycles(cycles: int, parts: int) -> float:
    """Of cycles, what each of the parts has on average: whole where they share them evenly."""
    whole, rest = divmod(cycles, parts)
    return cycles / parts if rest else whole


Unit = Segment | Looped | Holder


@dataclass(frozen=True)
class Buffer:
    """A FIFO of a channel before one of its readers; depth and high_water in tokens, those under way to it included; least:
    the tokens that have to wait there in any case (schedule/least.py)."""

    channel: Channel
    reader: str
    depth: int
    high_water: int = 0
    least: int = 1
