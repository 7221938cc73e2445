// The beats of one output of the model, kept as bytes until they are fetched: `fetched` is the byte of the place in the cycle
// before. `full` is high when all beats of a sample are kept.
/* verilator lint_off UNUSEDSIGNAL */  // of a place, the bits above the memory
module board_taker #(
  parameter int BEATS = 1,
  parameter int BEAT_BYTES = 1
) (
  input  logic clk,
  input  logic rst,
  input  logic run,
  input  logic valid,
  input  logic [8*BEAT_BYTES-1:0] beat,
  output logic ready,
  output logic full,
  input  logic [15:0] read_place,
  output logic [7:0] fetched
);
  localparam int BYTES = BEATS * BEAT_BYTES;
  localparam int PLACE = (BYTES > 1) ? $clog2(BYTES) : 1;
  localparam int LEFT = $clog2(BEAT_BYTES + 1);

  logic [7:0] kept [0:BYTES-1];
  logic [8*BEAT_BYTES-1:0] held;
  logic [PLACE-1:0] place;
  logic [LEFT-1:0] left;

  assign ready = left == LEFT'(0) & ~full;
  always_ff @(posedge clk) begin
    if (left != LEFT'(0)) kept[place] <= held[7:0];
    fetched <= kept[read_place[PLACE-1:0]];
  end
  always_ff @(posedge clk) begin
    if (rst | run) begin
      place <= PLACE'(0);
      left <= LEFT'(0);
      full <= 1'b0;
    end else if (left == LEFT'(0)) begin
      held <= beat;
      if (valid & ~full) left <= LEFT'(BEAT_BYTES);
    end else begin
      held <= held >> 8;
      left <= left - LEFT'(1);
      place <= place + PLACE'(1);
      if (place == PLACE'(BYTES - 1)) full <= 1'b1;
    end
  end
endmodule
