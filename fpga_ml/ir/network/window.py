"""A line buffer: pixels in raster order become windows, one for each position of a convolution or pooling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fpga_ml.ir.kernel import Wire
from fpga_ml.ir.network.channel import Raw
from fpga_ml.ir.network.process import Process, Wires, beyond, too_narrow
from fpga_ml.numerics import Interval


@dataclass(frozen=True)
class Axis:
    """One direction of an image: window number i begins at pixel i * stride - before and has `taps` pixels, `step` apart.

    size: pixels there are; windows: how many are given.
    """

    size: int
    windows: int
    taps: int = 1
    stride: int = 1
    before: int = 0
    step: int = 1

    @property
    def reach(self) -> int:
        """Pixels from a window's first to its last, both included."""
        return (self.taps - 1) * self.step + 1

    def pixels(self) -> np.ndarray:
        """(windows, taps) pixel numbers, -1 outside the image."""
        at = np.arange(self.windows)[:, None] * self.stride - self.before + np.arange(self.taps) * self.step
        return np.where((at >= 0) & (at < self.size), at, -1)


@dataclass(frozen=True)
class Window(Process):
    """Reads rows.size * columns.size tokens a frame, writes rows.windows * columns.windows: the taps' pixels, first row
    first; `fill`, raw, stands for each element of a pixel outside the image."""

    rows: Axis
    columns: Axis
    fill: tuple[int, ...]
    kind: ClassVar[str] = "window"

    def detail(self) -> str:
        r, c = self.rows, self.columns
        return f"  {r.taps}x{c.taps} of {r.size}x{c.size}, stride {r.stride}x{c.stride}, {r.windows}x{c.windows} windows"

    @property
    def lag(self) -> int:
        """Pixels that come before the one with which the first window is complete, pixels outside the image included."""
        r, c = self.rows, self.columns
        return (r.reach - 1 - r.before) * c.size + c.reach - 1 - c.before

    @property
    def last(self) -> int:
        """As `lag`, how many more for the last window."""
        return (self.rows.windows - 1) * self.rows.stride * self.columns.size + (
            self.columns.windows - 1
        ) * self.columns.stride

    @property
    def table(self) -> np.ndarray:
        """(windows, taps) pixel numbers, -1 outside the image."""
        y, x = self.rows.pixels(), self.columns.pixels()
        both = y[:, None, :, None] * self.columns.size + x[None, :, None, :]
        outside = (y[:, None, :, None] < 0) | (x[None, :, None, :] < 0)
        return np.where(outside, -1, both).reshape(len(y) * len(x), -1)

    def faults(self) -> list[str]:
        where, taps = self.name, self.rows.taps * self.columns.taps
        if len(self.reads) != 1 or len(self.writes) != 1:
            return [f"{where}: a window reads one channel and writes one"]
        read, write = self.reads[0], self.writes[0]
        found = []
        if (read.tokens, write.tokens) != (self.rows.size * self.columns.size, self.rows.windows * self.columns.windows):
            found.append(f"{where}: {read.tokens} pixels and {write.tokens} windows are not those of its axes")
        if len(self.fill) != len(read.types):
            found.append(f"{where}: {len(self.fill)} values to fill with, pixels have {len(read.types)} elements")
        if self.lag < 0 or self.last >= read.tokens:
            found.append(f"{where}: its windows do not follow one another with the pixels")
        return found or too_narrow(where, write, tuple(w for _ in range(taps) for w in read.wires))

    def not_within(self, *reads: Wires) -> list[str]:
        return beyond(self.name, reads[0], self.reads[0].wires)

    def reach(self, *reads: Wires) -> list[Wires]:
        pixel = reads[0]
        if (self.table < 0).any():
            pixel = tuple(_with(w, t.fraction, raw) for w, t, raw in zip(pixel, self.reads[0].types, self.fill, strict=True))
        return [pixel * (self.rows.taps * self.columns.taps)]

    def evaluate(self, *x: Raw) -> list[Raw]:
        outside = np.broadcast_to(np.array(self.fill, x[0].dtype), (len(x[0]), 1, len(self.fill)))
        windows = np.concatenate([x[0], outside], axis=1)[:, self.table]
        return [windows.reshape(len(x[0]), len(self.table), -1)]


def _with(wire: Wire, fraction: int, raw: int) -> Wire:
    """Also this value, raw with so many fraction bits."""
    if raw == 0:
        return Wire(wire.fraction, wire.interval.union(Interval(0, 0)))
    reach = wire.at(max(fraction, wire.fraction))
    value = raw << max(0, wire.fraction - fraction)
    return Wire(max(fraction, wire.fraction), reach.union(Interval(value, value)))
