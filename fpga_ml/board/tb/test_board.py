"""The whole top of a board behind a simulated line; fpga_ml.board is the host.

BOARD_SETTINGS names a pickle of Settings; results go into the file that it names, for the caller to compare.
"""

from __future__ import annotations

import os
import pickle
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
import numpy.typing as npt
from cocotb.clock import Clock
from cocotb.task import bridge
from cocotb.triggers import Timer

from fpga_ml.board import Board
from fpga_ml.board.frames import ANSWER, HEAD_BYTES, SUM_BYTES, Answer, Kind, Status, answer, receive, request
from fpga_ml.board.interface import Interface

from .spi import Master
from .uart import CLOCK_NS, Line


@dataclass(frozen=True)
class Settings:
    """line: uart or spi; x: samples (N, ...) an input; result: an npz of the outputs, y0, y1, ...; timeout_cycles: the
    shell's own."""

    line: str
    interface: Interface
    clocks_per_bit: int
    timeout_cycles: int
    patience_cycles: int
    x: list[npt.NDArray[np.float64]]
    result: Path


async def _line(dut: Any) -> tuple[Settings, Any]:
    """The line: a uart.Line or a spi.Master."""
    settings: Settings = pickle.loads(Path(os.environ["BOARD_SETTINGS"]).read_bytes())
    ends: dict[str, Any] = {"uart": Line, "spi": Master}
    line = ends[settings.line](dut, settings.clocks_per_bit, settings.patience_cycles)
    Clock(dut.clk, CLOCK_NS, unit="ns", impl="gpi").start()
    line.start()
    await Timer(100 * CLOCK_NS, unit="ns")
    return settings, line


@cocotb.test()
async def samples(dut: Any) -> None:
    """Every sample through the host's library, as a user does it."""
    settings, line = await _line(dut)
    board = Board(line.link(), settings.interface, retries=0)

    def host() -> list[npt.NDArray[np.float64]]:
        board.check()
        return board.run(settings.x)

    outputs: dict[str, Any] = {f"y{k}": y for k, y in enumerate(await bridge(host)())}
    np.savez(settings.result, **outputs)


@dataclass(frozen=True)
class Talk:
    """What the tests of faults ask: good is a sample's frame, right its answer."""

    settings: Settings
    line: Any
    good: bytes
    right: Answer

    @property
    def timeout_ns(self) -> int:
        """The shell's."""
        return self.settings.timeout_cycles * CLOCK_NS

    async def answered(self) -> Answer:
        return await bridge(receive)(self.line.link())

    async def asked(self, frame: bytes) -> Answer:
        await self.line.send(frame)
        return await self.answered()

    async def pause(self, timeouts: float) -> None:
        await Timer(round(timeouts * self.timeout_ns), unit="ns")


async def _talk(dut: Any) -> Talk:
    settings, line = await _line(dut)
    good = request(Kind.SAMPLE, settings.interface.encoded([x[:1] for x in settings.x])[0])
    await line.send(good)
    right: Answer = await bridge(receive)(line.link())
    assert right.status is Status.GOOD
    assert len(right.payload) == settings.interface.result_bytes
    return Talk(settings, line, good, right)


@cocotb.test()
async def frame_faults(dut: Any) -> None:
    """Each fault of a frame is answered by its name, and the sample after it by its result."""
    talk = await _talk(dut)
    good, face = talk.good, talk.settings.interface
    payload = good[HEAD_BYTES:-SUM_BYTES]
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 4
    for wrong, status in (
        (bytes(flipped), Status.CHECKSUM),
        (good[:-1] + bytes([good[-1] ^ 1]), Status.CHECKSUM),
        (request(Kind.SAMPLE, payload[:-1]), Status.LENGTH),
        (request(Kind.SAMPLE, payload + b"\0"), Status.LENGTH),
        (request(Kind.SAMPLE), Status.LENGTH),
        (request(Kind.IDENTIFY, b"x"), Status.LENGTH),
        (request(77, payload), Status.KIND),
        (good[:1], Status.LATE),
        (good[:4], Status.LATE),
        (good[:-1], Status.LATE),
    ):
        assert await talk.asked(wrong) == Answer(status, b""), wrong.hex()
        assert int(dut.led.value) & 0xF == status
        assert await talk.asked(good) == talk.right, wrong.hex()
    # noise before a frame, among it the start of an answer
    assert await talk.asked(bytes([0, 0x5A, 0xFF]) + good) == talk.right
    # zeros after it lose nothing
    assert await talk.asked(request(Kind.IDENTIFY)) == Answer(Status.GOOD, face.identity)
    assert await talk.asked(good) == talk.right


