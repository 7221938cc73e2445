"""The reuse factor for an interval: as many rounds as fit, and no more."""

from __future__ import annotations

import numpy as np
import pytest

from fpga_ml.layers.linear import Linear
from fpga_ml.numerics import FixedType
from fpga_ml.passes.choose_reuse import choose_reuse

T = FixedType.parse("ap_fixed<16,8>")
LAYER = Linear(
    "y", ("x",), (2,), T, np.arange(3).reshape(1, 1, 3), np.ones((1, 3, 2), np.int64), 0, np.zeros(2), 0, T, reuse=7
)


@pytest.mark.parametrize("tokens", [1, 3, 16])
@pytest.mark.parametrize("idle", [0, 5])
@pytest.mark.parametrize("frame", [1, 20, 64, 1000])
def test_the_most_rounds_that_fit(frame: int, idle: int, tokens: int) -> None:
    found = choose_reuse(LAYER, frame, tokens, idle=idle).reuse
    assert found >= 1
    assert found == 1 or tokens * found + idle <= frame
    assert tokens * (found + 1) + idle > frame


def test_without_an_interval_the_layer_keeps_its_own() -> None:
    assert choose_reuse(LAYER, None, 5).reuse == 7
