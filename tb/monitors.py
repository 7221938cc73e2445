"""What the testbench reads from the top."""

from __future__ import annotations

from typing import Any

from .ports import Parallel
from .scoreboard import Sample, Scoreboard


class OutputMonitor:
    """Passes every valid output to the scoreboard and finds handshake signals that are X or Z.

    Until the first rising edge with an active reset (`armed`), registers may hold anything: nothing is checked.
    """

    def __init__(self, dut: Any, ports: Parallel, board: Scoreboard) -> None:
        control = ports.control
        self._done = (control.done, getattr(dut, control.done))
        self._idle = (control.idle, getattr(dut, control.idle))
        self._ready = (control.ready, getattr(dut, control.ready))
        self._outputs = [
            (getattr(dut, p.data), (p.valid, getattr(dut, p.valid)) if p.valid else None) for p in ports.outputs
        ]
        self._board = board
        self.armed = False
        self.idle = False

    def present(self, cycle: int) -> None:
        """Nothing: a top with this interface cannot be held back at its outputs."""

    def observe(self, cycle: int) -> Sample | None:
        """What is there in this cycle, which the scoreboard has got; None while nothing is checked."""
        if not self.armed:
            return None
        ready = self._high(self._ready, cycle)
        self.idle = self._high(self._idle, cycle)
        done = self._high(self._done, cycle)
        valid = tuple(
            (k, str(data.value))
            for k, (data, flag) in enumerate(self._outputs)
            if (done if flag is None else self._high(flag, cycle))
        )
        seen = Sample(cycle, valid, done, self.idle, ready)
        self._board.sample(seen)
        return seen

    def _high(self, signal: tuple[str, Any], cycle: int) -> bool:
        name, handle = signal
        level = str(handle.value)
        if level in "01":
            return level == "1"
        self._board.found.x_values += 1
        self._board.found.fault(name, cycle, f"is {level}")
        return False
