"""Quadratic forms of a pixel's place, by adders alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fpga_ml.ir.kernel import Wire
from fpga_ml.ir.network.channel import Raw
from fpga_ml.ir.network.process import Process, Wires, beyond

DIFFERENCES = 6


@dataclass(frozen=True)
class Quadratic(Process):
    """Reads one token a frame and writes rows * columns tokens, row by row, of the forms' values at each pixel.

    A form is six elements of what is read: its value at the first pixel, its first differences there along the row (x) and
    along the column (y), and its second differences xx, xy, yy. Values wrap in the type that is written.
    """

    rows: int
    columns: int
    kind: ClassVar[str] = "quadratic"

    @property
    def interval_cycles(self) -> int:
        return self.rows * self.columns

    def detail(self) -> str:
        return f"  {len(self.writes[0].types)} forms of {self.rows}x{self.columns} pixels"

    def faults(self) -> list[str]:
        if len(self.reads) != 1 or len(self.writes) != 1 or self.reads[0].tokens != 1:
            return [f"{self.name}: quadratic forms read one token a frame and write one channel"]
        read, write, found = self.reads[0], self.writes[0], []
        if write.tokens != self.rows * self.columns:
            found.append(f"{self.name}: writes {write.tokens} tokens, {self.rows}x{self.columns} pixels have others")
        if len(read.types) != DIFFERENCES * len(write.types):
            found.append(f"{self.name}: {len(write.types)} forms are not six of {len(read.types)} elements each")
        elif any(t.fraction > write.types[k // DIFFERENCES].fraction for k, t in enumerate(read.types)):
            found.append(f"{self.name}: '{read.name}' has finer elements than '{write.name}'")
        return found

    def not_within(self, *reads: Wires) -> list[str]:
        return beyond(self.name, reads[0], self.reads[0].wires)

    def reach(self, *reads: Wires) -> list[Wires]:
        return [tuple(Wire.of(t) for t in self.writes[0].types)]

    def evaluate(self, *x: Raw) -> list[Raw]:
        y, across = (v.reshape(-1) for v in np.indices((self.rows, self.columns)))
        steps = np.stack([np.ones_like(y), across, y, across * (across - 1) // 2, across * y, y * (y - 1) // 2])
        forms = []
        for k, t in enumerate(self.writes[0].types):
            own = slice(DIFFERENCES * k, DIFFERENCES * (k + 1))
            shifts = [t.fraction - e.fraction for e in self.reads[0].types[own]]
            exact = (x[0][:, 0, own].astype(object) << np.array(shifts, object)) @ steps.astype(object)
            low = t.min_raw
            forms.append((exact - low) % (1 << t.width) + low)
        return [np.stack(forms, axis=-1).astype(np.int64)]
