"""All tokens of a frame as one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fpga_ml.ir.network.channel import Raw
from fpga_ml.ir.network.process import Process, Wires, beyond, too_narrow


@dataclass(frozen=True)
class Collect(Process):
    """Reads the tokens of a frame and writes one with all of their elements, the first token's first."""

    kind: ClassVar[str] = "collect"

    def faults(self) -> list[str]:
        if len(self.reads) != 1 or len(self.writes) != 1 or self.writes[0].tokens != 1:
            return [f"{self.name}: a collection reads one channel and writes one token a frame"]
        return too_narrow(self.name, self.writes[0], self.reach(self.reads[0].wires)[0])

    def not_within(self, *reads: Wires) -> list[str]:
        return beyond(self.name, reads[0], self.reads[0].wires)

    def reach(self, *reads: Wires) -> list[Wires]:
        return [reads[0] * self.reads[0].tokens]

    def evaluate(self, *x: Raw) -> list[Raw]:
        return [x[0].reshape(len(x[0]), 1, -1)]
