"""What the testbench writes to the top.

Every agent takes part in each cycle twice: `present` writes its signals half a cycle before the rising edge, `observe`
reads, when all is settled, what that edge will see. So no order of events in a simulator can matter.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable
from typing import Any, Protocol

from .cosim_types import Vectors
from .ports import Control, Parallel
from .scoreboard import Scoreboard

# Cycles between two starts in random gaps; 0 is a LONG gap, in which most pipelines drain.
_GAPS = (0, *[1] * 3, *[2] * 2, 3)
_LONG = (4, 40)


class Agent(Protocol):
    """One side of an interface."""

    def present(self, cycle: int) -> None: ...

    def observe(self, cycle: int) -> None: ...


def pack(row: Iterable[int], width_bits: int) -> int:
    """Raw integers into one wide value, element 0 in the least significant bits, as Vitis HLS reshapes an array."""
    mask = (1 << width_bits) - 1
    return sum((raw & mask) << (k * width_bits) for k, raw in enumerate(row))


class StartDriver:
    """Offers vectors by ap_start and holds each until ap_ready.

    Between vectors the data are random, anew for each gap: a top that samples them without a start shows it. While `paused` (a reset) it
    offers nothing; a vector that waits is then forgotten here, the scoreboard knows it.
    """

    def __init__(self, dut: Any, ports: Parallel, vectors: Vectors, board: Scoreboard, *, gaps: bool, seed: int) -> None:
        self._start, self._ready = getattr(dut, ports.control.start), getattr(dut, ports.control.ready)
        tensors = {t.name: t for t in vectors.inputs}
        self._data = [(getattr(dut, p.data), tensors[p.tensor], p.element_width_bits) for p in ports.inputs]
        self._valids = [getattr(dut, p.valid) for p in ports.inputs if p.valid]
        self._board, self._gaps, self._random = board, gaps, random.Random(seed)
        self.queue = deque(range(len(vectors)))
        self.paused = False
        self.stalls = 0
        self._holding = False
        self._gap = 0
        self._driven: int | None = None

    def present(self, cycle: int) -> None:
        if self._holding and not self.paused:
            return
        self._holding = False
        if self.paused or not self.queue:
            self._idle()
        elif self._gap:
            self._gap -= 1
            self.stalls += 1
            self._idle()
        else:
            self._offer(self.queue.popleft(), cycle)

    def observe(self, cycle: int) -> None:
        if self._holding and str(self._ready.value) == "1":
            self._board.accept(cycle)
            self._holding = False

    def _offer(self, vector: int, cycle: int) -> None:
        for handle, tensor, width_bits in self._data:
            handle.value = pack(tensor.values[vector], width_bits)
        self._drive(1)
        self._holding = True
        self._board.offered(vector, cycle)
        if self._gaps and self._random.random() < 0.5:
            self._gap = self._random.choice(_GAPS) or self._random.randint(*_LONG)

    def _idle(self) -> None:
        if self._driven == 0:
            return
        for handle, tensor, width_bits in self._data:
            handle.value = self._random.getrandbits(tensor.elements * width_bits)
        self._drive(0)

    def _drive(self, level: int) -> None:
        if level != self._driven:
            for handle in (self._start, *self._valids):
                handle.value = level
            self._driven = level


class ResetDriver:
    """The reset, of whichever polarity, and the inputs that are held at 1."""

    def __init__(self, dut: Any, control: Control) -> None:
        self._reset, self._low = getattr(dut, control.reset), control.reset_active_low
        for name in control.tied_high:
            getattr(dut, name).value = 1

    def drive(self, *, active: bool) -> None:
        self._reset.value = int(active != self._low)
