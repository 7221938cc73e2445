"""Which layer a cell of a flat netlist belongs to, by the names that our RTL gives its instances."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fpga_ml.rtl.names import identifier
from fpga_ml.synthesise.result import SHELL
from fpga_ml.synthesise.shell import DESIGN

_LAYER, _UNIT = "_layer", "_unit"  # instances of a process in a segment, and of a unit in a stream (fpga_ml/rtl)


# What nextpnr puts behind the name of a cell that it packs.
_PACKED = re.compile(r"(\$.*|_LC|_DFFLC)$")


@dataclass(frozen=True)
class Owners:
    """layers: names, in the order of the data; by_cell: the layer of each of the design's cells ('' is the top's own logic); cells of
    a shell around the design are left out."""

    layers: tuple[str, ...]
    by_cell: Mapping[str, str]

    @classmethod
    def of(cls, module: Mapping[str, Any], layers: Sequence[str]) -> Owners:
        """module: flat, as Yosys writes it in JSON, where a cell is called after a net beside it. A cell that has its name from a port of
        the top belongs to the layer whose net it drives."""
        instances = {f"{identifier(name)}{end}": name for name in layers for end in (_UNIT, _LAYER)}
        in_shell = any(name.startswith(f"{DESIGN}.") for name in module["netnames"])

        def layer_of(name: str) -> str | None:
            parts = name.split(".")
            if in_shell and parts[0] != DESIGN:
                return None
            return next((instances[p] for p in reversed(parts) if p in instances), SHELL)

        nets = [(layer_of(name), net["bits"]) for name, net in module["netnames"].items()]
        bits: dict[int, str] = {}  # a net between two layers belongs to the first, which drives it
        for last_first in reversed(layers):
            bits.update((bit, last_first) for owner, net in nets if owner == last_first for bit in net)
        found = {}
        for name, cell in module["cells"].items():
            layer = layer_of(name)
            if layer == SHELL:
                layer = next((bits[bit] for bit in _driven(cell) if bit in bits), SHELL)
            if layer is not None:
                found[name] = layer
        return cls(tuple(layers), found)

    def at(self, name: str) -> str:
        """The layer of a cell, also by the name that nextpnr gives what it packed; '' for a cell that is none of the design's."""
        return self.by_cell.get(name) or self.by_cell.get(_PACKED.sub("", name), SHELL)


def _driven(cell: Mapping[str, Any]) -> Iterator[int]:
    for port, bits in cell["connections"].items():
        if cell["port_directions"][port] == "output":
            yield from bits
