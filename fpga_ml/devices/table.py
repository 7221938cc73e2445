"""Every device: its delays, its names in the tools, and what it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from fpga_ml.devices.delays import ECP5, GATEMATE, GENERIC, GW2A, GW5A, ICE40_HX, ICE40_UP, NEXUS, DelayModel
from fpga_ml.devices.pins import Family, Pin

# As our scripts for Yosys call a family.
Target = Literal["xcup", "xc7", "cyclonev", "ecp5", "ice40-hx", "ice40-u", "nexus", "gw2a", "gw5a", "gatemate"]


@dataclass(frozen=True)
class Cells:
    """luts: with those of carry chains and small memories; brams: a half block counts half."""

    luts: int = 0
    ffs: int = 0
    dsps: int = 0
    brams: float = 0


@dataclass(frozen=True)
class Placer:
    """How nextpnr is called for a device, and what the device has; pins: of the serial shell's ports, none where nextpnr
    places them by itself."""

    family: Family
    options: tuple[str, ...]
    available: Cells
    pins: Mapping[str, Pin]


@dataclass(frozen=True)
class Device:
    """delays: by which RTL is pipelined for it and an estimate times it, None where nobody has measured the family; target:
    what Yosys calls the family, None where Yosys maps to none; placer: None where nextpnr does not place it: its cells are
    only counted; notes: what is to be known of its figures, for every report."""

    delays: DelayModel | None
    target: Target | None
    placer: Placer | None = None
    notes: tuple[str, ...] = ()


def _shell_pins(clock: str, serial_in: str, serial_out: str) -> Mapping[str, Pin]:
    return {"clk": Pin(clock), "serial_in": Pin(serial_in), "serial_out": Pin(serial_out)}


def _ecp5(size: str, luts: int, dsps: int, brams: int) -> Device:
    options = (f"--{size}", "--package", "CABGA381", "--speed", "6")
    return Device(ECP5, "ecp5", Placer("ecp5", options, Cells(luts, luts, dsps, brams), {}))


def _ice40(size: str, delays: DelayModel, target: Target, package: str, luts: int, dsps: int, brams: int) -> Device:
    options = (f"--{size}", "--package", package)
    return Device(delays, target, Placer("ice40", options, Cells(luts, luts, dsps, brams), {}))


def _nexus(name: str, luts: int, dsps: int, brams: int) -> Device:
    options = ("--device", name, "--router", "router1")
    placer = Placer("nexus", options, Cells(luts, luts, dsps, brams), _shell_pins("L13", "E17", "F13"))
    return Device(NEXUS, "nexus", placer)


_UNTIMED = "nextpnr has no times of Gowin's {}: no path leads through one, and the clock leaves them out"
_INDICATIVE = "the clock is indicative only: the tools time GW5A with the delays of GW2A"
_NO_PRODUCTS = "Yosys makes no DSPs for GW5A: its products are LUTs"


def _gowin(part: str, family: str, target: Target, available: Cells, pins: Mapping[str, Pin]) -> Device:
    options = ("--device", part, *(("--vopt", f"family={family}") if family else ()))
    placer = Placer("himbaechel-gowin", options, available, pins)
    if target == "gw2a":
        return Device(GW2A, target, placer, (_UNTIMED.format("DSPs and memories"),))
    return Device(GW5A, target, placer, (_INDICATIVE, _NO_PRODUCTS, _UNTIMED.format("memories")))


# What a device has: as nextpnr's own reports say (utilization, available).
DEVICES: Mapping[str, Device] = MappingProxyType(
    {
        "generic-16nm": Device(GENERIC, None),
        "ecp5-25k": _ecp5("25k", 24288, 28, 56),
        "ecp5-45k": _ecp5("45k", 43848, 72, 108),
        "ecp5-85k": _ecp5("85k", 83640, 156, 208),
        "ice40-hx8k": _ice40("hx8k", ICE40_HX, "ice40-hx", "ct256", 7680, 0, 32),
        "ice40-up5k": _ice40("up5k", ICE40_UP, "ice40-u", "sg48", 5280, 8, 30),
        "nexus-40k": _nexus("LIFCL-40-9BG400C", 32256, 56, 84),
        # A clock at a pin that nextpnr leads to the global network: of the 138C it does not from several others.
        "gw2a-18c": _gowin(
            "GW2A-LV18PG256C8/I7", "GW2A-18C", "gw2a", Cells(20736, 15552, 48, 46), _shell_pins("H11", "T13", "M11")
        ),
        "gw5a-25a": _gowin("GW5A-LV25MG121NC1/I0", "", "gw5a", Cells(23040, 23040, 0, 56), _shell_pins("E2", "E3", "G1")),
        "gw5ast-138c": _gowin(
            "GW5AST-LV138PG484AC1/I0", "", "gw5a", Cells(138240, 138240, 0, 340), _shell_pins("V22", "A15", "A16")
        ),
        "gatemate-a1": Device(
            GATEMATE,
            "gatemate",
            Placer(
                "himbaechel-gatemate",
                ("--device", "CCGM1A1", "--vopt", "no-bridges"),
                Cells(40960, 40960, 0, 64),
                {"clk": Pin("IO_SB_A8")},
            ),
            ("a LUT of GateMate is half of one of its 20,480 elements (CPE); products are made of them",),
        ),
        "xcup": Device(GENERIC, "xcup"),
        "xc7": Device(None, "xc7"),
        "cyclonev": Device(None, "cyclonev"),
    }
)

PIPELINED: Mapping[str, DelayModel] = MappingProxyType({name: d.delays for name, d in DEVICES.items() if d.delays})
"""Devices that RTL can be pipelined for."""
MAPPED: Mapping[str, Target] = MappingProxyType({name: d.target for name, d in DEVICES.items() if d.target})
"""Devices that the open tools synthesise for."""
PLACED: Mapping[str, Placer] = MappingProxyType({name: d.placer for name, d in DEVICES.items() if d.placer})
"""Of these, the ones that nextpnr places and routes."""
