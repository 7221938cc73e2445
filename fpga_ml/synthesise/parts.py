"""What the open tools synthesise for: families that Yosys maps to, and of them the devices that nextpnr places and routes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from fpga_ml.schedule.delay import GENERIC, DelayModel
from fpga_ml.schedule.devices import DEVICES
from fpga_ml.synthesise.result import Cells
from fpga_ml.toolchain.nextpnr import Family
from fpga_ml.toolchain.yosys import Target

# A pin for each of the shell's ports; nextpnr places those of the other families by itself.
_NEXUS_PINS = """
ldc_set_location -site {L13} [get_ports clk]
ldc_set_location -site {E17} [get_ports serial_in]
ldc_set_location -site {F13} [get_ports serial_out]
"""


@dataclass(frozen=True)
class Device:
    """What nextpnr is told, and what the device has; files: {name: text} that the options name."""

    family: Family
    options: tuple[str, ...]
    available: Cells
    files: Mapping[str, str]


@dataclass(frozen=True)
class Part:
    """target: Yosys'; model: delays by which an estimate times it, None where there is none of the family; device: None for one that the
    open tools only count for."""

    target: Target
    model: DelayModel | None
    device: Device | None = None


def _ecp5(size: str, luts: int, dsps: int, brams: int) -> Part:
    options = (f"--{size}", "--package", "CABGA381", "--speed", "6")
    return Part("ecp5", DEVICES[f"ecp5-{size}"], Device("ecp5", options, Cells(luts, luts, dsps, brams), {}))


def _ice40(size: str, target: Target, package: str, luts: int, dsps: int, brams: int) -> Part:
    options = (f"--{size}", "--package", package)
    return Part(target, DEVICES[f"ice40-{size}"], Device("ice40", options, Cells(luts, luts, dsps, brams), {}))


# What a device has: as nextpnr's own reports say (utilization, available).
PARTS: Mapping[str, Part] = MappingProxyType(
    {
        "ecp5-25k": _ecp5("25k", 24288, 28, 56),
        "ecp5-45k": _ecp5("45k", 43848, 72, 108),
        "ecp5-85k": _ecp5("85k", 83640, 156, 208),
        "ice40-hx8k": _ice40("hx8k", "ice40-hx", "ct256", 7680, 0, 32),
        "ice40-up5k": _ice40("up5k", "ice40-u", "sg48", 5280, 8, 30),
        "nexus-40k": Part(
            "nexus",
            DEVICES["nexus-40k"],
            Device(
                "nexus",
                ("--device", "LIFCL-40-9BG400C", "--pdc", "pins.pdc", "--router", "router1"),
                Cells(32256, 32256, 56, 84),
                {"pins.pdc": _NEXUS_PINS},
            ),
        ),
        "xcup": Part("xcup", GENERIC),
        "xc7": Part("xc7", None),
        "cyclonev": Part("cyclonev", None),
    }
)

COUNTED = frozenset(name for name, part in PARTS.items() if part.device is None)
"""Devices that the open tools only count for."""
