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
  logic signed [17:0] v9_s0;
  logic signed [17:0] v11_s0;
  logic signed [16:0] v12_s0;
  logic signed [17:0] v14_s0;
  logic signed [18:0] v16_s0;
  logic signed [18:0] v18_s0;
  logic signed [17:0] v20_s0;
  logic signed [17:0] v21_s0;
  logic signed [18:0] v23_s0;
  logic signed [17:0] v25_s0;
  logic signed [20:0] v26_s0;
  logic signed [18:0] v28_s0;
  logic signed [16:0] v34_s0;
  logic signed [16:0] v35_s0;
  logic signed [17:0] v36_s0;
  logic signed [19:0] v37_s0;
  logic signed [21:0] v38_s0;
  logic signed [22:0] v39_s0;
  logic [17:0] v48_s0;
  logic signed [18:0] v49_s0;
  logic signed [18:0] v50_s0;
  logic signed [18:0] v51_s0;
  logic [18:0] v52_s0;
  logic signed [20:0] v53_s0;
  logic signed [22:0] v54_s0;
  logic signed [22:0] v55_s0;
  logic [16:0] v60_s0;
  logic signed [19:0] v61_s0;
  logic signed [19:0] v62_s0;
  logic signed [19:0] v63_s0;
  logic signed [20:0] v64_s0;
  logic signed [20:0] v65_s0;
  logic signed [23:0] v66_s0;
  logic signed [16:0] v75_s0;
  logic signed [17:0] v76_s0;
  logic signed [18:0] v77_s0;
  logic signed [18:0] v78_s0;
  logic signed [19:0] v79_s0;
  logic signed [21:0] v80_s0;
  logic signed [22:0] v81_s0;
  logic signed [17:0] v86_s0;
  logic signed [16:0] v87_s0;
  logic signed [17:0] v88_s0;
  logic signed [20:0] v89_s0;
  logic signed [21:0] v90_s0;
  logic [16:0] v101_s0;
  logic signed [16:0] v102_s0;
  logic signed [17:0] v103_s0;
  logic signed [17:0] v104_s0;
  logic signed [19:0] v105_s0;
  logic signed [19:0] v106_s0;
  logic signed [19:0] v107_s0;
  logic signed [21:0] v108_s0;
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
    v9_s0 = {17'($signed(v3_s0[15:1])) - 17'(v5_s0), v3_s0[0:0]};
    v11_s0 = {17'($signed(v1_s0[15:1])) + 17'(v7_s0), v1_s0[0:0]};
    v12_s0 = 17'(v2_s0) - 17'(v6_s0);
    v14_s0 = {17'(v1_s0), 1'd0} - 18'(v5_s0);
    v16_s0 = {17'(v0_s0), 2'd0} - 19'(v0_s0);
    v18_s0 = {17'(v3_s0), 2'd0} - 19'(v9_s0);
    v20_s0 = {17'(v5_s0) + 17'($signed(v7_s0[15:1])), v7_s0[0:0]};
    v21_s0 = {17'(v4_s0), 1'd0} - 18'(v7_s0);
    v23_s0 = {17'(v0_s0), 2'd0} - 19'(v6_s0);
    v25_s0 = 18'(v4_s0) + 18'(v12_s0);
    v26_s0 = {18'($signed(v25_s0[17:3])) - v11_s0, v25_s0[2:0]};
    v28_s0 = 19'(v11_s0) + v16_s0;
    v34_s0 = {(-2'sd1) + 2'($signed(v4_s0[15:15])), v4_s0[14:0]};
    v35_s0 = 17'(v1_s0) + 17'(v2_s0);
    v36_s0 = {17'($signed(v34_s0[16:1])) - 17'(v5_s0), v34_s0[0:0]};
    v37_s0 = {17'($signed(v36_s0[17:3])) - 17'(v7_s0), v36_s0[2:0]};
    v38_s0 = {19'($signed(v35_s0[16:3])) - v18_s0, v35_s0[2:0]};
    v39_s0 = {22'(v37_s0) + 22'($signed(v38_s0[21:1])), v38_s0[0:0]};
    v48_s0 = {4'($signed(v1_s0[15:14])) + 4'd13, v1_s0[13:0]};
    v49_s0 = {17'($signed(v12_s0[16:2])) - 17'(v3_s0), v12_s0[1:0]};
    v50_s0 = {18'($signed(v14_s0[17:1])) - 18'(v12_s0), v14_s0[0:0]};
    v51_s0 = v23_s0 - 19'(v21_s0);
    v52_s0 = 19'(v48_s0) - 19'(v9_s0);
    v53_s0 = {v49_s0 + 19'($signed(v51_s0[18:2])), v51_s0[1:0]};
    v54_s0 = {20'(v50_s0) + 20'(v52_s0[18:3]), v52_s0[2:0]};
    v55_s0 = 23'(v53_s0) + v54_s0;
    v60_s0 = {3'd5 + 3'($signed(v7_s0[15:14])), v7_s0[13:0]};
    v61_s0 = {17'($signed(v14_s0[17:3])) - 17'(v6_s0), v14_s0[2:0]};
    v62_s0 = {v21_s0 + 18'($signed(v14_s0[17:2])), v14_s0[1:0]};
    v63_s0 = 20'(v60_s0) - 20'(v23_s0);
    v64_s0 = {20'(v18_s0) + 20'($signed(v62_s0[19:1])), v62_s0[0:0]};
    v65_s0 = 21'(v61_s0) + 21'(v63_s0);
    v66_s0 = {22'($signed(v65_s0[20:2])) - 22'(v64_s0), v65_s0[1:0]};
    v75_s0 = {(-7'sd15) + 7'($signed(v2_s0[15:10])), v2_s0[9:0]};
    v76_s0 = 18'(v75_s0) - 18'(v4_s0);
    v77_s0 = {18'($signed(v20_s0[17:1])) - v76_s0, v20_s0[0:0]};
    v78_s0 = 19'(v0_s0) - v18_s0;
    v79_s0 = 20'(v16_s0) + 20'(v77_s0);
    v80_s0 = 22'(v26_s0) + 22'(v78_s0);
    v81_s0 = {21'($signed(v80_s0[21:2])) - 21'(v79_s0), v80_s0[1:0]};
    v86_s0 = {v20_s0[17:13] - 5'd1, v20_s0[12:0]};
    v87_s0 = 17'(v5_s0) - 17'(v2_s0);
    v88_s0 = 18'(v87_s0) - 18'(v3_s0);
    v89_s0 = {20'(v28_s0) + 20'($signed(v86_s0[17:1])), v86_s0[0:0]};
    v90_s0 = 22'(v26_s0) + 22'(v89_s0);
    v101_s0 = {4'd7 + 4'($signed(v4_s0[15:13])), v4_s0[12:0]};
    v102_s0 = 17'(v6_s0) - 17'(v3_s0);
    v103_s0 = {17'($signed(v2_s0[15:1])) + 17'(v0_s0), v2_s0[0:0]};
    v104_s0 = {17'(v2_s0) + 17'($signed(v102_s0[16:1])), v102_s0[0:0]};
    v105_s0 = {v9_s0 + 18'(v101_s0[16:2]), v101_s0[1:0]};
    v106_s0 = {18'($signed(v14_s0[17:2])) - v103_s0, v14_s0[1:0]};
    v107_s0 = 20'(v28_s0) + 20'(v104_s0);
    v108_s0 = {21'($signed(v105_s0[19:1])) + 21'(v106_s0), v105_s0[0:0]};
    v109_s0 = 22'(v107_s0) + v108_s0;
  end

  // stage 1
  logic signed [22:0] v39_s1;
  logic signed [22:0] v55_s1;
  logic signed [23:0] v66_s1;
  logic signed [22:0] v81_s1;
  logic signed [17:0] v88_s1;
  logic signed [21:0] v90_s1;
  logic signed [21:0] v109_s1;
  always_ff @(posedge clk) begin
    v39_s1 <= v39_s0;
    v55_s1 <= v55_s0;
    v66_s1 <= v66_s0;
    v81_s1 <= v81_s0;
    v88_s1 <= v88_s0;
    v90_s1 <= v90_s0;
    v109_s1 <= v109_s0;
  end
  logic signed [22:0] v91_s1;
  always_comb begin
    v91_s1 = {19'(v88_s1), 4'd0} - 23'(v90_s1);
  end

  // outputs
  logic signed [22:0] fc1_0;
  logic signed [22:0] fc1_1;
  logic signed [23:0] fc1_2;
  logic signed [22:0] fc1_3;
  logic signed [22:0] fc1_4;
  logic signed [21:0] fc1_5;
  always_comb begin
    fc1_0 = v39_s1;
    fc1_1 = v55_s1;
    fc1_2 = v66_s1;
    fc1_3 = v81_s1;
    fc1_4 = v91_s1;
    fc1_5 = v109_s1;
    fc1 = {fc1_5, fc1_4, fc1_3, fc1_2, fc1_1, fc1_0};
  end
endmodule
