"""The lines that a shell can have to its host: what stands between the pins and the bytes of board_frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fpga_ml.errors import FpgaMlError
from fpga_ml.rtl.sv import Assign, Declare, Instance, Item, Port

_TIMEOUT_S = 0.1
_FEWEST_CLOCKS_PER_BIT = 4
_SPI_CLOCKS = 8  # in a period of SPI's: half of it is four, and the answer's bit takes up to three and the way to the master
_CLOCKED = (("clk", "clk"), ("rst", "rst"))


@dataclass(frozen=True)
class Line:
    """ports: of the top, to the host; modules: hand-written ones; items: drive rx_valid, rx_data, rx_broken, rx_end and
    tx_ready from the ports, tx_valid and tx_data; timeout_cycles: without a byte in a frame, or without a result."""

    name: str
    timeout_cycles: int
    ports: tuple[Port, ...]
    modules: tuple[str, ...]
    items: tuple[Item, ...]


def uart(clocks_per_bit: int, timeout_cycles: int) -> Line:
    """Serial: a start bit, eight data bits, a stop bit."""
    speed = (("CLOCKS_PER_BIT", clocks_per_bit),)
    receives = (("line", "rx"), ("valid", "rx_valid"), ("data", "rx_data"), ("broken", "rx_broken"))
    sends = (("valid", "tx_valid"), ("data", "tx_data"), ("ready", "tx_ready"), ("line", "tx"))
    return Line(
        "uart",
        timeout_cycles,
        (Port("input", "rx"), Port("output", "tx")),
        ("board_uart_rx", "board_uart_tx"),
        (
            Instance("board_uart_rx", "receiver", (*_CLOCKED, *receives), speed),
            Instance("board_uart_tx", "sender", (*_CLOCKED, *sends), speed),
            Assign("rx_end", "1'b0"),
        ),
    )


def spi(timeout_cycles: int) -> Line:
    """The slave of an SPI master, mode 0; MISO is released while it is not selected."""
    same = ("sck", "cs_n", "mosi", "rx_valid", "rx_data", "rx_end", "tx_valid", "tx_data", "tx_ready")
    return Line(
        "spi",
        timeout_cycles,
        (Port("input", "sck"), Port("input", "cs_n"), Port("input", "mosi"), Port("output", "miso")),
        ("board_spi",),
        (
            Declare("miso_bit", None),
            Instance("board_spi", "slave", (*_CLOCKED, *((name, name) for name in same), ("miso", "miso_bit"))),
            Assign("miso", "cs_n ? 1'bz : miso_bit"),
            Assign("rx_broken", "1'b0"),
        ),
    )


def line_for(name: str, clock_mhz: float, baud: int) -> Line:
    """name: of LINES; baud: bits a second. Raises FpgaMlError where the clock is no match for it."""
    return LINES[name](clock_mhz, baud)


def _uart_for(clock_mhz: float, baud: int) -> Line:
    """Within 2 % of the baud rate: over ten bits that is a fifth of a bit."""
    clocks = round(clock_mhz * 1e6 / baud)
    if clocks < _FEWEST_CLOCKS_PER_BIT or abs(clocks * baud / (clock_mhz * 1e6) - 1) > 0.02:
        near = clock_mhz * 1e6 / max(clocks, _FEWEST_CLOCKS_PER_BIT)
        raise FpgaMlError(
            f"a clock of {clock_mhz:g} MHz makes no {baud:,} baud", where="--baud", do=f"use {near:,.0f}, for one"
        )
    return uart(clocks, _timeout_cycles(clock_mhz))


def _spi_for(clock_mhz: float, baud: int) -> Line:
    most = int(clock_mhz * 1e6 / _SPI_CLOCKS)
    if baud > most:
        raise FpgaMlError(
            f"a clock of {clock_mhz:g} MHz does not follow SPI at {baud:,} Hz", where="--baud", do=f"use {most:,} or less"
        )
    return spi(_timeout_cycles(clock_mhz))


def _timeout_cycles(clock_mhz: float) -> int:
    return round(clock_mhz * 1e6 * _TIMEOUT_S)


LINES: Mapping[str, Callable[[float, int], Line]] = {"uart": _uart_for, "spi": _spi_for}
