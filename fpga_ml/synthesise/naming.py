"""Which layer a cell of a flat netlist belongs to, by the names that our RTL gives its instances."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fpga_ml.rtl.names import identifier
from fpga_ml.synthesise.result import SHELL
from fpga_ml.synthesise.shell import DESIGN

INSTANCES = ("_unit", "_layer")  # behind a layer's name: of a unit in a stream, of a process in a segment (fpga_ml/rtl)
_MODULES = ("", "_step", "_unit")  # behind a layer's name in those of its modules


# What nextpnr puts behind the name of a cell that it packs.
_PACKED = re.compile(r"(\$.*|_LC|_DFFLC)$")


@dataclass(frozen=True)
class Owners:
    """layers: names, in the order of the data; by_cell: the layer of each of the design's cells ('' is the top's own logic);
    cells of a shell around the design are left out."""

    layers: tuple[str, ...]
    by_cell: Mapping[str, str]

    @classmethod
    def of(cls, module: Mapping[str, Any], top: str, layers: Sequence[str]) -> Owners:
        """module: flat, as Yosys writes it in JSON, where a cell is called after a net beside it; a net at the border of a
        layer may have its name from outside. Then the file of the cell's source tells, for each of our modules has one of
        its own."""
        instances = {f"{identifier(name)}{end}": name for name in layers for end in INSTANCES}
        files = {f"{top}_{identifier(name)}{end}.sv": name for name in layers for end in _MODULES}
        in_shell = any(name.startswith(f"{DESIGN}.") for name in module["netnames"])
        found = {}
        for name, cell in module["cells"].items():
            parts = name.split(".")
            if in_shell and parts[0] != DESIGN:
                continue
            layer = next((instances[p] for p in reversed(parts) if p in instances), SHELL)
            found[name] = layer or next((files[f] for f in _sources(cell) if f in files), SHELL)
        return cls(tuple(layers), found)

    def at(self, name: str) -> str:
        """The layer of a cell, also by the name that nextpnr gives what it packed; '' for a cell that is none of the
        design's."""
        return self.by_cell.get(name) or self.by_cell.get(_PACKED.sub("", name), SHELL)


def _sources(cell: Mapping[str, Any]) -> Iterator[str]:
    """Names of the files that a cell comes from."""
    for place in cell.get("attributes", {}).get("src", "").split("|"):
        yield place.rpartition(":")[0].rpartition("/")[2]
