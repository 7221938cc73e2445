"""Loops whose state begins as it is given, or where the frame before ended: NumPy, in two simulators, with resets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lint import lint
from numpy.testing import assert_equal

from fpga_ml.ir.network import Channel, Loop, Network, verify
from fpga_ml.rtl.network import emit_stream
from fpga_ml.schedule.stream import stream_plan
from fpga_ml.simulate.cosim import Simulator, Tensor, Vectors

from .designs import SIMULATORS, run
from .test_loop import FAST_NS, KEPT, SLOW_ADDERS, SLOW_NS, in_turn, network, stimuli

CASES = [(1, True), (4, True), (5, False)]
STARTS = ("given", "kept")
FAST = {((4, True), SLOW_NS, "given"), ((5, False), FAST_NS, "given"), ((5, False), FAST_NS, "kept")}


def starting(tokens: int, every: bool, start: str, interleaved: int = 1) -> Network:
    plain = network(tokens, every, interleaved)
    (loop,) = plain.processes
    assert isinstance(loop, Loop)
    if start == "kept":
        return replace(plain, processes=(replace(loop, keeps=True),))
    first = Channel("first", (KEPT, KEPT), interleaved)
    return replace(plain, inputs=(*plain.inputs, first), processes=(replace(loop, reads=(*loop.reads, first)),))


def states(frames: int) -> np.ndarray:
    """(N, 1, 2), raw."""
    return np.random.default_rng(8).integers(-64, 64, (frames, 1, 2))


def reference(x: np.ndarray, first: np.ndarray, every: bool, start: str) -> np.ndarray:
    """(N, tokens or 1, 1), frame by frame."""
    found, a, c = [], 0, 0
    for frame, given in zip(x[:, :, 0].tolist(), first[:, 0].tolist(), strict=True):
        if start == "given":
            a, c = given
        out = []
        for value in frame:
            grown = (c + 3 * a + 64) % 128 - 64
            a, c = (value**2 + a + grown + 64) % 128 - 64, grown
            out.append(a)
        found.append(out if every else out[-1:])
    return np.array(found)[:, :, None]


def inputs(loops: Network, x: np.ndarray, first: np.ndarray) -> dict[str, np.ndarray]:
    return {c.name: {"x": x, "first": first}[c.name] for c in loops.inputs}


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize(("tokens", "every"), CASES)
def test_interpreter(tokens: int, every: bool, start: str) -> None:
    loops, x, first = starting(tokens, every, start), stimuli(tokens, 50), states(50)
    assert verify(loops) == []
    assert_equal(loops.evaluate(inputs(loops, x, first))["y"], reference(x, first, every, start))


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize(
    ("tokens", "every", "clock_ns", "start"),
    [
        pytest.param(*case, clock_ns, start, marks=[] if (case, clock_ns, start) in FAST else [pytest.mark.slow])
        for case in CASES
        for clock_ns in (SLOW_NS, FAST_NS)
        for start in STARTS
    ],
)
def test_rtl(tokens: int, every: bool, clock_ns: float, start: str, simulator: Simulator, tmp_path: Path) -> None:
    loops, x, first = starting(tokens, every, start), stimuli(tokens, 12), states(12)
    rtl = emit_stream(loops, clock_ns)
    given = [Tensor.of(n, a & 255, width_bits=8, signed=False) for n, a in inputs(loops, x, first).items()]
    expected = Tensor.of("y", reference(x, first, every, start) & 255, width_bits=8, signed=False)
    vectors = Vectors(tuple(given), (expected,), ordered=start == "kept")
    found = run(rtl, vectors, tmp_path, simulator, ("back_to_back", "random_gaps", "reset_mid_run"))
    assert found.texts() == []
    assert found.passed
    assert (found.latency_cycles, found.interval_cycles) == (rtl.latency_cycles, rtl.interval_cycles)
    if simulator == "icarus":
        trace = stream_plan(loops, clock_ns).trace
        assert found.timeline == {c: (trace.first[c], trace.last[c]) for c in loops.channels}


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("interleaved", [2, pytest.param(5, marks=pytest.mark.slow)])
def test_given_in_turn(interleaved: int, simulator: Simulator, tmp_path: Path) -> None:
    """Fewer and more sequences than a step has cycles, each from a state of its own."""
    loops, x, first = starting(4, True, "given", interleaved), stimuli(4, 12 * interleaved), states(12 * interleaved)
    groups = {n: in_turn(a, interleaved) for n, a in inputs(loops, x, first).items()}
    y = in_turn(reference(x, first, every=True, start="given"), interleaved)
    assert_equal(loops.evaluate(groups)["y"], y)
    rtl = emit_stream(loops, FAST_NS, SLOW_ADDERS)
    given = [Tensor.of(n, a & 255, width_bits=8, signed=False) for n, a in groups.items()]
    vectors = Vectors(tuple(given), (Tensor.of("y", y & 255, width_bits=8, signed=False),))
    found = run(rtl, vectors, tmp_path, simulator, ("back_to_back", "random_gaps", "reset_mid_run"))
    assert found.texts() == []
    assert (found.latency_cycles, found.interval_cycles) == (rtl.latency_cycles, rtl.interval_cycles)


@pytest.mark.parametrize("start", STARTS)
def test_verilator_has_no_warning(start: str, tmp_path: Path) -> None:
    lint(emit_stream(starting(4, False, start), FAST_NS), tmp_path)


def test_faults_are_told() -> None:
    (loop,) = starting(4, True, "given").processes
    assert isinstance(loop, Loop)
    x, first = loop.reads
    for wrong in (replace(first, tokens=4), replace(first, types=(KEPT,))):
        assert "the first state is one token a sequence" in replace(loop, reads=(x, wrong)).faults()[0]
    assert "of a state that is not kept" in replace(loop, keeps=True).faults()[0]
    (kept,) = starting(4, True, "kept", 2).processes
    assert "none goes on where the one before it ended" in kept.faults()[0]
