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
  logic [7:0] v10_s0;
  logic [9:0] v12_s0;
  logic [8:0] v14_s0;
  logic [9:0] v16_s0;
  logic signed [8:0] v18_s0;
  logic [10:0] v20_s0;
  logic [6:0] v21_s0;
  logic signed [10:0] v23_s0;
  logic signed [11:0] v25_s0;
  logic signed [11:0] v27_s0;
  logic [9:0] v31_s0;
  logic signed [10:0] v33_s0;
  logic signed [10:0] v35_s0;
  logic signed [11:0] v37_s0;
  logic signed [10:0] v39_s0;
  logic signed [11:0] v41_s0;
  logic signed [7:0] v44_s0;
  logic signed [10:0] v46_s0;
  logic [11:0] v48_s0;
  logic signed [12:0] v50_s0;
  always_comb begin
    v0_s0 = relu1[5:0];
    v1_s0 = relu1[11:6];
    v2_s0 = relu1[17:12];
    v3_s0 = relu1[23:18];
    v4_s0 = relu1[29:24];
    v5_s0 = relu1[35:30];
    v10_s0 = {7'(v4_s0[5:1]) + 7'(v5_s0), v4_s0[0:0]};
    v12_s0 = {7'(v1_s0) + 7'(v1_s0[5:3]), v1_s0[2:0]};
    v14_s0 = {7'(v3_s0) + 7'(v10_s0[7:2]), v10_s0[1:0]};
    v16_s0 = {7'(v3_s0[5:3]) + 7'(v5_s0), v3_s0[2:0]};
    v18_s0 = {7'(v2_s0), 2'd0} - 9'(v2_s0);
    v20_s0 = {7'(v3_s0[5:4]) + 7'(v4_s0), v3_s0[3:0]};
    v21_s0 = 7'(v0_s0) + 7'(v5_s0);
    v23_s0 = 11'(v18_s0) + 11'(v12_s0);
    v25_s0 = {11'(v20_s0[10:1]) - 11'(v21_s0), v20_s0[0:0]};
    v27_s0 = 12'(v23_s0) + v25_s0;
    v31_s0 = {7'(v0_s0[5:3]) + 7'(v0_s0), v0_s0[2:0]};
    v33_s0 = {7'(v4_s0), 4'd0} - 11'(v4_s0);
    v35_s0 = {8'(v16_s0[9:3]) - 8'(v3_s0), v16_s0[2:0]};
    v37_s0 = 12'(v31_s0) + 12'(v33_s0);
    v39_s0 = 11'(v12_s0) - 11'(v18_s0);
    v41_s0 = {11'($signed(v35_s0[10:1])) + v39_s0, v35_s0[0:0]};
    v44_s0 = {7'(v2_s0), 1'd0} - 8'(v0_s0);
    v46_s0 = 11'(v44_s0) + 11'(v16_s0);
    v48_s0 = {v10_s0 + 8'(v12_s0[9:4]), v12_s0[3:0]};
    v50_s0 = 13'(v46_s0) - 13'(v48_s0);
  end

  // stage 1
  logic [8:0] v14_s1;
  logic signed [11:0] v27_s1;
  logic signed [11:0] v37_s1;
  logic signed [11:0] v41_s1;
  logic signed [12:0] v50_s1;
  always_ff @(posedge clk) begin
    v14_s1 <= v14_s0;
    v27_s1 <= v27_s0;
    v37_s1 <= v37_s0;
    v41_s1 <= v41_s0;
    v50_s1 <= v50_s0;
  end
  logic signed [12:0] v29_s1;
  logic signed [12:0] v42_s1;
  logic signed [12:0] v52_s1;
  logic signed [12:0] v55_s1;
  logic signed [12:0] v56_s1;
  logic signed [12:0] v57_s1;
  always_comb begin
    v29_s1 = {11'($signed(v27_s1[11:2])) - 11'(v14_s1), v27_s1[1:0]};
    v42_s1 = 13'(v37_s1) + 13'(v41_s1);
    v52_s1 = v50_s1 - 13'(v14_s1);
    v55_s1 = {(-8'sd3) + v29_s1[12:5], v29_s1[4:0]};
    v56_s1 = {(-9'sd1) + v42_s1[12:4], v42_s1[3:0]};
    v57_s1 = {5'd1 + v52_s1[12:8], v52_s1[7:0]};
  end

  // outputs
  logic signed [12:0] fc2_0;
  logic signed [12:0] fc2_1;
  logic signed [12:0] fc2_2;
  always_comb begin
    fc2_0 = v55_s1;
    fc2_1 = v56_s1;
    fc2_2 = v57_s1;
    fc2 = {fc2_2, fc2_1, fc2_0};
  end
endmodule
