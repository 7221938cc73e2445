"""Buffers of a stream: deep enough for frames to come as soon and as often as with endless ones, and no deeper."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fpga_ml.ir.kernel import Builder, Kernel
from fpga_ml.ir.kernel.wire import Wire
from fpga_ml.ir.network import Axis, Channel, Fold, Map, Network, Window, verify
from fpga_ml.numerics import FixedType
from fpga_ml.schedule.stream import Buffer, StreamPlan, stream_plan
from fpga_ml.schedule.tokens import Trace, _Run, run

from .test_loop import network as looped

T = FixedType.parse("ap_fixed<6,3>")
MANY = 2000  # cycles, in which all of these networks are done


def added(name: str, *reads: Channel) -> Kernel:
    b = Builder(name)
    return b.build([b.cast(b.tree(b.add, [b.input(w) for c in reads for w in c.wires]), T)])


def branches(rows: int, columns: int, taps: int) -> Network:
    """x and what two line buffers behind one another make of it, added up pixel by pixel."""
    x, tokens = Channel("x", (T,), rows * columns), rows * columns
    axes = (Axis(rows, rows, taps, 1, taps // 2), Axis(columns, columns, taps, 1, taps // 2))
    processes: list[Window | Map] = []
    read = x
    for name in ("one", "two"):
        windows, made = Channel(f"{name}_windows", (T,) * taps**2, tokens), Channel(name, (T,), tokens)
        processes += [
            Window(f"{name}_line", (read,), (windows,), *axes, (0,)),
            Map(name, (windows,), (made,), added(name, windows)),
        ]
        read = made
    total = Channel("y", (T,), tokens)
    processes.append(Map("y", (x, read), (total,), added("y", x, read)))
    return Network("branches", (x,), ("y",), tuple(processes))


def with_depth(plan: StreamPlan, k: int, depth: int) -> Trace:
    buffers: list[Buffer] = list(plan.buffers)
    buffers[k] = replace(buffers[k], depth=depth)
    return run(plan.network, plan.units, buffers)


@pytest.mark.parametrize(("rows", "columns", "taps"), [(1, 9, 1), (4, 5, 3), (6, 11, 5), (3, 20, 3)])
def test_one_place_less_is_too_few(rows: int, columns: int, taps: int) -> None:
    network = branches(rows, columns, taps)
    assert verify(network) == []
    plan = stream_plan(network, 5.0)
    endless = run(network, plan.units, [replace(b, depth=1 << 20) for b in plan.buffers])
    assert (plan.latency_cycles, plan.interval_cycles) == (endless.latency_cycles, endless.interval_cycles)
    assert plan.interval_cycles == rows * columns
    for k, b in enumerate(plan.buffers):
        assert b.high_water <= b.depth
        if b.depth > 1:
            less = with_depth(plan, k, b.depth - 1)
            later = less.latency_cycles > plan.latency_cycles or less.interval_cycles > plan.interval_cycles
            assert not less.complete or later, b


def test_the_skip_connection_waits_for_both_line_buffers() -> None:
    """Its buffer holds at least the pixels by which the two are behind."""
    network = branches(6, 11, 5)
    lag = sum(p.lag for p in network.processes if isinstance(p, Window))
    plan = stream_plan(network, 5.0)
    assert max(b.depth for b in plan.buffers_of("x")) > lag


def test_a_buffer_that_is_much_too_small_locks() -> None:
    plan = stream_plan(branches(4, 5, 3), 5.0)
    k = max(range(len(plan.buffers)), key=lambda i: plan.buffers[i].depth)
    assert not with_depth(plan, k, 2).complete


def test_two_outputs_come_to_their_end() -> None:
    """One that is empty is not taken from because another is empty too: this ran for ever."""
    x, y, z = Channel("x", (T,), 6), Channel("y", (T,), 6), Channel("z", (T,), 5)
    pairs = Channel("pairs", (T,) * 2, 5)
    processes = (
        Map("y", (x,), (y,), added("y", x)),
        Window("line", (x,), (pairs,), Axis(1, 1), Axis(6, 5, 2), (0,)),
        Map("z", (pairs,), (z,), added("z", pairs)),
    )
    plan = stream_plan(Network("heads", (x,), ("y", "z"), processes), 5.0)
    assert (plan.interval_cycles, plan.trace.complete) == (6, True)


def power(wire: Wire) -> Kernel:
    """The sixth, of several stages at any clock."""
    b = Builder("power")
    found = value = b.input(wire)
    for _ in range(5):
        found = b.cast(b.mul(found, value), T)
    return b.build([found])


def waiting() -> Network:
    """Powers of pixels, which wait for windows of the pixels behind: with too small a buffer they stand still for ever."""
    names = ("x", "powers", "one", "windows", "y")
    x, powers, one, windows, y = (Channel(name, (T,) * (9 if name == "windows" else 1), 12) for name in names)
    wide, narrow = (Axis(12, 12, taps, 1, taps // 2) for taps in (9, 1))
    processes = (
        Window("line", (x,), (windows,), Axis(1, 1), wide, (0,)),
        Map("powers", (x,), (powers,), power(x.wires[0])),
        Window("line_of_one", (powers,), (one,), Axis(1, 1), narrow, (0,)),
        Map("y", (one, windows), (y,), added("y", one, windows)),
    )
    return Network("waiting", (x,), ("y",), processes)


def shared(rounds: int) -> Network:
    """What a loop gives every few cycles, to the sixth power; windows of these, each summed in so many rounds, for which the
    segment of the powers stands still, with the gaps between its tokens."""
    (loop,) = looped(12, every=True).processes
    (given,) = loop.writes
    powers, windows = Channel("powers", (T,), 12), Channel("windows", (T,) * 4, 9)
    power_of = Map("powers", (given,), (powers,), power(given.wires[0]))
    line = Window("line", (powers,), (windows,), Axis(1, 1), Axis(12, 9, 4), (0,))
    b = Builder("step")
    step, walk = b.build([b.input(Wire.of(T))]), tuple((k % 4,) for k in range(rounds))
    fold = Fold("fold", (windows,), (Channel("sums", (T,), 9),), step, walk, ((),) * rounds, (), rounds)
    sums = Channel("sums", tuple(w.type for w in fold.reach(windows.wires)[0]), 9)
    last = Map("last", (sums,), (Channel("last", (T,), 9),), added("last", sums))
    return Network("shared", loop.reads, ("last",), (loop, power_of, line, replace(fold, writes=(sums,)), last))


NETWORKS = {
    "branches": lambda: branches(4, 5, 3),
    "waiting": waiting,
    "one round": lambda: shared(1),
    "rounds": lambda: shared(4),
    "many rounds": lambda: shared(17),
    "loop": lambda: looped(5, every=True),
    "last of a loop": lambda: looped(5, every=False, interleaved=2),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("clock_ns", [5.0, 3.0])
def test_cycles_in_which_nothing_happens_are_passed_over(
    name: str, clock_ns: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with every cycle looked at, also where the network locks."""
    plan = stream_plan(NETWORKS[name](), clock_ns)
    most = max(b.depth for b in plan.buffers)
    cases = [
        ([replace(b, depth=min(b.depth, depth)) for b in plan.buffers], elastic)
        for depth in range(1, most + 1)
        for elastic in (False, True)
    ]
    skipping = [run(plan.network, plan.units, buffers, elastic=elastic) for buffers, elastic in cases]
    monkeypatch.setattr(_Run, "_skip", lambda self, cycle: cycle + 1 if cycle < MANY else None)
    assert skipping == [run(plan.network, plan.units, buffers, elastic=elastic) for buffers, elastic in cases]
