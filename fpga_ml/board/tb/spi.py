"""The master of an SPI line to the top of a board, with a host behind it that runs in a thread of its own.

Mode 0, driven and read bit by bit. `Master.link()` is the host's end of the line, over a device as spidev's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cocotb.task import resume
from cocotb.triggers import Timer
from cocotb.utils import get_sim_time

from fpga_ml.board.links import SpiLink

from .uart import CLOCK_NS


class Master:
    """sck, cs_n, mosi, miso: the top's pins; clocks_per_bit: of its clock; patience_cycles: for an answer.

    The period is a little longer than so many clocks, so that the edges meet the top's clock in every phase.
    """

    def __init__(self, dut: Any, clocks_per_bit: int, patience_cycles: int) -> None:
        self._sck, self._cs_n, self._mosi, self._miso = dut.sck, dut.cs_n, dut.mosi, dut.miso
        self._half_ns, self._patience_ns = clocks_per_bit * CLOCK_NS // 2 + 1, patience_cycles * CLOCK_NS
        self._sck.value, self._mosi.value, self._cs_n.value = 0, 0, 1

    def start(self) -> None:
        """Nothing comes unasked from a slave."""

    async def select(self) -> None:
        self._cs_n.value = 0
        await self.half()

    async def deselect(self) -> None:
        await self.half()
        self._cs_n.value = 1
        await self.half()
        await self.half()

    async def clock(self, data: bytes, bits: int = 8) -> bytes:
        """Of each byte so many bits; what comes back. MISO is read at the rising edge, and must hold until the falling
        one."""
        found = bytearray()
        for byte in data:
            come = 0
            for k in range(7, 7 - bits, -1):
                self._mosi.value = byte >> k & 1
                await self.half()
                bit = int(self._miso.value)
                self._sck.value = 1
                await self.half()
                assert int(self._miso.value) == bit, "MISO changed while SCK was high"
                self._sck.value = 0
                come = come << 1 | bit
            found.append(come)
        return bytes(found)

    async def transfer(self, data: bytes) -> bytes:
        """One selection."""
        await self.select()
        found = await self.clock(data)
        await self.deselect()
        return found

    async def send(self, data: bytes) -> None:
        await self.transfer(data)

    async def half(self) -> None:
        """Of a period."""
        await Timer(self._half_ns, unit="ns")

    def link(self, spoil: Callable[[bytes], bytes] = lambda data: data) -> SpiLink:
        """spoil: what the line makes of what is written."""
        patience_s = self._patience_ns * 1e-9
        return SpiLink(
            _Device(self, spoil), 0xFFFF, patience_s=patience_s, quiet_s=patience_s, now=_now_s, pause=resume(_pause)
        )


class _Device:
    """For a program in a thread (cocotb.task.bridge)."""

    def __init__(self, master: Master, spoil: Callable[[bytes], bytes]) -> None:
        self._transfer, self._spoil = resume(master.transfer), spoil

    def writebytes2(self, values: bytes, /) -> None:
        self._transfer(self._spoil(values))

    def xfer3(self, values: Sequence[int], /) -> Sequence[int]:
        return self._transfer(bytes(values))

    def close(self) -> None: ...


def _now_s() -> float:
    return float(get_sim_time("sec"))


async def _pause(seconds: float) -> None:
    await Timer(round(seconds * 1e9), unit="ns")
