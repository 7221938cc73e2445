"""All of a parallel top's interface, as one thing that the bench drives."""

from __future__ import annotations

from typing import Any

from .cosim_types import Guarantee, Mode, ModeResult, Vectors
from .drivers import StartDriver
from .monitors import OutputMonitor
from .ports import Parallel
from .scoreboard import Scoreboard


class ParallelSide:
    """Vectors by ap_start, outputs by their valid ports."""

    def __init__(
        self, dut: Any, ports: Parallel, vectors: Vectors, mode: Mode, seed: int, guarantee: Guarantee | None, flush: int
    ) -> None:
        self.board = Scoreboard(mode, vectors, ports.outputs, guarantee, flush)
        noise = (
            guarantee is not None and guarantee.latency_cycles > 0
        )  # without registers, outputs answer a start in a reset
        self._driver = StartDriver(
            dut, ports, vectors, self.board, gaps=mode == "random_gaps", noise=noise, seed=seed, flush=flush
        )
        self._monitor = OutputMonitor(dut, ports, self.board)

    @property
    def paused(self) -> bool:
        return self._driver.paused

    @paused.setter
    def paused(self, value: bool) -> None:
        self._driver.paused = value

    @property
    def armed(self) -> bool:
        return self._monitor.armed

    @armed.setter
    def armed(self, value: bool) -> None:
        self._monitor.armed = value

    @property
    def idle(self) -> bool:
        return self._monitor.idle

    @property
    def unsent(self) -> int:
        return self._driver.unsent

    def present(self, cycle: int) -> None:
        self._driver.present(cycle)
        self._monitor.present(cycle)

    def observe(self, cycle: int) -> None:
        self._driver.observe(cycle)
        seen = self._monitor.observe(cycle)
        if seen and self.board.guarantee:
            driver = self._driver
            self.board.timing(seen, start=driver.start, complete=driver.complete, resetting=driver.paused)

    def reset(self) -> list[int]:
        """The vectors that are lost; they are sent again, after the others."""
        lost = self.board.reset()
        self._driver.again(lost)
        return lost

    def result(self, *, resets: int, discarded: int, cycles: int) -> ModeResult:
        self.board.finish(cycles, self.unsent)
        return self.board.result(stalls=self._driver.stalls, resets=resets, discarded=discarded, cycles=cycles)
