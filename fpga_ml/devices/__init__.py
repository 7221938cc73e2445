"""Devices and boards: delays, names in the tools, capacities, pins. A new one is a row here."""

from fpga_ml.devices.delays import GENERIC, DelayModel
from fpga_ml.devices.pins import Family, Pin
from fpga_ml.devices.table import DEVICES, MAPPED, PIPELINED, PLACED, Cells, Device, Placer, Target

__all__ = [
    "DEVICES",
    "GENERIC",
    "MAPPED",
    "PIPELINED",
    "PLACED",
    "Cells",
    "DelayModel",
    "Device",
    "Family",
    "Pin",
    "Placer",
    "Target",
]
