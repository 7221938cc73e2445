"""Channels: what passes from process to process, one token at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from fpga_ml.ir.kernel import Wire
from fpga_ml.numerics import FixedType

Raw = npt.NDArray[Any]  # (frames, tokens, elements), int64 or Python integers


@dataclass(frozen=True)
class Channel:
    """The elements of one token in row-major order, packed with element 0 in the least significant bits.

    types: of each element; tokens: how many make a frame (one inference): 1 where all of a tensor comes at once, its
    pixels where it is streamed. Where sequences are interleaved, a frame is a group of them: the first token of each, then
    the second of each, and so on.
    """

    name: str
    types: tuple[FixedType, ...]
    tokens: int = 1

    @property
    def width_bits(self) -> int:
        return sum(t.width for t in self.types)

    @cached_property
    def lows(self) -> tuple[int, ...]:
        """The lowest bit of each element."""
        return tuple(accumulate((t.width for t in self.types[:-1]), initial=0))

    def slices(self) -> Iterator[tuple[int, int, FixedType]]:
        """(number, lowest bit, type) of each element."""
        return zip(range(len(self.types)), self.lows, self.types, strict=False)

    @property
    def wires(self) -> tuple[Wire, ...]:
        """What each element can be by its type alone."""
        return tuple(map(Wire.of, self.types))

    @property
    def text(self) -> str:
        """`name: 1089 x [ap_fixed<8,2> x 3]`."""
        runs: list[list[Any]] = []
        for t in self.types:
            if runs and runs[-1][0] == t:
                runs[-1][1] += 1
            else:
                runs.append([t, 1])
        elements = ", ".join(t.cpp() + f" x {n}" * (n > 1) for t, n in runs)
        return f"{self.name}: {f'{self.tokens} x ' * (self.tokens > 1)}[{elements}]"


def holds(declared: FixedType, wire: Wire) -> bool:
    """Whether every value of the wire is one of the type's."""
    if wire.interval.low == wire.interval.high == 0:
        return True
    if wire.fraction > declared.fraction:
        return False
    reach = wire.at(declared.fraction)
    return declared.min_raw <= reach.low and reach.high <= declared.max_raw


def within(made: Wire, read: Wire) -> bool:
    """Whether every value that is made is one of those that a reader is built for."""
    fraction = max(made.fraction, read.fraction)
    a, b = made.at(fraction), read.at(fraction)
    return b.low <= a.low and a.high <= b.high and (made.fraction <= read.fraction or (a.low, a.high) == (0, 0))


def apart(raw: Raw, sequences: int) -> Raw:
    """Of groups of interleaved sequences, (groups, tokens, elements), the sequences: (groups * sequences, tokens of one,
    elements)."""
    groups, tokens, elements = raw.shape
    steps = raw.reshape(groups, tokens // sequences, sequences, elements)
    return np.swapaxes(steps, 1, 2).reshape(groups * sequences, -1, elements)


def together(raw: Raw, sequences: int) -> Raw:
    """The groups again."""
    frames, tokens, elements = raw.shape
    steps = raw.reshape(frames // sequences, sequences, tokens, elements)
    return np.swapaxes(steps, 1, 2).reshape(frames // sequences, -1, elements)


def filled(x: Any, group: int) -> Any:
    """Samples (N, ...), with zeros behind them to whole groups."""
    return np.concatenate([x, np.zeros((-len(x) % group, *x.shape[1:]), x.dtype)])


def shifted(raw: Any, bits: int) -> Any:
    """Raw values with `bits` more fraction bits; fewer are cut off, which loses nothing where the wires fit."""
    return np.left_shift(raw, bits) if bits >= 0 else np.right_shift(raw, -bits)
