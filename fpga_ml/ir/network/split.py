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
    """Reads tokens and writes the elements of each as several of equal types, the first elements first.

    interleaved: sequences in a frame: they are read one behind the other as one token, and written in turn, a token of each;
    places: which part of the token each of those written is, where it is not each in turn.
    """

    interleaved: int = 1
    places: tuple[int, ...] = ()
    kind: ClassVar[str] = "split"

    @property
    def parts(self) -> int:
        """Tokens that are made of one."""
        return self.writes[0].tokens // self.reads[0].tokens

    @property
    def pieces(self) -> int:
        """Parts of the token that is read."""
        return len(self.reads[0].types) // len(self.writes[0].types)

    @property
    def interval_cycles(self) -> int:
        return self.parts

    def faults(self) -> list[str]:
        if len(self.reads) != 1 or len(self.writes) != 1:
            return [f"{self.name}: a split reads one channel and writes one"]
        read, write = self.reads[0], self.writes[0]
        if write.tokens % read.tokens or (self.interleaved > 1 and read.tokens > 1):
            return [f"{self.name}: {read.tokens} tokens a frame cannot be split into {write.tokens}"]
        pieces = self.pieces if self.places else self.parts
        if read.types != write.types * pieces:
            return [f"{self.name}: the types of '{read.name}' are not {pieces} times those of '{write.name}'"]
        if self.places and (len(self.places) != self.parts or self.interleaved > 1 or {*self.places} - {*range(pieces)}):
            return [f"{self.name}: the tokens written are not {self.parts} of the {pieces} parts of one"]
        if write.tokens % self.interleaved:
            return [f"{self.name}: {write.tokens} tokens a frame are not {self.interleaved} sequences of one length"]
        return []

    def not_within(self, *reads: Wires) -> list[str]:
        return beyond(self.name, reads[0], self.reads[0].wires)

    def reach(self, *reads: Wires) -> list[Wires]:
        parts = np.reshape(np.array(reads[0], object), (self.pieces, -1))
        return [tuple(hull(list(column)) for column in parts.T)]

    def evaluate(self, *x: Raw) -> list[Raw]:
        if self.places:
            parts = x[0].reshape(*x[0].shape[:2], self.pieces, -1)[:, :, list(self.places)]
            return [parts.reshape(len(x[0]), self.writes[0].tokens, -1)]
        tokens = self.writes[0].tokens // self.interleaved
        return [together(x[0].reshape(len(x[0]) * self.interleaved, tokens, -1), self.interleaved)]
