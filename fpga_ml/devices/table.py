"""Every device: its delays, its names in the tools, and what it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from fpga_ml.devices.delays import ECP5, GENERIC, ICE40_HX, ICE40_UP, NEXUS, DelayModel

Target = Literal["xcup", "xc7", "cyclonev", "ecp5", "ice40-hx", "ice40-u", "nexus"]  # as our scripts for Yosys call a family
Family = Literal["ecp5", "ice40", "nexus"]  # as nextpnr does

# A pin for each of the shell's ports; nextpnr places those of the other families by itself.
_NEXUS_PINS = """
ldc_set_location -site {L13} [get_ports clk]
ldc_set_location -site {E17} [get_ports serial_in]
ldc_set_location -site {F13} [get_ports serial_out]
"""


@dataclass(frozen=True)
class Cells:
    """luts: with those of carry chains and small memories; brams: a half block counts half."""

    luts: int = 0
    ffs: int = 0
    dsps: int = 0
    brams: float = 0


@dataclass(frozen=True)
class Placer:
    """How nextpnr is called for a device, and what the device has; files: {name: text} that the options name."""

    family: Family
    options: tuple[str, ...]
    available: Cells
    files: Mapping[str, str]


@dataclass(frozen=True)
class Device:
    """delays: by which RTL is pipelined for it and an estimate times it, None where nobody has measured the family; target:
    what Yosys calls the family, None where Yosys maps to none; placer: None where nextpnr does not place it: its cells are
    only counted."""

    delays: DelayModel | None
    target: Target | None
    placer: Placer | None = None


def _ecp5(size: str, luts: int, dsps: int, brams: int) -> Device:
    options = (f"--{size}", "--package", "CABGA381", "--speed", "6")
    return Device(ECP5, "ecp5", Placer("ecp5", options, Cells(luts, luts, dsps, brams), {}))


def _ice40(size: str, delays: DelayModel, target: Target, package: str, luts: int, dsps: int, brams: int) -> Device:
    options = (f"--{size}", "--package", package)
    return Device(delays, target, Placer("ice40", options, Cells(luts, luts, dsps, brams), {}))


def _nexus(name: str, luts: int, dsps: int, brams: int) -> Device:
    options = ("--device", name, "--pdc", "pins.pdc", "--router", "router1")
    return Device(NEXUS, "nexus", Placer("nexus", options, Cells(luts, luts, dsps, brams), {"pins.pdc": _NEXUS_PINS}))


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
