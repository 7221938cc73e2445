"""What sums can be whose operands depend on one another: every value that there is, and no more where all is linear."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from fpga_ml.ir.kernel import Builder, Kernel, Wire, verify
from fpga_ml.ir.kernel.kernel import watching
from fpga_ml.numerics import FixedType, Interval


def linear(seed: int) -> Kernel:
    """Sums, differences, multiples and moves of three inputs and of one another."""
    rng = random.Random(seed)
    b = Builder("linear")
    values = [b.input(Wire(rng.randint(-1, 2), Interval(*sorted(rng.sample(range(-5, 6), 2))))) for _ in range(3)]
    for _ in range(12):
        x, y = rng.choice(values), rng.choice(values)
        made = rng.choice(
            [
                lambda x=x, y=y: b.add(x, y),
                lambda x=x, y=y: b.sub(x, y),
                lambda x=x: b.scale(x, rng.randint(-1, 1)),
                lambda x=x: b.mul(x, b.const(rng.choice([-3, 3, 5]), 0)),
                lambda x=x: b.add(x, b.const(rng.randint(-9, 9), 1)),
            ]
        )
        values.append(made())
    return b.build(values[-4:])


def every_value(kernel: Kernel, inputs: list[Interval]) -> list[np.ndarray]:
    """Of each value of the kernel, for all combinations of inputs."""
    rows = np.array(list(itertools.product(*(range(i.low, i.high + 1) for i in inputs))))
    seen: list[np.ndarray] = []
    with watching(lambda _, found: seen.extend(np.broadcast_to(v, len(rows)) for v in found)):
        kernel.evaluate(*rows.T)
    return seen


@pytest.mark.parametrize("seed", range(60))
def test_linear_values_reach_both_ends_and_nothing_beyond(seed: int) -> None:
    kernel = linear(seed)
    assert verify(kernel) == []
    seen = every_value(kernel, [kernel.values[k].wire.interval for k in kernel.inputs])
    assert [(v.wire.interval.low, v.wire.interval.high) for v in kernel.values] == [(x.min(), x.max()) for x in seen]


@pytest.mark.parametrize("seed", range(60))
def test_narrower_inputs_reach_as_much_less(seed: int) -> None:
    kernel, rng = linear(seed), random.Random(seed)
    declared = [kernel.values[k].wire for k in kernel.inputs]
    narrow = [Wire(w.fraction, Interval(w.interval.low, rng.randint(w.interval.low, w.interval.high))) for w in declared]
    seen = every_value(kernel, [w.interval for w in narrow])
    for number, wire in zip(kernel.outputs, kernel.reach(narrow), strict=True):
        assert wire.interval.low <= seen[number].min()
        assert seen[number].max() <= wire.interval.high
        assert kernel.values[number].wire.interval.low <= wire.interval.low
        assert wire.interval.high <= kernel.values[number].wire.interval.high


def test_what_cancels_out_is_gone() -> None:
    """x + y and x - y, added up, are 2 x: as wide as that, and the difference of the two is 2 y."""
    b, t = Builder("cross"), FixedType.parse("ap_fixed<8,8>")
    x, y = (b.input(Wire.of(t)) for _ in range(2))
    plus, minus = b.add(x, y), b.sub(x, y)
    assert b.wire(b.add(plus, minus)).interval == Interval(-256, 254)
    assert b.wire(b.sub(plus, minus)).interval == Interval(-256, 254)
    zero = b.sub(plus, b.add(y, x))
    assert b.wire(zero).interval == Interval(0, 0)


def test_a_value_behind_a_cast_is_its_own() -> None:
    """The rest of a rounding is no multiple of what was rounded."""
    b, t = Builder("rest"), FixedType.parse("ap_fixed<6,6>")
    x = b.input(Wire(0, Interval(0, 31)))
    rest = b.sub(x, b.scale(b.cast(b.scale(x, -2), t), 2))
    kernel = b.build([rest])
    (values,) = (v for k, v in enumerate(every_value(kernel, [Interval(0, 31)])) if k == kernel.outputs[0])
    interval = kernel.values[kernel.outputs[0]].wire.interval
    assert interval.low <= values.min()
    assert values.max() <= interval.high


def test_a_wider_value_than_its_operands_allow_is_a_fault() -> None:
    b, t = Builder("cross"), FixedType.parse("ap_fixed<8,8>")
    x, y = (b.input(Wire.of(t)) for _ in range(2))
    kernel = b.build([b.add(b.scale(b.add(x, y), 1), b.sub(x, y))])
    number = kernel.outputs[0]
    value = kernel.values[number]
    wrong = value.__class__(value.op, value.operands, value.op.rule(*kernel.wires(number)))
    changed = Kernel(kernel.name, (*kernel.values[:number], wrong, *kernel.values[number + 1 :]), kernel.inputs, (number,))
    assert any("its operation gives" in fault for fault in verify(changed))
