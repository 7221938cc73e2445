"""The C++ types of values: some samples side by side (LANES of files/lanes.inc), each of 32, 64 or 128 bits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fpga_ml.errors import FpgaMlError
from fpga_ml.ir.kernel import Kernel, Wire
from fpga_ml.ir.kernel.ops import Cast, Input
from fpga_ml.ir.network import Channel
from fpga_ml.numerics import Interval
from fpga_ml.numerics.types import Rounding


@dataclass(frozen=True, order=True)
class Lanes:
    """bits: of each value, its sign included."""

    bits: int

    @property
    def name(self) -> str:
        return f"L{self.bits}"

    @property
    def scalar(self) -> str:
        """The C++ type of one value."""
        return f"int{self.bits}_t" if self.bits <= 64 else "__int128"


KINDS = tuple(map(Lanes, (32, 64, 128)))


def lanes_for(bits: int, where: str) -> Lanes:
    """The narrowest that hold values of so many bits; raises FpgaMlError where none do."""
    for kind in KINDS:
        if bits <= kind.bits:
            return kind
    raise FpgaMlError(
        f"values of {bits} bits occur, and the C++ library computes with at most {KINDS[-1].bits}",
        where=where,
        do="use narrower types of weights and activations",
    )


def signed_bits(interval: Interval) -> int:
    """Of a signed integer that holds all of it."""
    return max(interval.high.bit_length(), (~interval.low).bit_length() if interval.low < 0 else 0) + 1


def lanes_of(channel: Channel) -> Lanes:
    """In which a channel's elements are kept."""
    return lanes_for(max(signed_bits(Interval.of(t)) for t in channel.types), channel.name)


def lanes_of_wires(wires: Iterable[Wire], where: str) -> Lanes:
    return lanes_for(max((signed_bits(w.interval) for w in wires), default=1), where)


def lanes_of_kernel(kernel: Kernel, given: Iterable[Wire], target: Iterable[Wire]) -> Lanes:
    """In which a kernel computes, from elements with the binary points `given` to those of `target`."""
    own = [kernel.values[k].wire for k in (*kernel.inputs, *kernel.outputs)]
    ends = zip(own, [*given, *target], strict=True)
    needed = [signed_bits(w.at(max(w.fraction, end.fraction))) for w, end in ends]
    for number, value in enumerate(kernel.values):
        wires = kernel.wires(number)
        finest = max([w.fraction for w in wires], default=0)
        needed += [signed_bits(w.at(finest)) for w in wires] + [signed_bits(value.wire.interval)]
        if isinstance(value.op, Cast):
            needed.append(_bits_of_cast(value.op, wires[0]))
        elif isinstance(value.op, Input):
            needed.append(signed_bits(value.op.wire.interval))
    return lanes_for(max(needed, default=1), kernel.name)


def _bits_of_cast(op: Cast, wire: Wire) -> int:
    """That an assignment needs on the way: a carry, bits behind the last one, or the target's."""
    shift = wire.fraction - op.target.fraction
    own = signed_bits(wire.interval)
    if shift < 0:
        return own - shift
    carry = shift > 0 and op.target.rounding is not Rounding.TRN
    return max(own + carry, shift + 2 if shift else 1, signed_bits(Interval.of(op.target)))
