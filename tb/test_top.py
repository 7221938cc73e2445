"""The testbench: one cocotb test a mode. README.md says how to run it by hand."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly

from .cosim_types import Mode, ModeResult, Vectors, save_results
from .drivers import ResetDriver
from .parallel import ParallelSide
from .ports import Stream, bind
from .settings import Settings
from .stream import StreamSide
from .verilog import read_top
from .waves import Waves

_CLOCK_PERIOD_NS = 10
_RESET_CYCLES = 5
_RESETS = 3  # of a top without guaranteed timing; each lasts _RESET_CYCLES
_LEAST_RESETS, _MOST_RESETS, _RESET_WORK = 6, 64, 6000  # of a top with one, in as many cycles
_VECTORS_A_RESET = 3  # at least
# Cycles of a reset of a top with one. In a longer one the registers before a register that it forgets clear that too.
_SHORT = (1, 1, 1, 2, _RESET_CYCLES)
_DRAIN_CYCLES = 16
_SAID_EVERY_S = 1.0
_results: list[ModeResult] = []


class Testbench:
    """The interface of one run, and the cycles in which it acts."""

    def __init__(self, dut: Any, mode: Mode, settings: Settings) -> None:
        given = Vectors.load(settings.vectors)
        vectors = given if mode == "back_to_back" else given.first(settings.fewer)
        ports = bind(read_top(settings.rtl, settings.top), vectors)
        self.clock = getattr(dut, ports.control.clock)
        self.side: ParallelSide | StreamSide
        if isinstance(ports, Stream):
            self.side = StreamSide(
                dut, ports, vectors, mode, settings.seed, settings.probes, settings.guarantee, settings.flush
            )
        else:
            self.side = ParallelSide(dut, ports, vectors, mode, settings.seed, settings.guarantee, settings.flush)
        self.board = self.side.board
        self.total = len(vectors)
        self.waves = Waves(dut, ports, vectors, settings.probes) if mode == "back_to_back" else None
        self.reset = ResetDriver(dut, ports.control)
        self.mode: Mode = mode
        self.patience_cycles, self.stop_at, self.guarantee = settings.patience_cycles, settings.stop_at, settings.guarantee
        self.idle = settings.idle and not settings.flush
        self.fewer = settings.fewer
        self.said, self.said_s = 0, time.monotonic()
        self.stuck = False
        self.cycle = 0
        self.resets = 0
        self.discarded = 0

    async def step(self, *, reset: bool = False) -> None:
        """One clock cycle: inputs change at the falling edge, everything is read before the rising edge."""
        await FallingEdge(self.clock)
        self.reset.drive(active=reset)
        self.side.present(self.cycle)
        await ReadOnly()
        self.side.observe(self.cycle)
        if self.waves is not None:
            self.waves.observe(self.cycle, accepted=self.board.accepted, completed=self.board.completed)
        self.cycle += 1

    async def do_reset(self, cycles: int = _RESET_CYCLES) -> None:
        """What is valid in the first cycle of the reset still counts; after it, nothing may be."""
        self.side.paused = True
        await self.step(reset=True)
        lost = self.side.reset()
        self.side.armed = True
        for _ in range(cycles - 1):
            await self.step(reset=True)
        self.side.paused = False
        self.discarded += len(lost)

    async def send(self, until: Callable[[], bool] = lambda: False) -> None:
        """As long as vectors are not through; gives up after patience_cycles without progress, and with the first `stop_at`
        differences."""
        progress, since = self._progress(), self.cycle
        while (self.side.unsent or self.board.pending) and not self.stopped and not until():
            await self.step()
            if self._progress() != progress:
                progress, since = self._progress(), self.cycle
                self._say()
            self.stuck = self.cycle - since > self.patience_cycles

    def _say(self, *, last: bool = False) -> None:
        """How many more vectors are through, now and then, on stdout."""
        now = time.monotonic()
        if last or now - self.said_s > _SAID_EVERY_S:
            print(f"done {self.board.completed - self.said}", flush=True)
            self.said_s, self.said = now, self.board.completed

    @property
    def stopped(self) -> bool:
        """The run ends. Of one that is stuck, what is under way counts as missing; no reset may clear it."""
        return self.stuck or 0 < self.stop_at <= self.board.found.wrong

    def _progress(self) -> tuple[int, int, int]:
        return self.board.accepted, self.board.completed, self.side.unsent

    async def reset_in_between(self, seed: int) -> None:
        """Some resets while vectors are in flight, spread over the cycles of a vector; after half of them a vector has to
        come through."""
        chosen, resets, longest = random.Random(seed), _RESETS, 2
        if self.guarantee:
            longest = self.guarantee.latency_cycles + self.guarantee.interval_cycles
            resets = max(_LEAST_RESETS, min(_MOST_RESETS, _RESET_WORK // longest, self.fewer // _VECTORS_A_RESET))
        later = [chosen.randint(k * longest // resets, (k + 1) * longest // resets) for k in range(resets)]
        chosen.shuffle(later)
        for accepted, cycles in zip(sorted(chosen.choices(range(1, self.total + 1), k=resets)), later, strict=True):
            await self._sent(accepted, self.board.completed + chosen.getrandbits(1), cycles)
            if self.stopped:
                return
            await self.do_reset(chosen.choice(_SHORT) if self.guarantee else _RESET_CYCLES)
            self.resets += 1

    async def _sent(self, accepted: int, completed: int, later: int) -> None:
        """Until so many vectors were accepted and have come through, and `later` cycles more."""
        await self.send(lambda: self.board.accepted >= accepted and self.board.completed >= completed)
        end = self.cycle + later
        await self.send(lambda: self.cycle >= end)

    async def drain(self) -> None:
        """Long enough to see an output too many; then the top must be idle."""
        if self.stopped:
            return
        for _ in range(_DRAIN_CYCLES + 2 * (self.board.latency_cycles or 0)):
            await self.step()
        if self.idle and not self.side.idle and not self.board.pending:
            self.board.found.fault("ap_idle", self.cycle, "low although every vector is through")

    def result(self) -> ModeResult:
        self.board.found.closed = self.stopped and not self.stuck
        found = self.side.result(resets=self.resets, discarded=self.discarded, cycles=self.cycle)
        return found if self.waves is None else replace(found, waves=self.waves.result())


async def _run(dut: Any, mode: Mode) -> None:
    settings = Settings.read()
    bench = Testbench(dut, mode, settings)
    Clock(bench.clock, _CLOCK_PERIOD_NS, unit="ns", impl="gpi").start(start_high=False)
    await bench.do_reset()
    if mode == "reset_mid_run":
        await bench.reset_in_between(settings.seed)
    await bench.send()
    bench._say(last=True)
    await bench.drain()
    _results.append(bench.result())
    save_results(_results, Path(os.environ.get("COSIM_RESULTS", "results.json")))
    wrong = [f.text for f in _results[-1].faults] + [m.text for m in _results[-1].mismatches[:10]]
    assert not wrong, "\n".join(wrong)


@cocotb.test()
async def back_to_back(dut: Any) -> None:
    """A vector is offered in every cycle."""
    await _run(dut, "back_to_back")


@cocotb.test()
async def random_gaps(dut: Any) -> None:
    """Between vectors, random numbers of cycles without a start."""
    await _run(dut, "random_gaps")


@cocotb.test()
async def reset_mid_run(dut: Any) -> None:
    """Resets while vectors are in flight: nothing of them comes out, and the restart is clean."""
    await _run(dut, "reset_mid_run")