@cocotb.test()
async def uart_faults(dut: Any) -> None:
    """Those of a serial line."""
    talk = await _talk(dut)
    line, good, right, clocks = talk.line, talk.good, talk.right, talk.settings.clocks_per_bit
    # a gap that is just short enough is none
    await line.send(good[:3])
    await talk.pause(0.9)
    assert await talk.asked(good[3:]) == right
    # a byte without a stop bit, in a frame whose checksum is right
    await line.send(good[:5])
    await line.send(good[5:6], stop=0)
    await Timer(2 * clocks * CLOCK_NS, unit="ns")
    await line.send(good[6:])
    assert (await talk.answered()).status in (Status.CHECKSUM, Status.LATE)
    await talk.pause(2)
    # in a frame, a glitch that is no start bit
    await line.send(good[:5])
    dut.rx.value = 0
    await Timer(CLOCK_NS, unit="ns")
    dut.rx.value = 1
    await Timer(20 * clocks * CLOCK_NS, unit="ns")
    assert await talk.asked(good[5:]) == right
    # baud rates 2 % off
    for slower in (0.98, 1.02):
        if clocks >= 8:
            await line.send(good, slower=slower)
            assert await talk.answered() == right
    # zeros before the answer are none, a second frame is one too many
    assert await talk.asked(good + bytes(3)) == right
    assert await talk.asked(good) == right
    assert await talk.asked(good + request(Kind.IDENTIFY)) == right
    assert await talk.answered() == Answer(Status.OVERRUN, b"")
    await talk.pause(2)
    assert await talk.asked(good) == right


@cocotb.test()
async def spi_faults(dut: Any) -> None:
    """Those of an SPI line, where the master clocks what it sends and what it gets."""
    talk = await _talk(dut)
    await _at_once(talk)
    # a selection in which nothing is clocked, and clocks without a selection
    await talk.line.select()
    await talk.line.deselect()
    for _ in range(3):
        dut.sck.value = 1
        await talk.line.half()
        dut.sck.value = 0
        await talk.line.half()
    await _at_once(talk)
    if cocotb.SIM_NAME.startswith("Icarus"):  # Verilator has no z
        assert str(dut.miso.value) == "Z", "MISO is driven without a selection"
    await _spi_requests(talk)
    await _spi_answers(talk)
    await _spi_overruns(talk)


async def _at_once(talk: Talk) -> None:
    """A request and its answer in one selection; before and after the answer, nothing but zeros."""
    whole = answer(talk.right.status, talk.right.payload)
    found = await talk.line.transfer(talk.good + bytes(len(whole) + 10))
    start = found.index(ANSWER)
    assert start >= len(talk.good)
    assert found == bytes(start) + whole + bytes(len(found) - start - len(whole))


