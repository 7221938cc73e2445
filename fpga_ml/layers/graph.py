"""A model as typed layers: the highest of the three levels of the IR, above `ir.network` and `ir.kernel`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from fpga_ml.errors import FpgaMlError, suggest
from fpga_ml.layers.base import Input, Layer, Tensor


@dataclass(frozen=True)
class LayerGraph:
    """name: of the top module; layers: each after those that it reads; outputs: names of the layers whose results leave the
    graph; ports: {layer: port name} of inputs and outputs, where it is not the layer's own."""

    name: str
    layers: tuple[Layer, ...]
    outputs: tuple[str, ...]
    ports: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls, layers: Sequence[Layer], outputs: Sequence[str], name: str = "network", ports: Mapping[str, str] | None = None
    ) -> LayerGraph:
        """Raises FpgaMlError with all faults of a graph that is not sound."""
        return verified(cls(name, tuple(layers), tuple(outputs), dict(ports or {})))

    def __getitem__(self, name: str) -> Layer:
        """The layer of a name."""
        return self._by_name[name]

    @property
    def inputs(self) -> tuple[Input, ...]:
        return tuple(layer for layer in self.layers if isinstance(layer, Input))

    @property
    def results(self) -> tuple[Layer, ...]:
        """The layers whose results leave the graph."""
        return tuple(self[name] for name in self.outputs)

    @property
    def ordered(self) -> bool:
        """Whether a sample's result depends on the samples before it in the batch."""
        return any(layer.ordered for layer in self.layers)

    def port(self, name: str) -> str:
        """Of the input or output with that name."""
        return self.ports.get(name, name)

    def with_layers(self, layers: Sequence[Layer]) -> LayerGraph:
        """The same inputs, outputs and ports, with other layers in between; raises FpgaMlError if it is not sound."""
        return verified(replace(self, layers=tuple(layers)))

    def with_outputs(self, names: Sequence[str]) -> LayerGraph:
        """The same layers with others of them as outputs, whose ports have their own names."""
        ports = {layer.name: self.port(layer.name) for layer in self.inputs}
        return LayerGraph.of(self.layers, names, self.name, ports)

    def text(self) -> str:
        """A line a layer: what it is, what it reads, the shape and the type of its result."""
        given, made = (", ".join(self.port(layer.name) for layer in ends) for ends in (self.inputs, self.results))
        lines = [f"layers {self.name}({given}) -> {made}"]
        return "\n".join([*lines, *(f"  {layer.text()}" for layer in self.layers)]) + "\n"

    def evaluate(self, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """{layer: result} of every layer from those of the inputs; the exact meaning. `simulate.emulate` is faster."""
        known = {layer.name: given[layer.name] for layer in self.inputs}
        for layer in self.layers:
            if layer.name not in known:
                known[layer.name] = layer.evaluate(*(known[name] for name in layer.reads))
        return known

    @cached_property
    def _by_name(self) -> dict[str, Layer]:
        return {layer.name: layer for layer in self.layers}


def verify(graph: LayerGraph) -> list[str]:
    """Every fault of a graph, none if it is sound."""
    faults: list[str] = []
    known: dict[str, Layer] = {}
    for layer in graph.layers:
        absent = [name for name in layer.reads if name not in known]
        faults += [f"{layer.name}: reads '{n}', which no layer before it makes ({suggest(n, known)})" for n in absent]
        if not absent:
            faults += [f"{layer.name}: {fault}" for fault in layer.faults(*(known[name] for name in layer.reads))]
        if layer.name in known:
            faults.append(f"two layers are called '{layer.name}'")
        known[layer.name] = layer
    faults += [f"gives '{n}', which no layer makes ({suggest(n, known)})" for n in graph.outputs if n not in known]
    named = [graph.port(n) for n in dict.fromkeys((*(layer.name for layer in graph.inputs), *graph.outputs))]
    return [*faults, *(f"two ports are called '{port}'" for port in sorted({p for p in named if named.count(p) > 1}))]


def verified(graph: LayerGraph) -> LayerGraph:
    """The graph itself; raises FpgaMlError with all of its faults."""
    faults = verify(graph)
    if faults:
        raise FpgaMlError("; ".join(faults), where=f"layers of '{graph.name}'", do="mend what made the graph")
    return graph
