// A pipeline of 4 clock cycles that can start every cycle.
/* verilator lint_off UNUSEDSIGNAL */
module myproject_pipeline (
  input  logic clk,
  input  logic rst,
  input  logic start,
  output logic done,
  output logic busy,
  input  logic [127:0] features,
  output logic [53:0] layer5_out_out
);

  // control
  logic valid_s1;
  logic valid_s2;
  logic valid_s3;
  logic valid_s4;
  always_ff @(posedge clk) begin
    valid_s1 <= rst ? 1'd0 : start;
    valid_s2 <= rst ? 1'd0 : valid_s1;
    valid_s3 <= rst ? 1'd0 : valid_s2;
    valid_s4 <= rst ? 1'd0 : valid_s3;
  end
  assign done = valid_s4;
  assign busy = valid_s1 | valid_s2 | valid_s3 | valid_s4;

  // 'fc1': stages 0 to 0
  wire [136:0] fc1_s0;
  myproject_fc1 fc1_layer (
    .features(features),
    .fc1(fc1_s0)
  );

  // 'relu1': stages 0 to 1
  wire [35:0] relu1_s1;
  myproject_relu1 relu1_layer (
    .clk(clk),
    .fc1(fc1_s0),
    .relu1(relu1_s1)
  );

  // 'fc2': stages 1 to 1
  wire [37:0] fc2_s1;
  myproject_fc2 fc2_layer (
    .relu1(relu1_s1),
    .fc2(fc2_s1)
  );

  // 'softmax': stages 1 to 4
  wire [53:0] layer5_out_s4;
  myproject_softmax softmax_layer (
    .clk(clk),
    .fc2(fc2_s1),
    .layer5_out(layer5_out_s4)
  );

  // outputs
  assign layer5_out_out = layer5_out_s4;
endmodule