async def _spi_requests(talk: Talk) -> None:
    """Selections that end, clocks too many and too few, silence."""
    line, good, late = talk.line, talk.good, Answer(Status.LATE, b"")
    # the end of a selection in the midst of a byte: outside of a frame nothing, in it the frame's end
    await line.select()
    await line.clock(b"\xa5", bits=7)
    await line.deselect()
    await _at_once(talk)
    for size, bits in ((5, 3), (len(good) - 1, 7)):
        await line.select()
        await line.clock(good[:size])
        await line.clock(good[size : size + 1], bits)
        await line.deselect()
        assert await talk.answered() == late
        await _at_once(talk)
    # a clock too many, and one too few
    for rest, bits, told in ((6, 1, Answer(Status.CHECKSUM, b"")), (7, 7, late)):
        await line.select()
        await line.clock(good[:6])
        await line.clock(good[6:7], bits)
        await line.clock(good[rest:])
        await line.deselect()
        assert await talk.answered() == told
        await _at_once(talk)
    # silence in a selection: just short enough, and too long
    for gap, rest, told in ((0.9, 6, talk.right), (1.2, len(good), late)):
        await line.select()
        await line.clock(good[:6])
        await talk.pause(gap)
        await line.clock(good[rest:])
        await line.deselect()
        assert await talk.answered() == told
        await _at_once(talk)


async def _spi_answers(talk: Talk) -> None:
    """Fetched bit by bit, or not."""
    line, whole = talk.line, answer(talk.right.status, talk.right.payload)

    async def waiting() -> None:
        await line.transfer(talk.good)
        await talk.pause(0.2)

    # byte by byte, and then no more of it
    await waiting()
    assert b"".join([await line.transfer(b"\0") for _ in range(len(whole) + 3)]) == whole + bytes(3)
    # a byte that is cut comes again
    await waiting()
    assert await line.transfer(bytes(3)) == whole[:3]
    await line.select()
    await line.clock(b"\0", bits=4)
    await line.deselect()
    assert await line.transfer(bytes(len(whole))) == whole[3:] + bytes(3)
    # nobody fetches it, or a part only: no more of it is given after a time
    for fetched in (0, 3):
        await waiting()
        assert await line.transfer(bytes(fetched)) == whole[:fetched]
        await talk.pause(1.2)
        assert await line.transfer(bytes(40)) == bytes(40)
    await _at_once(talk)


async def _spi_overruns(talk: Talk) -> None:
    """A second frame while the answer to the first is there is lost, which is told after it, unless nobody asks."""
    line, good = talk.line, talk.good
    told = answer(talk.right.status, talk.right.payload) + answer(Status.OVERRUN)
    await line.transfer(good)
    await talk.pause(0.2)
    assert await line.transfer(good[:6] + bytes(len(told))) == told + bytes(6)
    for _ in range(2):
        await line.transfer(good)
        await talk.pause(0.2)
    await talk.pause(1.2)
    await _at_once(talk)


@cocotb.test()
async def noise(dut: Any) -> None:
    """A line that spoils frames at random: the host repeats, and every result is right."""
    settings, line = await _line(dut)
    chance = random.Random(3)
    spoilt = 0

    def spoil(data: bytes) -> bytes:
        nonlocal spoilt
        if chance.random() < 0.6:
            return data
        spoilt += 1
        place = chance.randrange(len(data))
        return data[:place] if chance.random() < 0.5 else data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :]

    x = [a[:4] for a in settings.x]
    board = Board(line.link(spoil), settings.interface, retries=8)
    right = np.load(settings.result)
    for k, y in enumerate(await bridge(board.run)(x)):
        np.testing.assert_array_equal(y, right[f"y{k}"][:4])
    assert 0 < board.repeated <= spoilt


@cocotb.test()
async def stuck(dut: Any) -> None:
    """A model that gives no result (the caller has seen to that): said so, and the shell goes on."""
    settings, line = await _line(dut)
    frame = request(Kind.SAMPLE, settings.interface.encoded([x[:1] for x in settings.x])[0])
    for _ in range(2):
        await line.send(frame)
        assert await bridge(receive)(line.link()) == Answer(Status.STUCK, b"")
        await line.send(request(Kind.IDENTIFY))
        assert await bridge(receive)(line.link()) == Answer(Status.GOOD, settings.interface.identity)
