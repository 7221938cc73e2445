"""The top module of the parallel architecture, with the ports that Vitis HLS gives an hls4ml io_parallel project."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from fpga_ml.rtl.layer import Layer, Tensor
from fpga_ml.rtl.names import Names, identifier
from fpga_ml.rtl.sv import Assign, Comment, Declare, Instance, Item, Module, Port, Register, Registers
from fpga_ml.schedule.pipeline import Schedule


@dataclass(frozen=True)
class LayerRtl:
    """A layer, its module's name and text, its schedule, and the stage of the network in which it reads its inputs."""

    layer: Layer
    module: str
    text: str
    schedule: Schedule
    start_stage: int

    @property
    def end_stage(self) -> int:
        return self.start_stage + self.schedule.latency_cycles


def emit_top(
    name: str, layers: Sequence[LayerRtl], inputs: Sequence[Tensor], outputs: Sequence[Tensor], latency_cycles: int
) -> str:
    """The module's text. Tensors that are read in a later stage than they are made in pass through registers here."""
    return _Top(name, layers, inputs, outputs, latency_cycles).module().text


def last_reads(
    layers: Sequence[LayerRtl], inputs: Sequence[Tensor], outputs: Sequence[Tensor], latency_cycles: int
) -> dict[str, tuple[Tensor, int, int]]:
    """For each tensor by name: itself, the stage it is made in, and the last one it is read in."""
    made = {t.name: (t, 0) for t in inputs} | {t.name: (t, layer.end_stage) for layer in layers for t in layer.layer.writes}
    last = {name: stage for name, (_, stage) in made.items()}
    for layer in layers:
        for t in layer.layer.reads:
            last[t.name] = max(last[t.name], layer.start_stage)
    for t in outputs:
        last[t.name] = latency_cycles
    return {name: (t, stage, last[name]) for name, (t, stage) in made.items()}


class _Top:
    def __init__(
        self,
        name: str,
        layers: Sequence[LayerRtl],
        inputs: Sequence[Tensor],
        outputs: Sequence[Tensor],
        latency_cycles: int,
    ) -> None:
        self.name, self.layers, self.inputs, self.outputs, self.latency = name, layers, inputs, outputs, latency_cycles
        self.lives = last_reads(layers, inputs, outputs, latency_cycles)
        self.names = Names(name)
        self.control = {p: self.names.port(p) for p in ("ap_clk", "ap_rst", "ap_start", "ap_done", "ap_ready", "ap_idle")}
        self.input_ports = [self._with_valid(t.name) for t in inputs]
        self.output_ports = [[self._with_valid(f"{t.name}_{k}") for k in range(len(t.types))] for t in outputs]
        self.signals = {(t.name, 0): port for t, (port, _) in zip(inputs, self.input_ports, strict=True)}

    def module(self) -> Module:
        self._name_signals()
        items: list[Item] = self._valid()
        items += [item for t in self.inputs for item in self._delays(t)]
        for layer in self.layers:
            items += self._layer(layer)
            items += [item for t in layer.layer.writes for item in self._delays(t)]
        items += self._outputs()
        latency = f"{self.latency} clock cycle{'s' * (self.latency != 1)}"
        return Module(self.name, self._ports(), items, f"A network in {latency}, a new input in each.")

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
        """Control: one valid bit a stage, the only registers with a reset."""
        accept = " & ".join(["ap_start", *(valid for _, valid in self.input_ports)])
        stages = [self.names.free(f"ap_valid_s{k}") for k in range(1, self.latency + 1)]
        chain = ["ap_ready", *stages]
        registers = tuple(Register(s, None, False, before) for s, before in zip(stages, chain, strict=False))
        return [
            Comment("control"),
            Assign("ap_ready", accept),
            *([Registers("ap_clk", registers, "ap_rst")] if registers else []),
            Assign("ap_done", chain[-1]),
            Assign("ap_idle", f"~({' | '.join(['ap_start', *stages])})" if stages else "~ap_start"),
        ]

    def _name_signals(self) -> None:
        for name, (_, made, last) in self.lives.items():
            for stage in range(made, last + 1):
                if (name, stage) not in self.signals:
                    self.signals[name, stage] = self.names.free(f"{name}_s{stage}")

    def _delays(self, tensor: Tensor) -> list[Item]:
        """Registers that carry a tensor to the last stage it is read in."""
        _, made, last = self.lives[tensor.name]
        names = [self.signals[tensor.name, stage] for stage in range(made, last + 1)]
        registers = tuple(Register(b, tensor.width_bits, False, a) for a, b in pairwise(names))
        return [Registers("ap_clk", registers)] if registers else []

    def _layer(self, rtl: LayerRtl) -> list[Item]:
        layer = rtl.layer
        items: list[Item] = [Comment(f"'{layer.name}': stages {rtl.start_stage} to {rtl.end_stage}")]
        items += [Declare(self.signals[t.name, rtl.end_stage], t.width_bits) for t in layer.writes]
        wiring = {t.name: self.signals[t.name, rtl.start_stage] for t in layer.reads}
        wiring |= {t.name: self.signals[t.name, rtl.end_stage] for t in layer.writes}
        clock = [("clk", "ap_clk")] if rtl.schedule.register_bits else []
        ports = [*clock, *((identifier(port), signal) for port, signal in wiring.items())]
        return [*items, Instance(rtl.module, self.names.free(f"{layer.name}_layer"), tuple(ports))]

    def _outputs(self) -> list[Item]:
        items: list[Item] = [Comment("outputs")]
        for t, named in zip(self.outputs, self.output_ports, strict=True):
            for (_, low, declared), (port, valid) in zip(t.slices(), named, strict=True):
                items.append(Assign(port, f"{self.signals[t.name, self.latency]}[{low + declared.width - 1}:{low}]"))
                items.append(Assign(valid, "ap_done"))
        return items
