"""Loops alone: running sums that NumPy makes, in two simulators, at clocks of one and of several cycles a step."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lint import lint
from numpy.testing import assert_equal

from fpga_ml.ir.kernel import Builder, Wire
from fpga_ml.ir.network import Channel, Loop, Network, verify
from fpga_ml.numerics import FixedType
from fpga_ml.rtl.network import emit_stream
from fpga_ml.schedule.stream import stream_plan
from fpga_ml.schedule.units import Looped
from fpga_ml.simulate.cosim import Simulator, Tensor, Vectors

from .designs import SIMULATORS, run

GIVEN, KEPT = FixedType.parse("ap_fixed<5,5>"), FixedType.parse("ap_fixed<7,7>")
SLOW_NS, FAST_NS = 20.0, 2.0
CASES = [(1, True), (2, True), (5, True), (5, False)]


def network(tokens: int, every: bool) -> Network:
    """State (a, b), given x: b grows by 3 a of before, a by x; both wrap. a is written."""
    x = Channel("x", (GIVEN,), tokens)
    b = Builder("sums")
    given, a, c = b.input(Wire.of(GIVEN)), b.input(Wire.of(KEPT)), b.input(Wire.of(KEPT))
    grown = b.cast(b.add(c, b.mul(a, b.const(3, 0))), KEPT)
    step = b.build([b.cast(b.add(b.mul(given, given), b.add(a, grown)), KEPT), grown])
    y = Channel("y", (KEPT,), tokens if every else 1)
    return Network("loops", (x,), ("y",), (Loop("loop", (x,), (y,), step, (KEPT, KEPT)),))


def reference(x: np.ndarray, every: bool) -> np.ndarray:
    """(N, tokens or 1, 1) of x (N, tokens, 1)."""
    a = np.zeros(len(x), np.int64)
    c, out = a, []
    for t in range(x.shape[1]):
        grown = (c + 3 * a + 64) % 128 - 64
        a = (x[:, t, 0] ** 2 + a + grown + 64) % 128 - 64
        c = grown
        out.append(a)
    return np.stack(out if every else out[-1:], axis=1)[:, :, None]


def stimuli(tokens: int, frames: int) -> np.ndarray:
    return np.random.default_rng(3).integers(GIVEN.min_raw, GIVEN.max_raw + 1, (frames, tokens, 1))


@pytest.mark.parametrize(("tokens", "every"), CASES)
def test_interpreter(tokens: int, every: bool) -> None:
    x = stimuli(tokens, 50)
    assert verify(network(tokens, every)) == []
    assert_equal(network(tokens, every).evaluate({"x": x})["y"], reference(x, every))


def test_interval_is_the_steps_latency() -> None:
    slow, fast = (stream_plan(network(5, True), ns) for ns in (SLOW_NS, FAST_NS))
    for planned in (slow, fast):
        (loop,) = (u for u in planned.units if isinstance(u, Looped))
        assert planned.interval_cycles == 5 * loop.interval_cycles
        assert planned.latency_cycles == 5 * loop.interval_cycles + 2
    assert slow.interval_cycles == 5 < fast.interval_cycles


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("clock_ns", [SLOW_NS, FAST_NS])
@pytest.mark.parametrize(("tokens", "every"), CASES)
def test_rtl(tokens: int, every: bool, clock_ns: float, simulator: Simulator, tmp_path: Path) -> None:
    loops = network(tokens, every)
    rtl = emit_stream(loops, clock_ns)
    x = stimuli(tokens, 12)
    given, expected = x & 255, reference(x, every) & 255  # a beat is whole bytes, sign-extended
    vectors = Vectors(
        (Tensor.of("x", given, width_bits=8, signed=False),), (Tensor.of("y", expected, width_bits=8, signed=False),)
    )
    found = run(rtl, vectors, tmp_path, simulator, ("back_to_back", "random_gaps", "reset_mid_run"))
    assert found.texts() == []
    assert (found.latency_cycles, found.interval_cycles) == (rtl.latency_cycles, rtl.interval_cycles)
    if simulator == "icarus":
        trace = stream_plan(loops, clock_ns).trace
        assert found.timeline == {c: (trace.first[c], trace.last[c]) for c in loops.channels}


def test_verilator_has_no_warning(tmp_path: Path) -> None:
    lint(emit_stream(network(5, False), FAST_NS), tmp_path)


def test_faults_are_told() -> None:
    (loop,) = network(5, True).processes
    assert isinstance(loop, Loop)
    (x,), (y,) = loop.reads, loop.writes
    narrow = FixedType.parse("ap_fixed<6,6>")
    assert "for every token or for the last" in replace(loop, writes=(replace(y, tokens=2),)).faults()[0]
    assert "element 0 of the state" in replace(loop, state=(narrow, KEPT)).faults()[0]
    assert "the kernel has 3 inputs" in replace(loop, state=(KEPT,)).faults()[0]
    assert "not all of which ap_fixed<6,6> holds ('y'" in replace(loop, writes=(replace(y, types=(narrow,)),)).faults()[0]
    wide = Channel("x", (FixedType.parse("ap_fixed<6,6>"),), 5)
    assert "input 0" in verify(Network("loops", (wide,), ("y",), (replace(loop, reads=(wide,)),)))[0]
    assert verify(Network("loops", (x,), ("y",), (loop,))) == []
