"""An always_comb is evaluated at time 0 and when what it reads changes, and at no other time."""

from __future__ import annotations

from pathlib import Path

from fpga_ml.toolchain import icarus

# Each block counts how often it is evaluated. `fixed` reads nothing that ever changes, `slow` changes once.
TEXT = """
module counter #(parameter WIDTH = 4) (input [WIDTH-1:0] x, output reg [WIDTH-1:0] y);
  integer evaluated = 0;
  always_comb begin
    evaluated = evaluated + 1;
    y = x + 1'b1;
  end
endmodule
module top;
  reg clk = 0;
  reg [3:0] fast = 0, slow = 3;
  wire [3:0] a, b, c;
  counter busy (.x(fast), .y(a));
  counter seldom (.x(slow), .y(b));
  counter fixed (.x(4'd9), .y(c));
  initial begin
    repeat (50) begin
      #1 fast = fast + 1'b1;
    end
    #1 slow = 7;
    #1 $display("%0d %0d %0d %0d %0d %0d", a, b, c, busy.evaluated, seldom.evaluated, fixed.evaluated);
  end
endmodule
"""


def test_blocks_are_woken_by_their_own_signals_only(tmp_path: Path) -> None:
    source = tmp_path / "top.sv"
    source.write_text(TEXT)
    tool = icarus.find()
    icarus.build(tool, [source], "top", tmp_path)
    said = [int(n) for n in icarus.run_alone(tool, tmp_path, "test").split()]
    assert said[:3] == [(50 + 1) % 16, 8, 10]
    assert said[3] in (50, 51)
    assert said[4] in (1, 2)
    assert said[5] == 1
