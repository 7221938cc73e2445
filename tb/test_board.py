"""The whole top of a board behind a simulated serial line; fpga_ml.board is the host.

BOARD_SETTINGS names a pickle of Settings; results go into the file that it names, for the caller to compare.
"""

from __future__ import annotations

import os
import pickle
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
import numpy.typing as npt
from cocotb.clock import Clock
from cocotb.task import bridge
from cocotb.triggers import Timer

from fpga_ml.board import Board
from fpga_ml.board.frames import Answer, Kind, Status, answer, receive, request
from fpga_ml.board.interface import Interface
from tb.uart import CLOCK_NS, Line


@dataclass(frozen=True)
class Settings:
    """x: samples (N, ...) an input; result: an npz of the outputs, y0, y1, ...; timeout_cycles: the shell's own."""

    interface: Interface
    clocks_per_bit: int
    timeout_cycles: int
    patience_cycles: int
    x: list[npt.NDArray[np.float64]]
    result: Path
    led: list[int] = field(default_factory=list)


async def _line(dut: Any) -> tuple[Settings, Line]:
    settings: Settings = pickle.loads(Path(os.environ["BOARD_SETTINGS"]).read_bytes())
    line = Line(dut, settings.clocks_per_bit, settings.patience_cycles)
    Clock(dut.clk, CLOCK_NS, unit="ns", impl="gpi").start()
    cocotb.start_soon(line.listen())
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


@cocotb.test()
async def faults(dut: Any) -> None:
    """Each fault of a frame is answered by its name, and the sample after it by its result."""
    settings, line = await _line(dut)
    face = settings.interface
    payload = face.encoded([x[:1] for x in settings.x])[0]
    good, gap = request(Kind.SAMPLE, payload), settings.timeout_cycles * CLOCK_NS

    async def answered() -> Answer:
        return await bridge(receive)(line.link())

    async def asked(frame: bytes) -> Answer:
        await line.send(frame)
        return await answered()

    right = await asked(good)
    assert right.status is Status.GOOD
    assert len(right.payload) == face.result_bytes
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
        assert await asked(wrong) == Answer(status, b""), wrong.hex()
        assert int(dut.led.value) & 0xF == status
        assert await asked(good) == right, wrong.hex()
    # a gap that is just short enough is none
    await line.send(good[:3])
    await Timer(gap * 9 // 10, unit="ns")
    assert await asked(good[3:]) == right
    # a byte without a stop bit, in a frame whose checksum is right
    await line.send(good[:5])
    await line.send(good[5:6], stop=0)
    await Timer(2 * settings.clocks_per_bit * CLOCK_NS, unit="ns")
    await line.send(good[6:])
    assert (await answered()).status in (Status.CHECKSUM, Status.LATE)
    await Timer(2 * gap, unit="ns")
    # noise before a frame, among it the start of an answer
    assert await asked(bytes([0, 0x5A, 0xFF]) + good) == right
    # in a frame, a glitch that is no start bit
    await line.send(good[:5])
    dut.rx.value = 0
    await Timer(CLOCK_NS, unit="ns")
    dut.rx.value = 1
    await Timer(20 * settings.clocks_per_bit * CLOCK_NS, unit="ns")
    assert await asked(good[5:]) == right
    # baud rates 2 % off
    for slower in (0.98, 1.02):
        if settings.clocks_per_bit >= 8:
            await line.send(good, slower=slower)
            assert await answered() == right
    # a second frame before the answer to the first
    await line.send(good + request(Kind.IDENTIFY))
    assert await answered() == right
    assert await answered() == Answer(Status.OVERRUN, b"")
    await Timer(2 * gap, unit="ns")
    assert await asked(request(Kind.IDENTIFY)) == Answer(Status.GOOD, face.identity)
    assert await asked(good) == right


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
        assert await line.take(6 + len(settings.interface.identity)) == answer(Status.GOOD, settings.interface.identity)
