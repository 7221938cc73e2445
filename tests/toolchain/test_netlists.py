"""What the netlists of Gowin and GateMate have besides what Yosys wrote, and that nothing in them is computed otherwise."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from fpga_ml.toolchain.netlists import for_nextpnr


def lut(init: str, inputs: list[int], output: int) -> dict[str, Any]:
    ports = {f"I{k}": [bit] for k, bit in enumerate(inputs)}
    directions = dict.fromkeys(ports, "input") | {"F": "output"}
    return {
        "type": f"LUT{len(inputs)}",
        "parameters": {"INIT": init},
        "port_directions": directions,
        "connections": ports | {"F": [output]},
    }


def register(reads: int | str, writes: int, kind: str = "DFF") -> dict[str, Any]:
    return {
        "type": kind,
        "parameters": {},
        "port_directions": {"CLK": "input", "D": "input", "Q": "output"},
        "connections": {"CLK": [2], "D": [reads], "Q": [writes]},
    }


def mended(tmp_path: Path, cells: dict[str, Any]) -> dict[str, Any]:
    file = tmp_path / "netlist.json"
    file.write_text(json.dumps({"modules": {"top": {"cells": cells}}}))
    given = for_nextpnr(file, "himbaechel-gowin")
    assert json.loads(file.read_text())["modules"]["top"]["cells"] == cells
    found: dict[str, Any] = json.loads(given.read_text())["modules"]["top"]["cells"]
    return found


def says(cell: dict[str, Any], values: tuple[int, ...]) -> str:
    """What a LUT gives for its inputs, lowest first; of four, of which some may not be connected."""
    address = sum(value << k for k, value in enumerate(values))
    return str(cell["parameters"]["INIT"][::-1][address])


@pytest.mark.parametrize("init", ["01", "1000", "0110", "10010110", "0000000000000001"])
def test_luts_have_four_inputs_and_compute_the_same(tmp_path: Path, init: str) -> None:
    inputs = len(init).bit_length() - 1
    before = lut(init, [10 + k for k in range(inputs)], 20)
    after = mended(tmp_path, {"it": before})["it"]
    assert (after["type"], len(after["parameters"]["INIT"]), after["connections"]) == ("LUT4", 16, before["connections"])
    for values in product((0, 1), repeat=4):
        assert says(after, values) == says(before, values[:inputs])


@pytest.mark.parametrize(
    ("driver", "users", "fed"),
    [("lut", 1, False), ("lut", 2, True), ("register", 1, True), ("constant", 0, True)],
)
def test_a_register_reads_a_lut_of_its_own(tmp_path: Path, driver: str, users: int, fed: bool) -> None:
    cells = {
        "lut": {"driver": lut("01", [9], 10), "it": register(10, 11)},
        "register": {"driver": register(9, 10), "it": register(10, 11, "DFFRE")},
        "constant": {"it": register("0", 11)},
    }[driver]
    cells |= {f"user{k}": lut("01", [10], 20 + k) for k in range(users - 1)}
    after = mended(tmp_path, cells)
    (reads,) = after["it"]["connections"]["D"]
    assert ("it$feed" in after) == fed
    if fed:
        feed = after["it$feed"]
        assert feed["connections"]["F"] == [reads]
        assert feed["connections"]["I0"] == cells["it"]["connections"]["D"]
        assert [says(feed, (value,)) for value in (0, 1)] == ["0", "1"]
        assert reads not in [bit for cell in cells.values() for bits in cell["connections"].values() for bit in bits]


def test_other_families_are_given_the_netlist_itself(tmp_path: Path) -> None:
    assert for_nextpnr(tmp_path / "netlist.json", "ecp5") == tmp_path / "netlist.json"


def full_adder(a: int, b: int, carry: int | str, carried: int, total: int) -> dict[str, Any]:
    bits = {"A": a, "B": b, "CI": carry, "CO": carried, "S": total}
    directions = dict.fromkeys(("A", "B", "CI"), "input") | dict.fromkeys(("CO", "S"), "output")
    return {
        "type": "CC_ADDF",
        "parameters": {},
        "port_directions": directions,
        "connections": {port: [bit] for port, bit in bits.items()},
    }


def test_a_carry_of_gatemate_leaves_as_a_sum(tmp_path: Path) -> None:
    """Two bits whose carry a register reads: a third gives it as 0 + 0 + carry. One that nobody reads stays."""
    cells = {
        "low": full_adder(10, 11, "0", 12, 13),
        "high": full_adder(14, 15, 12, 16, 17),
        "it": {"type": "CC_DFF", "port_directions": {"D": "input"}, "connections": {"D": [16]}},
        "alone": full_adder(20, 21, "0", 22, 23),
    }
    file = tmp_path / "netlist.json"
    file.write_text(json.dumps({"modules": {"top": {"cells": cells}}}))
    after = json.loads(for_nextpnr(file, "himbaechel-gatemate").read_text())["modules"]["top"]["cells"]
    assert set(after) == {*cells, "high$out"}
    made, high = after["high$out"]["connections"], after["high"]["connections"]
    assert (made["A"], made["B"], made["CI"], made["S"]) == (["0"], ["0"], high["CO"], [16])
    assert high["CO"][0] not in range(24)
    for name in ("low", "it", "alone"):
        assert after[name] == cells[name]
