"""The mean of a window: exact division in the lowered kernel, whatever the divisor and the width."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from fpga_ml.devices import GENERIC
from fpga_ml.ir.kernel import Builder, Wire, verify
from fpga_ml.layers.base import Tensor
from fpga_ml.layers.pooling import AveragePool, MaxPool
from fpga_ml.numerics import FixedType, Interval
from fpga_ml.schedule.delay import delay_ns


def divided(total: int, count: int) -> int:
    """As C++ divides: cut off towards zero."""
    return abs(total) // count * (-1 if total < 0 else 1)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 6, 7, 9, 11, 12, 25, 37, 49, 100, 121])
@pytest.mark.parametrize("data", ["ap_fixed<8,3>", "ap_ufixed<6,0>", "ap_fixed<40,20>"])
def test_mean_is_exact_and_fits_a_fast_clock(count: int, data: str) -> None:
    t = FixedType.parse(data)
    accum = FixedType(t.signed, t.width + 7, t.integer + 7)
    layer = AveragePool("pool", ("x",), (1,), accum, np.arange(count)[None], accum)
    rng = np.random.default_rng(count)
    raw = rng.integers(t.min_raw, t.max_raw, (400, count), endpoint=True)
    raw[:4] = [[t.min_raw], [t.max_raw], [0], [1]]
    builder = Builder("pool")
    kernel = builder.build(layer.lower(builder, [builder.input(Wire.of(t)) for _ in range(count)]))
    assert verify(kernel) == []
    want = [divided(sum(row), count) for row in raw.tolist()]
    found = np.asarray(kernel.evaluate(*raw.T)[0]) << (accum.fraction - kernel.values[kernel.outputs[0]].wire.fraction)
    assert_array_equal(found.astype(np.int64), want)
    assert_array_equal(layer.evaluate(Tensor(raw, t)).raw[:, 0], want)
    assert max(delay_ns(GENERIC, v, kernel.wires(k)) for k, v in enumerate(kernel.values)) < 4.5


def test_padding_takes_part_in_the_maximum() -> None:
    """hls4ml pads with the type's highest bit, which is not the least value of an unsigned type."""
    t = FixedType.parse("ap_ufixed<4,2>")
    layer = MaxPool("pool", ("x",), (2,), t, np.array([[0, -1], [0, 1]]), t, 8, t.fraction)
    raw = np.array([[3, 1], [9, 12], [0, 0]])
    assert_array_equal(layer.evaluate(Tensor(raw, t)).raw, [[8, 3], [9, 12], [8, 0]])
    builder = Builder("pool")
    kernel = builder.build(layer.lower(builder, [builder.input(Wire.of(t)) for _ in range(2)]))
    assert_array_equal(np.stack(kernel.evaluate(*raw.T), 1), [[8, 3], [9, 12], [8, 0]])


def test_padding_may_count_in_the_mean() -> None:
    t, accum = FixedType.parse("ap_fixed<6,3>"), FixedType.parse("ap_fixed<9,5>")
    layer = AveragePool("pool", ("x",), (1,), accum, np.array([[0, 1, -1, -1]]), accum, counts_padding=True)
    raw = np.array([[-5, -6], [20, 20]])
    want = [[divided(2 * sum(row), 4)] for row in raw.tolist()]
    assert_array_equal(layer.evaluate(Tensor(raw, t)).raw, want)
    builder = Builder("pool")
    kernel = builder.build(layer.lower(builder, [builder.input(Wire.of(t)) for _ in range(2)]))
    finer = accum.fraction - kernel.values[kernel.outputs[0]].wire.fraction
    assert_array_equal(kernel.evaluate(*raw.T)[0] << finer, np.ravel(want))


@pytest.mark.parametrize(
    "data", ["ap_fixed<12,12>", "ap_ufixed<11,11>", "ap_fixed<33,33>", "ap_ufixed<1,1>", "ap_fixed<1,1>", "ap_fixed<3,3>"]
)
@pytest.mark.parametrize("count", [3, 5, 6, 7, 10, 11, 13, 25, 100, 127, 641, 1000])
def test_every_total_is_divided(count: int, data: str) -> None:
    """Every whole number of the type, or those at the ends of a wide one and around 0."""
    t = FixedType.parse(data)
    near = [n for at in (t.min_raw, 0, t.max_raw) for n in range(at - 2100, at + 2100) if t.min_raw <= n <= t.max_raw]
    totals = np.array(near if t.width > 16 else range(t.min_raw, t.max_raw + 1))
    layer = AveragePool("pool", ("x",), (1,), t, np.zeros((1, 1), np.int64), t)
    b = Builder("pool")
    kernel = b.build(layer.means(b, [b.input(Wire.of(t))], count))
    assert verify(kernel) == []
    assert_array_equal(kernel.evaluate(totals)[0], [divided(int(n), count) for n in totals])


@pytest.mark.parametrize("count", [3, 6, 100])
def test_the_mean_of_nothing_but_zeros(count: int) -> None:
    t = FixedType.parse("ap_fixed<8,4>")
    layer = AveragePool("pool", ("x",), (1,), t, np.zeros((1, 1), np.int64), t)
    b = Builder("pool")
    (mean,) = layer.means(b, [b.input(Wire(4, Interval(0, 0)))], count)
    assert b.wire(mean).interval == Interval(0, 0)
