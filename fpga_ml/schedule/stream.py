"""Scheduling a network in the stream architecture: segments, and buffers just deep enough between them.

Processes that pass on token for token and follow one another are a segment: one pipeline, scheduled as in
the parallel architecture. A segment either stands still while its outputs have no room, or takes a token only when they have
it, so that whatever is under way has a place to go. Line buffers and collections hand a token over only when it is taken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fpga_ml.devices import GENERIC, DelayModel
from fpga_ml.errors import FpgaMlError
from fpga_ml.ir.network import Fold, Holder, Loop, Map, Network, Process
from fpga_ml.schedule.least import ENDLESS, least, least_depths
from fpga_ml.schedule.parallel import Plan, plan
from fpga_ml.schedule.pipeline import schedule
from fpga_ml.schedule.tokens import Trace, run
from fpga_ml.schedule.units import Buffer, Looped, Segment, Unit

OUTSIDE = ""  # who reads the outputs
_MOST_REGISTERS = 8192  # bits, of a segment that stands still


@dataclass(frozen=True)
class StreamPlan:
    """latency_cycles: from the cycle that takes a frame's first token to that which offers its last; interval_cycles:
    between frames that follow one another; trace: of each channel's first frame."""

    network: Network
    units: tuple[Unit, ...]
    buffers: tuple[Buffer, ...]
    latency_cycles: int
    interval_cycles: int
    trace: Trace

    def buffers_of(self, channel: str) -> list[Buffer]:
        """Before each of a channel's readers."""
        return [b for b in self.buffers if b.channel.name == channel]


def stream_plan(network: Network, clock_ns: float, model: DelayModel = GENERIC) -> StreamPlan:
    """Raises FpgaMlError for a clock that one operation alone is too slow for, and for a network that cannot run dry."""
    units = _units(network, clock_ns, model)
    buffers = _buffers(network, units)
    free = run(network, units, buffers)
    if not free.complete:
        raise FpgaMlError(
            "tokens wait for one another without end", where=f"network '{network.name}'", do="this is a bug: report it"
        )
    buffers = tuple(replace(b, depth=h + 1) for b, h in zip(buffers, free.high_water, strict=True))
    for k, b in enumerate(buffers):
        buffers = (*buffers[:k], replace(b, depth=_smallest(network, units, buffers, k, free)), *buffers[k + 1 :])
    last = run(network, units, buffers)
    known = zip(buffers, last.high_water, least_depths(network, units, buffers, free), strict=True)
    buffers = tuple(replace(b, high_water=high, least=least) for b, high, least in known)
    return StreamPlan(network, units, buffers, last.latency_cycles, last.interval_cycles, last)


def unbuffered_latency_cycles(network: Network, clock_ns: float, model: DelayModel = GENERIC) -> int:
    """Of the plan, for its FIFOs never make a frame later."""
    units = _units(network, clock_ns, model)
    return run(network, units, _buffers(network, units)).latency_cycles


def _smallest(network: Network, units: tuple[Unit, ...], buffers: tuple[Buffer, ...], k: int, free: Trace) -> int:
    """The least depth of one buffer with which frames come as soon and as often as with endless ones."""

    def holds(depth: int) -> bool:
        return run(network, units, (*buffers[:k], replace(buffers[k], depth=depth), *buffers[k + 1 :])).as_good_as(free)

    return least(holds, buffers[k].depth)


def _units(network: Network, clock_ns: float, model: DelayModel) -> tuple[Unit, ...]:
    """Token-wise processes gathered; a unit reads only what units before it make."""
    groups: list[list[Process]] = []
    place: dict[str, int] = {}
    for process in network.processes:
        latest = max((place.get(c.name, -1) for c in process.reads), default=-1)
        if isinstance(process, (Map, Fold)) and latest >= 0 and isinstance(groups[latest][0], (Map, Fold)):
            groups[latest].append(process)
        else:
            groups.append([process])
            latest = len(groups) - 1
        place |= {c.name: latest for c in process.writes}
    return tuple(_unit(network, group, clock_ns, model) for group in groups)


def _unit(network: Network, group: list[Process], clock_ns: float, model: DelayModel) -> Unit:
    first = group[0]
    if isinstance(first, Holder):
        return first
    if isinstance(first, Loop):
        folded = None if first.fold is None else schedule(first.fold.step, clock_ns, model)
        return Looped(first, schedule(first.step, clock_ns, model), folded)
    made = {c.name for p in group for c in p.writes}
    inputs = tuple({c.name: c for p in group for c in p.reads if c.name not in made}.values())
    others = {c.name for p in network.processes if p not in group for c in p.reads} | set(network.outputs)
    outputs = tuple(c.name for p in group for c in p.writes if c.name in others)
    own = Network(group[-1].name, inputs, outputs, tuple(group))
    planned = plan(own, clock_ns, model)
    return Segment(group[-1].name, planned, _can_stand(planned))


def _can_stand(planned: Plan) -> bool:
    """Folds count their rounds, and do not stand still; nor does what has too many registers for one signal to reach."""
    bits = sum(p.schedule.register_bits for p in planned.placed)
    bits += sum(c.width_bits * (last - made) for c, made, last in planned.lives().values())
    maps = all(isinstance(p.process, Map) for p in planned.placed)
    return maps and planned.latency_cycles > 0 and bits <= _MOST_REGISTERS


def _buffers(network: Network, units: tuple[Unit, ...]) -> tuple[Buffer, ...]:
    """One before each reader, deep without end for now; none where a line buffer hands over to a segment alone."""
    readers: dict[str, list[str]] = {}
    for u in units:
        for c in u.reads:
            readers.setdefault(c.name, []).append(u.name)
    for name in network.outputs:
        readers.setdefault(name, []).append(OUTSIDE)
    segments = {u.name for u in units if isinstance(u, Segment)}
    handed = {
        c.name
        for u in units
        if not isinstance(u, (Segment, Looped))
        for c in u.writes
        if len(readers.get(c.name, ())) == 1 and readers[c.name][0] in segments
    }
    return tuple(
        Buffer(channel, reader, ENDLESS)
        for name, channel in network.channels.items()
        for reader in readers.get(name, ())
        if name not in handed
    )
