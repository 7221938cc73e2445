"""A kernel as one module: packed tokens in, packed tokens out, datapath registers between.

`v<number>_s<stage>` is a value of the kernel as stage <stage> sees it, `<channel>_<index>` an element of an output.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from fpga_ml.ir.kernel import Wire
from fpga_ml.ir.kernel.ops import Const, Input, Scale
from fpga_ml.ir.network import Map
from fpga_ml.numerics import FixedType
from fpga_ml.rtl.emit_ops import Operand, emit
from fpga_ml.rtl.names import Names
from fpga_ml.rtl.signal import Signal
from fpga_ml.rtl.sv import (
    Assign,
    Called,
    Comb,
    Comment,
    Computed,
    Item,
    Module,
    Net,
    Port,
    Register,
    Registers,
    TableFunction,
    literal,
)
from fpga_ml.schedule.pipeline import Schedule, carriers

GO = "go"


@dataclass(frozen=True)
class KernelModule(Module):
    """The module of a kernel. It has a port `clk` only if it has registers, and takes a token every cycle.

    process: whose function it is; latency_cycles: from a token to its result; called: {channel: port}; stands: whether it
    has a port `go` besides, without which its registers stay as they are.
    """

    process: Map = field(kw_only=True)
    latency_cycles: int = field(kw_only=True)
    called: Mapping[str, str] = field(kw_only=True)
    stands: bool = field(kw_only=True)


def map_module(name: str, process: Map, schedule: Schedule, *, stands: bool = False) -> KernelModule:
    """The kernel of `process` with the registers of `schedule`; stands: with a port `go`, if it has registers."""
    return _Emission(name, process, schedule, stands=stands).module()


class _Emission:
    def __init__(self, name: str, process: Map, schedule: Schedule, *, stands: bool) -> None:
        self.control = ("clk", GO)[: 1 + stands] if schedule.register_bits else ()
        self.name, self.process, self.schedule, self.kernel = name, process, schedule, process.kernel
        self.carrier = carriers(process.kernel)
        self.last = self._last_uses()
        self.names = Names(name)
        self.ports = {name: self.names.port(name) for name in self._port_names()}
        self.signals: dict[tuple[int, int], str] = {}
        self.tables: dict[TableFunction, TableFunction] = {}  # as they are emitted: with the name that they have here

    def module(self) -> KernelModule:
        items: list[Item] = []
        enable = GO if GO in self.control else None
        for stage in range(self.schedule.latency_cycles + 1):
            registers, made = self._registers(stage), self._made(stage)
            items += [Comment(f"stage {stage}")] if registers or made else []
            items += [Registers("clk", tuple(registers), enable=enable)] if registers else []
            items += [Comb(made)] if made else []
        items = [*self.tables.values(), *items, *self._outputs()]
        latency = self.schedule.latency_cycles
        what = f"Layer '{self.process.name}', {latency} clock cycle{'s' * (latency != 1)}."
        return KernelModule(
            self.name,
            self._ports(),
            items,
            what,
            process=self.process,
            latency_cycles=latency,
            called={channel: port for channel, port in self.ports.items() if channel not in self.control},
            stands=enable is not None,
        )

    def _port_names(self) -> list[str]:
        channels = dict.fromkeys(c.name for c in (*self.process.reads, *self.process.writes))
        return [*self.control, *channels]

    def _ports(self) -> tuple[Port, ...]:
        reads = {t.name: Port("input", self.ports[t.name], t.width_bits) for t in self.process.reads}
        writes = {t.name: Port("output", self.ports[t.name], t.width_bits) for t in self.process.writes}
        return (*(Port("input", name) for name in self.control), *reads.values(), *writes.values())

    def _last_uses(self) -> list[int]:
        """The last stage in which each carrier is read; -1 if it never is."""
        last = [-1] * len(self.kernel.values)
        for number, v in enumerate(self.kernel.values):
            stage = self.schedule.stages[number]
            if stage is not None and not isinstance(v.op, Scale):
                for k in v.operands:
                    last[self.carrier[k]] = max(last[self.carrier[k]], stage)
        for k in self.kernel.outputs:
            last[self.carrier[k]] = self.schedule.latency_cycles
        return last

    def _is_made(self, number: int, stage: int) -> bool:
        return self.carrier[number] == number and self.schedule.stages[number] == stage

    def _registers(self, stage: int) -> list[Register]:
        found = []
        for number, v in enumerate(self.kernel.values):
            made = self.schedule.stages[number]
            if self.carrier[number] == number and made is not None and made < stage <= self.last[number]:
                t = v.wire.type
                found.append(Register(self._new(number, stage), t.width, t.signed, self.signals[number, stage - 1]))
        return found

    def _made(self, stage: int) -> list[Computed]:
        inputs = self._inputs() if stage == 0 else {}
        items: list[Computed] = []
        for number, v in enumerate(self.kernel.values):
            if not self._is_made(number, stage):
                continue
            if isinstance(v.op, Input):
                if self.last[number] >= 0:
                    t = v.wire.type
                    items.append(Net(self._new(number, stage), t.width, t.signed, inputs[v.op.index]))
            else:
                operands = [Operand(self._signal(k, stage), self.kernel.values[k].wire) for k in v.operands]
                items += map(self._own, emit(self._new(number, stage), v, operands))
        return items

    def _own(self, made: Computed) -> Computed:
        """A value that a table gives calls the table of this module; the same table is there once."""
        if not isinstance(made, Called):
            return made
        own = self.tables.get(made.table)
        if own is None:
            name = self.names.free(f"table_{len(self.tables)}")
            own = self.tables[made.table] = replace(made.table, name=name, argument=self.names.free(f"{name}_address"))
        return replace(made, table=own)

    def _new(self, number: int, stage: int) -> str:
        return self.signals.setdefault((number, stage), self.names.free(f"v{number}_s{stage}"))

    def _signal(self, number: int, stage: int) -> Signal:
        carrier = self.carrier[number]
        v = self.kernel.values[carrier]
        t = v.wire.type
        if isinstance(v.op, Const):
            return Signal("", t.width, t.signed, v.op.raw)
        return Signal(self.signals[carrier, stage], t.width, t.signed)

    def _inputs(self) -> dict[int, str]:
        """For each kernel input, its bits of the port."""
        elements = [(t, low, declared) for t in self.process.reads for _, low, declared in t.slices()]
        wires = [self.kernel.values[k].wire for k in self.kernel.inputs]
        return {
            k: element(self.ports[tensor.name], low, declared, wire)
            for k, ((tensor, low, declared), wire) in enumerate(zip(elements, wires, strict=True))
        }

    def _outputs(self) -> list[Item]:
        items: list[Computed] = []
        numbers = iter(self.kernel.outputs)
        for channel in self.process.writes:
            names = []
            for k, _, declared in channel.slices():
                number = next(numbers)
                wire, signal = self.kernel.values[number].wire, self._signal(number, self.schedule.latency_cycles)
                names.append(self.names.free(f"{channel.name}_{k}"))
                bits = signal.bits(declared.width, declared.fraction - wire.fraction)
                items.append(Net(names[-1], declared.width, declared.signed, bits))
            items.append(Assign(self.ports[channel.name], packed(names)))
        return [Comment("outputs"), Comb(items)]


def packed(names: Sequence[str]) -> str:
    """Signals as one vector, the first lowest."""
    return names[0] if len(names) == 1 else f"{{{', '.join(reversed(names))}}}"


def element(port: str, low: int, declared: FixedType, wire: Wire) -> str:
    """Of a packed token, the element from bit `low` on as a kernel's input wire."""
    width, shift = wire.type.width, wire.fraction - declared.fraction
    if shift > 0:
        kept = width - shift
        return f"{{{_part(port, low, declared, kept)}, {shift}'d0}}" if kept > 0 else literal(0, width)
    cut = min(-shift, declared.width - 1)
    return _part(port, low + cut, FixedType(declared.signed, declared.width - cut, declared.width - cut), width)


def _part(port: str, low: int, declared: FixedType, width: int) -> str:
    part = f"{port}[{low + min(width, declared.width) - 1}:{low}]"
    if width <= declared.width:
        return part
    return f"{width}'($signed({part}))" if declared.signed else f"{width}'({part})"
