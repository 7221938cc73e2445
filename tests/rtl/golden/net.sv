// A network in 2 clock cycles, a new input in each.
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
  logic ap_valid_s1;
  logic ap_valid_s2;
  always_ff @(posedge ap_clk) begin
    ap_valid_s1 <= ap_rst ? 1'd0 : ap_ready;
    ap_valid_s2 <= ap_rst ? 1'd0 : ap_valid_s1;
  end
  assign ap_done = ap_valid_s2;
  assign ap_idle = ~(ap_start | ap_valid_s1 | ap_valid_s2);

  // 'small': stages 0 to 2
  wire [27:0] small_s2;
  net_small small_layer (
    .clk(ap_clk),
    .large_(large_),
    .small_(small_s2)
  );

  // outputs
  assign small_0 = small_s2[4:0];
  assign small_0_ap_vld = ap_done;
  assign small_1 = small_s2[13:5];
  assign small_1_ap_vld = ap_done;
  assign small_2 = small_s2[21:14];
  assign small_2_ap_vld = ap_done;
  assign small_3 = small_s2[27:22];
  assign small_3_ap_vld = ap_done;
endmodule
