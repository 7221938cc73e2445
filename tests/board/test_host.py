"""The host's side, on a line that a list of answers plays; the real shell is on it in test_shell.py."""

from __future__ import annotations

import binascii
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from fpga_ml.board import Board
from fpga_ml.board.build import write_sources
from fpga_ml.board.frames import MEANING, Kind, Status, answer, checksum, request
from fpga_ml.board.interface import Ends, Interface
from fpga_ml.board.lines import LINES, line_for
from fpga_ml.board.links import Link, SerialLink, SpiLink, opened
from fpga_ml.board.project import interface_of
from fpga_ml.devices.boards import BOARDS
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
    """A serial port. Answers are given in turn to what is written; b'' is silence."""

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


class PlayedSpi(Played):
    """An SPI device: silence is zeros, and nothing is left of an answer after a pause. now, pause: its clock."""

    def __init__(self, answers: Sequence[bytes]) -> None:
        super().__init__(answers)
        self.time_s = 0.0

    def writebytes2(self, values: bytes, /) -> None:
        self.write(values)
        self.buffer = bytes(self.time_s == 0) * 40 + self.buffer

    def xfer3(self, values: Sequence[int], /) -> Sequence[int]:
        assert not any(values), "something was sent while an answer was awaited"
        self.time_s += 1e-3
        return tuple(self.read(len(values)).ljust(len(values), b"\0"))

    def now(self) -> float:
        return self.time_s

    def pause(self, seconds: float) -> None:
        self.time_s += seconds
        self.buffer = b""


def serial(answers: Sequence[bytes]) -> tuple[SerialLink, Played]:
    played = Played(answers)
    return SerialLink(played), played


def spi(answers: Sequence[bytes], most_bytes: int = 4096) -> tuple[SpiLink, PlayedSpi]:
    played = PlayedSpi(answers)
    return SpiLink(played, most_bytes, now=played.now, pause=played.pause), played


Line = Callable[[Sequence[bytes]], tuple[Link, Played]]
either = pytest.mark.parametrize("line", [serial, spi])


@either
def test_values_cross_as_bytes(line: Line) -> None:
    """Least significant byte first, with the sign up to the whole byte; rounded and saturated as the hardware does it."""
    link, played = line([answer(0, PAYLOAD)])
    y, z = Board(link, FACE).run(X)
    assert played.written == [request(Kind.SAMPLE, PAYLOAD)]
    assert_array_equal(y, X[0])
    assert_array_equal(z, X[1])
    link, played = line([answer(0, PAYLOAD)])
    Board(link, FACE).run([np.array([[100.0, -0.0078126]]), np.array([[0.0]])])
    assert played.written[0][4:8] == bytes([0xFF, 0x01, 0xFF, 0xFF])


def test_every_raw_value_comes_back() -> None:
    for t in (SIGNED, UNSIGNED, *(FixedType(s, w, 3) for s in (True, False) for w in (1, 7, 8, 9, 16, 24, 33, 53))):
        ends = Ends("x", t, (5, 1), 5)
        raw = np.unique(np.linspace(t.min_raw, t.max_raw, 995).astype(np.int64))
        values = t.real(np.resize(raw, (199, 5, 1)))
        assert_array_equal(ends.decoded(ends.encoded(values)), values)


