"""Place and route: a tiny design, and whether the calibrated delay model tells the clock that a network reaches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fpga_ml.errors import FpgaMlError
from fpga_ml.layers.base import Input, Layer
from fpga_ml.layers.elementwise import Relu
from fpga_ml.layers.linear import Linear
from fpga_ml.numerics import FixedType
from fpga_ml.rtl.build import build_rtl
from fpga_ml.schedule.devices import DEVICES
from fpga_ml.toolchain.nextpnr import place_and_route
from fpga_ml.toolchain.yosys import resources

FIXED = FixedType.parse
# A network pipelined for a clock reaches it but for the first factor, of routing that single operations do not see (measured:
# 1.07 to 1.26 for 6 to 14 ns), and it is not faster by more than the second, which would be registers for nothing.
TOO_SLOW, TOO_FAST = 1.4, 1.5

COUNTER = """
module counter(input clk, output reg [7:0] y);
  always @(posedge clk) y <= y + 1;
endmodule
"""


def test_clock_of_a_counter(tmp_path: Path) -> None:
    (tmp_path / "counter.sv").write_text(COUNTER)
    resources([tmp_path / "counter.sv"], "counter", "ecp5", 120, tmp_path)
    placed = place_and_route(tmp_path / "netlist.json", 2.0, seed=1, timeout_s=600)
    assert 0.5 < placed.period_ns < 10
    assert placed.version


def test_a_design_without_registers_has_no_clock(tmp_path: Path) -> None:
    (tmp_path / "wire.sv").write_text("module wire_(input a, b, output y); assign y = a & b; endmodule")
    resources([tmp_path / "wire.sv"], "wire_", "ecp5", 120, tmp_path)
    with pytest.raises(FpgaMlError, match="no path between registers to time"):
        place_and_route(tmp_path / "netlist.json", 2.0, seed=1, timeout_s=600)


def dense(name: str, reads: str, inputs: int, outputs: int, seed: int) -> Linear:
    rng = np.random.default_rng(seed)
    index = np.arange(inputs)[None, None, :]
    weights = rng.integers(-31, 32, (1, inputs, outputs))
    bias = rng.integers(-31, 32, outputs)
    wide = FIXED("ap_fixed<24,10>")
    return Linear(name, (reads,), (outputs,), wide, index, weights, 5, bias, 5, wide)


def network() -> list[Layer]:
    """16-8-4, 6-bit weights and values."""
    relu = FIXED("ap_ufixed<6,2,AP_RND_CONV,AP_SAT>")
    return [
        Input("x", (), (16,), FIXED("ap_fixed<6,2>")),
        dense("fc1", "x", 16, 8, 1),
        Relu("relu1", ("fc1",), (8,), relu),
        dense("logits", "relu1", 8, 4, 2),
    ]


def between_registers(top: str, reads_bits: int, writes: dict[str, int]) -> str:
    """A module that gives the network registers at its ports, since only paths between registers are timed."""
    ports = ", ".join(f"output logic [{bits - 1}:0] {name}" for name, bits in writes.items())
    wires = "".join(f"  logic [{bits - 1}:0] {name}_made;\n" for name, bits in writes.items())
    joins = ", ".join(f".{name}({name}_made)" for name in writes)
    keeps = " ".join(f"{name} <= {name}_made;" for name in writes)
    return f"""
module timed (input logic ap_clk, input logic [{reads_bits - 1}:0] x, {ports});
  logic [{reads_bits - 1}:0] x_kept;
{wires}  {top} network (.ap_clk(ap_clk), .ap_rst(1'b0), .ap_start(1'b1), .x(x_kept), .x_ap_vld(1'b1), {joins});
  always_ff @(posedge ap_clk) begin x_kept <= x; {keeps} end
endmodule
"""


@pytest.mark.slow
@pytest.mark.parametrize("clock_ns", [6.0, 10.0])
def test_the_calibrated_model_tells_the_clock_of_a_network(tmp_path: Path, clock_ns: float) -> None:
    layers = network()
    rtl = build_rtl(layers, {"x": "x", "logits": "y"}, ["logits"], "net", clock_ns, DEVICES["ecp5-85k"])
    (tmp_path / "timed.sv").write_text(between_registers("net", 96, {f"y_{k}": 24 for k in range(4)}))
    files = [*rtl.write(tmp_path), tmp_path / "timed.sv"]
    resources(files, "timed", "ecp5", 600, tmp_path)
    placed = place_and_route(tmp_path / "netlist.json", clock_ns, seed=1, timeout_s=600)
    assert clock_ns / TOO_FAST <= placed.period_ns <= clock_ns * TOO_SLOW
