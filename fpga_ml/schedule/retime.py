"""Moving values to later stages where that takes fewer register bits.

A value moves if all that read it are in later stages and its own registers are wider than what its operands need in
their place: one adder before a register of 9 bits becomes one behind an operand that is kept anyway. Timing is kept, and
so is the latest arrival of an output, since the next layer starts from there.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

_ROUNDS = 4


@dataclass(frozen=True)
class RetimingGraph:
    """What of a kernel matters for timing, each tuple one entry a value; operands and users leave out constants."""

    constant: tuple[bool, ...]
    movable: tuple[bool, ...]
    operands: tuple[tuple[int, ...], ...]
    users: tuple[tuple[int, ...], ...]
    outputs: tuple[int, ...]
    width_bits: tuple[int, ...]
    delays_ns: tuple[float, ...]


def last_uses(graph: RetimingGraph, stages: list[int], latency: int) -> list[int]:
    """The last stage in which each value is read; its own if it never is."""
    last = [max((stages[u] for u in users), default=stages[k]) for k, users in enumerate(graph.users)]
    for k in graph.outputs:
        last[k] = latency
    return last


def register_bits(graph: RetimingGraph, stages: list[int], latency: int) -> int:
    last = last_uses(graph, stages, latency)
    return sum(
        graph.width_bits[k] * (last[k] - stages[k])
        for k in range(len(stages))
        if not graph.constant[k] and last[k] > stages[k]
    )


def retime(graph: RetimingGraph, stages: list[int], times: list[float], latency: int, budget_ns: float) -> None:
    """Changes stages and times in place."""
    outputs = frozenset(graph.outputs)
    at_end = max((times[k] for k in outputs if stages[k] == latency), default=0.0)
    last = last_uses(graph, stages, latency)
    for _ in range(_ROUNDS):
        moved = False
        for k in range(len(stages) - 1, -1, -1):
            if graph.movable[k] and (graph.users[k] or k in outputs):
                moved |= _move(graph, k, stages, times, last, outputs, latency, budget_ns, at_end)
        if not moved:
            return


def _move(
    graph: RetimingGraph,
    k: int,
    stages: list[int],
    times: list[float],
    last: list[int],
    outputs: frozenset[int],
    latency: int,
    budget_ns: float,
    at_end_ns: float,
) -> bool:
    """Value k to the stage with the fewest register bits in which timing holds; False where it is there already."""
    limit = min([stages[u] for u in graph.users[k]] + [latency] * (k in outputs))
    gains = []
    for stage in range(stages[k] + 1, limit + 1):
        longer = sum(graph.width_bits[o] * max(stage - last[o], 0) for o in graph.operands[k])
        gains.append((graph.width_bits[k] * (stage - stages[k]) - longer, stage))
    for gain, stage in sorted(gains, key=lambda g: (-g[0], g[1])):
        if gain <= 0:
            return False
        settled = _settled(graph, k, stage, stages, times, budget_ns)
        late = any(v in outputs and stage == latency and t > at_end_ns for v, t in (settled or {}).items())
        if settled is not None and not late:
            stages[k] = stage
            for v, t in settled.items():
                times[v] = t
            for o in graph.operands[k]:
                last[o] = max(last[o], stage)
            return True
    return False


def _settled(
    graph: RetimingGraph, k: int, stage: int, stages: list[int], times: list[float], budget_ns: float
) -> dict[int, float] | None:
    """New arrivals in the stage if k were in it, its operands being in earlier ones; None where one is too late."""
    found = {k: graph.delays_ns[k]}
    waiting = [k]
    while waiting:
        number = heapq.heappop(waiting)
        for user in graph.users[number]:
            if stages[user] != stage:
                continue
            end = found[number] + graph.delays_ns[user]
            if end > budget_ns:
                return None
            if end > found.get(user, times[user]):
                found[user] = end
                heapq.heappush(waiting, user)
    return found
