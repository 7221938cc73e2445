// A network that can take a new input every cycle.
/* verilator lint_off UNUSEDSIGNAL */
module myproject (
  input  logic ap_clk,
  input  logic ap_rst,
  input  logic ap_start,
  output logic ap_done,
  output logic ap_ready,
  output logic ap_idle,
  input  logic [127:0] features,
  input  logic features_ap_vld,
  output logic [17:0] layer5_out_0,
  output logic layer5_out_0_ap_vld,
  output logic [17:0] layer5_out_1,
  output logic layer5_out_1_ap_vld,
  output logic [17:0] layer5_out_2,
  output logic layer5_out_2_ap_vld
);

  // control
  assign ap_ready = ap_start & features_ap_vld;
  wire busy;
  wire [53:0] layer5_out;
  myproject_pipeline pipeline (
    .clk(ap_clk),
    .rst(ap_rst),
    .start(ap_ready),
    .done(ap_done),
    .busy(busy),
    .features(features),
    .layer5_out_out(layer5_out)
  );
  assign ap_idle = ~(ap_start | busy);

  // outputs
  assign layer5_out_0 = layer5_out[17:0];
  assign layer5_out_0_ap_vld = ap_done;
  assign layer5_out_1 = layer5_out[35:18];
  assign layer5_out_1_ap_vld = ap_done;
  assign layer5_out_2 = layer5_out[53:36];
  assign layer5_out_2_ap_vld = ap_done;
endmodule
