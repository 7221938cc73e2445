"""The boards that the shell knows: what stands where, in LPF's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fpga_ml.errors import FpgaMlError, suggest

DEFAULT_LINE = "uart"


@dataclass(frozen=True)
class BoardKind:
    """device: as in `synth --device`; pins: of the shell's ports, and of those of each line; high: outputs that are held at
    1; settings: lines of LPF besides; load: the command that loads a bitstream."""

    name: str
    device: str
    clock_mhz: float
    pins: Mapping[str, str]
    lines: Mapping[str, Mapping[str, str]]
    high: tuple[str, ...]
    settings: tuple[str, ...]
    load: str

    def label(self, line: str) -> str:
        """Of what is built for a line of it."""
        return self.name if line == DEFAULT_LINE else f"{self.name}-{line}"

    def lpf(self, line: str) -> str:
        """Pins, voltages and the clock, for nextpnr. Those of the line are pulled up: where nothing is connected, it
        rests."""
        lines = [*self.settings, f'FREQUENCY PORT "clk" {self.clock_mhz:g} MHZ;']
        for pins, pull in ((self.pins, ""), (self.lines[line], " PULLMODE=UP")):
            for port, site in pins.items():
                lines += [f'LOCATE COMP "{port}" SITE "{site}";', f'IOBUF PORT "{port}"{pull} IO_TYPE=LVCMOS33;']
        return "\n".join(lines) + "\n"


# The sites are those of the board's schematic and of its constraint file (ulx3s_v20.lpf in the board's repository): 25 MHz
# in, the FPGA's side of the FT231X bridge (its ftdi_txd is what the host sends), LEDs, and for SPI gp[0] to gp[3] on the
# header J1 (pins 5, 7, 9 and 11, the row marked +), which nothing else on the board uses. wifi_gpio0 is high so that the
# ESP32 of the board does not take it over.
_ULX3S_LEDS = ("B2", "C2", "C1", "D2", "D1", "E2", "E1", "H3")
ULX3S = BoardKind(
    "ulx3s-85f",
    "ecp5-85k",
    25.0,
    {"clk": "G2", **{f"led[{k}]": site for k, site in enumerate(_ULX3S_LEDS)}, "wifi_gpio0": "L2"},
    {"uart": {"rx": "M1", "tx": "L4"}, "spi": {"sck": "B11", "mosi": "A10", "miso": "A9", "cs_n": "B9"}},
    ("wifi_gpio0",),
    (
        "BLOCK RESETPATHS;",
        "BLOCK ASYNCPATHS;",
        (
            "SYSCONFIG CONFIG_IOVOLTAGE=3.3 COMPRESS_CONFIG=ON MCCLK_FREQ=62 SLAVE_SPI_PORT=DISABLE MASTER_SPI_PORT=ENABLE"
            " SLAVE_PARALLEL_PORT=DISABLE;"
        ),
    ),
    "openFPGALoader -b ulx3s {file}",
)
BOARDS: Mapping[str, BoardKind] = {board.name: board for board in (ULX3S,)}


def board_named(name: str) -> BoardKind:
    if name not in BOARDS:
        raise FpgaMlError(f"unknown board '{name}'", where="--board", do=suggest(name, BOARDS))
    return BOARDS[name]
