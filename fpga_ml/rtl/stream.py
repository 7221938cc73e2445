"""The top of the stream architecture, with the ports that Vitis HLS gives an hls4ml io_stream project.

A token is one beat: each element in whole bytes, sign- or zero-extended, element 0 in the least significant ones (Vitis HLS
user guide UG1399, AXI4-Stream interfaces). Frames are taken while ap_start is high; one that has begun is taken to its end.
With marked frames each stream has TLAST besides, and `ap_frame_error` is high with ap_done where a frame had a wrong length.
"""

from __future__ import annotations

from collections.abc import Mapping

from fpga_ml.ir.network import Channel, Holder
from fpga_ml.rtl.holding import PORTS as HOLDER_PORTS
from fpga_ml.rtl.loop import FIRST
from fpga_ml.rtl.loop import PORTS as LOOP_PORTS
from fpga_ml.rtl.map import GO, packed
from fpga_ml.rtl.names import Names, identifier
from fpga_ml.rtl.segment import CONTROL as SEGMENT_CONTROL
from fpga_ml.rtl.signal import Signal
from fpga_ml.rtl.sv import Assign, Comment, Declare, Instance, Item, Module, Net, Port, Register, Registers, literal
from fpga_ml.schedule.stream import OUTSIDE, StreamPlan
from fpga_ml.schedule.units import Buffer, Looped, Segment, Unit

CONTROL = ("ap_clk", "ap_rst_n", "ap_start", "ap_done", "ap_ready", "ap_idle")
ERROR = "ap_frame_error"
DRIVEN = ("ap_clk", "ap_rst_n", "ap_start")
_FRAMES_MARKED = 64  # that can be under way where their ends are marked
_FLIGHT_BITS = 8  # frames between an output that is ahead and one that is behind, and frames in flight


Probes = dict[str, tuple[tuple[str, ...], int]]


def stream_module(plan: StreamPlan, modules: Mapping[str, str], fifo: str, *, frame_last: bool) -> tuple[Module, Probes]:
    """modules: {unit: its module's name}; fifo: that of primitives/fifo.sv; frame_last: with TLAST at each end of a frame.

    The second result: by channel, which signals of the module are all high in a cycle in which a token of it is made, and
    how many tokens a frame has.
    """
    top = _Top(plan, modules, fifo, frame_last=frame_last)
    return top.module(), top.probes()


