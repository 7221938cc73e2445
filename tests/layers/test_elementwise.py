"""Steps: what is doubled in the type of x first may overflow there (nnet_activation.h: ternary_tanh)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from fpga_ml.ir.kernel import Builder, Wire
from fpga_ml.layers.base import Tensor
from fpga_ml.layers.elementwise import Steps
from fpga_ml.numerics import FixedType, cast_raw


@pytest.mark.parametrize("text", ["ap_fixed<6,3>", "ap_fixed<6,1>", "ap_fixed<6,3,AP_RND,AP_SAT>", "ap_ufixed<5,2>"])
def test_ternary_tanh_doubles_in_its_own_type(text: str) -> None:
    t, result = FixedType.parse(text), FixedType(True, 2, 2)
    halved = replace(t, integer=t.integer - 1)
    layer = Steps("steps", ("x",), (1,), result, np.array([[-1, 1]]), 1, (False, False), (-1, 0, 1), halved)
    raw = np.arange(t.min_raw, t.max_raw + 1)[:, None]
    doubled = [t.real(np.array(cast_raw(2 * int(v), t.fraction, t))) for v in raw[:, 0]]
    want = [1 if v > 1 else 0 if v > -1 else -1 for v in doubled]
    assert_array_equal(layer.evaluate(Tensor(raw, t)).raw[:, 0], want)
    builder = Builder("steps")
    kernel = builder.build(layer.lower(builder, [builder.input(Wire.of(t))]))
    assert_array_equal(kernel.evaluate(raw[:, 0])[0], want)
