// Layer 'small', 2 clock cycles.
/* verilator lint_off UNUSEDSIGNAL */
module net_small (
  input  logic clk,
  input  logic [23:0] large_,
  output logic [27:0] small_
);
  function automatic logic signed [3:0] table_0(input logic signed [4:0] table_0_address);  // 32 entries from -16
    /* verilator no_inline_task */
    case (table_0_address)
      5'sh10: table_0 = 4'sd0;
      (-5'sd15): table_0 = 4'sd2;
      (-5'sd14): table_0 = 4'sd6;
      (-5'sd13): table_0 = 4'sd1;
      (-5'sd11): table_0 = (-4'sd3);
      (-5'sd9): table_0 = 4'sd1;
      (-5'sd8): table_0 = 4'sd6;
      (-5'sd7): table_0 = 4'sd2;
      (-5'sd6): table_0 = 4'sd0;
      (-5'sd5): table_0 = 4'sd0;
      (-5'sd4): table_0 = 4'sd2;
      (-5'sd3): table_0 = 4'sd6;
      (-5'sd2): table_0 = 4'sd1;
      5'sd0: table_0 = (-4'sd3);
      5'sd2: table_0 = 4'sd1;
      5'sd3: table_0 = 4'sd6;
      5'sd4: table_0 = 4'sd2;
      5'sd5: table_0 = 4'sd0;
      5'sd6: table_0 = 4'sd0;
      5'sd7: table_0 = 4'sd2;
      5'sd8: table_0 = 4'sd6;
      5'sd9: table_0 = 4'sd1;
      5'sd11: table_0 = (-4'sd3);
      5'sd13: table_0 = 4'sd1;
      5'sd14: table_0 = 4'sd6;
      5'sd15: table_0 = 4'sd2;
      default: table_0 = (-4'sd2);
    endcase
  endfunction

  // stage 0
  logic signed [5:0] v0_s0;
  logic signed [5:0] v1_s0;
  logic signed [5:0] v2_s0;
  logic signed [5:0] v3_s0;
  logic signed [6:0] v4_s0;
  logic signed [6:0] v5_s0;
  logic signed [7:0] v6_s0;
  always_comb begin
    v0_s0 = large_[5:0];
    v1_s0 = large_[11:6];
    v2_s0 = large_[17:12];
    v3_s0 = large_[23:18];
    v4_s0 = 7'(v0_s0) + 7'(v1_s0);
    v5_s0 = 7'(v2_s0) + 7'(v3_s0);
    v6_s0 = 8'(v4_s0) + 8'(v5_s0);
  end

  // stage 1
  logic signed [5:0] v0_s1;
  logic signed [7:0] v6_s1;
  always_ff @(posedge clk) begin
    v0_s1 <= v0_s0;
    v6_s1 <= v6_s0;
  end
  logic [0:0] v7_s1_up;
  logic signed [4:0] v7_s1_near;
  logic signed [4:0] v7_s1;
  logic signed [3:0] v9_s1;
  always_comb begin
    v7_s1_up = v6_s1[1] & (v6_s1[0] | v6_s1[2]);  // RND_CONV: one more
    v7_s1_near = v6_s1[6:2] + 5'(v7_s1_up);  // rounded, right if in range
    v7_s1 = (v6_s1[7] & ~v6_s1[6]) ? 5'h10 : (~v6_s1[7] & (v6_s1[6] | v7_s1_near[4])) ? 5'd15 : v7_s1_near;  // ap_fixed<5,3,AP_RND_CONV,AP_SAT>
    v9_s1 = table_0(v7_s1);
  end

  // stage 2
  logic signed [5:0] v0_s2;
  logic signed [4:0] v7_s2;
  logic signed [3:0] v9_s2;
  always_ff @(posedge clk) begin
    v0_s2 <= v0_s1;
    v7_s2 <= v7_s1;
    v9_s2 <= v9_s1;
  end
  logic signed [6:0] v10_s2;
  logic [3:0] v12_s2;
  always_comb begin
    v10_s2 = {5'(v9_s2), 2'd0} - 7'(v0_s2);
    v12_s2 = (v7_s2 < 5'sd0) ? 4'd0 : v7_s2[3:0];
  end

  // outputs
  logic signed [4:0] small_0;
  logic signed [8:0] small_1;
  logic signed [7:0] small_2;
  logic [5:0] small_3;
  always_comb begin
    small_0 = v7_s2;
    small_1 = {8'(v10_s2), 1'd0};
    small_2 = {6'(v7_s2), 2'd0};
    small_3 = {v12_s2, 2'd0};
    small_ = {small_3, small_2, small_1, small_0};
  end
endmodule
