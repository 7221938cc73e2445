"""A pipeline as one module: processes at their stages, registers for what is read later than it is made.

Packed channels in and out. `start` comes with the inputs, `done` with the outputs; `busy`, where it is asked for, is high
while anything is on its way. It never waits; or, where that is asked for, all of it stands still while `go` is low. Valid
bits are all that a reset clears. A short wait is a register a stage; in a long one no second input follows for many cycles,
so that one register holds the value and a counter stands for the valid bits.
"""

from __future__ import annotations

from collections.abc import Sequence

from fpga_ml.ir.network import Channel
from fpga_ml.rtl.map import GO
from fpga_ml.rtl.names import Names
from fpga_ml.rtl.processes import control_ports, data_ports, needs_start
from fpga_ml.rtl.sv import Assign, Comment, Declare, Instance, Item, Module, Port, Register, Registers, literal
from fpga_ml.schedule.parallel import Placed, Plan

CONTROL = ("clk", "rst", "start", "done")
BUSY = "busy"
_LONG = 32  # stages; what waits longer is held, and the wait counted


def segment_module(name: str, plan: Plan, modules: Sequence[str], *, busy: bool, stands: bool) -> Module:
    """modules: the name of each process's module, in order; busy: with the output BUSY; stands: with the input GO, for maps
    only."""
    return _Segment(name, plan, modules, busy=busy, stands=stands).module()


class _Segment:
    def __init__(self, name: str, plan: Plan, modules: Sequence[str], *, busy: bool, stands: bool) -> None:
        network = plan.network
        self.name, self.plan, self.modules, self.latency = name, plan, modules, plan.latency_cycles
        self.inputs, self.outputs, self.lives = network.inputs, network.results, plan.lives()
        self.names = Names(name)
        self.control = (*CONTROL, *([BUSY] if busy else []), *([GO] if stands else []))
        self.go = GO if stands else None
        for port in self.control:
            self.names.port(port)
        self.ports = {c.name: self.names.port(c.name) for c in self.inputs}
        self.out_ports = {c.name: self.names.port(f"{c.name}_out") for c in self.outputs}
        self.signals = {(c.name, 0): self.ports[c.name] for c in self.inputs}

    def module(self) -> Module:
        self._name_signals()
        items: list[Item] = self._valid()
        items += [item for c in self.inputs for item in self._delays(c)]
        for module, placed in zip(self.modules, self.plan.placed, strict=True):
            items += self._process(module, placed)
            items += [item for c in placed.process.writes for item in self._delays(c)]
        items.append(Comment("outputs"))
        items += [Assign(self.out_ports[c.name], self.signals[c.name, self.latency]) for c in self.outputs]
        latency = f"{self.latency} clock cycle{'s' * (self.latency != 1)}"
        often = "cycle" if self.plan.interval_cycles == 1 else f"{self.plan.interval_cycles} cycles"
        return Module(self.name, self._ports(), items, f"A pipeline of {latency} that can start every {often}.")

    def _ports(self) -> tuple[Port, ...]:
        ports = [Port("output" if p in ("done", BUSY) else "input", p) for p in self.control]
        ports += [Port("input", self.ports[c.name], c.width_bits) for c in self.inputs]
        return (*ports, *(Port("output", self.out_ports[c.name], c.width_bits) for c in self.outputs))

    def _valid(self) -> list[Item]:
        """`start`, later: at the stages in which a process has to be told, and at the end."""
        told = {p.start_stage for p in self.plan.placed if needs_start(p.process)}
        waits = [self._waits(made, last) for _, made, last in self.lives.values()]
        told |= {first - 1 for firsts in waits if firsts.step > 1 for first in firsts}
        self.valid = {0: "start"}
        registers: list[Register] = []
        busy: list[str] = []
        stage = 0
        for tap in sorted({*told, self.latency}):
            while stage < tap:
                wait = self._at_once(tap - stage)
                make = self._counted if wait > 1 else self._bit
                register, under_way, self.valid[stage + wait] = make(self.valid[stage], stage + wait, wait)
                stage += wait
                registers.append(register)
                busy.append(under_way)
        return [
            Comment("control"),
            *([Registers("clk", tuple(registers), "rst")] if registers else []),
            Assign("done", self.valid[self.latency]),
            *([Assign(BUSY, " | ".join(busy) or "1'b0")] if BUSY in self.control else []),
        ]

    def _bit(self, before: str, stage: int, _wait: int) -> tuple[Register, str, str]:
        """A register, whether anything is in it, and whether it comes out."""
        valid = self.names.free(f"valid_s{stage}")
        return Register(valid, None, False, f"({self.go} ? {before} : {valid})" if self.go else before), valid, valid

    def _counted(self, before: str, stage: int, wait: int) -> tuple[Register, str, str]:
        """As `_bit`, many cycles later and with one under way at most: the next may come in the cycle in which this one
        comes out."""
        left, width = self.names.free(f"left_s{stage}"), wait.bit_length()
        zero, one = literal(0, width), literal(1, width)
        fewer = f"({before} ? {literal(wait, width)} : ({left} == {zero}) ? {zero} : {left} - {one})"
        return Register(left, width, False, fewer), f"({left} != {zero})", f"({left} == {one})"

    def _at_once(self, stages: int) -> int:
        """How many of these stages one register stands for: of a long wait all in which no second input can follow."""
        alone = min(stages, self.plan.interval_cycles)
        return alone if alone > _LONG else 1

    def _waits(self, made: int, last: int) -> range:
        """The stages in which a register takes over a channel that is made in one stage and read until another."""
        return range(made + 1, last + 1, self._at_once(last - made))

    def _name_signals(self) -> None:
        for name, (_, made, last) in self.lives.items():
            firsts = self._waits(made, last)
            for stage in range(made, last + 1):
                if stage > made and stage not in firsts:
                    self.signals[name, stage] = self.signals[name, stage - 1]
                elif (name, stage) not in self.signals:
                    self.signals[name, stage] = self.names.free(f"{name}_s{stage}")

    def _delays(self, channel: Channel) -> list[Item]:
        """Registers that carry a channel to the last stage it is read in."""
        _, made, last = self.lives[channel.name]
        firsts, registers = self._waits(made, last), []
        for stage in firsts:
            before, name = (self.signals[channel.name, s] for s in (stage - 1, stage))
            value = before if firsts.step == 1 else f"({self.valid[stage - 1]} ? {before} : {name})"
            registers.append(Register(name, channel.width_bits, False, value))
        return [Registers("clk", tuple(registers), enable=self.go)] if registers else []

    def _process(self, module: str, placed: Placed) -> list[Item]:
        process = placed.process
        items: list[Item] = [Comment(f"'{process.name}': stages {placed.start_stage} to {placed.end_stage}")]
        items += [Declare(self.signals[c.name, placed.end_stage], c.width_bits) for c in process.writes]
        wiring = {c.name: self.signals[c.name, placed.start_stage] for c in process.reads}
        wiring |= {c.name: self.signals[c.name, placed.end_stage] for c in process.writes}
        ports = control_ports(placed, "clk", "rst", self.valid.get(placed.start_stage, ""), self.go)
        ports += tuple(zip(data_ports(process), wiring.values(), strict=True))
        return [*items, Instance(module, self.names.free(f"{process.name}_layer"), ports)]
