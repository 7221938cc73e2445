// The protocol of docs/board.md: a frame comes in, is checked as a whole, and is answered by one frame. A sample's bytes are
// stored as they come; `run` is high for one cycle where all of them are right, and `finished` says that the result is there.
// `clear` resets the model where it gave no result in time. Bytes that come before an answer is out are lost, and a further
// answer says so; zeros are what a master sends while it waits, and lose nothing. `rx_end` says that the line has ended what
// it sent. An answer that is not fetched in time is dropped.
module board_frames #(
  parameter int SAMPLE_BYTES = 1,
  parameter int RESULT_BYTES = 1,
  parameter int TIMEOUT = 2500000,
  parameter logic [63:0] IDENTITY = 64'd0
) (
  input  logic clk,
  input  logic rst,
  input  logic rx_valid,
  input  logic [7:0] rx_data,
  input  logic rx_broken,
  input  logic rx_end,
  output logic tx_valid,
  output logic [7:0] tx_data,
  input  logic tx_ready,
  output logic store,
  output logic [15:0] place,
  output logic run,
  input  logic finished,
  input  logic [7:0] fetched,
  output logic clear,
  output logic running,
  output logic [3:0] status
);
  localparam logic [7:0] REQUEST = 8'ha5, ANSWER = 8'h5a, SAMPLE = 8'd1, IDENTIFY = 8'd2;
  localparam logic [3:0] GOOD = 4'd0, LENGTH = 4'd1, CHECKSUM = 4'd2, LATE = 4'd3, STUCK = 4'd4, OVERRUN = 4'd5, KIND = 4'd6;
  localparam logic [2:0] IDLE = 3'd0, HEAD = 3'd1, PAYLOAD = 3'd2, TAIL = 3'd3, RUNNING = 3'd4, SENDING = 3'd5;
  localparam int TIMER = $clog2(TIMEOUT + 1);

  logic [2:0] state;
  logic [2:0] step;
  logic [7:0] kind;
  logic [15:0] length;
  logic [15:0] sum;
  logic faulty;
  logic overrun;
  logic [TIMER-1:0] timer;

  // CRC-16 with the polynomial 0x1021, a byte a step
  wire sends = tx_valid & tx_ready;
  wire [7:0] summed = (state == SENDING) ? tx_data : rx_data;
  wire [7:0] mixed = sum[15:8] ^ summed;
  wire [7:0] folded = mixed ^ (mixed >> 4);
  wire [15:0] sum_next = {sum[7:0], 8'd0} ^ {folded[3:0], 12'd0} ^ {3'd0, folded, 5'd0} ^ {8'd0, folded};

  wire of_sample = kind == SAMPLE;
  wire fits = of_sample ? length == 16'(SAMPLE_BYTES) : length == 16'd0;
  wire known = of_sample | kind == IDENTIFY;
  wire receiving = state == HEAD | state == PAYLOAD | state == TAIL;
  wire late = timer == TIMER'(TIMEOUT);
  wire cut = receiving & ~rx_valid & (late | rx_end);
  wire ran = running & (finished | late);
  wire lost = rx_valid & (rx_broken | rx_data != 8'd0);
  wire whole = rx_valid & state == TAIL & step == 3'd1;
  wire wrong = faulty | rx_broken | sum_next != 16'd0;
  wire [15:0] answer_length = (status != GOOD) ? 16'd0 : of_sample ? 16'(RESULT_BYTES) : 16'd8;
  wire [7:0] own = 8'(IDENTITY >> {place[2:0], 3'd0});

  assign store = rx_valid & state == PAYLOAD & of_sample & fits;
  assign run = whole & ~wrong & of_sample & fits;
  assign running = state == RUNNING;
  assign clear = state == SENDING & status == STUCK;
  assign tx_valid = state == SENDING;
  always_comb
    case (step)
      3'd0: tx_data = ANSWER;
      3'd1: tx_data = {4'd0, status};
      3'd2: tx_data = answer_length[7:0];
      3'd3: tx_data = answer_length[15:8];
      3'd4: tx_data = of_sample ? fetched : own;
      3'd5: tx_data = sum[15:8];
      default: tx_data = sum[7:0];
    endcase

  always_ff @(posedge clk) begin
    timer <= (state == IDLE | receiving & rx_valid | cut | ran | sends) ? TIMER'(0) : timer + TIMER'(1);
    if (rst) begin
      state <= IDLE;
      status <= GOOD;
      overrun <= 1'b0;
    end else if (state == IDLE) begin
      step <= 3'd0;
      sum <= 16'hffff;
      faulty <= 1'b0;
      if (rx_valid & rx_data == REQUEST & ~rx_broken) state <= HEAD;
    end else if (receiving & rx_valid) begin
      faulty <= faulty | rx_broken;
      sum <= sum_next;
      step <= step + 3'd1;
      if (state == HEAD) begin
        place <= 16'd0;
        if (step == 3'd0) kind <= rx_data;
        if (step == 3'd1) length[7:0] <= rx_data;
        if (step == 3'd2) begin
          length[15:8] <= rx_data;
          step <= 3'd0;
          state <= ({rx_data, length[7:0]} == 16'd0) ? TAIL : PAYLOAD;
        end
      end else if (state == PAYLOAD) begin
        place <= place + 16'd1;
        step <= 3'd0;
        if (place == length - 16'd1) state <= TAIL;
      end else if (whole) begin
        step <= 3'd0;
        place <= 16'd0;
        sum <= 16'hffff;
        status <= wrong ? CHECKSUM : ~known ? KIND : ~fits ? LENGTH : GOOD;
        state <= run ? RUNNING : SENDING;
      end
    end else if (cut) begin
      step <= 3'd0;
      sum <= 16'hffff;
      status <= LATE;
      state <= SENDING;
    end else if (running) begin
      overrun <= overrun | lost;
      if (ran) begin
        status <= finished ? GOOD : STUCK;
        state <= SENDING;
      end
    end else if (state == SENDING) begin
      overrun <= overrun | lost;
      if (sends) begin
        if (step == 3'd4) place <= place + 16'd1;
        if (step != 3'd4 | place == answer_length - 16'd1) step <= step + 3'd1;
        if (step == 3'd3 & answer_length == 16'd0) step <= 3'd5;
        if (step != 3'd0 & step < 3'd5) sum <= sum_next;
        if (step == 3'd6) begin
          step <= 3'd0;
          sum <= 16'hffff;
          overrun <= lost;
          if (overrun) status <= OVERRUN;
          else state <= IDLE;
        end
      end else if (late) begin
        overrun <= 1'b0;
        state <= IDLE;
      end
    end
  end
endmodule
