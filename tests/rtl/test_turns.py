"""Interleaved sequences collected one by one, and sent in turn again: by plain loops over tokens, in two simulators."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lint import lint
from numpy.testing import assert_equal

from fpga_ml.ir.network import Channel, Collect, Network, Split, verify
from fpga_ml.numerics import FixedType
from fpga_ml.rtl.network import emit_stream
from fpga_ml.simulate.cosim import Simulator, Tensor, Vectors

from .designs import SIMULATORS, run

T = FixedType.parse("ap_ufixed<8,8>")
STEPS, ELEMENTS, MANY = 4, 2, 3
COLLECT = Collect("collect", (Channel("x", (T,) * ELEMENTS, STEPS * MANY),), (Channel("wholes", (T,) * 8, MANY),), MANY)
GROUP = Collect("together", COLLECT.writes, (Channel("group", (T,) * 8 * MANY),))
SPLIT = Split("split", GROUP.writes, (Channel("y", (T,) * ELEMENTS, STEPS * MANY),), MANY)
NETWORK = Network("turns", COLLECT.reads, ("wholes", "y"), (COLLECT, GROUP, SPLIT))


def stimuli(groups: int) -> tuple[np.ndarray, np.ndarray]:
    """Groups of beats (N, 12, 2), and their sequences one behind the other (N, 3, 8)."""
    x = np.random.default_rng(3).integers(0, 256, (groups, STEPS * MANY, ELEMENTS))
    wholes = [[[v for t in range(STEPS) for v in group[t * MANY + s]] for s in range(MANY)] for group in x.tolist()]
    return x, np.array(wholes)


def test_interpreter() -> None:
    x, wholes = stimuli(20)
    assert verify(NETWORK) == []
    found = NETWORK.evaluate({"x": x})
    assert_equal(found["wholes"], wholes)
    assert_equal(found["y"], x)


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_rtl(simulator: Simulator, tmp_path: Path) -> None:
    rtl, (x, wholes) = emit_stream(NETWORK, 5.0), stimuli(12)
    given, whole, same = (Tensor.of(n, a, width_bits=8, signed=False) for n, a in (("x", x), ("wholes", wholes), ("y", x)))
    found = run(rtl, Vectors((given,), (whole, same)), tmp_path, simulator, ("back_to_back", "random_gaps", "reset_mid_run"))
    assert found.texts() == []
    assert (found.latency_cycles, found.interval_cycles) == (rtl.latency_cycles, rtl.interval_cycles)


def test_verilator_has_no_warning(tmp_path: Path) -> None:
    lint(emit_stream(NETWORK, 5.0), tmp_path)


def test_faults_are_told() -> None:
    assert "one token a sequence" in replace(COLLECT, interleaved=1).faults()[0]
    five = Channel("x", (T,) * ELEMENTS, 11)
    assert "11 tokens a frame are not 3 sequences" in replace(COLLECT, reads=(five,)).faults()[0]
    assert "12 tokens a frame are not 5 sequences" in replace(SPLIT, interleaved=5).faults()[0]
