// Bytes to a serial line, as board_uart_rx reads them. A byte is taken in a cycle with `valid` and `ready`.
module board_uart_tx #(
  parameter int CLOCKS_PER_BIT = 25
) (
  input  logic clk,
  input  logic rst,
  input  logic valid,
  input  logic [7:0] data,
  output logic ready,
  output logic line
);
  localparam int TIMER = $clog2(CLOCKS_PER_BIT);
  localparam logic [TIMER-1:0] WHOLE = TIMER'(CLOCKS_PER_BIT - 1);

  logic [9:0] bits;
  logic [3:0] left;
  logic [TIMER-1:0] timer;

  assign ready = left == 4'd0;
  assign line = bits[0];
  always_ff @(posedge clk) begin
    if (rst) begin
      bits <= 10'h3ff;
      left <= 4'd0;
    end else if (ready) begin
      timer <= WHOLE;
      if (valid) begin
        bits <= {1'b1, data, 1'b0};
        left <= 4'd10;
      end
    end else if (timer != TIMER'(0)) timer <= timer - TIMER'(1);
    else begin
      timer <= WHOLE;
      bits <= {1'b1, bits[9:1]};
      left <= left - 4'd1;
    end
  end
endmodule
