"""The boards that the shell knows: what stands where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fpga_ml.devices.pins import Pin, constraints, extension
from fpga_ml.devices.table import PLACED
from fpga_ml.errors import FpgaMlError, suggest

DEFAULT_LINE = "uart"


@dataclass(frozen=True)
class Leds:
    """What the shell's port `led` shows. signals: of the shell (status[3:0], running, blink), with their widths in bits,
    lowest first; low: an LED shines where its pin is 0."""

    signals: tuple[tuple[str, int], ...]
    low: bool = False

    @property
    def width_bits(self) -> int:
        return sum(width for _, width in self.signals)


@dataclass(frozen=True)
class BoardKind:
    """device: as in `synth --device`; pins: of the shell's ports; lines: pins of each line, pulled up where it rests
    with nothing connected; leds: what they show; high: outputs that are held at 1; settings: lines of
    the file of constraints besides; load: the command that loads a bitstream."""

    name: str
    device: str
    clock_mhz: float
    pins: Mapping[str, Pin]
    lines: Mapping[str, Mapping[str, Pin]]
    leds: Leds
    high: tuple[str, ...]
    settings: tuple[str, ...]
    load: str

    def label(self, line: str) -> str:
        """Of what is built for a line of it."""
        return self.name if line == DEFAULT_LINE else f"{self.name}-{line}"

    def constraints(self, line: str) -> str:
        """Pins and voltages, for nextpnr."""
        return constraints(PLACED[self.device].family, {**self.pins, **self.lines[line]}, self.settings)

    def file_name(self, line: str) -> str:
        """Of these constraints."""
        return f"{self.label(line)}.{extension(PLACED[self.device].family)}"


def _at(standard: str | None, sites: Mapping[str, str], *, pull_up: bool = False) -> dict[str, Pin]:
    return {port: Pin(site, pull_up, standard) for port, site in sites.items()}


# The sites are those of the board's schematic and of its constraint file (ulx3s_v20.lpf in the board's repository): 25 MHz
# in, the FPGA's side of the FT231X bridge (its ftdi_txd is what the host sends), LEDs, and for SPI gp[0] to gp[3] on the
# header J1 (pins 5, 7, 9 and 11, the row marked +), which nothing else on the board uses. wifi_gpio0 is high so that the
# ESP32 of the board does not take it over.
_ULX3S_LEDS = ("B2", "C2", "C1", "D2", "D1", "E2", "E1", "H3")
ULX3S = BoardKind(
    "ulx3s-85f",
    "ecp5-85k",
    25.0,
    _at("LVCMOS33", {"clk": "G2", **{f"led[{k}]": site for k, site in enumerate(_ULX3S_LEDS)}, "wifi_gpio0": "L2"}),
    {
        "uart": _at("LVCMOS33", {"rx": "M1", "tx": "L4"}, pull_up=True),
        "spi": _at("LVCMOS33", {"sck": "B11", "mosi": "A10", "miso": "A9", "cs_n": "B9"}, pull_up=True),
    },
    Leds((("status", 4), ("2'd0", 2), ("running", 1), ("blink", 1))),
    ("wifi_gpio0",),
    (
        "BLOCK RESETPATHS;",
        "BLOCK ASYNCPATHS;",
        (
            "SYSCONFIG CONFIG_IOVOLTAGE=3.3 COMPRESS_CONFIG=ON MCCLK_FREQ=62 SLAVE_SPI_PORT=DISABLE MASTER_SPI_PORT=ENABLE"
            " SLAVE_PARALLEL_PORT=DISABLE;"
        ),
        'FREQUENCY PORT "clk" 25 MHZ;',
    ),
    "openFPGALoader -b ulx3s {file}",
)
# Sipeed's core board in its dock: 27 MHz in, the serial line of the USB bridge on the dock, and those four of its LEDs whose
# pins have no second use. Sites are those of the vendor's examples and of LiteX's platform of the board, which agree; the
# LEDs' bank has 1.8 V.
_TANG_LEDS = ("N16", "N14", "L14", "L16")
TANG_PRIMER = BoardKind(
    "tang-primer-20k",
    "gw2a-18c",
    27.0,
    _at("LVCMOS33", {"clk": "H11"}) | _at("LVCMOS18", {f"led[{k}]": site for k, site in enumerate(_TANG_LEDS)}),
    {"uart": _at("LVCMOS33", {"rx": "T13"}, pull_up=True) | _at("LVCMOS33", {"tx": "M11"})},
    Leds((("status[2:0]", 3), ("blink", 1)), low=True),
    (),
    (),
    "openFPGALoader -b tangprimer20k {file}",
)
# Olimex' board of CologneChip's FPGA: 10 MHz in, the serial line of its RP2040, which also loads bitstreams, and one LED.
# Sites are those of LiteX's platform of the board.
GATEMATE_EVB = BoardKind(
    "gatematea1-evb",
    "gatemate-a1",
    10.0,
    _at(None, {"clk": "IO_SB_A8", "led": "IO_SB_B6"}),
    {"uart": _at(None, {"rx": "IO_SA_A6"}, pull_up=True) | _at(None, {"tx": "IO_SA_B6"})},
    Leds((("blink", 1),), low=True),
    (),
    (),
    "openFPGALoader -b olimex_gatemateevb {file}",
)
BOARDS: Mapping[str, BoardKind] = {board.name: board for board in (ULX3S, TANG_PRIMER, GATEMATE_EVB)}


def board_named(name: str) -> BoardKind:
    if name not in BOARDS:
        raise FpgaMlError(f"unknown board '{name}'", where="--board", do=suggest(name, BOARDS))
    return BOARDS[name]
