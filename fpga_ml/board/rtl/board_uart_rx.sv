// Bytes from a serial line: a start bit, eight data bits with the least significant first, a stop bit. `valid` is high for
// one cycle a byte, `broken` with it where the stop bit was missing.
module board_uart_rx #(
  parameter int CLOCKS_PER_BIT = 25
) (
  input  logic clk,
  input  logic rst,
  input  logic line,
  output logic valid,
  output logic [7:0] data,
  output logic broken
);
  localparam int TIMER = $clog2(CLOCKS_PER_BIT);
  localparam logic [TIMER-1:0] HALF = TIMER'(CLOCKS_PER_BIT / 2 - 1);
  localparam logic [TIMER-1:0] WHOLE = TIMER'(CLOCKS_PER_BIT - 1);

  logic [1:0] settled;
  logic [3:0] left;
  logic [TIMER-1:0] timer;

  always_ff @(posedge clk) begin
    settled <= rst ? 2'b11 : {settled[0], line};
    valid <= 1'b0;
    if (rst) left <= 4'd0;
    else if (left == 4'd0) begin
      timer <= HALF;
      if (~settled[1]) left <= 4'd10;
    end else if (timer != TIMER'(0)) timer <= timer - TIMER'(1);
    else begin
      timer <= WHOLE;
      // In the middle of a start bit that is none, the line is high again.
      left <= (left == 4'd10 & settled[1]) ? 4'd0 : left - 4'd1;
      if (left == 4'd1) begin
        valid <= 1'b1;
        broken <= ~settled[1];
      end else data <= {settled[1], data[7:1]};
    end
  end
endmodule
