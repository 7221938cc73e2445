"""The bound on FIFO bits: against a count of tokens, and against all assignments of depths that keep the frames in time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from fpga_ml.ir.network import Axis, Channel, Map, Network, Window, verify
from fpga_ml.rtl.network import emit_stream
from fpga_ml.schedule.least import ENDLESS, least_bits
from fpga_ml.schedule.stream import StreamPlan, stream_plan
from fpga_ml.schedule.tokens import run
from fpga_ml.simulate.cosim import Guarantee, Simulator, Tensor, Vectors, cosim

from .designs import SIMULATORS
from .test_stream_schedule import T, added, branches


@pytest.mark.parametrize(("rows", "columns", "taps"), [(1, 9, 1), (4, 5, 3), (6, 11, 5), (3, 20, 3)])
@pytest.mark.parametrize("clock_ns", [5.0, 1.0])
def test_a_skip_holds_what_enters_the_fork_before_the_longer_path_gives(
    rows: int, columns: int, taps: int, clock_ns: float
) -> None:
    """A token a cycle enters. The join begins when it takes the first windows of the longer path."""
    plan = stream_plan(branches(rows, columns, taps), clock_ns)
    skip = next(b for b in plan.buffers if (b.channel.name, b.reader) == ("x", "y"))
    assert skip.least == plan.trace.first["two_windows"]
    others = [b for b in plan.buffers if b is not skip]
    assert [b.least for b in others] == [1] * len(others)


def passes(network: Network, simulator: Simulator, folder: Path, clock_ns: float, *change: str) -> bool:
    """Whether the RTL with its top changed gives the right values in time, with gaps and stalls and without."""
    rtl = emit_stream(network, clock_ns)
    top = f"{rtl.top}.sv"
    if change:
        assert re.search(change[0], rtl.files[top]), change[0]
        rtl = replace(rtl, files={**rtl.files, top: re.sub(*change, rtl.files[top])})
    x = np.random.default_rng(1).integers(-32, 32, (8, 20, 1))
    y = network.evaluate({"x": x})["y"]
    given = Vectors((Tensor.of("x", x, width_bits=6, signed=True),), (Tensor.of("y", y, width_bits=6, signed=True),))
    guarantee = Guarantee(rtl.latency_cycles, rtl.interval_cycles)
    return cosim(rtl.write(folder), rtl.top, given, folder, simulator, guarantee=guarantee).passed


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_a_skip_that_is_one_too_shallow_is_found(simulator: Simulator, tmp_path: Path) -> None:
    """Frames come later than they are to."""
    network = branches(4, 5, 3)
    skip = max(emit_stream(network, 5.0).buffers, key=lambda b: b.depth)
    assert skip.depth == skip.least_depth + 1
    assert passes(network, simulator, tmp_path, 5.0)
    assert not passes(network, simulator, tmp_path, 5.0, rf"\.DEPTH\({skip.depth}\)", f".DEPTH({skip.depth - 1})")


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_a_segment_that_does_not_stand_still_is_found(simulator: Simulator, tmp_path: Path) -> None:
    """Its results are lost where the sink does not take them."""
    network = branches(4, 5, 3)
    assert passes(network, simulator, tmp_path, 1.0)
    assert not passes(network, simulator, tmp_path, 1.0, r"(assign y_go = ).*;", r"\1 1'b1;")


def pooled() -> Network:
    """Two outputs: sums of pairs of pixels, and sums of each pixel and its neighbours."""
    x, pairs, half = Channel("x", (T,), 8), Channel("pairs", (T,) * 2, 4), Channel("half", (T,), 4)
    wide, y = Channel("wide", (T,) * 3, 8), Channel("y", (T,), 8)
    processes = (
        Window("pair", (x,), (pairs,), Axis(1, 1), Axis(8, 4, 2, 2), (0,)),
        Map("half", (pairs,), (half,), added("half", pairs)),
        Window("line", (x,), (wide,), Axis(1, 1), Axis(8, 8, 3, 1, 1), (0,)),
        Map("y", (wide,), (y,), added("y", wide)),
    )
    return Network("pooled", (x,), ("half", "y"), processes)


def assignments(plan: StreamPlan, deepest: int, *, elastic: bool) -> Iterator[list[int]]:
    """Depths with which frames come as soon and as often as with endless FIFOs."""
    free = run(plan.network, plan.units, [replace(b, depth=ENDLESS) for b in plan.buffers])
    for depths in product(range(1, deepest + 1), repeat=len(plan.buffers)):
        tried = [replace(b, depth=d) for b, d in zip(plan.buffers, depths, strict=True)]
        if run(plan.network, plan.units, tried, elastic=elastic).as_good_as(free):
            yield list(depths)


def bits(plan: StreamPlan, depths: list[int]) -> int:
    return sum(d * b.channel.width_bits for b, d in zip(plan.buffers, depths, strict=True))


@pytest.mark.parametrize("network", [branches(1, 4, 1), pooled()], ids=["branches", "pooled"])
@pytest.mark.parametrize("elastic", [False, True], ids=["as the RTL", "elastic"])
def test_no_assignment_of_depths_takes_less(network: Network, elastic: bool) -> None:
    """A FIFO of the run gives a place away a cycle late, which takes one place more where tokens follow one another."""
    assert verify(network) == []
    plan = stream_plan(network, 5.0)
    deepest = max(b.depth for b in plan.buffers)
    cheapest = min(bits(plan, depths) for depths in assignments(plan, deepest, elastic=elastic))
    assert least_bits(plan.buffers) <= cheapest <= bits(plan, [b.depth for b in plan.buffers])
    if elastic:
        assert cheapest <= bits(plan, [b.least + 1 for b in plan.buffers])
