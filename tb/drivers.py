"""What the testbench writes to the top.

Every agent takes part in each cycle twice: `present` writes its signals half a cycle before the rising edge, `observe`
reads, when all is settled, what that edge will see. So no order of events in a simulator can matter.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, TypeAlias

from .cosim_types import Tensor, Vectors
from .ports import Control, Parallel
from .scoreboard import FLUSH, Scoreboard

# Cycles for which an input is late, in random gaps; 0 is a LONG delay, in which most pipelines drain.
_LATE = (0, *[1] * 3, *[2] * 2, 3)
_LONG = (4, 40)
_Input: TypeAlias = tuple[Any, Tensor, int]  # data port, what goes there, width of an element in bits


class Agent(Protocol):
    """One side of an interface."""

    def present(self, cycle: int) -> None: ...

    def observe(self, cycle: int) -> None: ...


def pack(row: Iterable[int], width_bits: int) -> int:
    """Raw integers into one wide value, element 0 in the least significant bits, as Vitis HLS reshapes an array."""
    mask = (1 << width_bits) - 1
    return sum((raw & mask) << (k * width_bits) for k, raw in enumerate(row))


class _Line:
    """A signal that says that something is there, and the data that go with it: random as long as it is low."""

    def __init__(self, handle: Any, rng: random.Random, inputs: Sequence[_Input] = ()) -> None:
        self._handle, self._random, self._inputs = handle, rng, inputs
        self._shown: tuple[int, int | None] | None = None
        self.late = 0

    @property
    def level(self) -> int:
        return self._shown[0] if self._shown else 0

    def drive(self, level: int, vector: int | None = None) -> None:
        """vector: whose data are shown while the level is 1; None for random ones."""
        shown = level, vector if level else None
        if shown == self._shown:
            return
        if self._shown is None or level != self.level:
            self._handle.value = level
        self._shown = shown
        for data, tensor, width_bits in self._inputs:
            if vector is not None and level:
                data.value = pack(tensor.values[0 if vector == FLUSH else vector], width_bits)
            else:
                data.value = self._random.getrandbits(tensor.elements * width_bits)


class StartDriver:
    """Offers vectors by ap_start and the valid signals, and holds each until ap_ready.

    With gaps, nothing comes for some time, and then often ap_start and each valid signal at times of their own, in any
    order. Data are random until they are valid: a top that reads them before shows it. While `paused` (a reset) nothing is
    offered, but with `noise` the signals go up and down; a vector that was offered is then forgotten here, the scoreboard
    knows it.
    """

    def __init__(
        self,
        dut: Any,
        ports: Parallel,
        vectors: Vectors,
        board: Scoreboard,
        *,
        gaps: bool,
        noise: bool,
        seed: int,
        flush: int,
    ) -> None:
        rng = self._random = random.Random(seed)
        self._ready_name, self._ready = ports.control.ready, getattr(dut, ports.control.ready)
        tensors = {t.name: t for t in vectors.inputs}
        inputs = [(p.valid, (getattr(dut, p.data), tensors[p.tensor], p.element_width_bits)) for p in ports.inputs]
        with_start = [parts for valid, parts in inputs if valid is None]
        self._start = _Line(getattr(dut, ports.control.start), rng, with_start)
        self._lines = [self._start, *(_Line(getattr(dut, v), rng, [parts]) for v, parts in inputs if v is not None)]
        self._board, self._gaps, self._noise = board, gaps, noise
        self._waiting = deque(range(len(vectors)))
        self._flush = self._flushes = flush
        self.paused = False
        self.stalls = 0
        self._vector: int | None = None
        self._offered = False

    @property
    def unsent(self) -> int:
        """Vectors that were never offered."""
        return len(self._waiting) + (self._vector not in (None, FLUSH) and not self._offered)

    def again(self, vectors: Iterable[int]) -> None:
        """To be sent once more, after the others, and what pushes them out."""
        self._flushes = self._flush
        self._waiting.extend(vectors)

    @property
    def start(self) -> bool:
        """The level of ap_start."""
        return self._start.level == 1

    @property
    def complete(self) -> bool:
        """Whether ap_start and every valid signal are high."""
        return all(line.level for line in self._lines)

    def present(self, cycle: int) -> None:
        if self.paused:
            if self._vector not in (None, FLUSH) and not self._offered:
                self._waiting.appendleft(self._vector)
            self._vector, self._offered = None, False
            for line in self._lines:
                line.drive(self._random.getrandbits(1) if self._noise else 0)
        elif not self._offered:
            self._approach(cycle)

    def _approach(self, cycle: int) -> None:
        """Each signal of the next vector in its time; all are low where there is none."""
        if self._vector is None and (self._waiting or (self._flushes and self._board.pending)):
            self._flushes -= not self._waiting
            self._vector, pause = self._waiting.popleft() if self._waiting else FLUSH, self._delay()
            apart = self._random.random() < 0.5
            for line in self._lines:
                line.late = pause + (self._delay() if apart else 0)
        for line in self._lines:
            line.drive(int(self._vector is not None and line.late == 0), self._vector)
            line.late = max(0, line.late - 1)
        if self._vector is not None and self.complete:
            self._offered = True
            self._board.offered(self._vector, cycle)
        elif self._vector is not None:
            self.stalls += 1

    def observe(self, cycle: int) -> None:
        if self.paused or str(self._ready.value) != "1":
            return
        if self._offered:
            self._board.accept(cycle)
            self._vector, self._offered = None, False
        elif self._board.guarantee is None:  # otherwise the scoreboard knows when it may be high
            self._board.found.fault(self._ready_name, cycle, "high although ap_start or an input's valid signal is low")

    def _delay(self) -> int:
        if not self._gaps or self._random.random() < 0.5:
            return 0
        return self._random.choice(_LATE) or self._random.randint(*_LONG)


class ResetDriver:
    """The reset, of whichever polarity, and the inputs that are held at 1."""

    def __init__(self, dut: Any, control: Control) -> None:
        self._reset, self._low = getattr(dut, control.reset), control.reset_active_low
        for name in control.tied_high:
            getattr(dut, name).value = 1

    def drive(self, *, active: bool) -> None:
        self._reset.value = int(active != self._low)
