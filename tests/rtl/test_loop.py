"""Loops alone: running sums that NumPy makes, in two simulators, at clocks of one and of several cycles a step.

Alone and with sequences interleaved: fewer than a step has cycles, as many, and more.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lint import lint
from numpy.testing import assert_equal

from fpga_ml.devices import GENERIC
from fpga_ml.errors import FpgaMlError
from fpga_ml.ir.kernel import Builder, Wire
from fpga_ml.ir.network import Channel, Loop, Network, verify
from fpga_ml.numerics import FixedType
from fpga_ml.rtl.network import emit_stream
from fpga_ml.schedule.stream import stream_plan
from fpga_ml.schedule.units import Looped
from fpga_ml.simulate.cosim import Simulator, Tensor, Vectors
from fpga_ml.simulate.prove import prove

from .designs import SIMULATORS, run

GIVEN, KEPT = FixedType.parse("ap_fixed<5,5>"), FixedType.parse("ap_fixed<7,7>")
SLOW_NS, FAST_NS = 20.0, 2.0
CASES = [(1, True), (2, True), (5, True), (5, False)]
SLOW_ADDERS, TURN = replace(GENERIC, adder_base_ns=1.2), 3  # cycles of a step at FAST_NS
FAST = {(5, True, TURN), (5, False, 2)}
INTERLEAVED = [
    pytest.param(tokens, every, n, marks=[] if (tokens, every, n) in FAST else pytest.mark.slow)
    for tokens, every in ((5, True), (5, False), (1, True))
    for n in (2, TURN, TURN + 3)
]


def network(tokens: int, every: bool, interleaved: int = 1) -> Network:
    """State (a, b), given x: b grows by 3 a of before, a by x; both wrap. a is written. tokens: of a sequence."""
    x = Channel("x", (GIVEN,), tokens * interleaved)
    b = Builder("sums")
    given, a, c = b.input(Wire.of(GIVEN)), b.input(Wire.of(KEPT)), b.input(Wire.of(KEPT))
    grown = b.cast(b.add(c, b.mul(a, b.const(3, 0))), KEPT)
    step = b.build([b.cast(b.add(b.mul(given, given), b.add(a, grown)), KEPT), grown])
    y = Channel("y", (KEPT,), (tokens if every else 1) * interleaved)
    loop = Loop("loop", (x,), (y,), step, (KEPT, KEPT), interleaved=interleaved)
    return Network("loops", (x,), ("y",), (loop,), interleaved)


def in_turn(x: np.ndarray, interleaved: int) -> np.ndarray:
    """Sequences (N, tokens, 1) as groups: first tokens, second tokens, ..."""
    groups = [np.stack([x[g + s] for s in range(interleaved)]) for g in range(0, len(x), interleaved)]
    return np.array([[g[s, t] for t in range(x.shape[1]) for s in range(interleaved)] for g in groups])


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


def vectors(x: np.ndarray, y: np.ndarray) -> Vectors:
    """A beat is whole bytes, sign-extended."""
    given, expected = (Tensor.of(n, a & 255, width_bits=8, signed=False) for n, a in (("x", x), ("y", y)))
    return Vectors((given,), (expected,))


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
        assert planned.interval_cycles == 4 * loop.interval_cycles + 1  # the next frame does not wait for the last state
        assert planned.latency_cycles == 5 * loop.interval_cycles + 1
    assert slow.interval_cycles == 5 < fast.interval_cycles


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("clock_ns", [SLOW_NS, FAST_NS])
@pytest.mark.parametrize(("tokens", "every"), CASES)
def test_rtl(tokens: int, every: bool, clock_ns: float, simulator: Simulator, tmp_path: Path) -> None:
    loops = network(tokens, every)
    rtl = emit_stream(loops, clock_ns)
    x = stimuli(tokens, 12)
    found = run(rtl, vectors(x, reference(x, every)), tmp_path, simulator, ("back_to_back", "random_gaps", "reset_mid_run"))
    assert found.texts() == []
    assert (found.latency_cycles, found.interval_cycles) == (rtl.latency_cycles, rtl.interval_cycles)
    if simulator == "icarus":
        trace = stream_plan(loops, clock_ns).trace
        assert found.timeline == {c: (trace.first[c], trace.last[c]) for c in loops.channels}


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize(("tokens", "every", "interleaved"), INTERLEAVED)
def test_interleaved(tokens: int, every: bool, interleaved: int, simulator: Simulator, tmp_path: Path) -> None:
    loops, sequences = network(tokens, every, interleaved), stimuli(tokens, 12 * interleaved)
    assert verify(loops) == []
    x, y = in_turn(sequences, interleaved), in_turn(reference(sequences, every), interleaved)
    assert_equal(loops.evaluate({"x": x})["y"], y)
    rtl, planned = emit_stream(loops, FAST_NS, SLOW_ADDERS), stream_plan(loops, FAST_NS, SLOW_ADDERS)
    (loop,) = (u for u in planned.units if isinstance(u, Looped))
    assert loop.turn_cycles == TURN
    assert planned.interval_cycles == (tokens - 1) * max(TURN, interleaved) + interleaved
    found = run(rtl, vectors(x, y), tmp_path, simulator, ("back_to_back", "random_gaps", "reset_mid_run"))
    assert found.texts() == []
    assert found.stalls > 0
    assert (found.latency_cycles, found.interval_cycles) == (rtl.latency_cycles, rtl.interval_cycles)
    if simulator == "icarus":
        assert found.timeline == {c: (planned.trace.first[c], planned.trace.last[c]) for c in loops.channels}


def test_a_difference_is_told_by_its_sample(tmp_path: Path) -> None:
    """Of samples one by one; the second one of the second group is wrong in its third step."""
    x = stimuli(5, 9)
    y = reference(x, every=True)
    y[4, 2] ^= 1
    rtl = emit_stream(network(5, True, 3), FAST_NS)
    (tmp_path / "rtl").mkdir()
    files = rtl.write(tmp_path / "rtl")
    (found,) = prove(files, rtl, vectors(x, y), tmp_path, 1, ["icarus"])
    assert found.vectors == 9
    assert {(m.vector, m.element) for m in found.mismatches} == {(4, 2)}
    with pytest.raises(FpgaMlError, match="8 samples are no groups of 3"):
        prove(files, rtl, vectors(x[:8], y[:8]), tmp_path, 1, ["icarus"])


@pytest.mark.parametrize("interleaved", [1, TURN])
def test_verilator_has_no_warning(interleaved: int, tmp_path: Path) -> None:
    lint(emit_stream(network(5, False, interleaved), FAST_NS, SLOW_ADDERS), tmp_path)


def test_faults_are_told() -> None:
    (loop,) = network(5, True).processes
    assert isinstance(loop, Loop)
    (x,), (y,) = loop.reads, loop.writes
    narrow = FixedType.parse("ap_fixed<6,6>")
    assert "for every token or for the last" in replace(loop, writes=(replace(y, tokens=2),)).faults()[0]
    assert "5 tokens a frame are not 2 sequences" in replace(loop, interleaved=2).faults()[0]
    assert "element 0 of the state" in replace(loop, state=(narrow, KEPT)).faults()[0]
    assert "the kernel has 3 inputs" in replace(loop, state=(KEPT,)).faults()[0]
    assert "not all of which ap_fixed<6,6> holds ('y'" in replace(loop, writes=(replace(y, types=(narrow,)),)).faults()[0]
    wide = Channel("x", (FixedType.parse("ap_fixed<6,6>"),), 5)
    assert "input 0" in verify(Network("loops", (wide,), ("y",), (replace(loop, reads=(wide,)),)))[0]
    assert verify(Network("loops", (x,), ("y",), (loop,))) == []
    assert "states of 1 sequences, the network interleaves 2" in verify(Network("loops", (x,), ("y",), (loop,), 2))[0]
