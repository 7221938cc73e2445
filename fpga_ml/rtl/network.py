"""A network as RTL for a target clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fpga_ml.devices import GENERIC, DelayModel
from fpga_ml.ir.area import Area, area_of
from fpga_ml.ir.network import Network, verified
from fpga_ml.rtl.holders import HolderModule, holder_module
from fpga_ml.rtl.loop import loop_modules
from fpga_ml.rtl.map import KernelModule
from fpga_ml.rtl.names import Names
from fpga_ml.rtl.parallel import parallel_module
from fpga_ml.rtl.primitives import fifo_module
from fpga_ml.rtl.processes import modules_of
from fpga_ml.rtl.segment import segment_module
from fpga_ml.rtl.stream import Probes, stream_module
from fpga_ml.rtl.sv import Module
from fpga_ml.schedule.parallel import Plan, plan
from fpga_ml.schedule.stream import StreamPlan, stream_plan
from fpga_ml.schedule.units import Looped, Segment, Unit, shared_cycles


@dataclass(frozen=True)
class Stage:
    """What a report says of a process: when after a frame's first token it begins, how long it takes, how often it can
    (a loop on average over its sequences), what it costs by estimate."""

    name: str
    kind: str
    start_cycle: int
    latency_cycles: int
    interval_cycles: float
    area: Area


@dataclass(frozen=True)
class BufferRow:
    """A FIFO: whose channel, before which reader ('' for an output); depth, high-water mark and the least depth
    that any FIFO there has (schedule/least.py) in tokens."""

    channel: str
    reader: str
    depth: int
    high_water: int
    width_bits: int
    least_depth: int = 1


@dataclass(frozen=True)
class Recurrence:
    """The slowest loop's time steps, of `steps` a sequence. latency_cycles: from a step's inputs to the state that its
    sequence's next step needs."""

    steps: int
    latency_cycles: int


@dataclass(frozen=True)
class Rtl:
    """files: text by file name, one module each, the top last; register_bits: of all modules, without memories; buffers:
    between the units of a stream; probes: by channel, the top's signals that are high in a cycle in which a token of it is
    made, and the tokens of a frame; interleave: inferences in a frame, whose tokens come in turn; recurrence: of a
    stream with loops."""

    files: Mapping[str, str]
    top: str
    stages: tuple[Stage, ...]
    latency_cycles: int
    interval_cycles: int
    register_bits: int
    buffers: tuple[BufferRow, ...] = ()
    probes: Probes = field(default_factory=dict)
    interleave: int = 1
    recurrence: Recurrence | None = None
    kernels: tuple[KernelModule, ...] = ()
    holders: tuple[HolderModule, ...] = ()

    @property
    def area(self) -> Area:
        """An estimate of all of it."""
        return sum((s.area for s in self.stages), Area(memory_bits=self.fifo_bits))

    @property
    def fifo_bits(self) -> int:
        return sum(b.depth * b.width_bits for b in self.buffers)

    @property
    def least_fifo_bits(self) -> int:
        """Fewer do for no protocol and no depths."""
        return sum(b.least_depth * b.width_bits for b in self.buffers)

    def notes(self, asked_cycles: int | None) -> list[str]:
        """What a user should know of it; asked_cycles: between two inferences."""
        reached = shared_cycles(self.interval_cycles, self.interleave)
        if asked_cycles is None or reached <= asked_cycles:
            return []
        why = " (a time step waits for the state that the one before it makes)" if self.recurrence else ""
        return [f"an inference every {reached:g} cycles, and not every {asked_cycles:,}: no sharing makes it shorter{why}"]

    def write(self, folder: Path) -> tuple[Path, ...]:
        """The files, into a folder that exists."""
        for name, text in self.files.items():
            (folder / name).write_text(text)
        return tuple(folder / name for name in self.files)


