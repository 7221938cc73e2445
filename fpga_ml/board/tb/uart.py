"""A serial line to the top of a board, with a host behind it that runs in a thread of its own.

The line is driven and read bit by bit, as a USB bridge does it. `Line.link()` is the host's end of it, over a port as
pyserial's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cocotb
from cocotb.queue import Queue
from cocotb.task import resume
from cocotb.triggers import FallingEdge, Timer, with_timeout
from cocotb.triggers import SimTimeoutError as TimedOut

from fpga_ml.board.links import SerialLink

CLOCK_NS = 40


class Line:
    """rx, tx: the top's pins; clocks_per_bit: of its clock; patience_cycles: for an answer."""

    def __init__(self, dut: Any, clocks_per_bit: int, patience_cycles: int) -> None:
        self._rx, self._tx = dut.rx, dut.tx
        self._bit_ns, self._patience_ns = clocks_per_bit * CLOCK_NS, patience_cycles * CLOCK_NS
        self._come: Queue[int] = Queue()
        self._rx.value = 1

    def start(self) -> None:
        cocotb.start_soon(self._listen())

    async def _listen(self) -> None:
        """For ever: bytes from the top. A stop bit that is missing ends the run."""
        while True:
            await FallingEdge(self._tx)
            await Timer(self._bit_ns // 2, unit="ns")
            byte = 0
            for k in range(9):
                await Timer(self._bit_ns, unit="ns")
                byte |= int(self._tx.value) << k
            assert byte >> 8, "a byte from the board has no stop bit"
            self._come.put_nowait(byte & 0xFF)

    async def send(self, data: bytes, *, stop: int = 1, slower: float = 1.0) -> None:
        """stop: 0 leaves the stop bits out; slower: than the right baud rate."""
        bit_ns = round(self._bit_ns * slower)
        for byte in data:
            for bit in (0, *(byte >> k & 1 for k in range(8)), stop):
                self._rx.value = bit
                await Timer(bit_ns, unit="ns")
        self._rx.value = 1

    async def take(self, size: int) -> bytes:
        """Fewer bytes where none come for as long as the patience."""
        found = bytearray()
        while len(found) < size:
            try:
                found.append(await with_timeout(self._come.get(), self._patience_ns, "ns"))
            except TimedOut:
                break
        return bytes(found)

    def link(self, spoil: Callable[[bytes], bytes] = lambda data: data) -> SerialLink:
        return SerialLink(_Port(self, spoil))


class _Port:
    """For a program in a thread (cocotb.task.bridge). spoil: what the line makes of what is written."""

    def __init__(self, line: Line, spoil: Callable[[bytes], bytes]) -> None:
        self._send, self._take, self._spoil = resume(line.send), resume(line.take), spoil

    def read(self, size: int, /) -> bytes:
        return self._take(size)

    def write(self, data: bytes, /) -> int:
        self._send(self._spoil(data))
        return len(data)

    def close(self) -> None: ...
