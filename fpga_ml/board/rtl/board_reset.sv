// A reset for the first cycles after configuration, whose registers start as the bitstream says, and a slow blink.
module board_reset (
  input  logic clk,
  output logic rst,
  output logic blink
);
  logic [23:0] cycles;
  logic started;
  initial begin
    cycles = 24'd0;
    started = 1'b0;
  end
  assign rst = ~started;
  assign blink = cycles[23];
  always_ff @(posedge clk) begin
    cycles <= cycles + 24'd1;
    if (cycles[4]) started <= 1'b1;
  end
endmodule
