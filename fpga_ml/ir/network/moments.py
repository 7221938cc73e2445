"""Sums over a frame that are weighted by the pixel's place, by adders alone."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from fpga_ml.ir.kernel import Wire
from fpga_ml.ir.network.channel import Raw
from fpga_ml.ir.network.process import Process, Wires, beyond, too_narrow
from fpga_ml.numerics import Interval


@dataclass(frozen=True)
class Moments(Process):
    """Reads rows * columns tokens a frame and writes one, with the sums `places` of each element, exact.

    The sum (i, j) weighs a pixel by C(m, i) C(n, j), m and n being the pixels behind it in its row and in its column: what i
    and j accumulators behind one another give, each of which adds up what the one before it held. order: of the largest i +
    j.
    """

    rows: int
    columns: int
    order: int
    kind: ClassVar[str] = "moments"

    @property
    def places(self) -> tuple[tuple[int, int], ...]:
        """(i, j) of the sums, in the order in which they are written: 1, x, y, xx, xy, yy."""
        return tuple((total - j, j) for total in range(self.order + 1) for j in range(total + 1))

    @property
    def weights(self) -> npt.NDArray[np.int64]:
        """(pixels, sums)."""
        behind = [(self.columns - 1 - k % self.columns, self.rows - 1 - k // self.columns) for k in range(self.pixels)]
        return np.array([[comb(m, i) * comb(n, j) for i, j in self.places] for m, n in behind], np.int64)

    @property
    def pixels(self) -> int:
        return self.rows * self.columns

    def detail(self) -> str:
        return f"  of order {self.order} over {self.rows}x{self.columns} pixels"

    def faults(self) -> list[str]:
        if len(self.reads) != 1 or len(self.writes) != 1 or self.writes[0].tokens != 1:
            return [f"{self.name}: moments read one channel and write one token a frame"]
        found = []
        if self.reads[0].tokens != self.pixels:
            found.append(f"{self.name}: reads {self.reads[0].tokens} tokens, {self.rows}x{self.columns} pixels have others")
        if self.columns < 2:
            found.append(f"{self.name}: a row of one pixel ends before the sums of the row above are added up")
        if [t.fraction for t in self.writes[0].types] != [t.fraction for t in self.reads[0].types for _ in self.places]:
            found.append(f"{self.name}: the sums in '{self.writes[0].name}' have other fraction bits than the elements")
        return found or too_narrow(self.name, self.writes[0], self.reach(self.reads[0].wires)[0])

    def not_within(self, *reads: Wires) -> list[str]:
        return beyond(self.name, reads[0], self.reads[0].wires)

    def reach(self, *reads: Wires) -> list[Wires]:
        totals = [int(w) for w in self.weights.sum(axis=0)]
        return [tuple(weighed(w, total) for w in reads[0] for total in totals)]

    def in_row(self, wire: Wire) -> Wires:
        """What the sums of a row can be, for i from 0 to the order."""
        return tuple(weighed(wire, comb(self.columns, i + 1)) for i in range(self.order + 1))

    def evaluate(self, *x: Raw) -> list[Raw]:
        sums = np.moveaxis(x[0], 1, 2) @ self.weights  # (N, elements, sums)
        return [sums.reshape(len(sums), 1, -1)]


def weighed(wire: Wire, total: int) -> Wire:
    """A sum with weights that are not negative and add up to `total`."""
    return Wire(wire.fraction, wire.interval.mul(Interval(total, total)))
