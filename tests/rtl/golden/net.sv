// A network that can take a new input every cycle.
/* verilator lint_off UNUSEDSIGNAL */
module net (
  input  logic ap_clk,
  input  logic ap_rst,
  input  logic ap_start,
  output logic ap_done,
  output logic ap_ready,
  output logic ap_idle,
  input  logic [23:0] large_,
  input  logic large__ap_vld,
  output logic signed [4:0] small_0,
  output logic small_0_ap_vld,
  output logic signed [8:0] small_1,
  output logic small_1_ap_vld,
  output logic signed [7:0] small_2,
  output logic small_2_ap_vld,
  output logic [5:0] small_3,
  output logic small_3_ap_vld
);

  // control
  assign ap_ready = ap_start & large__ap_vld;
  wire busy;
  wire [27:0] small_;
  net_pipeline pipeline (
    .clk(ap_clk),
    .rst(ap_rst),
    .start(ap_ready),
    .done(ap_done),
    .busy(busy),
    .large_(large_),
    .small_out(small_)
  );
  assign ap_idle = ~(ap_start | busy);

  // outputs
  assign small_0 = small_[4:0];
  assign small_0_ap_vld = ap_done;
  assign small_1 = small_[13:5];
  assign small_1_ap_vld = ap_done;
  assign small_2 = small_[21:14];
  assign small_2_ap_vld = ap_done;
  assign small_3 = small_[27:22];
  assign small_3_ap_vld = ap_done;
endmodule