@pytest.mark.parametrize("width", [63, 64, 65, 73, 128])
def test_values_of_more_than_eight_bytes_come_back(width: int) -> None:
    """Those that a double holds: 53 bits at the upper or at the lower end."""
    for signed in (True, False):
        t = FixedType(signed, width, 3)
        raws = [t.min_raw, 0, 1, 2**52 - 1, (2**53 - 1) << width - signed - 53, -(2**52) * signed]
        ends, values = Ends("x", t, (2,), 1), np.array([raw * 2.0 ** (3 - width) for raw in raws]).reshape(3, 2)
        sent = ends.encoded(values)
        size = -(-width // 8)
        rows = [raws[k : k + 2] for k in range(0, 6, 2)]
        assert sent == [b"".join((raw & (1 << 8 * size) - 1).to_bytes(size, "little") for raw in row) for row in rows]
        assert_array_equal(ends.decoded(sent), values)


def test_interleaved_samples_come_in_turn() -> None:
    """Three of two steps: the first steps, then the second ones; zeros fill up the last frame."""
    byte = FixedType(False, 8, 8)
    face = Interface("net", "stream", False, (Ends("x", byte, (2, 1), 6, 3),), (Ends("y", byte, (1,), 3, 3),), b"identity")
    (link, played), done = serial([answer(0, bytes([10, 20, 30])), answer(0, bytes([40, 99, 99]))]), list[int]()
    (y,) = Board(link, face).run(np.arange(1.0, 9.0).reshape(4, 2, 1), watch=done.append)
    frames = [1, 3, 5, 2, 4, 6], [7, 0, 0, 8, 0, 0]
    assert played.written == [request(Kind.SAMPLE, bytes(frame)) for frame in frames]
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


@either
@pytest.mark.parametrize("status", [Status.CHECKSUM, Status.LATE, Status.OVERRUN])
def test_what_the_line_spoilt_is_sent_again(status: Status, line: Line) -> None:
    link, played = line([answer(status) + answer(0, PAYLOAD), b"", answer(0, PAYLOAD)[:-3], answer(0, PAYLOAD)])
    board = Board(link, FACE, retries=3)
    assert_array_equal(board.run(X)[1], X[1])
    assert board.repeated == 3
    assert len(set(played.written)) == 1


@either
@pytest.mark.parametrize("status", [s for s in Status if s is not Status.GOOD])
def test_each_status_has_its_error(status: Status, line: Line) -> None:
    with pytest.raises(FpgaMlError) as caught:
        Board(line([answer(status)] * 3)[0], FACE).run(X)
    assert caught.value.what.startswith(MEANING[status])
    assert caught.value.do


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([b""] * 3, "the board gave no answer (2 repeats)"),
        ([answer(0, PAYLOAD)[:6]] * 3, "the board gave a part of an answer: 2 of 7 bytes"),
        ([answer(0, PAYLOAD)[:-1] + b"x"] * 3, "an answer reached the host with a wrong checksum"),
        ([answer(9, b"")] * 3, "an answer reached the host with a wrong checksum"),
        ([answer(0, PAYLOAD + b"x")], "the board's answer has 8 bytes, this project's 7"),
    ],
)
def test_answers_that_are_none(answers: list[bytes], said: str) -> None:
    with pytest.raises(FpgaMlError) as caught:
        Board(serial(answers)[0], FACE).run(X)
    assert said in str(caught.value)


def test_other_rtl_on_the_board() -> None:
    Board(serial([b"noise" + answer(0, b"identity")])[0], FACE).check()
    with pytest.raises(FpgaMlError, match="the board carries other RTL: 6f746865726f6e65, not 6964656e74697479"):
        Board(serial([answer(0, b"otherone")])[0], FACE).check()


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
        Board(serial([])[0], FACE).run(x)
    assert said in str(caught.value)


def test_a_port_that_is_not_there(project: Path) -> None:
    with pytest.raises(FpgaMlError, match="cannot open the serial port") as caught:
        Board.open("/dev/no_such_port", project)
    assert "dialout" in str(caught.value)


@either
def test_it_is_closed_behind_with(line: Line) -> None:
    link, played = line([])
    with Board(link, FACE):
        pass
    assert played.closed


def test_an_spi_master_waits_with_zeros() -> None:
    """For two seconds, no longer; a part of an answer is one with a wrong checksum, for zeros are its rest."""
    link, played = spi([b""])
    with pytest.raises(FpgaMlError, match=r"the board gave no answer \(0 repeats\)"):
        Board(link, FACE, retries=0).run(X)
    assert 2 <= played.time_s < 2.3
    with pytest.raises(FpgaMlError, match="an answer reached the host with a wrong checksum"):
        Board(spi([answer(0, PAYLOAD)[:6]])[0], FACE, retries=0).run(X)


def test_after_a_fault_an_spi_master_lets_the_shell_come_to_rest() -> None:
    """Longer than two time-outs of 0.1 s: of a model that gives nothing, and of the answer that says so."""
    link, played = spi([answer(Status.CHECKSUM), answer(0, PAYLOAD)])
    Board(link, FACE).run(X)
    assert 0.2 < played.time_s < 0.4


def test_a_frame_that_the_spi_driver_would_cut() -> None:
    size = len(request(Kind.SAMPLE, PAYLOAD))
    Board(spi([answer(0, PAYLOAD)], size)[0], FACE).run(X)
    link, played = spi([], size - 1)
    with pytest.raises(
        FpgaMlError, match="a frame to the board has 13 bytes, one transfer of the SPI driver at most 12"
    ) as caught:
        Board(link, FACE).run(X)
    assert "spidev.bufsiz=13" in str(caught.value)
    assert not played.written


@pytest.mark.parametrize("port", ["spi:", "spi:0", "spi:/dev/spidev0.0", "spi:a.b", "spi:0.0.0"])
def test_a_name_of_no_spi_device(port: str) -> None:
    with pytest.raises(FpgaMlError, match=f"'{port}' names no SPI device\n  do:    give spi:BUS.DEVICE"):
        opened(port, 1_000_000)


