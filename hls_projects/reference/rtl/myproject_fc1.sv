// Layer 'fc1', 1 clock cycle.
/* verilator lint_off UNUSEDSIGNAL */
module myproject_fc1 (
  input  logic clk,
  input  logic [127:0] features,
  output logic [137:0] fc1
);

  // stage 0
  logic signed [15:0] v0_s0;
  logic signed [15:0] v1_s0;
  logic signed [15:0] v2_s0;
  logic signed [15:0] v3_s0;
  logic signed [15:0] v4_s0;
  logic signed [15:0] v5_s0;
  logic signed [15:0] v6_s0;
  logic signed [15:0] v7_s0;
  logic signed [17:0] v15_s0;
  logic signed [17:0] v17_s0;
  logic signed [16:0] v18_s0;
  logic signed [17:0] v20_s0;
  logic signed [18:0] v22_s0;
  logic signed [18:0] v24_s0;
  logic signed [20:0] v26_s0;
  logic signed [17:0] v28_s0;
  logic signed [17:0] v29_s0;
  logic signed [18:0] v31_s0;
  logic signed [20:0] v33_s0;
  logic signed [18:0] v35_s0;
  logic signed [16:0] v36_s0;
  logic signed [17:0] v37_s0;
  logic signed [20:0] v39_s0;
  logic signed [20:0] v41_s0;
  logic signed [22:0] v43_s0;
  logic signed [20:0] v45_s0;
  logic signed [19:0] v47_s0;
  logic signed [20:0] v49_s0;
  logic signed [20:0] v51_s0;
  logic signed [21:0] v53_s0;
  logic signed [21:0] v55_s0;
  logic signed [22:0] v56_s0;
  logic signed [19:0] v58_s0;
  logic signed [19:0] v60_s0;
  logic signed [20:0] v62_s0;
  logic signed [19:0] v63_s0;
  logic signed [20:0] v65_s0;
  logic signed [23:0] v67_s0;
  logic signed [19:0] v69_s0;
  logic signed [20:0] v71_s0;
  logic signed [18:0] v73_s0;
  logic signed [20:0] v75_s0;
  logic signed [21:0] v77_s0;
  logic signed [22:0] v78_s0;
  logic signed [16:0] v79_s0;
  logic signed [17:0] v80_s0;
  logic signed [21:0] v82_s0;
  logic signed [22:0] v84_s0;
  logic signed [22:0] v86_s0;
  logic signed [16:0] v87_s0;
  logic signed [17:0] v89_s0;
  logic signed [17:0] v91_s0;
  logic signed [18:0] v93_s0;
  logic signed [19:0] v94_s0;
  logic signed [20:0] v96_s0;
  logic signed [20:0] v98_s0;
  logic signed [21:0] v99_s0;
  logic signed [22:0] v104_s0;
  logic signed [22:0] v105_s0;
  logic signed [23:0] v106_s0;
  logic signed [21:0] v109_s0;
  always_comb begin
    v0_s0 = features[15:0];
    v1_s0 = features[31:16];
    v2_s0 = features[47:32];
    v3_s0 = features[63:48];
    v4_s0 = features[79:64];
    v5_s0 = features[95:80];
    v6_s0 = features[111:96];
    v7_s0 = features[127:112];
    v15_s0 = {17'($signed(v3_s0[15:1])) - 17'(v5_s0), v3_s0[0:0]};
    v17_s0 = {17'($signed(v1_s0[15:1])) + 17'(v7_s0), v1_s0[0:0]};
    v18_s0 = 17'(v2_s0) - 17'(v6_s0);
    v20_s0 = {17'(v1_s0), 1'd0} - 18'(v5_s0);
    v22_s0 = {17'(v0_s0), 2'd0} - 19'(v0_s0);
    v24_s0 = {17'(v3_s0), 2'd0} - 19'(v15_s0);
    v26_s0 = {v17_s0, 3'd0} - 21'(v18_s0);
    v28_s0 = {17'(v5_s0) + 17'($signed(v7_s0[15:1])), v7_s0[0:0]};
    v29_s0 = {17'(v4_s0), 1'd0} - 18'(v7_s0);
    v31_s0 = {17'(v0_s0), 2'd0} - 19'(v6_s0);
    v33_s0 = 21'(v4_s0) - v26_s0;
    v35_s0 = 19'(v17_s0) + v22_s0;
    v36_s0 = 17'(v1_s0) + 17'(v2_s0);
    v37_s0 = {17'($signed(v4_s0[15:1])) - 17'(v5_s0), v4_s0[0:0]};
    v39_s0 = {17'($signed(v36_s0[16:4])) - 17'(v7_s0), v36_s0[3:0]};
    v41_s0 = {20'(v37_s0) + v39_s0[20:1], v39_s0[0:0]};
    v43_s0 = {20'($signed(v41_s0[20:3])) - 20'(v24_s0), v41_s0[2:0]};
    v45_s0 = {17'($signed(v1_s0[15:4])) - 17'(v3_s0), v1_s0[3:0]};
    v47_s0 = {18'($signed(v18_s0[16:2])) - 18'(v18_s0), v18_s0[1:0]};
    v49_s0 = 21'(v31_s0) + v45_s0;
    v51_s0 = {v20_s0, 3'd0} - 21'(v15_s0);
    v53_s0 = {v47_s0, 2'd0} - 22'(v29_s0);
    v55_s0 = 22'(v49_s0) + 22'(v51_s0);
    v56_s0 = 23'(v53_s0) + 23'(v55_s0);
    v58_s0 = {17'($signed(v7_s0[15:3])) - 17'(v6_s0), v7_s0[2:0]};
    v60_s0 = 20'(v20_s0) + v58_s0;
    v62_s0 = {19'(v20_s0) + 19'($signed(v31_s0[18:2])), v31_s0[1:0]};
    v63_s0 = {19'($signed(v24_s0[18:1])) + 19'(v29_s0), v24_s0[0:0]};
    v65_s0 = 21'(v60_s0) - v62_s0;
    v67_s0 = {21'($signed(v65_s0[20:3])) - 21'(v63_s0), v65_s0[2:0]};
    v69_s0 = {17'($signed(v0_s0[15:3])) + 17'(v2_s0), v0_s0[2:0]};
    v71_s0 = {18'($signed(v69_s0[19:3])) - 18'(v4_s0), v69_s0[2:0]};
    v73_s0 = v22_s0 + 19'(v28_s0);
    v75_s0 = v71_s0 - 21'(v24_s0);
    v77_s0 = {20'($signed(v33_s0[20:2])) - 20'(v73_s0), v33_s0[1:0]};
    v78_s0 = 23'(v75_s0) + 23'(v77_s0);
    v79_s0 = 17'(v5_s0) - 17'(v2_s0);
    v80_s0 = 18'(v79_s0) - 18'(v3_s0);
    v82_s0 = {v80_s0, 4'd0} - 22'(v28_s0);
    v84_s0 = {22'($signed(v82_s0[21:1])) - 22'(v35_s0), v82_s0[0:0]};
    v86_s0 = v84_s0 - 23'(v33_s0);
    v87_s0 = 17'(v4_s0) + 17'(v6_s0);
    v89_s0 = {17'(v2_s0), 1'd0} - 18'(v3_s0);
    v91_s0 = {17'(v0_s0) + 17'($signed(v2_s0[15:1])), v2_s0[0:0]};
    v93_s0 = 19'(v87_s0) + 19'(v89_s0);
    v94_s0 = {19'(v15_s0) + 19'($signed(v20_s0[17:1])), v20_s0[0:0]};
    v96_s0 = {18'($signed(v35_s0[18:3])) - v91_s0, v35_s0[2:0]};
    v98_s0 = {20'($signed(v93_s0[18:1])) + v94_s0, v93_s0[0:0]};
    v99_s0 = 22'(v96_s0) + 22'(v98_s0);
    v104_s0 = {(-7'sd1) + v43_s0[22:16], v43_s0[15:0]};
    v105_s0 = {9'd13 + v56_s0[22:14], v56_s0[13:0]};
    v106_s0 = {10'd5 + v67_s0[23:14], v67_s0[13:0]};
    v109_s0 = {9'd7 + v99_s0[21:13], v99_s0[12:0]};
  end

  // stage 1
  logic signed [22:0] v78_s1;
  logic signed [22:0] v86_s1;
  logic signed [22:0] v104_s1;
  logic signed [22:0] v105_s1;
  logic signed [23:0] v106_s1;
  logic signed [21:0] v109_s1;
  always_ff @(posedge clk) begin
    v78_s1 <= v78_s0;
    v86_s1 <= v86_s0;
    v104_s1 <= v104_s0;
    v105_s1 <= v105_s0;
    v106_s1 <= v106_s0;
    v109_s1 <= v109_s0;
  end
  logic signed [22:0] v107_s1;
  logic signed [22:0] v108_s1;
  always_comb begin
    v107_s1 = {(-10'sd15) + v78_s1[22:13], v78_s1[12:0]};
    v108_s1 = {10'd1 + v86_s1[22:13], v86_s1[12:0]};
  end

  // outputs
  logic signed [22:0] fc1_0;
  logic signed [22:0] fc1_1;
  logic signed [23:0] fc1_2;
  logic signed [22:0] fc1_3;
  logic signed [22:0] fc1_4;
  logic signed [21:0] fc1_5;
  always_comb begin
    fc1_0 = v104_s1;
    fc1_1 = v105_s1;
    fc1_2 = v106_s1;
    fc1_3 = v107_s1;
    fc1_4 = v108_s1;
    fc1_5 = v109_s1;
    fc1 = {fc1_5, fc1_4, fc1_3, fc1_2, fc1_1, fc1_0};
  end
endmodule
