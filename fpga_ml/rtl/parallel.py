"""The top module of the parallel architecture, with the ports that Vitis HLS gives an hls4ml io_parallel project."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from fpga_ml.ir.network import Channel
from fpga_ml.rtl.names import Names, identifier
from fpga_ml.rtl.processes import control_ports
from fpga_ml.rtl.sv import Assign, Comment, Declare, Instance, Item, Module, Port, Register, Registers, literal
from fpga_ml.schedule.parallel import Placed, Plan


def emit_parallel(plan: Plan, modules: Sequence[str]) -> Module:
    """The top, modules: the name of each process's module, in order. Channels that are read in a later stage than they
    are made in pass through registers here."""
    return _Top(plan, modules).module()


class _Top:
    def __init__(self, plan: Plan, modules: Sequence[str]) -> None:
        network = plan.network
        self.plan, self.modules, self.latency = plan, modules, plan.latency_cycles
        self.inputs, self.outputs, self.lives = network.inputs, network.results, plan.lives()
        self.names = Names(network.name)
        self.control = {p: self.names.port(p) for p in ("ap_clk", "ap_rst", "ap_start", "ap_done", "ap_ready", "ap_idle")}
        self.input_ports = [self._with_valid(t.name) for t in self.inputs]
        self.output_ports = [[self._with_valid(f"{t.name}_{k}") for k in range(len(t.types))] for t in self.outputs]
        self.signals = {(t.name, 0): port for t, (port, _) in zip(self.inputs, self.input_ports, strict=True)}

    def module(self) -> Module:
        self._name_signals()
        items: list[Item] = self._valid()
        items += [item for t in self.inputs for item in self._delays(t)]
        for module, placed in zip(self.modules, self.plan.placed, strict=True):
            items += self._process(module, placed)
            items += [item for t in placed.process.writes for item in self._delays(t)]
        items += self._outputs()
        latency = f"{self.latency} clock cycle{'s' * (self.latency != 1)}"
        often = "each" if self.plan.interval_cycles == 1 else f"one of {self.plan.interval_cycles}"
        return Module(self.plan.network.name, self._ports(), items, f"A network in {latency}, a new input in {often}.")

    def _with_valid(self, name: str) -> tuple[str, str]:
        port = self.names.port(name)
        return port, self.names.port(f"{port}_ap_vld")

    def _ports(self) -> tuple[Port, ...]:
        ports = [Port("input" if p in ("ap_clk", "ap_rst", "ap_start") else "output", p) for p in self.control]
        for t, (port, valid) in zip(self.inputs, self.input_ports, strict=True):
            ports += [Port("input", port, t.width_bits), Port("input", valid)]
        for t, named in zip(self.outputs, self.output_ports, strict=True):
            for declared, (port, valid) in zip(t.types, named, strict=True):
                ports += [Port("output", port, declared.width, declared.signed), Port("output", valid)]
        return tuple(ports)

    def _valid(self) -> list[Item]:
        """Control: one valid bit a stage, and how long until the next input, the only registers with a reset."""
        accept = " & ".join(["ap_start", *(valid for _, valid in self.input_ports)])
        stages = [self.names.free(f"ap_valid_s{k}") for k in range(1, self.latency + 1)]
        self.valid = ["ap_ready", *stages]
        registers = [Register(s, None, False, before) for s, before in zip(stages, self.valid, strict=False)]
        waits: list[Item] = []
        if self.plan.interval_cycles > 1:
            wait, width = self.names.free("ap_wait"), (self.plan.interval_cycles - 1).bit_length()
            waits = [Declare(wait, width, "logic")]
            left = f"({wait} == {literal(0, width)}) ? {wait} : {wait} - {literal(1, width)}"
            following = f"ap_ready ? {literal(self.plan.interval_cycles - 1, width)} : {left}"
            registers.append(Register(wait, width, False, f"({following})", declared=True))
            accept = f"{accept} & ({wait} == {literal(0, width)})"
        return [
            Comment("control"),
            *waits,
            Assign("ap_ready", accept),
            *([Registers("ap_clk", tuple(registers), "ap_rst")] if registers else []),
            Assign("ap_done", self.valid[-1]),
            Assign("ap_idle", f"~({' | '.join(['ap_start', *stages])})" if stages else "~ap_start"),
        ]

    def _name_signals(self) -> None:
        for name, (_, made, last) in self.lives.items():
            for stage in range(made, last + 1):
                if (name, stage) not in self.signals:
                    self.signals[name, stage] = self.names.free(f"{name}_s{stage}")

    def _delays(self, channel: Channel) -> list[Item]:
        """Registers that carry a channel to the last stage it is read in."""
        _, made, last = self.lives[channel.name]
        names = [self.signals[channel.name, stage] for stage in range(made, last + 1)]
        registers = tuple(Register(b, channel.width_bits, False, a) for a, b in pairwise(names))
        return [Registers("ap_clk", registers)] if registers else []

    def _process(self, module: str, placed: Placed) -> list[Item]:
        process = placed.process
        items: list[Item] = [Comment(f"'{process.name}': stages {placed.start_stage} to {placed.end_stage}")]
        items += [Declare(self.signals[c.name, placed.end_stage], c.width_bits) for c in process.writes]
        wiring = {c.name: self.signals[c.name, placed.start_stage] for c in process.reads}
        wiring |= {c.name: self.signals[c.name, placed.end_stage] for c in process.writes}
        control = control_ports(placed, "ap_clk", "ap_rst", self.valid[placed.start_stage])
        ports = [*control, *((identifier(port), signal) for port, signal in wiring.items())]
        return [*items, Instance(module, self.names.free(f"{process.name}_layer"), tuple(ports))]

    def _outputs(self) -> list[Item]:
        items: list[Item] = [Comment("outputs")]
        for t, named in zip(self.outputs, self.output_ports, strict=True):
            for (_, low, declared), (port, valid) in zip(t.slices(), named, strict=True):
                items.append(Assign(port, f"{self.signals[t.name, self.latency]}[{low + declared.width - 1}:{low}]"))
                items.append(Assign(valid, "ap_done"))
        return items
