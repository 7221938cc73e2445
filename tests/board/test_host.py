"""The host's side, on a line that a list of answers plays; the real shell is on it in test_shell.py."""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from fpga_ml.board import Board
from fpga_ml.board.build import write_sources
from fpga_ml.board.frames import MEANING, Kind, Status, answer, checksum, request
from fpga_ml.board.interface import Ends, Interface
from fpga_ml.board.project import interface_of
from fpga_ml.errors import FpgaMlError
from fpga_ml.numerics import FixedType

SIGNED, UNSIGNED = FixedType.parse("ap_fixed<10,4,AP_RND_CONV,AP_SAT>"), FixedType.parse("ap_ufixed<18,1>")
FACE = Interface(
    "net", "parallel", False, (Ends("x", SIGNED, (2,), 1), Ends("w", UNSIGNED, (1,), 1)),
    (Ends("y", SIGNED, (2,), 1), Ends("z", UNSIGNED, (1,), 1)), b"identity",
)  # fmt: skip
PAYLOAD = bytes([0xC0, 0xFF, 0x41, 0x00, 0x00, 0x00, 0x01])  # -1, 1.015625; 0.5
X = [np.array([[-1.0, 1.015625]]), np.array([[0.5]])]


class Played:
    """Answers that are given in turn to what is written; b'' is silence."""

    def __init__(self, answers: Sequence[bytes]) -> None:
        self.answers, self.written = list(answers), list[bytes]()
        self.buffer, self.closed = b"", False

    def write(self, data: bytes, /) -> int:
        self.written.append(data)
        self.buffer += self.answers.pop(0)
        return len(data)

    def read(self, size: int, /) -> bytes:
        found, self.buffer = self.buffer[:size], self.buffer[size:]
        return found

    def close(self) -> None:
        self.closed = True


def test_values_cross_as_bytes() -> None:
    """Least significant byte first, with the sign up to the whole byte; rounded and saturated as the hardware does it."""
    link = Played([answer(0, PAYLOAD)])
    y, z = Board(link, FACE).run(X)
    assert link.written == [request(Kind.SAMPLE, PAYLOAD)]
    assert_array_equal(y, X[0])
    assert_array_equal(z, X[1])
    link = Played([answer(0, PAYLOAD)])
    Board(link, FACE).run([np.array([[100.0, -0.0078126]]), np.array([[0.0]])])
    assert link.written[0][4:8] == bytes([0xFF, 0x01, 0xFF, 0xFF])


def test_every_raw_value_comes_back() -> None:
    for t in (SIGNED, UNSIGNED, *(FixedType(s, w, 3) for s in (True, False) for w in (1, 7, 8, 9, 16, 24, 33, 53))):
        ends = Ends("x", t, (5, 1), 5)
        raw = np.unique(np.linspace(t.min_raw, t.max_raw, 995).astype(np.int64))
        values = t.real(np.resize(raw, (199, 5, 1)))
        assert_array_equal(ends.decoded(ends.encoded(values)), values)


def test_interleaved_samples_come_in_turn() -> None:
    """Three of two steps: the first steps, then the second ones; zeros fill up the last frame."""
    byte = FixedType(False, 8, 8)
    face = Interface("net", "stream", False, (Ends("x", byte, (2, 1), 6, 3),), (Ends("y", byte, (1,), 3, 3),), b"identity")
    link, done = Played([answer(0, bytes([10, 20, 30])), answer(0, bytes([40, 99, 99]))]), list[int]()
    (y,) = Board(link, face).run(np.arange(1.0, 9.0).reshape(4, 2, 1), watch=done.append)
    frames = [1, 3, 5, 2, 4, 6], [7, 0, 0, 8, 0, 0]
    assert link.written == [request(Kind.SAMPLE, bytes(frame)) for frame in frames]
    assert_array_equal(y, [[10], [20], [30], [40]])
    assert done == [3, 1]


def test_a_frame_in_bytes() -> None:
    """As docs/board.md says it, the sum by the definition of the polynomial."""
    body, register = bytes([2, 0, 0]), 0xFFFF
    for bit in (byte >> k & 1 for byte in body for k in range(7, -1, -1)):
        register = ((register << 1) ^ (0x1021 if (register >> 15) ^ bit else 0)) & 0xFFFF
    assert request(Kind.IDENTIFY) == bytes([0xA5, 2, 0, 0, register >> 8, register & 0xFF])
    assert checksum(b"123456789") == bytes([0x29, 0xB1])  # the check value of this CRC in every catalogue
    assert binascii.crc_hqx(b"123456789" + checksum(b"123456789"), 0xFFFF) == 0