def slot_bits(width_bits: int) -> int:
    """Of an element in a beat: whole bytes."""
    return -(-width_bits // 8) * 8


def _made_with(unit: Unit) -> tuple[str, ...]:
    """The ends of the signals that are all high in a cycle in which a unit's token is made."""
    match unit:
        case Segment():
            return ("done", "go") if unit.stands else ("done",)
        case Looped():
            return ("push",)
    return ("valid", "ready")


class _Top:
    def __init__(self, plan: StreamPlan, modules: Mapping[str, str], fifo: str, *, frame_last: bool) -> None:
        self.plan, self.modules, self.fifo, self.frame_last = plan, modules, fifo, frame_last
        self.network = plan.network
        self.names = Names(self.network.name)
        for port in (*CONTROL, ERROR) if frame_last else CONTROL:
            self.names.port(port)
        self.ends = (*self.network.inputs, *self.network.results)
        self.axis = {c.name: [self.names.port(f"{c.name}_T{end}") for end in ("DATA", "VALID", "READY")] for c in self.ends}
        self.last = {c.name: self.names.port(f"{c.name}_TLAST") for c in self.ends if frame_last}
        self.buffers = {
            (b.channel.name, b.reader): self.names.free(f"{b.channel.name}_to_{b.reader or 'out'}") for b in plan.buffers
        }
        self.units = {u.name: self.names.free(u.name) for u in plan.units}
        self.reset = self.names.free("rst")
        self.own: dict[tuple[str, str], str] = {}
        self.taken: dict[str, str] = {}

    def module(self) -> Module:
        items: list[Item] = [Comment("control"), Net(self.reset, None, False, "~ap_rst_n")]
        items += self._declared()
        for c in self.network.inputs:
            items += self._input(c)
        for unit in self.plan.units:
            items += self._unit(unit)
        for c in self.network.results:
            items += self._output(c)
        items += self._frames()
        interval, latency = self.plan.interval_cycles, self.plan.latency_cycles
        what = f"A network with a frame every {interval} cycles, its last output {latency} cycles after its first input."
        return Module(self.network.name, self._ports(), items, what)

    def _ports(self) -> tuple[Port, ...]:
        ports = [Port("input" if p in DRIVEN else "output", p) for p in CONTROL]
        for c in self.ends:
            width = sum(slot_bits(t.width) for t in c.types)
            data, valid, ready = self.axis[c.name]
            inward = c in self.network.inputs
            ports += [
                Port("input" if inward else "output", data, width),
                Port("input" if inward else "output", valid),
                Port("output" if inward else "input", ready),
            ]
            ports += [Port("input" if inward else "output", self.last[c.name])] if self.frame_last else []
        return (*ports, *([Port("output", ERROR)] if self.frame_last else []))

    def _declared(self) -> list[Item]:
        """The signals of buffers and units, for each may be read before what drives it is written."""
        items: list[Item] = []
        for b in self.plan.buffers:
            name = self.buffers[b.channel.name, b.reader]
            items += [Declare(self._own(name, end), None) for end in ("room", "valid", "pop")]
            items.append(Declare(self._own(name, "first"), b.channel.width_bits))
        for u in self.plan.units:
            name = self.units[u.name]
            match u:
                case Segment():
                    ends: tuple[str, ...] = ("start", "done", "go")[: 2 + u.stands]
                case Looped():
                    ends = ("reserve", "push")
                case _:
                    ends = ("valid", "ready")
            items += [Declare(self._own(name, end), None) for end in ends]
            items += [Declare(self._made(u, c), c.width_bits) for c in u.writes]
        return items

    def _own(self, owner: str, end: str) -> str:
        """The signal of an owner (a channel, a buffer, a unit) with this end to its name; always the same."""
        if (owner, end) not in self.own:
            self.own[owner, end] = self.names.free(f"{owner}_{end}")
        return self.own[owner, end]

    def probes(self) -> Probes:
        found: Probes = {c.name: ((self.taken[c.name],), c.tokens) for c in self.network.inputs}
        for u in self.plan.units:
            signals = tuple(self._own(self.units[u.name], end) for end in _made_with(u))
            found |= {c.name: (signals, self.network.channels[c.name].tokens) for c in u.writes}
        return found

    def _made(self, unit: Unit, channel: Channel) -> str:
        return self._own(self.units[unit.name], f"made_{channel.name}")

    def _fifo(self, b: Buffer, reserve: str, push: str, given: str) -> Instance:
        name = self.buffers[b.channel.name, b.reader]
        ports = [
            ("clk", "ap_clk"),
            ("rst", self.reset),
            ("room", self._own(name, "room")),
            ("reserve", reserve),
            ("push", push),
        ]
        ports += [
            ("given", given),
            ("valid", self._own(name, "valid")),
            ("pop", self._own(name, "pop")),
            ("first", self._own(name, "first")),
        ]
        sizes = (("WIDTH", b.channel.width_bits), ("DEPTH", b.depth))
        return Instance(self.fifo, self._own(name, "fifo"), tuple(ports), sizes)

    def _room(self, channel: Channel) -> str:
        """Whether every buffer of a channel has room."""
        own = self.plan.buffers_of(channel.name)
        return " & ".join(self._own(self.buffers[channel.name, b.reader], "room") for b in own) or "1'b1"

    def _input(self, c: Channel) -> list[Item]:
        """A frame begins with ap_start."""
        data, valid, ready = self.axis[c.name]
        low, parts = 0, []
        for t in c.types:
            parts.append(f"{data}[{low + t.width - 1}:{low}]")
            low += slot_bits(t.width)
        taken, given = self._own(c.name, "taken"), self._own(c.name, "given")
        self.taken[c.name] = taken
        opens, room = self._own(c.name, "open"), self._room(c)
        items: list[Item] = [Comment(f"input '{c.name}'"), Declare(opens, None)]
        if self.frame_last:
            items += self._marked(c, packed(parts), opens, room)
        else:
            items += [
                Assign(ready, f"{opens} & {room}"),
                Net(taken, None, False, f"{valid} & {ready}"),
                Net(given, c.width_bits, False, packed(parts)),
            ]
        return [*items, *(self._fifo(b, taken, taken, given) for b in self.plan.buffers_of(c.name))]

    def _marked(self, c: Channel, beat: str, opens: str, room: str) -> list[Item]:
        """What is taken where TLAST marks a frame's end: a frame cut short is filled up with zeros, of one that is too
        long the rest is dropped; both are marked in a FIFO of one bit a frame."""
        _, valid, ready = self.axis[c.name]
        last, number = self.last[c.name], self._own(c.name, "count")
        fills, drops, bad, taken = (self._own(c.name, end) for end in ("fills", "drops", "bad", "taken"))
        ends, moves, error = (self._own(c.name, end) for end in ("frame_end", "beat", "error"))
        marks, marked = self._own(c.name, "error_room"), self._own(c.name, "error_valid")
        cut, over = f"({moves} & {last} & ~{ends})", f"({moves} & {ends} & ~{last})"
        whole = f"{taken} & {ends}"
        flags = [("clk", "ap_clk"), ("rst", self.reset), ("room", marks), ("reserve", whole), ("push", whole)]
        flags += [("given", f"{bad} | {over}"), ("valid", marked), ("pop", "ap_done"), ("first", error)]
        width = max((c.tokens - 1).bit_length(), 1)
        return [
            *(Declare(name, None, "logic") for name in (fills, drops, bad)),
            *(Declare(name, None) for name in (error, marks, marked)),
            Declare(number, width, "logic"),
            Net(ends, None, False, f"{number} == {literal(c.tokens - 1, width)}"),
            Assign(ready, f"{drops} | ({opens} & {room} & {marks} & ~{fills})"),
            Net(moves, None, False, f"{valid} & {ready} & ~{drops}"),
            Net(taken, None, False, f"{moves} | ({fills} & {room})"),
            Net(self._own(c.name, "given"), c.width_bits, False, f"{fills} ? {literal(0, c.width_bits)} : {beat}"),
            Registers(
                "ap_clk",
                (
                    Register(fills, None, False, f"({cut} | ({fills} & ~({whole})))", True),
                    Register(drops, None, False, f"({over} | ({drops} & ~({valid} & {last})))", True),
                    Register(bad, None, False, f"({cut} | ({bad} & ~({whole})))", True),
                ),
                self.reset,
            ),
            Instance(self.fifo, self._own(c.name, "flags"), tuple(flags), (("WIDTH", 1), ("DEPTH", _FRAMES_MARKED))),
        ]

    def _reads(self, unit: Unit) -> list[tuple[Channel, str, str]]:
        """(channel, signal that says a token is there, the token)."""
        found = []
        for c in unit.reads:
            if (c.name, unit.name) in self.buffers:
                name = self.buffers[c.name, unit.name]
                found.append((c, self._own(name, "valid"), self._own(name, "first")))
            else:
                writer = next(u for u in self.plan.units if c.name in (w.name for w in u.writes))
                found.append((c, self._own(self.units[writer.name], "valid"), self._made(writer, c)))
        return found

    def _take(self, unit: Unit, c: Channel, taken: str) -> list[Item]:
        """What tells the writer of what a unit reads that it is taken."""
        if (c.name, unit.name) in self.buffers:
            return [Assign(self._own(self.buffers[c.name, unit.name], "pop"), taken)]
        writer = next(u for u in self.plan.units if c.name in (w.name for w in u.writes))
        return [Assign(self._own(self.units[writer.name], "ready"), taken)]

    def _segment(self, unit: Segment) -> list[Item]:
        name, reads = self.units[unit.name], self._reads(unit)
        room, begins, made = " & ".join(map(self._room, unit.writes)), self._own(name, "start"), self._own(name, "done")
        items: list[Item] = [Comment(f"'{unit.name}'")]
        if unit.stands:
            go = self._own(name, "go")
            reserve = push = f"{made} & {go}"
            items.append(Assign(go, f"~{made} | ({room})"))
        else:
            go, reserve, push = room, begins, made
        start = " & ".join([*(valid for _, valid, _ in reads), go])
        interval = unit.plan.interval_cycles
        if interval > 1:
            wait, width = self._own(name, "wait"), (interval - 1).bit_length()
            zero, one = literal(0, width), literal(1, width)
            left = (
                f"({self._own(name, 'start')} ? {literal(interval - 1, width)} : ({wait} == {zero}) ? {zero} : {wait} -"
                f" {one})"
            )
            items += [
                Declare(wait, width, "logic"),
                Registers("ap_clk", (Register(wait, width, False, left, True),), self.reset),
            ]
            start = f"{start} & ({wait} == {zero})"
        ports = list(zip(SEGMENT_CONTROL, ("ap_clk", self.reset, begins, made), strict=True))
        ports += [(GO, go)] if unit.stands else []
        ports += [(identifier(c.name), token) for c, _, token in reads]
        ports += [(identifier(f"{c.name}_out"), self._made(unit, c)) for c in unit.writes]
        items.append(Assign(self._own(name, "start"), start))
        items += [item for c in unit.reads for item in self._take(unit, c, self._own(name, "start"))]
        items.append(Instance(self.modules[unit.name], self._own(name, "unit"), tuple(ports)))
        for c in unit.writes:
            items += [self._fifo(b, reserve, push, self._made(unit, c)) for b in self.plan.buffers_of(c.name)]
        return items

    def _unit(self, unit: Unit) -> list[Item]:
        match unit:
            case Segment():
                return self._segment(unit)
            case Looped():
                return self._loop(unit)
        return self._holder(unit)

    def _loop(self, unit: Looped) -> list[Item]:
        name, write = self.units[unit.name], unit.writes[0]
        items: list[Item] = [Comment(f"'{unit.name}'")]
        given: list[str] = []
        for (c, valid, token), end in zip(self._reads(unit), ("free", "first_free"), strict=False):
            ready = self._own(name, end)
            items += [Declare(ready, None), *self._take(unit, c, f"{valid} & {ready}")]
            given += [token, valid, ready]
        made, reserve, push = self._made(unit, write), self._own(name, "reserve"), self._own(name, "push")
        signals = ["ap_clk", self.reset, *given[:3], self._room(write), reserve, push, made, *given[3:]]
        ports = tuple(zip((*LOOP_PORTS, *FIRST), signals, strict=False))
        items.append(Instance(self.modules[unit.name], self._own(name, "unit"), ports))
        return items + [self._fifo(b, reserve, push, made) for b in self.plan.buffers_of(write.name)]

    def _holder(self, unit: Holder) -> list[Item]:
        name, (read,), (write,) = self.units[unit.name], unit.reads, unit.writes
        (_, valid, token), free = self._reads(unit)[0], self._own(name, "free")
        made, buffers = self._made(unit, write), self.plan.buffers_of(write.name)
        signals = ("ap_clk", self.reset, token, valid, free, made, self._own(name, "valid"), self._own(name, "ready"))
        items: list[Item] = [Comment(f"'{unit.name}'"), Declare(free, None), *self._take(unit, read, f"{valid} & {free}")]
        items.append(
            Instance(self.modules[unit.name], self._own(name, "unit"), tuple(zip(HOLDER_PORTS, signals, strict=True)))
        )
        if buffers:
            items.append(Assign(self._own(name, "ready"), f"{self._own(name, 'valid')} & {self._room(write)}"))
            items += [self._fifo(b, self._own(name, "ready"), self._own(name, "ready"), made) for b in buffers]
        return items

    def _output(self, c: Channel) -> list[Item]:
        data, valid, ready = self.axis[c.name]
        name = self.buffers[c.name, OUTSIDE]
        parts = [Signal(self._own(name, f"element_{k}"), t.width, t.signed) for k, _, t in c.slices()]
        nets = [Net(p.name, p.width_bits, p.signed, f"{self._own(name, 'first')}[{low + p.width_bits - 1}:{low}]")
                for p, (_, low, _) in zip(parts, c.slices(), strict=True)]  # fmt: skip
        return [
            Comment(f"output '{c.name}'"),
            *nets,
            Assign(data, packed([p.bits(slot_bits(p.width_bits)) for p in parts])),
            Assign(valid, self._own(name, "valid")),
            Assign(self._own(name, "pop"), f"{valid} & {ready}"),
        ]

    def _frames(self) -> list[Item]:
        """ap_ready when every input has come to the end of a frame, ap_done when every output has."""
        items: list[Item] = [Comment("frames")]
        ended = [self._ended(c, items) for c in self.network.inputs]
        done = [self._passed(c, items) for c in self.network.results]
        first = self.network.inputs[0]
        begun = f"{self.taken[first.name]} & {self._own(first.name, 'begins')}"
        flight, width = self.names.free("flight"), _FLIGHT_BITS
        change = f"{flight} + {width}'({begun}) - {width}'(ap_done)"
        return [
            *items,
            Assign("ap_ready", " & ".join(ended)),
            Assign("ap_done", " & ".join(done)),
            *([Assign(ERROR, self._error())] if self.frame_last else []),
            Declare(flight, width, "logic"),
            Registers("ap_clk", (Register(flight, width, False, f"({change})", True),), self.reset),
            Assign(
                "ap_idle",
                " & ".join(["~ap_start", f"({flight} == {literal(0, width)})", *map(self._at_rest, self.network.inputs)]),
            ),
        ]

    def _at_rest(self, c: Channel) -> str:
        """Whether an input has taken nothing of a frame that the other inputs have not ended. A frame's outputs may all be
        given before its inputs end, where a layer does not read the last ones."""
        ahead = f" & ({self._own(c.name, 'before')} == {literal(0, _FLIGHT_BITS)})" * (len(self.network.inputs) > 1)
        return self._own(c.name, "begins") + ahead

    def _error(self) -> str:
        """Whether a frame that is done was not as long as it should be, at any input."""
        flags = " | ".join(self._own(c.name, "error") for c in self.network.inputs)
        return f"ap_done & ({flags})"

    def _ended(self, c: Channel, items: list[Item]) -> str:
        """Whether the input has taken a frame that is not yet counted, with this cycle's token or before."""
        width, taken = max((c.tokens - 1).bit_length(), 1), self.taken[c.name]
        number, begins, ends = (self._own(c.name, end) for end in ("count", "begins", "ends"))
        zero, one, last = literal(0, width), literal(1, width), f"({number} == {literal(c.tokens - 1, width)})"
        count = f"({taken} ? ({last} ? {zero} : {number} + {one}) : {number})"
        items += [
            *([] if self.frame_last else [Declare(number, width, "logic")]),
            Net(begins, None, False, f"{number} == {zero}"),
            Net(ends, None, False, f"{taken} & {last}"),
            Assign(self._own(c.name, "open"), f"~{begins} | ap_start"),
            Registers("ap_clk", (Register(number, width, False, count, True),), self.reset),
        ]
        return ends if len(self.network.inputs) == 1 else self._waiting(ends, self._own(c.name, "before"), "ap_ready", items)

    def _passed(self, c: Channel, items: list[Item]) -> str:
        """Whether the output has given a frame that is not yet counted, with this cycle's token or before."""
        width = max((c.tokens - 1).bit_length(), 1)
        number, ends = (self._own(c.name, end) for end in ("given_count", "given_ends"))
        _, valid, ready = self.axis[c.name]
        end = f"{number} == {literal(c.tokens - 1, width)}"
        count = f"(({valid} & {ready}) ? (({end}) ? {literal(0, width)} : {number} + {literal(1, width)}) : {number})"
        items += [
            Declare(number, width, "logic"),
            Net(ends, None, False, f"{valid} & {ready} & ({end})"),
            Registers("ap_clk", (Register(number, width, False, count, True),), self.reset),
        ]
        items += [Assign(self.last[c.name], end)] if self.frame_last else []
        return ends if len(self.network.results) == 1 else self._waiting(ends, self._own(c.name, "ahead"), "ap_done", items)

    def _waiting(self, ends: str, count: str, told: str, items: list[Item]) -> str:
        """Whether one of several ports has come to the end of a frame, now or before, that waits for the other ports."""
        bits = _FLIGHT_BITS
        value = f"({count} + {bits}'({ends}) - {bits}'({told}))"
        items += [
            Declare(count, bits, "logic"),
            Registers("ap_clk", (Register(count, bits, False, value, True),), self.reset),
        ]
        return f"({ends} | ({count} != {literal(0, bits)}))"
