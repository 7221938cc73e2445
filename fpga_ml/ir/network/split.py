"""One token in parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fpga_ml.ir.network.channel import Raw, together
from fpga_ml.ir.network.fold import hull
from fpga_ml.ir.network.process import Process, Wires, beyond


@dataclass(frozen=True)
class Split(Process):
    """Reads one token a frame and writes its elements as tokens of equal types, the first elements first.

    interleaved: sequences in a frame: they are read one behind the other, and written in turn, a token of each.
    """

    interleaved: int = 1
    kind: ClassVar[str] = "split"

    @property
    def interval_cycles(self) -> int:
        return self.writes[0].tokens

    def faults(self) -> list[str]:
        if len(self.reads) != 1 or len(self.writes) != 1 or self.reads[0].tokens != 1:
            return [f"{self.name}: a split reads one token a frame and writes one channel"]
        read, write = self.reads[0], self.writes[0]
        if read.types != write.types * write.tokens:
            return [f"{self.name}: the types of '{read.name}' are not {write.tokens} times those of '{write.name}'"]
        if write.tokens % self.interleaved:
            return [f"{self.name}: {write.tokens} tokens a frame are not {self.interleaved} sequences of one length"]
        return []

    def not_within(self, *reads: Wires) -> list[str]:
        return beyond(self.name, reads[0], self.reads[0].wires)

    def reach(self, *reads: Wires) -> list[Wires]:
        parts = np.reshape(np.array(reads[0], object), (self.writes[0].tokens, -1))
        return [tuple(hull(list(column)) for column in parts.T)]

    def evaluate(self, *x: Raw) -> list[Raw]:
        tokens = self.writes[0].tokens // self.interleaved
        return [together(x[0].reshape(len(x[0]) * self.interleaved, tokens, -1), self.interleaved)]
