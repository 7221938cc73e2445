// A pipeline of 2 clock cycles that can start every cycle.
/* verilator lint_off UNUSEDSIGNAL */
module net_pipeline (
  input  logic clk,
  input  logic rst,
  input  logic start,
  output logic done,
  output logic busy,
  input  logic [23:0] large_,
  output logic [27:0] small_out
);

  // control
  logic valid_s1;
  logic valid_s2;
  always_ff @(posedge clk) begin
    valid_s1 <= rst ? 1'd0 : start;
    valid_s2 <= rst ? 1'd0 : valid_s1;
  end
  assign done = valid_s2;
  assign busy = valid_s1 | valid_s2;

  // 'small': stages 0 to 2
  wire [27:0] small_s2;
  net_small small_layer (
    .clk(clk),
    .large_(large_),
    .small_(small_s2)
  );

  // outputs
  assign small_out = small_s2;
endmodule
