"""The host's ends of a line: a serial port, or an SPI master."""

from __future__ import annotations

import importlib
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from fpga_ml.errors import FpgaMlError

DEFAULT_BAUD = 1_000_000
_PATIENCE_S = 2.0  # longer than the shell's own time-out
_STALE_BYTES = 1 << 16
_POLL_BYTES = 16
_QUIET_S = 0.25  # two time-outs of the shell: of a model that gives no result, and of an answer that nobody fetches
_BUFFER = Path("/sys/module/spidev/parameters/bufsiz")


class Link(Protocol):
    """What a board's host needs of a line."""

    def write(self, frame: bytes, /) -> None:
        """A whole frame."""

    def seek(self, byte: int, /) -> bool:
        """Pass over what comes, up to and with this byte; False where it does not come in time."""

    def read(self, size: int, /) -> bytes:
        """What comes next; fewer bytes where no more come in time."""

    def settle(self) -> None:
        """After a fault: until nothing of it is under way any more."""

    def close(self) -> None: ...


class Port(Protocol):
    """A serial port, as pyserial's: read gives fewer bytes than asked for when none come for its time-out."""

    def read(self, size: int, /) -> bytes: ...

    def write(self, data: bytes, /) -> int | None: ...

    def close(self) -> None: ...


class SerialLink:
    """Over a serial port."""

    def __init__(self, port: Port) -> None:
        self.port = port

    def write(self, frame: bytes, /) -> None:
        self.port.write(frame)

    def seek(self, byte: int, /) -> bool:
        found = self.port.read(1)
        while found and found[0] != byte:
            found = self.port.read(1)
        return bool(found)

    def read(self, size: int, /) -> bytes:
        return self.port.read(size)

    def settle(self) -> None:
        self.port.read(_STALE_BYTES)

    def close(self) -> None:
        self.port.close()


class SpiDevice(Protocol):
    """An SPI device, as spidev's: each call is one selection, unless it has more bytes than the driver's buffer."""

    def writebytes2(self, values: bytes, /) -> None: ...

    def xfer3(self, values: Sequence[int], /) -> Sequence[int]: ...

    def close(self) -> None: ...


class SpiLink:
    """As the master of an SPI line, which clocks zeros while it waits for an answer and reads one.

    most_bytes: of one selection, in which a whole frame must go; patience_s: until an answer begins; quiet_s: until the
    shell is at rest; now, pause: a clock in seconds.
    """

    def __init__(
        self,
        device: SpiDevice,
        most_bytes: int,
        *,
        patience_s: float = _PATIENCE_S,
        quiet_s: float = _QUIET_S,
        now: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.device, self.most_bytes = device, most_bytes
        self._patience_s, self._quiet_s, self._now, self._pause = patience_s, quiet_s, now, pause
        self._ahead = b""  # clocked beyond what was asked for

    def write(self, frame: bytes, /) -> None:
        """Raises FpgaMlError for a frame that the driver would cut in two."""
        if len(frame) > self.most_bytes:
            raise FpgaMlError(
                f"a frame to the board has {len(frame):,} bytes, one transfer of the SPI driver at most {self.most_bytes:,}",
                where=str(_BUFFER),
                do=f"boot Linux with spidev.bufsiz={len(frame)} or more (65,535 is the most), or use the serial line",
            )
        self.device.writebytes2(frame)

    def seek(self, byte: int, /) -> bool:
        end = self._now() + self._patience_s
        while (place := self._ahead.find(byte)) < 0:
            if self._now() > end:
                return False
            self._ahead = self._clocked(_POLL_BYTES)
        self._ahead = self._ahead[place + 1 :]
        return True

    def read(self, size: int, /) -> bytes:
        self._ahead += self._clocked(size - len(self._ahead))
        found, self._ahead = self._ahead[:size], self._ahead[size:]
        return found

    def settle(self) -> None:
        self._pause(self._quiet_s)
        self._ahead = b""

    def close(self) -> None:
        self.device.close()

    def _clocked(self, size: int) -> bytes:
        return bytes(self.device.xfer3(bytes(size))) if size > 0 else b""


def opened(port: str, baud: int) -> Link:
    """port: of the serial bridge, /dev/ttyUSB0 say, or spi:BUS.DEVICE; baud: bits a second. Raises FpgaMlError where the
    package for it is missing or it cannot be opened."""
    return _spi(port, baud) if port.startswith("spi:") else _serial(port, baud)


def _serial(port: str, baud: int) -> Link:
    serial = _package("serial", "a board", "pyserial", "board")
    try:
        return SerialLink(serial.Serial(port, baud, timeout=_PATIENCE_S))
    except (serial.SerialException, OSError) as error:
        raise FpgaMlError(
            f"cannot open the serial port: {error}",
            where=port,
            do="see that the board is plugged in and that you may use the port (on Linux: group dialout)",
        ) from None


def _spi(port: str, baud: int) -> Link:
    place = re.fullmatch(r"spi:(\d+)\.(\d+)", port)
    if place is None:
        raise FpgaMlError(f"'{port}' names no SPI device", do="give spi:BUS.DEVICE; spi:0.0 is /dev/spidev0.0")
    device = _package("spidev", "a board over SPI", "spidev (Linux only)", "spi").SpiDev()
    try:
        device.open(int(place[1]), int(place[2]))
        device.mode, device.max_speed_hz = 0, baud
    except OSError as error:
        raise FpgaMlError(
            f"cannot open the SPI device: {error}",
            where=f"/dev/spidev{place[1]}.{place[2]}",
            do="see that SPI is switched on (on a Raspberry Pi: raspi-config) and that you may use it (group spi)",
        ) from None
    return SpiLink(device, min(int(_BUFFER.read_text()) if _BUFFER.exists() else 4096, 0xFFFF))


def _package(module: str, what: str, name: str, extra: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise FpgaMlError(
            f"talking to {what} needs {name}, which is not installed", do=f"pip install 'fpga_ml[{extra}]'"
        ) from None
