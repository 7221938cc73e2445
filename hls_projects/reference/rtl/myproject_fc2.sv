// Layer 'fc2', 1 clock cycle.
/* verilator lint_off UNUSEDSIGNAL */
module myproject_fc2 (
  input  logic clk,
  input  logic [35:0] relu1,
  output logic [38:0] fc2
);

  // stage 0
  logic [5:0] v0_s0;
  logic [5:0] v1_s0;
  logic [5:0] v2_s0;
  logic [5:0] v3_s0;
  logic [5:0] v4_s0;
  logic [5:0] v5_s0;
  logic [7:0] v7_s0;
  logic [9:0] v9_s0;
  logic [8:0] v11_s0;
  logic [9:0] v13_s0;
  logic signed [8:0] v15_s0;
  logic [6:0] v24_s0;
  logic signed [7:0] v25_s0;
  logic signed [9:0] v26_s0;
  logic signed [9:0] v27_s0;
  logic signed [10:0] v29_s0;
  logic signed [6:0] v39_s0;
  logic signed [6:0] v40_s0;
  logic signed [7:0] v41_s0;
  logic signed [8:0] v42_s0;
  logic signed [10:0] v43_s0;
  logic [10:0] v44_s0;
  logic signed [11:0] v45_s0;
  logic [7:0] v51_s0;
  logic [8:0] v52_s0;
  logic [11:0] v53_s0;
  logic [9:0] v54_s0;
  always_comb begin
    v0_s0 = relu1[5:0];
    v1_s0 = relu1[11:6];
    v2_s0 = relu1[17:12];
    v3_s0 = relu1[23:18];
    v4_s0 = relu1[29:24];
    v5_s0 = relu1[35:30];
    v7_s0 = {7'(v4_s0[5:1]) + 7'(v5_s0), v4_s0[0:0]};
    v9_s0 = {7'(v1_s0) + 7'(v1_s0[5:3]), v1_s0[2:0]};
    v11_s0 = {7'(v3_s0) + 7'(v7_s0[7:2]), v7_s0[1:0]};
    v13_s0 = {7'(v3_s0[5:3]) + 7'(v5_s0), v3_s0[2:0]};
    v15_s0 = {7'(v2_s0), 2'd0} - 9'(v2_s0);
    v24_s0 = {3'(v0_s0[5:4]) - (-3'sd3), v0_s0[3:0]};
    v25_s0 = {7'(v3_s0[5:1]) - 7'(v5_s0), v3_s0[0:0]};
    v26_s0 = {7'(v24_s0[6:3]) - 7'(v4_s0), v24_s0[2:0]};
    v27_s0 = 10'(v15_s0) + 10'(v25_s0);
    v29_s0 = 11'(v9_s0) + 11'(v27_s0);
    v39_s0 = {(-3'sd1) + 3'(v0_s0[5:4]), v0_s0[3:0]};
    v40_s0 = 7'(v0_s0) - 7'(v3_s0);
    v41_s0 = 8'(v39_s0) - 8'(v4_s0);
    v42_s0 = {8'(v4_s0) + 8'($signed(v40_s0[6:1])), v40_s0[0:0]};
    v43_s0 = {9'($signed(v15_s0[8:2])) - v42_s0, v15_s0[1:0]};
    v44_s0 = {10'(v13_s0[9:1]) + v9_s0, v13_s0[0:0]};
    v45_s0 = 12'(v41_s0) + 12'(v44_s0);
    v51_s0 = {1'd1 + 1'd0, 7'(v2_s0)};
    v52_s0 = {v51_s0, 1'd0} - 9'(v0_s0);
    v53_s0 = {8'(v9_s0[9:4]) + v7_s0, v9_s0[3:0]};
    v54_s0 = v13_s0 + 10'(v52_s0);
  end

  // stage 1
  logic [8:0] v11_s1;
  logic signed [9:0] v26_s1;
  logic signed [10:0] v29_s1;
  logic signed [10:0] v43_s1;
  logic signed [11:0] v45_s1;
  logic [11:0] v53_s1;
  logic [9:0] v54_s1;
  always_ff @(posedge clk) begin
    v11_s1 <= v11_s0;
    v26_s1 <= v26_s0;
    v29_s1 <= v29_s0;
    v43_s1 <= v43_s0;
    v45_s1 <= v45_s0;
    v53_s1 <= v53_s0;
    v54_s1 <= v54_s0;
  end
  logic signed [10:0] v28_s1;
  logic signed [12:0] v30_s1;
  logic signed [12:0] v46_s1;
  logic [11:0] v55_s1;
  logic signed [12:0] v56_s1;
  always_comb begin
    v28_s1 = {10'(v11_s1) + 10'($signed(v26_s1[9:1])), v26_s1[0:0]};
    v30_s1 = {12'($signed(v29_s1[10:1])) - 12'(v28_s1), v29_s1[0:0]};
    v46_s1 = {12'($signed(v45_s1[11:1])) - 12'(v43_s1), v45_s1[0:0]};
    v55_s1 = 12'(v11_s1) + v53_s1;
    v56_s1 = 13'(v54_s1) - 13'(v55_s1);
  end

  // outputs
  logic signed [12:0] fc2_0;
  logic signed [12:0] fc2_1;
  logic signed [12:0] fc2_2;
  always_comb begin
    fc2_0 = v30_s1;
    fc2_1 = v46_s1;
    fc2_2 = v56_s1;
    fc2 = {fc2_2, fc2_1, fc2_0};
  end
endmodule
