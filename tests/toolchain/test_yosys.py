"""Synthesis of a tiny design: cells and the longest path; and what Yosys says of a broken one."""

from __future__ import annotations

from pathlib import Path

import pytest

from fpga_ml.devices import GENERIC, Target
from fpga_ml.errors import FpgaMlError
from fpga_ml.synthesise.open_tools import cells_of
from fpga_ml.toolchain.yosys import luts_of, netlist, resources
from fpga_ml.toolchain.yosys_timing import longest_path

ADDER = """
module adder(input clk, input [7:0] a, b, output reg [7:0] y);
  reg [7:0] c, d;
  always @(posedge clk) begin c <= a; d <= b; y <= c + d; end
endmodule
"""


@pytest.fixture
def rtl(tmp_path: Path) -> Path:
    path = tmp_path / "adder.sv"
    path.write_text(ADDER)
    return path


def test_cells_of_an_adder(rtl: Path) -> None:
    found = resources([rtl], "adder", "xcup", 120)
    assert (found.luts, found.carries, found.ffs, found.dsps, found.brams) == (8, 2, 24, 0, 0)
    # A LUT, into the chain, two cells of it and a register: 0.56 + 8 * 0.02 + 0.15, as the delay model counts an adder.
    assert found.path_ns == pytest.approx(0.87)
    assert found.tool == "Yosys"
    assert found.version


@pytest.mark.parametrize(
    ("target", "luts", "carries", "ffs"), [("gw2a", 0, 8, 24), ("gw5a", 0, 8, 24), ("gatemate", 0, 8, 24)]
)
def test_cells_of_an_adder_on_gowin_and_gatemate(rtl: Path, target: Target, luts: int, carries: int, ffs: int) -> None:
    """A bit of the chain is a LUT of the device; buffers of pins take none, and no time."""
    found = resources([rtl], "adder", target, 120)
    assert (found.luts, found.carries, found.ffs, found.dsps, found.brams) == (luts, carries, ffs, 0, 0)
    assert cells_of(target, {"ALU" if target != "gatemate" else "CC_ADDF": 8}).luts == 8
    assert found.path_ns == pytest.approx(0.15 + 0.56 + 8 * 0.02)


PRODUCT = """
module product(input clk, input [{last}:0] a, b, output reg [{end}:0] y);
  reg [{last}:0] c, d;
  always @(posedge clk) begin c <= a; d <= b; y <= c * d; end
endmodule
"""


@pytest.mark.parametrize(
    ("target", "width", "dsps"), [("gw2a", 8, 1), ("gw2a", 16, 1), ("gw2a", 34, 4), ("gw5a", 16, 0), ("gatemate", 16, 0)]
)
def test_products(tmp_path: Path, target: Target, width: int, dsps: int) -> None:
    """Two of 9 x 9 bits are one DSP of Gowin, and one of 36 x 36 is four; GW5A and GateMate make them of LUTs."""
    (tmp_path / "product.sv").write_text(PRODUCT.format(last=width - 1, end=2 * width - 1))
    made = netlist([tmp_path / "product.sv"], "product", target, 120, tmp_path)
    cells = cells_of(target, made.cells)
    assert cells.dsps == dsps
    assert (cells.luts > 100) == (dsps == 0)
    if target == "gatemate":
        # As nextpnr's log says of one of this size: 1 + 9 + 10 * 14 elements.
        assert made.cells["CC_MULT 17 17"] == 1
        assert luts_of(target, "CC_MULT 17 17") == 2 * 150
        assert longest_path(made.module).ns == pytest.approx(0.15 + 0.9 + 34 * 0.06)


def test_half_a_dsp_is_rounded_up() -> None:
    assert cells_of("gw2a", {"MULT9X9": 3}).dsps == 2
    assert cells_of("nexus", {"MULT9X9": 3}).dsps == 3


def test_what_yosys_says_of_broken_rtl_is_in_the_error(rtl: Path) -> None:
    rtl.write_text("module adder(input a output b); endmodule")
    with pytest.raises(FpgaMlError, match=r"adder\.sv:1: ERROR: syntax error"):
        resources([rtl], "adder", "ecp5", 120)


def test_a_slow_run_is_given_up(rtl: Path) -> None:
    with pytest.raises(FpgaMlError, match="no end after"):
        resources([rtl], "adder", "xcup", 0.05)


def chain_behind_a_lut(bit: int) -> dict[str, object]:
    """A carry cell one of whose bits waits for a LUT."""
    lut = {"type": "LUT2", "port_directions": {"I0": "input", "I1": "input", "O": "output"}}
    chain = {"type": "CARRY4", "port_directions": dict.fromkeys(("S", "DI", "CI"), "input") | {"O": "output"}}
    select = [10 if k == bit else 20 + k for k in range(4)]
    return {
        "cells": {
            "lut": lut | {"connections": {"I0": [2], "I1": [3], "O": [10]}},
            "chain": chain | {"connections": {"S": select, "DI": [30, 31, 32, 33], "CI": ["0"], "O": [40, 41, 42, 43]}},
        }
    }


@pytest.mark.parametrize("bit", range(4))
def test_a_path_takes_only_its_part_of_a_carry_chain(bit: int) -> None:
    steps = 4 - bit
    wanted = GENERIC.register_ns + GENERIC.adder_base_ns + steps * GENERIC.adder_per_bit_ns
    found = longest_path(chain_behind_a_lut(bit))
    assert [name for name, _ in found.cells] == ["lut", "chain"]
    assert sum(ns for _, ns in found.cells) == pytest.approx(wanted - GENERIC.register_ns)
    assert found.ns == pytest.approx(wanted)
