"""Delay models by the name a user gives a device."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fpga_ml.schedule.delay import GENERIC, DelayModel

ECP5 = DelayModel("ECP5-6")

DEVICES: Mapping[str, DelayModel] = MappingProxyType({"generic-16nm": GENERIC, "ecp5-85k": ECP5})
