// y0 = x0 + x1, y1 = saturate(3 * x2 - x3): four signed inputs of 6 bits, two signed outputs of 7 bits, three stages.
module tiny (
    input  logic              ap_clk,
    input  logic              ap_rst,
    input  logic              ap_start,
    output logic              ap_done,
    output logic              ap_ready,
    output logic              ap_idle,
    input  logic       [23:0] input_1,
    input  logic              input_1_ap_vld,
    output logic signed [6:0] layer2_out_0,
    output logic              layer2_out_0_ap_vld,
    output logic signed [6:0] layer2_out_1,
    output logic              layer2_out_1_ap_vld
);
  logic signed [5:0] x0, x1, x2, x3;
  assign {x3, x2, x1, x0} = input_1;

  logic valid1, valid2, valid3;
  logic signed [6:0] sum1, sum2, sum3;
  logic signed [7:0] triple1;
  logic signed [5:0] x3_1;
  logic signed [8:0] difference2;
  logic signed [6:0] saturated3;

  always_ff @(posedge ap_clk) begin
    if (ap_rst) begin
      valid1 <= 1'b0;
      valid2 <= 1'b0;
      valid3 <= 1'b0;
    end else begin
      valid1 <= ap_start & input_1_ap_vld;
      valid2 <= valid1;
      valid3 <= valid2;
    end
  end

  always_ff @(posedge ap_clk) begin
    sum1 <= x0 + x1;
    triple1 <= 3 * x2;
    x3_1 <= x3;
    sum2 <= sum1;
    difference2 <= triple1 - x3_1;
    sum3 <= sum2;
    saturated3 <= difference2 > 63 ? 7'sd63 : difference2 < -64 ? -7'sd64 : difference2[6:0];
  end

  assign layer2_out_0 = sum3;
  assign layer2_out_1 = saturated3;
  assign layer2_out_0_ap_vld = valid3;
  assign layer2_out_1_ap_vld = valid3;
  assign ap_done = valid3;
  assign ap_ready = ap_start & input_1_ap_vld;
  assign ap_idle = ~(ap_start | valid1 | valid2 | valid3);
endmodule