def emit_network(network: Network, clock_ns: float, model: DelayModel = GENERIC) -> Rtl:
    """RTL of the parallel architecture. Raises FpgaMlError for a network with faults, and for a clock that one operation
    alone is too slow for."""
    placed = plan(verified(network), clock_ns, model)
    names = Names(network.name)
    top = names.port(network.name)
    modules = segment_modules(names.free(f"{top}_pipeline"), placed, top, names, busy=True)
    modules.append(parallel_module(network, modules[-1].name))
    return Rtl(
        {f"{m.name}.sv": m.text for m in modules},
        top,
        tuple(
            Stage(
                p.process.name,
                p.process.kind,
                p.start_stage,
                p.latency_cycles,
                p.process.interval_cycles,
                area_of(p.process),
            )
            for p in placed.placed
        ),
        placed.latency_cycles,
        placed.interval_cycles,
        sum(m.register_bits for m in modules),
        kernels=tuple(m for m in modules if isinstance(m, KernelModule)),
    )


def emit_stream(network: Network, clock_ns: float, model: DelayModel = GENERIC, *, frame_last: bool = False) -> Rtl:
    """RTL of the stream architecture; errors as of `emit_network`. frame_last: TLAST marks the ends of frames, and one
    that is cut short or too long is flagged."""
    planned = stream_plan(verified(network), clock_ns, model)
    names = Names(network.name)
    top = names.port(network.name)
    fifo = fifo_module(names.free(f"{top}_fifo"))
    modules: list[Module] = []
    own: dict[str, str] = {}
    for unit in planned.units:
        made = _unit_modules(unit, top, names, fifo.name)
        own[unit.name] = made[-1].name
        modules += made
    module, probes = stream_module(planned, own, fifo.name, frame_last=frame_last)
    modules.append(module)
    return Rtl(
        {f"{fifo.name}.sv": fifo.text} | {f"{m.name}.sv": m.text for m in modules},
        top,
        tuple(stage for unit in planned.units for stage in _stages(planned, unit)),
        planned.latency_cycles,
        planned.interval_cycles,
        sum(m.register_bits for m in modules),
        tuple(
            BufferRow(b.channel.name, b.reader, b.depth, b.high_water, b.channel.width_bits, b.least)
            for b in planned.buffers
        ),
        probes,
        network.interleave,
        _recurrence(planned),
        tuple(m for m in modules if isinstance(m, KernelModule)),
        tuple(m for m in modules if isinstance(m, HolderModule)),
    )


def _recurrence(planned: StreamPlan) -> Recurrence | None:
    loops = [u for u in planned.units if isinstance(u, Looped)]
    if not loops:
        return None
    slowest = max(loops, key=lambda u: (u.reads[0].tokens * u.interval_cycles, u.turn_cycles))
    return Recurrence(slowest.reads[0].tokens // slowest.process.interleaved, slowest.turn_cycles)


def _unit_modules(unit: Unit, top: str, names: Names, fifo: str) -> list[Module]:
    """The unit's own module last; fifo: that of primitives/fifo.sv."""
    name = f"{top}_{unit.name}"
    match unit:
        case Segment():
            return segment_modules(names.free(f"{name}_unit"), unit.plan, top, names, stands=unit.stands)
        case Looped():
            own = names.free(name)
            return list(loop_modules(own, names.free(f"{own}_step"), names.free(f"{own}_fold"), fifo, unit))
    return [holder_module(names.free(name), unit)]


def _stages(planned: StreamPlan, unit: Unit) -> list[Stage]:
    """From a unit's first token to its last, in the first frame."""
    trace = planned.trace
    written = unit.writes[0].name
    if isinstance(unit, Looped):
        start = trace.first[unit.reads[0].name]
        p = unit.process
        return [Stage(p.name, p.kind, start, trace.last[written] - start + 1, unit.interval_cycles, area_of(p))]
    processes = unit.processes if isinstance(unit, Segment) else (unit,)
    span = trace.last[written] - trace.first[written] + 1
    return [Stage(p.name, p.kind, trace.first[written], span, p.interval_cycles, area_of(p)) for p in processes]


def segment_modules(
    name: str, placed: Plan, top: str, names: Names, *, busy: bool = False, stands: bool = False
) -> list[Module]:
    """Of all processes of a segment, and then its own."""
    modules = [modules_of(p, top, names, stands=stands) for p in placed.placed]
    own = segment_module(name, placed, [m[-1].name for m in modules], busy=busy, stands=stands)
    return [*(m for of_one in modules for m in of_one), own]
