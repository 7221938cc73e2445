"""All tokens of a sequence as one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fpga_ml.ir.network.channel import Raw, apart, together
from fpga_ml.ir.network.process import Process, Wires, beyond, too_narrow


@dataclass(frozen=True)
class Collect(Process):
    """Reads the tokens of a sequence and writes one with all of their elements, the first token's first.

    interleaved: sequences in a frame, whose tokens come in turn, as do the tokens that are written.
    """

    interleaved: int = 1
    kind: ClassVar[str] = "collect"

    def faults(self) -> list[str]:
        if len(self.reads) != 1 or len(self.writes) != 1 or self.writes[0].tokens != self.interleaved:
            return [f"{self.name}: a collection reads one channel and writes one token a sequence"]
        if self.reads[0].tokens % self.interleaved:
            return [f"{self.name}: {self.reads[0].tokens} tokens a frame are not {self.interleaved} sequences of one length"]
        return too_narrow(self.name, self.writes[0], self.reach(self.reads[0].wires)[0])

    def not_within(self, *reads: Wires) -> list[str]:
        return beyond(self.name, reads[0], self.reads[0].wires)

    def reach(self, *reads: Wires) -> list[Wires]:
        return [reads[0] * (self.reads[0].tokens // self.interleaved)]

    def evaluate(self, *x: Raw) -> list[Raw]:
        sequences = apart(x[0], self.interleaved)
        return [together(sequences.reshape(len(sequences), 1, -1), self.interleaved)]
