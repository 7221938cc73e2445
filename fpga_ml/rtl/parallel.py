"""The top of the parallel architecture, with the ports that Vitis HLS gives an hls4ml io_parallel project."""

from __future__ import annotations

from fpga_ml.ir.network import Network
from fpga_ml.rtl.names import Names, identifier
from fpga_ml.rtl.sv import Assign, Comment, Declare, Instance, Item, Module, Port, Register, Registers, literal

HANDSHAKE = ("ap_start", "ap_done", "ap_ready", "ap_idle")
CONTROL = ("ap_clk", "ap_rst", *HANDSHAKE)
DRIVEN = ("ap_clk", "ap_rst", "ap_rst_n", "ap_start")


def parallel_module(network: Network, pipeline: str) -> Module:
    """pipeline: the module of the whole network as one segment."""
    return _Top(network, pipeline).module()


class _Top:
    def __init__(self, network: Network, pipeline: str) -> None:
        self.network, self.pipeline = network, pipeline
        self.names = Names(network.name)
        for port in CONTROL:
            self.names.port(port)
        self.input_ports = [self._with_valid(c.name) for c in network.inputs]
        self.output_ports = [[self._with_valid(f"{c.name}_{k}") for k in range(len(c.types))] for c in network.results]

    def module(self) -> Module:
        items = [*self._accept(), *self._pipeline(), *self._outputs()]
        often = "cycle" if self.network.interval_cycles == 1 else f"{self.network.interval_cycles} cycles"
        return Module(self.network.name, self._ports(), items, f"A network that can take a new input every {often}.")

    def _with_valid(self, name: str) -> tuple[str, str]:
        port = self.names.port(name)
        return port, self.names.port(f"{port}_ap_vld")

    def _ports(self) -> tuple[Port, ...]:
        ports = [Port("input" if p in DRIVEN else "output", p) for p in CONTROL]
        for c, (port, valid) in zip(self.network.inputs, self.input_ports, strict=True):
            ports += [Port("input", port, c.width_bits), Port("input", valid)]
        for c, named in zip(self.network.results, self.output_ports, strict=True):
            for declared, (port, valid) in zip(c.types, named, strict=True):
                ports += [Port("output", port, declared.width, declared.signed), Port("output", valid)]
        return tuple(ports)

    def _accept(self) -> list[Item]:
        """An input is taken when it is there and the interval since the one before is over."""
        accept = " & ".join(["ap_start", *(valid for _, valid in self.input_ports)])
        interval = self.network.interval_cycles
        if interval == 1:
            return [Comment("control"), Assign("ap_ready", accept)]
        wait, width = self.names.free("ap_wait"), (interval - 1).bit_length()
        zero, one = literal(0, width), literal(1, width)
        left = f"ap_ready ? {literal(interval - 1, width)} : ({wait} == {zero}) ? {zero} : {wait} - {one}"
        return [
            Comment("control"),
            Declare(wait, width, "logic"),
            Assign("ap_ready", f"{accept} & ({wait} == {zero})"),
            Registers("ap_clk", (Register(wait, width, False, f"({left})", declared=True),), "ap_rst"),
        ]

    def _pipeline(self) -> list[Item]:
        busy = self.names.free("busy")
        self.results = [self.names.free(c.name) for c in self.network.results]
        ports = [("clk", "ap_clk"), ("rst", "ap_rst"), ("start", "ap_ready"), ("done", "ap_done"), ("busy", busy)]
        ports += [(identifier(c.name), port) for c, (port, _) in zip(self.network.inputs, self.input_ports, strict=True)]
        pairs = list(zip(self.network.results, self.results, strict=True))
        ports += [(identifier(f"{c.name}_out"), signal) for c, signal in pairs]
        return [
            Declare(busy, None),
            *(Declare(signal, c.width_bits) for c, signal in pairs),
            Instance(self.pipeline, self.names.free("pipeline"), tuple(ports)),
            Assign("ap_idle", f"~(ap_start | {busy})"),
        ]

    def _outputs(self) -> list[Item]:
        items: list[Item] = [Comment("outputs")]
        for c, signal, named in zip(self.network.results, self.results, self.output_ports, strict=True):
            for (_, low, declared), (port, valid) in zip(c.slices(), named, strict=True):
                items.append(Assign(port, f"{signal}[{low + declared.width - 1}:{low}]"))
                items.append(Assign(valid, "ap_done"))
        return items
