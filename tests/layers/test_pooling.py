"""The mean of a window: exact division in the lowered kernel, whatever the divisor and the width."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from fpga_ml.ir.kernel import Builder, Wire, verify
from fpga_ml.layers.base import Tensor
from fpga_ml.layers.pooling import AveragePool
from fpga_ml.numerics import FixedType
from fpga_ml.schedule.delay import GENERIC


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
    want = [sum(row) // count for row in raw.tolist()]
    found = np.asarray(kernel.evaluate(*raw.T)[0]) << (accum.fraction - kernel.values[kernel.outputs[0]].wire.fraction)
    assert_array_equal(found.astype(np.int64), want)
    assert_array_equal(layer.evaluate(Tensor(raw, t)).raw[:, 0], want)
    assert max(GENERIC.delay_ns(v, kernel.wires(k)) for k, v in enumerate(kernel.values)) < 4.5
