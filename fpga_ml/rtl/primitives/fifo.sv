// A FIFO of DEPTH tokens. A writer reserves a place when it sets a token on its way and pushes the token later, so that
// `room` counts what is there and what is to come. A memory of LUTs or registers: it is read in the cycle of the address.
module fifo #(
  parameter int WIDTH = 8,
  parameter int DEPTH = 2
) (
  input  logic clk,
  input  logic rst,
  output logic room,
  input  logic reserve,
  input  logic push,
  input  logic [WIDTH-1:0] given,
  output logic valid,
  input  logic pop,
  output logic [WIDTH-1:0] first
);
  localparam int PLACE = (DEPTH > 1) ? $clog2(DEPTH) : 1;
  localparam int COUNT = $clog2(DEPTH + 1);
  localparam logic [PLACE-1:0] LAST = PLACE'(DEPTH - 1);

  logic [WIDTH-1:0] tokens [0:DEPTH-1];
  logic [PLACE-1:0] head;
  logic [PLACE-1:0] tail;
  logic [COUNT-1:0] held;
  logic [COUNT-1:0] ready;

  assign room = held != COUNT'(DEPTH);
  assign valid = ready != COUNT'(0);
  assign first = tokens[head];

  always_ff @(posedge clk) begin
    if (push) tokens[tail] <= given;
    if (rst) begin
      head <= PLACE'(0);
      tail <= PLACE'(0);
      held <= COUNT'(0);
      ready <= COUNT'(0);
    end else begin
      if (pop) head <= (head == LAST) ? PLACE'(0) : head + PLACE'(1);
      if (push) tail <= (tail == LAST) ? PLACE'(0) : tail + PLACE'(1);
      held <= held + COUNT'(reserve) - COUNT'(pop);
      ready <= ready + COUNT'(push) - COUNT'(pop);
    end
  end
endmodule
