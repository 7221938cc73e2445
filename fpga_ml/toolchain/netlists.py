"""What a family's nextpnr needs changed in the netlist that Yosys wrote."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fpga_ml.devices import Family

Cells = dict[str, Any]  # of a module, by name, as in Yosys' JSON


def for_nextpnr(netlist: Path, family: Family) -> Path:
    """The file to give it, beside the netlist, which stays as it is: cells are counted and estimated there."""
    mends = _MENDS.get(family, ())
    if not mends:
        return netlist
    written = json.loads(netlist.read_text())
    for module in written["modules"].values():
        for mend in mends:
            mend(module.get("cells", {}))
    file = netlist.with_name(f"{netlist.stem}_{family}.json")
    file.write_text(json.dumps(written))
    return file


def _free_feed_ins(cells: Cells) -> None:
    """A carry chain of Nexus begins with a cell that puts the carry in whatever its CIN is (INIT0 = 0xFFFF); Yosys ties that
    CIN to a VLO cell, nextpnr takes nothing there but a carry."""
    low = {bit for cell in cells.values() if cell["type"] == "VLO" for bit in cell["connections"]["Z"]}
    for cell in cells.values():
        if cell["type"] == "CCU2" and low & set(cell["connections"].get("CIN", ())):
            cell["connections"]["CIN"] = []


def _feed_registers(cells: Cells) -> None:
    """A register of Gowin reads the LUT beside it. Where that is not what drives it, nextpnr puts a LUT there once all is
    placed, and leaves every path through it out of its times (0.11.1). A LUT of the netlist is timed."""
    uses = _uses(cells)
    fresh = max(uses, default=0)
    beside = {cell["connections"]["F"][0] for cell in cells.values() if cell["type"].startswith("LUT")}
    for name, cell in [*cells.items()]:
        if not cell["type"].startswith("DFF"):
            continue
        (given,) = cell["connections"]["D"]
        if given in beside and uses[given] == 2:
            continue
        fresh += 1
        cell["connections"]["D"] = [fresh]
        cells[f"{name}$feed"] = {
            "hide_name": 0,
            "type": "LUT1",
            "parameters": {"INIT": "10"},
            "attributes": {},
            "port_directions": {"F": "output", "I0": "input"},
            "connections": {"F": [fresh], "I0": [given]},
        }


def _carry_out_as_sum(cells: Cells) -> None:
    """A carry that leaves its chain passes a cell of GateMate of which nextpnr has no times (0.11.1: a comparison is in no
    path). As the sum of one bit more, 0 + 0 + carry, it leaves through cells that are timed."""
    uses = _uses(cells)
    fresh = max(uses, default=0)
    adders = [(name, cell) for name, cell in cells.items() if cell["type"] == "CC_ADDF"]
    carried = {bit for _, cell in adders for bit in cell["connections"].get("CI", ())}
    for name, cell in adders:
        carry = next(iter(cell["connections"].get("CO", ())), None)
        if carry is None or carry in carried or uses[carry] < 2:
            continue
        fresh += 1
        cell["connections"]["CO"] = [fresh]
        cells[f"{name}$out"] = {
            "hide_name": 0,
            "type": "CC_ADDF",
            "parameters": {},
            "attributes": {},
            "port_directions": dict.fromkeys(("A", "B", "CI"), "input") | dict.fromkeys(("CO", "S"), "output"),
            "connections": {"A": ["0"], "B": ["0"], "CI": [fresh], "CO": [], "S": [carry]},
        }


def _uses(cells: Cells) -> Counter[int]:
    """How many cells are at each wire."""
    return Counter(
        bit for cell in cells.values() for bits in cell["connections"].values() for bit in bits if isinstance(bit, int)
    )


def _widen_luts(cells: Cells) -> None:
    """nextpnr has times for LUT4 alone, and leaves out every path through a smaller one (0.11.1: a comparison of 16 bits at
    938 MHz). What a smaller one computes is said again for each value of the inputs that it lacks."""
    for cell in cells.values():
        if cell["type"] in ("LUT1", "LUT2", "LUT3"):
            says = cell["parameters"]["INIT"]
            cell["type"], cell["parameters"]["INIT"] = "LUT4", says * (16 // len(says))


_MENDS: Mapping[Family, tuple[Callable[[Cells], None], ...]] = {
    "nexus": (_free_feed_ins,),
    "himbaechel-gowin": (_feed_registers, _widen_luts),
    "himbaechel-gatemate": (_carry_out_as_sum,),
}
