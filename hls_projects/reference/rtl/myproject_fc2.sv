// Layer 'fc2', 0 clock cycles.
/* verilator lint_off UNUSEDSIGNAL */
module myproject_fc2 (
  input  logic [35:0] relu1,
  output logic [37:0] fc2
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
  logic [7:0] v15_s0;
  logic signed [7:0] v24_s0;
  logic signed [9:0] v25_s0;
  logic signed [8:0] v26_s0;
  logic signed [8:0] v27_s0;
  logic signed [11:0] v28_s0;
  logic signed [11:0] v29_s0;
  logic signed [11:0] v30_s0;
  logic signed [6:0] v39_s0;
  logic [7:0] v40_s0;
  logic [9:0] v41_s0;
  logic [11:0] v42_s0;
  logic signed [9:0] v43_s0;
  logic signed [11:0] v44_s0;
  logic signed [11:0] v45_s0;
  logic signed [12:0] v46_s0;
  logic [7:0] v51_s0;
  logic [11:0] v52_s0;
  logic [9:0] v53_s0;
  logic [9:0] v54_s0;
  logic signed [12:0] v55_s0;
  logic signed [12:0] v56_s0;
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
    v15_s0 = {v2_s0, 2'd0} - 8'(v2_s0);
    v24_s0 = {(-3'sd3) + 3'(v3_s0[5:5]), v3_s0[4:0]};
    v25_s0 = {7'(v0_s0[5:3]) - 7'(v4_s0), v0_s0[2:0]};
    v26_s0 = {8'(v15_s0[7:1]) - 8'(v5_s0), v15_s0[0:0]};
    v27_s0 = 9'(v24_s0) + v26_s0;
    v28_s0 = {11'(v9_s0[9:1]) - 11'(v25_s0), v9_s0[0:0]};
    v29_s0 = {v28_s0[11:2] - 10'(v11_s0), v28_s0[1:0]};
    v30_s0 = 12'(v27_s0) + v29_s0;
    v39_s0 = {(-3'sd1) + 3'(v0_s0[5:4]), v0_s0[3:0]};
    v40_s0 = {7'(v4_s0) + 7'(v0_s0[5:1]), v0_s0[0:0]};
    v41_s0 = {7'(v4_s0[5:3]) + 7'(v3_s0), v4_s0[2:0]};
    v42_s0 = {9'(v13_s0[9:3]) + 9'(v40_s0), v13_s0[2:0]};
    v43_s0 = {9'($signed(v39_s0[6:1])) - 9'(v15_s0), v39_s0[0:0]};
    v44_s0 = {11'(v41_s0[9:1]) - 11'(v9_s0), v41_s0[0:0]};
    v45_s0 = 12'(v43_s0) - v44_s0;
    v46_s0 = 13'(v42_s0) + 13'(v45_s0);
    v51_s0 = {1'd1 + 1'd0, 7'(v2_s0)};
    v52_s0 = {8'(v0_s0[5:4]) + v7_s0, v0_s0[3:0]};
    v53_s0 = {v13_s0[9:1] + 9'(v51_s0), v13_s0[0:0]};
    v54_s0 = v9_s0 + 10'(v11_s0);
    v55_s0 = 13'(v53_s0) - 13'(v52_s0);
    v56_s0 = v55_s0 - 13'(v54_s0);
  end

  // outputs
  logic signed [11:0] fc2_0;
  logic signed [12:0] fc2_1;
  logic signed [12:0] fc2_2;
  always_comb begin
    fc2_0 = v30_s0;
    fc2_1 = v46_s0;
    fc2_2 = v56_s0;
    fc2 = {fc2_2, fc2_1, fc2_0};
  end
endmodule