def test_an_spi_device_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    class Missing:
        def open(self, bus: int, device: int) -> None:
            raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setitem(sys.modules, "spidev", SimpleNamespace(SpiDev=Missing))
    with pytest.raises(FpgaMlError, match=r"cannot open the SPI device: .*\n  where: /dev/spidev77\.3\n  do: .*group spi"):
        opened("spi:77.3", 1_000_000)


@pytest.mark.parametrize(("port", "package", "extra"), [("/dev/ttyUSB0", "pyserial", "board"), ("spi:0.0", "spidev", "spi")])
def test_a_package_that_is_missing(port: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("serial", "spidev"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(FpgaMlError, match=rf"needs {package}.* not installed\n  do:    pip install 'fpga_ml\[{extra}\]'"):
        opened(port, 1_000_000)


def test_an_spi_device_as_it_is_opened(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Device(PlayedSpi):
        def open(self, bus: int, device: int) -> None:
            self.place = (bus, device)

    played = Device([answer(0, interface_of(project).identity)])
    monkeypatch.setitem(sys.modules, "spidev", SimpleNamespace(SpiDev=lambda: played))
    with Board.open("spi:1.2", project, baud=250_000):
        assert (played.place, played.mode, played.max_speed_hz) == ((1, 2), 0, 250_000)
    assert played.written == [request(Kind.IDENTIFY)]


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
    for line, ports in (("uart", {"rx", "tx"}), ("spi", {"sck", "cs_n", "mosi", "miso"})):
        made = write_sources(project, "ulx3s-85f", line=line, baud=115_200)
        assert made.folder == project / "board" / {"uart": "ulx3s-85f", "spi": "ulx3s-85f-spi"}[line]
        assert made.files[-1].name == "board.sv"
        assert all(file.exists() for file in made.files)
        top, pins = made.files[-1].read_text(), made.pins.read_text()
        assert ("CLOCKS_PER_BIT(217)" in top) == (line == "uart")
        found = set(re.findall(r'LOCATE COMP "(\w+)', pins))
        assert found == set(re.findall(r"^ *(?:input|output) +logic(?: \[.*\])? (\w+)", top, re.MULTILINE))
        assert found == ports | {"clk", "led", "wifi_gpio0"}
        assert set(re.findall(r'IOBUF PORT "(\w+)" PULLMODE=UP', pins)) == ports
    with pytest.raises(FpgaMlError, match=r"unknown board 'ulx3s-85'\n  where: --board\n  do:    did you mean 'ulx3s-85f'"):
        write_sources(project, "ulx3s-85")
    with pytest.raises(FpgaMlError, match=r"ulx3s-85f has no line 'spy'\n  where: --line\n  do:    did you mean 'spi'"):
        write_sources(project, "ulx3s-85f", line="spy")


def test_the_lines_of_boards_are_lines_of_ours() -> None:
    """With a pin for each port, and no pin for two ports."""
    for board in BOARDS.values():
        for name, pins in board.lines.items():
            assert name in LINES
            assert set(pins) == {port.name for port in line_for(name, board.clock_mhz, 1_000_000).ports}
            sites = [pin.site for pin in (*board.pins.values(), *pins.values())]
            assert len(set(sites)) == len(sites)
            assert sum(port.startswith("led") for port in board.pins) == board.leds.width_bits


def test_pins_of_the_other_boards(project: Path) -> None:
    """In the words of their nextpnr; SPI has no pins there."""
    tang = write_sources(project, "tang-primer-20k").pins
    assert tang.name == "tang-primer-20k.cst"
    assert tang.read_text().splitlines()[:3] == [
        'IO_LOC "clk" H11;',
        'IO_PORT "clk" IO_TYPE=LVCMOS33;',
        'IO_LOC "led[0]" N16;',
    ]
    assert 'IO_LOC "rx" T13;\nIO_PORT "rx" IO_TYPE=LVCMOS33 PULL_MODE=UP;\n' in tang.read_text()
    gatemate = write_sources(project, "gatematea1-evb")
    assert gatemate.pins.name == "gatematea1-evb.ccf"
    assert gatemate.pins.read_text().splitlines() == [
        'Net "clk" Loc = "IO_SB_A8";',
        'Net "led" Loc = "IO_SB_B6";',
        'Net "rx" Loc = "IO_SA_A6" | PULLUP=true;',
        'Net "tx" Loc = "IO_SA_B6";',
    ]
    assert "CLOCKS_PER_BIT(10)" in gatemate.files[-1].read_text()
    with pytest.raises(FpgaMlError, match=r"gatematea1-evb has no line 'spi'\n  where: --line\n  do:    known: uart"):
        write_sources(project, "gatematea1-evb", line="spi")
