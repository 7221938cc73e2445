"""Elements that nothing reads: they become 0, and what only they need is left out.

A pooling that leaves out the last row of its input, or a crop, reads a part of what the layer before could compute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice

from fpga_ml.ir.kernel import Builder, Kernel, Wire
from fpga_ml.ir.kernel.kernel import needed
from fpga_ml.ir.kernel.ops import Input
from fpga_ml.ir.network import Channel, Map, Process
from fpga_ml.ir.network.process import output_wires
from fpga_ml.numerics import Interval

_ZERO = Wire(0, Interval(0, 0))


def without_unread(processes: Sequence[Process], outputs: Sequence[str]) -> list[Process]:
    """The processes of a network anew; those that are no maps read all that they are given. outputs: channels that are
    given whole."""
    read = _read(processes, outputs)
    made: dict[str, Channel] = {}
    found: list[Process] = []
    for p in processes:
        reads = tuple(made.get(c.name, c) for c in p.reads)
        if isinstance(p, Map):
            given = [flag or c.name not in made for c in p.reads for flag in read[c.name]]
            kernel = _left(p.kernel, given, _flags(read, p.writes))
            wires = iter(output_wires(kernel))
            writes = tuple(_narrowed(c, read[c.name], tuple(islice(wires, len(c.types)))) for c in p.writes)
            made |= {c.name: c for c in writes}
            found.append(replace(p, reads=reads, writes=writes, kernel=kernel))
        else:
            found.append(replace(p, reads=reads))
    return found


def _read(processes: Sequence[Process], outputs: Sequence[str]) -> dict[str, list[bool]]:
    """Which elements of each channel something reads."""
    channels = [c for p in processes for c in (*p.reads, *p.writes)]
    read = {c.name: [c.name in outputs] * len(c.types) for c in channels}
    for p in reversed(processes):
        flags = iter(_needed(p.kernel, _flags(read, p.writes))) if isinstance(p, Map) else None
        for c in p.reads:
            own = [True] * len(c.types) if flags is None else list(islice(flags, len(c.types)))
            read[c.name] = [a or b for a, b in zip(read[c.name], own, strict=True)]
    return read


def _flags(read: Mapping[str, list[bool]], channels: Sequence[Channel]) -> list[bool]:
    return [flag for c in channels for flag in read[c.name]]


def _needed(kernel: Kernel, read: Sequence[bool]) -> list[bool]:
    """Which inputs the outputs need that are read."""
    used = needed(kernel.values, [number for number, flag in zip(kernel.outputs, read, strict=True) if flag])
    return [number in used for number in kernel.inputs]


def _left(kernel: Kernel, given: Sequence[bool], read: Sequence[bool]) -> Kernel:
    """The kernel of the outputs that are read, and of 0 in the place of the others; inputs that are not given are 0."""
    if all(given) and all(read):
        return kernel
    b, new = Builder(kernel.name), {}
    for number, v in enumerate(kernel.values):
        if isinstance(v.op, Input):
            new[number] = b.input(v.wire if given[v.op.index] else _ZERO)
        else:
            new[number] = b.again(v.op, *(new[k] for k in v.operands))
    zero = b.const(0, 0)
    return b.build([new[number] if flag else zero for number, flag in zip(kernel.outputs, read, strict=True)])


def _narrowed(channel: Channel, read: Sequence[bool], wires: Sequence[Wire]) -> Channel:
    types = tuple(t if flag else w.type for t, flag, w in zip(channel.types, read, wires, strict=True))
    return replace(channel, types=types)