@pytest.mark.parametrize("status", [Status.CHECKSUM, Status.LATE, Status.OVERRUN])
def test_what_the_line_spoilt_is_sent_again(status: Status) -> None:
    link = Played([answer(status), b"", answer(0, PAYLOAD)[:-3], answer(0, PAYLOAD)])
    board = Board(link, FACE, retries=3)
    assert_array_equal(board.run(X)[1], X[1])
    assert board.repeated == 3
    assert len(set(link.written)) == 1


@pytest.mark.parametrize("status", [s for s in Status if s is not Status.GOOD])
def test_each_status_has_its_error(status: Status) -> None:
    with pytest.raises(FpgaMlError) as caught:
        Board(Played([answer(status)] * 3), FACE).run(X)
    assert caught.value.what.startswith(MEANING[status])
    assert caught.value.do


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([b""] * 3, "the board gave no answer, or not all of it: 0 of 1 bytes"),
        ([answer(0, PAYLOAD)[:6]] * 3, "not all of it: 2 of 7 bytes"),
        ([answer(0, PAYLOAD)[:-1] + b"x"] * 3, "an answer reached the host with a wrong checksum"),
        ([answer(9, b"")] * 3, "an answer reached the host with a wrong checksum"),
        ([answer(0, PAYLOAD + b"x")], "the board's answer has 8 bytes, this project's 7"),
    ],
)
def test_answers_that_are_none(answers: list[bytes], said: str) -> None:
    with pytest.raises(FpgaMlError) as caught:
        Board(Played(answers), FACE).run(X)
    assert said in str(caught.value)


def test_other_rtl_on_the_board() -> None:
    Board(Played([b"noise" + answer(0, b"identity")]), FACE).check()
    with pytest.raises(FpgaMlError, match="the board carries other RTL: 6f746865726f6e65, not 6964656e74697479"):
        Board(Played([answer(0, b"otherone")]), FACE).check()


@pytest.mark.parametrize(
    ("x", "said"),
    [
        ([X[0]], "samples of shape (1, 2), but the model takes (N, 2), (N, 1)"),
        ([X[0], np.zeros((2, 1))], "but the model takes"),
        ([np.zeros((1, 3)), X[1]], "samples of shape (1, 3), (1, 1)"),
        ([np.array([[np.nan, 0]]), X[1]], "samples hold NaN or infinity\n  where: input 'x'"),
    ],
)
def test_samples_that_do_not_fit(x: list[np.ndarray], said: str) -> None:
    with pytest.raises(FpgaMlError) as caught:
        Board(Played([]), FACE).run(x)
    assert said in str(caught.value)


def test_a_port_that_is_not_there(project: Path) -> None:
    with pytest.raises(FpgaMlError, match="cannot open the serial port") as caught:
        Board.open("/dev/no_such_port", project)
    assert "dialout" in str(caught.value)


def test_it_is_closed_behind_with() -> None:
    link = Played([])
    with Board(link, FACE):
        pass
    assert link.closed


def test_the_interface_of_a_project(project: Path) -> None:
    face = interface_of(project)
    assert (face.sample_bytes, face.result_bytes) == (8 * 2, 3 * 3)
    assert (face.inputs[0].name, face.outputs[0].name, face.arch) == ("features", "layer5_out", "parallel")


def test_the_identity_is_that_of_the_rtl(project: Path) -> None:
    before = interface_of(project).identity
    file = project / "rtl" / "myproject_fc1.sv"
    text = file.read_text()
    file.write_text(text + "\n")
    assert interface_of(project).identity != before
    file.write_text(text)
    assert interface_of(project).identity == before


def test_sources_and_pins(project: Path) -> None:
    made = write_sources(project, "ulx3s-85f", baud=115_200)
    assert made.files[-1].name == "board.sv"
    assert all(file.exists() for file in made.files)
    top, pins = made.files[-1].read_text(), made.pins.read_text()
    assert "CLOCKS_PER_BIT(217)" in top
    for port in ("clk", "rx", "tx", "wifi_gpio0"):
        assert f" {port}" in top
        assert f'LOCATE COMP "{port}" SITE' in pins
    assert pins.count("LOCATE") == 4 + 8
    with pytest.raises(FpgaMlError, match=r"unknown board 'ulx3s'\n  where: --board\n  do:    did you mean 'ulx3s-85f'"):
        write_sources(project, "ulx3s")
