// Layer 'relu1', 1 clock cycle.
/* verilator lint_off UNUSEDSIGNAL */
module myproject_relu1 (
  input  logic clk,
  input  logic [136:0] fc1,
  output logic [35:0] relu1
);

  // stage 0
  logic signed [22:0] v0_s0;
  logic signed [22:0] v1_s0;
  logic signed [22:0] v2_s0;
  logic signed [22:0] v3_s0;
  logic signed [22:0] v4_s0;
  logic signed [21:0] v5_s0;
  always_comb begin
    v0_s0 = fc1[22:0];
    v1_s0 = fc1[45:23];
    v2_s0 = fc1[68:46];
    v3_s0 = fc1[91:69];
    v4_s0 = fc1[114:92];
    v5_s0 = fc1[136:115];
  end

  // stage 1
  logic signed [22:0] v0_s1;
  logic signed [22:0] v1_s1;
  logic signed [22:0] v2_s1;
  logic signed [22:0] v3_s1;
  logic signed [22:0] v4_s1;
  logic signed [21:0] v5_s1;
  always_ff @(posedge clk) begin
    v0_s1 <= v0_s0;
    v1_s1 <= v1_s0;
    v2_s1 <= v2_s0;
    v3_s1 <= v3_s0;
    v4_s1 <= v4_s0;
    v5_s1 <= v5_s0;
  end
  logic [0:0] v6_s1_up;
  logic [6:0] v6_s1_near;
  logic [5:0] v6_s1;
  logic [0:0] v7_s1_up;
  logic [6:0] v7_s1_near;
  logic [5:0] v7_s1;
  logic [0:0] v8_s1_up;
  logic [6:0] v8_s1_near;
  logic [5:0] v8_s1;
  logic [0:0] v9_s1_up;
  logic [6:0] v9_s1_near;
  logic [5:0] v9_s1;
  logic [0:0] v10_s1_up;
  logic [6:0] v10_s1_near;
  logic [5:0] v10_s1;
  logic [0:0] v11_s1_up;
  logic [6:0] v11_s1_near;
  logic [5:0] v11_s1;
  always_comb begin
    v6_s1_up = v0_s1[13] & ((|v0_s1[12:0]) | v0_s1[14]);  // RND_CONV: one more
    v6_s1_near = v0_s1[20:14] + 7'(v6_s1_up);  // rounded, right if in range
    v6_s1 = v0_s1[22] ? 6'd0 : ((|v0_s1[21:20]) | v6_s1_near[6]) ? 6'd63 : v6_s1_near[5:0];  // ap_ufixed<6,2,AP_RND_CONV,AP_SAT>
    v7_s1_up = v1_s1[13] & ((|v1_s1[12:0]) | v1_s1[14]);  // RND_CONV: one more
    v7_s1_near = v1_s1[20:14] + 7'(v7_s1_up);  // rounded, right if in range
    v7_s1 = v1_s1[22] ? 6'd0 : ((|v1_s1[21:20]) | v7_s1_near[6]) ? 6'd63 : v7_s1_near[5:0];  // ap_ufixed<6,2,AP_RND_CONV,AP_SAT>
    v8_s1_up = v2_s1[13] & ((|v2_s1[12:0]) | v2_s1[14]);  // RND_CONV: one more
    v8_s1_near = v2_s1[20:14] + 7'(v8_s1_up);  // rounded, right if in range
    v8_s1 = v2_s1[22] ? 6'd0 : ((|v2_s1[21:20]) | v8_s1_near[6]) ? 6'd63 : v8_s1_near[5:0];  // ap_ufixed<6,2,AP_RND_CONV,AP_SAT>
    v9_s1_up = v3_s1[13] & ((|v3_s1[12:0]) | v3_s1[14]);  // RND_CONV: one more
    v9_s1_near = v3_s1[20:14] + 7'(v9_s1_up);  // rounded, right if in range
    v9_s1 = v3_s1[22] ? 6'd0 : ((|v3_s1[21:20]) | v9_s1_near[6]) ? 6'd63 : v9_s1_near[5:0];  // ap_ufixed<6,2,AP_RND_CONV,AP_SAT>
    v10_s1_up = v4_s1[13] & ((|v4_s1[12:0]) | v4_s1[14]);  // RND_CONV: one more
    v10_s1_near = v4_s1[20:14] + 7'(v10_s1_up);  // rounded, right if in range
    v10_s1 = v4_s1[22] ? 6'd0 : ((|v4_s1[21:20]) | v10_s1_near[6]) ? 6'd63 : v10_s1_near[5:0];  // ap_ufixed<6,2,AP_RND_CONV,AP_SAT>
    v11_s1_up = v5_s1[13] & ((|v5_s1[12:0]) | v5_s1[14]);  // RND_CONV: one more
    v11_s1_near = v5_s1[20:14] + 7'(v11_s1_up);  // rounded, right if in range
    v11_s1 = v5_s1[21] ? 6'd0 : (v5_s1[20] | v11_s1_near[6]) ? 6'd63 : v11_s1_near[5:0];  // ap_ufixed<6,2,AP_RND_CONV,AP_SAT>
  end

  // outputs
  logic [5:0] relu1_0;
  logic [5:0] relu1_1;
  logic [5:0] relu1_2;
  logic [5:0] relu1_3;
  logic [5:0] relu1_4;
  logic [5:0] relu1_5;
  always_comb begin
    relu1_0 = v6_s1;
    relu1_1 = v7_s1;
    relu1_2 = v8_s1;
    relu1_3 = v9_s1;
    relu1_4 = v10_s1;
    relu1_5 = v11_s1;
    relu1 = {relu1_5, relu1_4, relu1_3, relu1_2, relu1_1, relu1_0};
  end
endmodule
