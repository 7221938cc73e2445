"""Pipelining a kernel at an initiation interval of 1: as soon as possible with chaining, then registers moved to fewer bits.

A value is in the stage (clock cycle after the inputs) in which its logic is. Read in a later stage, it passes through one
register of its width a stage. `Scale` moves no bit, so it has no registers of its own: its operand's serve.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fpga_ml.devices import GENERIC, DelayModel
from fpga_ml.errors import FpgaMlError
from fpga_ml.ir.kernel import Kernel
from fpga_ml.ir.kernel.ops import Const, Input, Scale
from fpga_ml.schedule.delay import delay_ns
from fpga_ml.schedule.retime import RetimingGraph, register_bits, retime

SLACK_NS = 1e-9  # of sums of floats


@dataclass(frozen=True)
class Schedule:
    """stages: of each value, None for a constant; arrivals_ns: of each value, after its stage's clock edge.

    latency_cycles: the stage in which all outputs are given; outputs_ns: when in it each arrives (0 from a register);
    register_bits: of all registers between.
    """

    stages: tuple[int | None, ...]
    arrivals_ns: tuple[float, ...]
    latency_cycles: int
    outputs_ns: tuple[float, ...]
    register_bits: int


def carriers(kernel: Kernel) -> tuple[int, ...]:
    """For each value, the value whose bits it has: itself, or what a `Scale` scales."""
    found: list[int] = []
    for number, v in enumerate(kernel.values):
        found.append(found[v.operands[0]] if isinstance(v.op, Scale) else number)
    return tuple(found)


def schedule(
    kernel: Kernel, clock_ns: float, model: DelayModel = GENERIC, arrivals_ns: Sequence[float] | None = None
) -> Schedule:
    """Stages for a clock period.

    arrivals_ns: of each input after the clock edge, where the layer before has logic in the same cycle; 0 by default.
    Raises FpgaMlError where one operation, or an input's arrival, is slower than the clock.
    """
    given = tuple(arrivals_ns) if arrivals_ns is not None else (0.0,) * len(kernel.inputs)
    budget = model.budget_ns(clock_ns)
    graph = _graph(kernel, model)
    _check(kernel, graph, given, budget, clock_ns, model)
    stages, times = _as_soon_as_possible(kernel, graph, given, budget)
    ends = [k for k in graph.outputs if not graph.constant[k]]
    latency = max((stages[k] for k in ends), default=0)
    retime(graph, stages, times, latency, budget + SLACK_NS)
    carrier = carriers(kernel)
    return Schedule(
        tuple(None if graph.constant[k] else stages[k] for k in carrier),
        tuple(times[k] for k in carrier),
        latency,
        tuple(times[k] if stages[k] == latency and not graph.constant[k] else 0.0 for k in graph.outputs),
        register_bits(graph, stages, latency),
    )


def _graph(kernel: Kernel, model: DelayModel) -> RetimingGraph:
    carrier = carriers(kernel)
    constant = tuple(isinstance(v.op, Const) for v in kernel.values)
    operands = tuple(
        () if isinstance(v.op, Scale) else tuple(dict.fromkeys(carrier[k] for k in v.operands if not constant[carrier[k]]))
        for v in kernel.values
    )
    users: list[list[int]] = [[] for _ in kernel.values]
    for number, reads in enumerate(operands):
        for k in reads:
            users[k].append(number)
    return RetimingGraph(
        constant=constant,
        movable=tuple(not isinstance(v.op, (Const, Input, Scale)) for v in kernel.values),
        operands=operands,
        users=tuple(tuple(u) for u in users),
        outputs=tuple(carrier[k] for k in kernel.outputs),
        width_bits=tuple(v.wire.type.width for v in kernel.values),
        delays_ns=tuple(delay_ns(model, v, kernel.wires(n)) for n, v in enumerate(kernel.values)),
    )


def _check(
    kernel: Kernel, graph: RetimingGraph, given: tuple[float, ...], budget: float, clock_ns: float, model: DelayModel
) -> None:
    where = f"kernel '{kernel.name}'"
    period = f"the {clock_ns:g} ns clock leaves {budget:.2f} ns for logic (delay model '{model.name}')"
    if len(given) != len(kernel.inputs):
        raise FpgaMlError(f"{len(given)} arrival times for {len(kernel.inputs)} inputs", where=where, do="give one an input")
    if given and max(given) > budget + SLACK_NS:
        late = given.index(max(given))
        raise FpgaMlError(
            f"input {late} arrives after {max(given):.2f} ns, but {period}", where=where, do="choose a slower clock"
        )
    for number, delay in enumerate(graph.delays_ns):
        if delay > budget + SLACK_NS:
            v = kernel.values[number]
            raise FpgaMlError(
                f"one operation takes {delay:.2f} ns, but {period}",
                where=f"{where}, %{number} = {v.op.name} of {v.wire.type.width} bits",
                do="choose a slower clock, or narrower types",
            )


def _as_soon_as_possible(
    kernel: Kernel, graph: RetimingGraph, given: tuple[float, ...], budget: float
) -> tuple[list[int], list[float]]:
    """Stage and arrival of each value (of a constant or a Scale: 0, not used)."""
    stages, times = [0] * len(kernel.values), [0.0] * len(kernel.values)
    for number, v in enumerate(kernel.values):
        if isinstance(v.op, Input):
            times[number] = given[v.op.index]
        elif graph.movable[number]:
            stage = max((stages[k] for k in graph.operands[number]), default=0)
            begin = max((times[k] for k in graph.operands[number] if stages[k] == stage), default=0.0)
            end = begin + graph.delays_ns[number]
            late = end > budget + SLACK_NS
            stages[number], times[number] = (stage + 1, graph.delays_ns[number]) if late else (stage, end)
    return stages, times
