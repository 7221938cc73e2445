"""What modules that hold a token have in common.

`given_ready` says that a token can be taken; `held_valid` that one is held, and `held_ready` that it is taken.
"""

from __future__ import annotations

from fpga_ml.ir.network import Channel
from fpga_ml.rtl.sv import Assign, Declare, Item, Net, Port, Register, Registers, literal

PORTS = ("clk", "rst", "given", "given_valid", "given_ready", "held", "held_valid", "held_ready")


class HoldingModule:
    """What all have: ports, a count of the frame's tokens, and the rule of when to step."""

    def __init__(self, name: str, read: Channel, write: Channel) -> None:
        self.name, self.read, self.write = name, read, write

    def ports(self) -> tuple[Port, ...]:
        return (
            Port("input", "clk"),
            Port("input", "rst"),
            Port("input", "given", self.read.width_bits),
            Port("input", "given_valid"),
            Port("output", "given_ready"),
            Port("output", "held", self.write.width_bits),
            Port("output", "held_valid"),
            Port("input", "held_ready"),
        )

    def stepping(self, step: str, offers: str) -> list[Item]:
        """offers: whether a step makes a token."""
        valid, taken = "held_valid", "held_ready"
        return [
            Assign("given_ready", "free"),
            Registers(
                "clk", (Register("valid", None, False, f"((free & {step}) ? {offers} : valid & ~{taken})", True),), "rst"
            ),
            Assign(valid, "valid"),
        ]

    def free(self) -> list[Item]:
        return [Declare("valid", None, "logic"), Net("free", None, False, "~valid | held_ready")]

    def counted(self, step: str) -> list[Item]:
        """The number of the frame's token that comes next."""
        return counter("count", self.read.tokens, step, reset=True)


def counter(name: str, values: int, step: str, *, reset: bool) -> list[Item]:
    """From 0 to values - 1 and again from 0."""
    width = max((values - 1).bit_length(), 1)
    following = f"({name} == {literal(values - 1, width)}) ? {literal(0, width)} : {name} + {literal(1, width)}"
    register = Register(name, width, False, f"({step} ? ({following}) : {name})", declared=True)
    return [Declare(name, width, "logic"), Registers("clk", (register,), "rst" if reset else None)]
