"""How much hardware a network takes, before any tool has seen its RTL: estimates for devices with six-input LUTs.

Counted is what computes and what stores; control (a few counters a process) is not. What Yosys makes of whole networks is
in docs/benchmarks.md, beside these figures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from fpga_ml.ir.kernel import Kernel, Wire
from fpga_ml.ir.kernel.builder import signed_digits
from fpga_ml.ir.kernel.cast_logic import CastLogic
from fpga_ml.ir.kernel.kernel import Value
from fpga_ml.ir.kernel.ops import Add, Cast, Const, Input, Less, Lookup, Max, Min, Mul, Op, Scale, Select, Sub
from fpga_ml.ir.kernel.sums import passing_bits
from fpga_ml.ir.network import Collect, Fold, Loop, Map, Moments, Process, Quadratic, Split, Window

_LUT_INPUTS = 6
_LUT_BITS = 1 << _LUT_INPUTS  # that a LUT holds as a memory
_CHOICES_OF_A_LUT = 4
_SUMS_OF_A_FORM = 5
_LEAST_DSP_BITS = 9  # of a product: Yosys makes smaller ones of LUTs (synth_xilinx, synth_ecp5)
_CLAMP = 2  # LUTs that find whether a rounded value leaves its range; the ends themselves are set in its register


@dataclass(frozen=True)
class Area:
    """luts: of logic; multipliers: of two variables, each a DSP or about as many LUTs as its operands' widths multiplied,
    which luts leave out, but for the smallest; rom_bits: of weights; memory_bits: of line buffers and FIFOs."""

    luts: int = 0
    multipliers: int = 0
    rom_bits: int = 0
    memory_bits: int = 0

    def __add__(self, other: Area) -> Area:
        return Area(
            self.luts + other.luts,
            self.multipliers + other.multipliers,
            self.rom_bits + other.rom_bits,
            self.memory_bits + other.memory_bits,
        )


def area_of(process: Process) -> Area:
    """One process's hardware."""
    match process:
        case Map(kernel=kernel):
            return kernel_area(kernel)
        case Loop():
            others = Area(memory_bits=(process.interleaved - 1) * process.state_bits)
            return kernel_area(process.step) + others + (area_of(process.fold) if process.fold else Area())
        case Fold():
            sums = sum(w.type.width for w in process.sums) if process.accumulated > 1 else 0
            rows = sum(n * t.width for n, t in zip(process.periods, process.data_types, strict=True) if n > 1)
            rom = process.rounds * sum(t.width for t in process.word_types)
            saved = int(_share_of_zeros(process) * _small_products(process.step))
            return kernel_area(process.step) + Area(sums + rows - saved, rom_bits=rom)
        case Window():
            pixel = process.reads[0].width_bits
            outside = int((process.table < 0).any(axis=0).sum()) * pixel // 2
            return Area(outside, memory_bits=(process.rows.reach - 1) * process.columns.size * pixel)
        case Collect():
            return Area(0)
        case Split(places=places) if places:
            return Area(process.writes[0].width_bits * -(-process.pieces // _CHOICES_OF_A_LUT))
        case Split():
            return Area(process.reads[0].width_bits)
        case Quadratic():
            return Area(_SUMS_OF_A_FORM * process.writes[0].width_bits)
        case Moments():
            rows = sum(w.type.width for wire in process.reads[0].wires for w in process.in_row(wire))
            return Area(rows + process.writes[0].width_bits)
    raise TypeError(f"no area for {process.kind}")


def kernel_area(kernel: Kernel) -> Area:
    """Of a kernel on its own."""
    total = Area()
    for number, value in enumerate(kernel.values):
        total += AREAS[type(value.op)](value, kernel.wires(number))
    return total


def only_luts(area: Area, kernels: Iterable[Kernel]) -> int:
    """LUTs where there is nothing else: one number by which two ways can be compared. kernels: whose products are those of
    the area."""
    every = (k.wires(n) for k in kernels for n, v in enumerate(k.values) if isinstance(v.op, Mul))
    products = (w for w in every if all(_variable([one]) for one in w) and not _small_product(w))
    made = sum(math.prod(one.type.width for one in w) for w in products)
    return area.luts + made + -(-(area.rom_bits + area.memory_bits) // _LUT_BITS)


def _variable(operands: Sequence[Wire]) -> int:
    """Bits of the operands that are not constants."""
    return sum(w.type.width for w in operands if w.interval.low != w.interval.high)


def _nothing(value: Value, operands: Sequence[Wire]) -> Area:
    return Area()


def _result_bits(value: Value, operands: Sequence[Wire]) -> Area:
    return Area(value.wire.type.width)


def _sum(value: Value, operands: Sequence[Wire]) -> Area:
    """A LUT for each bit that is added. Above both operands, where their signs go on, one serves for all bits; above an
    operand that is never negative an addition has only the carry."""
    t = value.wire.type
    added = isinstance(value.op, Add)
    tops = [w.type.integer for w in operands]
    top = min([max(tops), t.integer, *(w.type.integer for w in operands if added and w.interval.low >= 0)])
    return Area(max(top + t.fraction - passing_bits(value.op, operands), 1))


def _small_product(operands: Sequence[Wire]) -> int:
    """LUTs of a product of two variables that is too small for a DSP block; 0 for a larger one."""
    widths = [w.type.width for w in operands]
    return 0 if sum(widths) >= _LEAST_DSP_BITS else sum(widths) if sum(widths) <= _LUT_INPUTS else math.prod(widths)


def _small_products(kernel: Kernel) -> int:
    """Their LUTs in a kernel."""
    products = [n for n, v in enumerate(kernel.values) if isinstance(v.op, Mul)]
    variable = (w for w in map(kernel.wires, products) if all(_variable([one]) for one in w))
    return sum(map(_small_product, variable))


def _share_of_zeros(fold: Fold) -> float:
    """Of the words that are multiplied: their products need less logic."""
    words = [word for row in fold.words for word in row]
    return words.count(0) / len(words) if words else 0.0


def _product(value: Value, operands: Sequence[Wire]) -> Area:
    constants = [w.interval.low for w in operands if w.interval.low == w.interval.high]
    if not constants:
        small = _small_product(operands)
        return Area(small) if small else Area(multipliers=1)
    digits = signed_digits(constants[0])
    adders = max(len(digits) - 1, 0) + int(max(digits, default=1) < 0)
    return Area(adders * value.wire.type.width)


def _compare(value: Value, operands: Sequence[Wire]) -> Area:
    return Area(-(-max(w.type.width for w in operands) // 2))


def _extreme(value: Value, operands: Sequence[Wire]) -> Area:
    with_zero = any(w.interval.low == w.interval.high == 0 for w in operands)
    bits = value.wire.type.width
    return Area(bits) if with_zero else Area(bits) + _compare(value, operands)


def _lookup(value: Value, operands: Sequence[Wire]) -> Area:
    beyond = max(operands[0].type.width - _LUT_INPUTS, 0)
    return Area(value.wire.type.width << beyond)


def _cast(value: Value, operands: Sequence[Wire]) -> Area:
    assert isinstance(value.op, Cast)
    logic, bits = CastLogic.of(operands[0], value.op.target), value.wire.type.width
    chosen = logic.overflows and value.op.target.ends is not None
    if logic.carries:
        return Area(bits + _CLAMP * chosen)
    return Area(bits * chosen)


AREAS: dict[type[Op], Callable[[Value, Sequence[Wire]], Area]] = {
    Input: _nothing,
    Const: _nothing,
    Scale: _nothing,
    Add: _sum,
    Sub: _sum,
    Mul: _product,
    Cast: _cast,
    Less: _compare,
    Select: _result_bits,
    Max: _extreme,
    Min: _extreme,
    Lookup: _lookup,
}
