"""A kernel on each token."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

import numpy as np

from fpga_ml.ir.kernel import Kernel
from fpga_ml.ir.network.channel import Raw
from fpga_ml.ir.network.process import (
    Process,
    Wires,
    applied,
    beyond,
    input_wires,
    kernel_faults,
    output_wires,
    too_narrow,
)


@dataclass(frozen=True)
class Map(Process):
    """One token of each read gives one of each write: the kernel's inputs are the elements of the reads one after the
    other, its outputs those of the writes. Its wires may be narrower than the channels' types."""

    kernel: Kernel
    kind: ClassVar[str] = "map"

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        return (self.kernel,)

    def faults(self) -> list[str]:
        tokens = {c.tokens for c in (*self.reads, *self.writes)}
        if len(tokens) > 1:
            return [f"{self.name}: one token of each read gives one of each write, but frames have {sorted(tokens)} tokens"]
        own = kernel_faults(self.kernel, sum(len(c.types) for c in self.reads))
        written = sum(len(c.types) for c in self.writes)
        if own or written != len(self.kernel.outputs):
            return own or [f"{self.name}: the kernel has {len(self.kernel.outputs)} outputs, {written} elements are written"]
        return [f for c, wires in zip(self.writes, self._results(), strict=True) for f in too_narrow(self.name, c, wires)]

    def reach(self, *reads: Wires) -> list[Wires]:
        return self._results()

    def not_within(self, *reads: Wires) -> list[str]:
        return beyond(self.name, [w for r in reads for w in r], input_wires(self.kernel))

    def _results(self) -> list[Wires]:
        wires = iter(output_wires(self.kernel))
        return [tuple(islice(wires, len(c.types))) for c in self.writes]

    def evaluate(self, *x: Raw) -> list[Raw]:
        given = [w for c in self.reads for w in c.wires]
        target = [w for c in self.writes for w in c.wires]
        found = applied(self.kernel, given, np.concatenate(x, axis=-1), target)
        ends = np.cumsum([len(c.types) for c in self.writes])[:-1]
        return list(np.split(found, ends, axis=-1))
