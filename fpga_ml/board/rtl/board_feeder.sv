// The bytes of one input of the model, kept until all are there and right, and then given as beats of BEAT_BYTES bytes, the
// first in the least significant one. A beat stays until it is taken; `last` comes with the last of them.
/* verilator lint_off UNUSEDSIGNAL */  // of a place, the bits above the memory
module board_feeder #(
  parameter int BEATS = 1,
  parameter int BEAT_BYTES = 1
) (
  input  logic clk,
  input  logic rst,
  input  logic write,
  input  logic [15:0] write_place,
  input  logic [7:0] given,
  input  logic run,
  output logic valid,
  output logic last,
  output logic [8*BEAT_BYTES-1:0] beat,
  input  logic ready
);
  localparam int BYTES = BEATS * BEAT_BYTES;
  localparam int PLACE = (BYTES > 1) ? $clog2(BYTES) : 1;
  localparam int FILL = (BEAT_BYTES > 1) ? $clog2(BEAT_BYTES) : 1;

  logic [7:0] kept [0:BYTES-1];
  logic [7:0] word;
  logic [PLACE-1:0] place;
  logic [FILL-1:0] filled;
  logic active;
  logic read;

  assign last = ~active;
  always_ff @(posedge clk) begin
    if (write) kept[write_place[PLACE-1:0]] <= given;
    word <= kept[place];
  end
  always_ff @(posedge clk) begin
    if (rst) begin
      active <= 1'b0;
      valid <= 1'b0;
    end else if (run) begin
      active <= 1'b1;
      valid <= 1'b0;
      read <= 1'b0;
      place <= PLACE'(0);
      filled <= FILL'(0);
    end else if (valid) valid <= ~ready;
    else if (active) begin
      read <= ~read;
      if (read) begin
        beat <= (beat >> 8) | ((8*BEAT_BYTES)'(word) << (8 * BEAT_BYTES - 8));
        place <= place + PLACE'(1);
        filled <= (filled == FILL'(BEAT_BYTES - 1)) ? FILL'(0) : filled + FILL'(1);
        valid <= filled == FILL'(BEAT_BYTES - 1);
        active <= place != PLACE'(BYTES - 1);
      end
    end
  end
endmodule
