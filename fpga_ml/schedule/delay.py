"""How long an operation takes on a device, routing included: an estimate in ns."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from fpga_ml.devices.delays import DelayModel
from fpga_ml.ir.kernel.builder import signed_digits
from fpga_ml.ir.kernel.cast_logic import CastLogic, width_bits
from fpga_ml.ir.kernel.kernel import Value
from fpga_ml.ir.kernel.ops import Add, Cast, Const, Input, Less, Lookup, Max, Min, Mul, Op, Scale, Select, Sub
from fpga_ml.ir.kernel.sums import passing_bits
from fpga_ml.ir.kernel.wire import Wire


def delay_ns(model: DelayModel, value: Value, operands: Sequence[Wire]) -> float:
    """From the last operand to the result; 0 for what is only wires."""
    return DELAYS[type(value.op)](model, value, operands)


def _free(model: DelayModel, value: Value, operands: Sequence[Wire]) -> float:
    return 0.0


def _is_constant(wire: Wire) -> bool:
    return wire.interval.low == wire.interval.high


def _sum(model: DelayModel, value: Value, operands: Sequence[Wire]) -> float:
    if sum(w.type.width for w in operands if not _is_constant(w)) <= model.lut_inputs:
        return model.lut_ns
    return model.adder_ns(max(value.wire.type.width - passing_bits(value.op, operands), 1))


def _compare(model: DelayModel, operands: Sequence[Wire]) -> float:
    if sum(w.type.width for w in operands if not _is_constant(w)) <= model.lut_inputs:
        return model.lut_ns
    fraction = max(w.fraction for w in operands)
    return model.compare_ns(max(width_bits(w.at(fraction)) for w in operands))


def _less(model: DelayModel, value: Value, operands: Sequence[Wire]) -> float:
    return _compare(model, operands)


def _extreme(model: DelayModel, value: Value, operands: Sequence[Wire]) -> float:
    """A comparison with zero is only the sign bit, and the multiplexer then an AND."""
    if any(w.interval.low == w.interval.high == 0 for w in operands):
        return model.lut_ns
    return _compare(model, operands) + model.lut_ns


def _select(model: DelayModel, value: Value, operands: Sequence[Wire]) -> float:
    return model.lut_ns + (model.logic_ns(operands[0].type.width) if operands[0].type.width > 1 else 0.0)


def _product(model: DelayModel, value: Value, operands: Sequence[Wire]) -> float:
    """By a constant: as many adders deep as a balanced sum of its signed digits, and one to negate it where all are
    negative."""
    if sum(w.type.width for w in operands) <= model.lut_inputs:
        return model.lut_ns
    for wire in operands:
        if _is_constant(wire):
            digits = signed_digits(wire.interval.low)
            depth = (math.ceil(math.log2(len(digits))) if digits else 0) + int(max(digits, default=1) < 0)
            return depth * model.adder_ns(value.wire.type.width)
    return model.multiply_base_ns + model.multiply_per_bit_ns * sum(w.type.width for w in operands)


def _lookup(model: DelayModel, value: Value, operands: Sequence[Wire]) -> float:
    beyond = max(operands[0].type.width - model.lut_inputs, 0)
    return model.lut_ns + model.lookup_per_address_bit_ns * beyond


def _cast(model: DelayModel, value: Value, operands: Sequence[Wire]) -> float:
    assert isinstance(value.op, Cast)
    target, source = value.op.target, operands[0]
    if source.type.width <= model.lut_inputs:
        return model.lut_ns if _needs_logic(source, value.op) else 0.0
    logic = CastLogic.of(source, target)
    carry = model.logic_ns(logic.carry_inputs)
    if logic.rounds_to_end:
        return carry + model.adder_ns(target.width - target.signed + 1) + model.lut_ns
    delay = carry + model.adder_ns(width_bits(logic.whole)) if logic.carries else 0.0
    if logic.overflows and target.ends is not None:
        delay += model.choice_ns(max(width_bits(logic.whole) - target.width + 1, 2))
    return delay


def _needs_logic(source: Wire, op: Cast) -> bool:
    logic = CastLogic.of(source, op.target)
    return logic.carries or (logic.overflows and op.target.ends is not None)


DELAYS: dict[type[Op], Callable[[DelayModel, Value, Sequence[Wire]], float]] = {
    Input: _free,
    Const: _free,
    Scale: _free,
    Add: _sum,
    Sub: _sum,
    Mul: _product,
    Cast: _cast,
    Less: _less,
    Select: _select,
    Max: _extreme,
    Min: _extreme,
    Lookup: _lookup,
}
