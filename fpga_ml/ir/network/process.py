"""What every process is: it reads tokens from channels and writes tokens to channels.

The set of processes is closed, one file each. A process has one exact meaning on whole frames (`evaluate`), says what its
results can be from what it reads (`reach`), and says how often it takes a token (`interval_cycles`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fpga_ml.ir.kernel import Kernel, Wire, verify
from fpga_ml.ir.network.channel import Channel, Raw, holds, shifted, within

Wires = tuple[Wire, ...]


@dataclass(frozen=True)
class Process(ABC):
    """reads, writes: channels, each made by one process and read by any number."""

    name: str
    reads: tuple[Channel, ...]
    writes: tuple[Channel, ...]
    kind: ClassVar[str]

    @property
    def interval_cycles(self) -> int:
        """Cycles between two tokens that it reads."""
        return 1

    @abstractmethod
    def faults(self) -> list[str]:
        """What is wrong with it by itself."""

    @abstractmethod
    def not_within(self, *reads: Wires) -> list[str]:
        """Elements that can be what the process is not built for, from what those of each read can be."""

    @abstractmethod
    def reach(self, *reads: Wires) -> list[Wires]:
        """What the elements of each write can be, from what those of each read can be."""

    @abstractmethod
    def evaluate(self, *x: Raw) -> list[Raw]:
        """Each write, raw (frames, tokens, elements), from each read."""

    @property
    def text(self) -> str:
        """One line: what it reads and writes; `detail` says the rest."""
        reads, writes = (", ".join(c.name for c in side) for side in (self.reads, self.writes))
        return f"{self.kind} {self.name}({reads}) -> {writes}{self.detail()}"

    def detail(self) -> str:
        return ""

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        """Of which it is made."""
        return ()


def too_narrow(where: str, channel: Channel, wires: Wires) -> list[str]:
    """Elements of a channel that cannot hold what is written to them."""
    if len(wires) != len(channel.types):
        return [f"{where}: gives {len(wires)} elements, channel '{channel.name}' has {len(channel.types)}"]
    return [
        f"{where}: gives {w.interval.low}..{w.interval.high} with {w.fraction} fraction bits, not all of which "
        f"{t.cpp()} holds ('{channel.name}', element {k})"
        for k, (t, w) in enumerate(zip(channel.types, wires, strict=True))
        if not holds(t, w)
    ]


def beyond(where: str, made: Sequence[Wire], read: Sequence[Wire]) -> list[str]:
    """Elements that can be what the kernel's input, which may be narrower than the channel's type, cannot."""
    return [
        f"{where}: input {k} is {a.interval.low}..{a.interval.high} with {a.fraction} fraction bits, but is read as "
        f"{b.interval.low}..{b.interval.high} with {b.fraction}"
        for k, (a, b) in enumerate(zip(made, read, strict=True))
        if not within(a, b)
    ]


def input_wires(kernel: Kernel) -> Wires:
    return tuple(kernel.values[k].wire for k in kernel.inputs)


def output_wires(kernel: Kernel) -> Wires:
    return tuple(kernel.values[k].wire for k in kernel.outputs)


def kernel_faults(kernel: Kernel, inputs: int) -> list[str]:
    """Of the kernel itself, and of how many elements it is given."""
    if len(kernel.inputs) != inputs:
        return [f"{kernel.name}: the kernel has {len(kernel.inputs)} inputs, it is given {inputs} elements"]
    return verify(kernel)


def applied(kernel: Kernel, given: Sequence[Wire], x: Raw, target: Sequence[Wire]) -> Raw:
    """The kernel on the last axis of x, whose elements have the binary points `given`; results have those of `target`."""
    shape = x.shape[:-1]
    columns = [
        shifted(x[..., k], wire.fraction - have.fraction)
        for k, (wire, have) in enumerate(zip(input_wires(kernel), given, strict=True))
    ]
    found = kernel.evaluate(*columns)
    aligned = [
        np.broadcast_to(shifted(raw, want.fraction - wire.fraction), shape)
        for raw, wire, want in zip(found, output_wires(kernel), target, strict=True)
    ]
    return np.stack(aligned, axis=-1)
