"""Synthesis of a tiny design: cells and the longest path; and what Yosys says of a broken one."""

from __future__ import annotations

from pathlib import Path

import pytest

from fpga_ml.devices import GENERIC
from fpga_ml.errors import FpgaMlError
from fpga_ml.toolchain.yosys import resources
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
