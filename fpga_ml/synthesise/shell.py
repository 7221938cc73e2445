"""A serial shell around a top that has more ports than a device has pins.

Inputs come out of a shift register, outputs go into registers that are folded into a chain which leaves by one pin: every
path of the design is then between registers, and is timed, and the clock is a global net. The tools cannot tell that nothing
is connected, so nothing of the design is left out. A cell of logic and two registers an output bit, a register an input bit.
"""

from __future__ import annotations

from itertools import accumulate

from fpga_ml.rtl.sv import Assign, Declare, Instance, Item, Module, Port, Register, Registers
from fpga_ml.tb.verilog import Top

NAME = "fpga_ml_shell"
DESIGN = "design_"
_CLOCKS = ("ap_clk", "clk", "clock")


def shell_module(top: Top) -> Module:
    """top: a design with one clock, by one of the usual names."""
    clock = next(name for name in _CLOCKS if top.find(name))
    reads = [p for p in top.ports if p.direction == "input" and p.name != clock]
    writes = [p for p in top.ports if p.direction == "output"]
    connections, wires = [(clock, "clk")], []
    for side, ports in (("given", reads), ("made", writes)):
        ends = list(accumulate((p.width_bits for p in ports), initial=0))
        connections += [(p.name, f"{side}[{high - 1}:{low}]") for p, low, high in zip(ports, ends, ends[1:], strict=False)]
        wires.append(ends[-1])
    given, made = wires
    items: list[Item] = [
        Declare("made", made),
        Registers("clk", (Register("given", given, False, f"{{given[{given - 2}:0], serial_in}}"),)),
        Instance(top.name, DESIGN, tuple(connections)),
        Registers("clk", (Register("kept", made, False, "made"),)),
        Registers("clk", (Register("chain", made, False, f"{{chain[{made - 2}:0], 1'b0}} ^ kept"),)),
        Assign("serial_out", f"chain[{made - 1}]"),
    ]
    return Module(NAME, (Port("input", "clk"), Port("input", "serial_in"), Port("output", "serial_out")), items)
