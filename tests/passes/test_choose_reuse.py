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


@pytest.mark.parametrize("luts", [50.0, 3000.0, 400_000.0])
@pytest.mark.parametrize("a_cycle", [0.3, 2.0, 40.0])
@pytest.mark.parametrize("tokens", [1, 2, 7])
@pytest.mark.parametrize("arriving", [30.0, 300.0])
def test_no_more_rounds_than_an_early_answer_is_worth(luts: float, a_cycle: float, tokens: int, arriving: float) -> None:
    """Results are made one after the other, each when what it is made of has come, at even distances. Of the numbers of
    rounds that keep up with that, the most for several results; for one result, and of more rounds than keep up, the one
    with the least LUTs and cycles together."""

    def end(rounds: int) -> float:
        done = 0.0
        for k in range(tokens):
            done = max(done, arriving * k / max(tokens - 1, 1)) + rounds
        return done

    most = 500 // tokens
    in_step = [n for n in range(1, most + 1) if tokens > 1 and end(n) == arriving + n]
    cost = {n: luts / n + a_cycle * end(n) for n in range(max(in_step, default=1), most + 1)}
    found = choose_reuse(LAYER, 500, tokens, arriving_cycles=arriving, luts=luts, luts_a_cycle=a_cycle).reuse
    assert found in cost
    assert cost[found] <= 1.02 * min(cost.values())
