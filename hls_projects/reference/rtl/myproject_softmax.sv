// Layer 'softmax', 3 clock cycles.
/* verilator lint_off UNUSEDSIGNAL */
module myproject_softmax (
  input  logic clk,
  input  logic [37:0] fc2,
  output logic [53:0] layer5_out
);
  function automatic logic [17:0] table_0(input logic [6:0] table_0_address);  // 128 entries from 0
    /* verilator no_inline_task */
    case (table_0_address)
      7'd0: table_0 = 18'd131072;
      7'd1: table_0 = 18'd123131;
      7'd2: table_0 = 18'd115671;
      7'd3: table_0 = 18'd108663;
      7'd4: table_0 = 18'd102079;
      7'd5: table_0 = 18'd95894;
      7'd6: table_0 = 18'd90084;
      7'd7: table_0 = 18'd84626;
      7'd8: table_0 = 18'd79499;
      7'd9: table_0 = 18'd74683;
      7'd10: table_0 = 18'd70158;
      7'd11: table_0 = 18'd65907;
      7'd12: table_0 = 18'd61914;
      7'd13: table_0 = 18'd58163;
      7'd14: table_0 = 18'd54639;
      7'd15: table_0 = 18'd51329;
      7'd16: table_0 = 18'd48219;
      7'd17: table_0 = 18'd45297;
      7'd18: table_0 = 18'd42553;
      7'd19: table_0 = 18'd39975;
      7'd20: table_0 = 18'd37553;
      7'd21: table_0 = 18'd35278;
      7'd22: table_0 = 18'd33140;
      7'd23: table_0 = 18'd31132;
      7'd24: table_0 = 18'd29246;
      7'd25: table_0 = 18'd27474;
      7'd26: table_0 = 18'd25810;
      7'd27: table_0 = 18'd24246;
      7'd28: table_0 = 18'd22777;
      7'd29: table_0 = 18'd21397;
      7'd30: table_0 = 18'd20101;
      7'd31: table_0 = 18'd18883;
      7'd32: table_0 = 18'd17739;
      7'd33: table_0 = 18'd16664;
      7'd34: table_0 = 18'd15654;
      7'd35: table_0 = 18'd14706;
      7'd36: table_0 = 18'd13815;
      7'd37: table_0 = 18'd12978;
      7'd38: table_0 = 18'd12192;
      7'd39: table_0 = 18'd11453;
      7'd40: table_0 = 18'd10759;
      7'd41: table_0 = 18'd10107;
      7'd42: table_0 = 18'd9495;
      7'd43: table_0 = 18'd8920;
      7'd44: table_0 = 18'd8379;
      7'd45: table_0 = 18'd7871;
      7'd46: table_0 = 18'd7395;
      7'd47: table_0 = 18'd6947;
      7'd48: table_0 = 18'd6526;
      7'd49: table_0 = 18'd6130;
      7'd50: table_0 = 18'd5759;
      7'd51: table_0 = 18'd5410;
      7'd52: table_0 = 18'd5082;
      7'd53: table_0 = 18'd4774;
      7'd54: table_0 = 18'd4485;
      7'd55: table_0 = 18'd4213;
      7'd56: table_0 = 18'd3958;
      7'd57: table_0 = 18'd3718;
      7'd58: table_0 = 18'd3493;
      7'd59: table_0 = 18'd3281;
      7'd60: table_0 = 18'd3083;
      7'd61: table_0 = 18'd2896;
      7'd62: table_0 = 18'd2720;
      7'd63: table_0 = 18'd2555;
      7'd64: table_0 = 18'd2401;
      7'd65: table_0 = 18'd2255;
      7'd66: table_0 = 18'd2119;
      7'd67: table_0 = 18'd1990;
      7'd68: table_0 = 18'd1870;
      7'd69: table_0 = 18'd1756;
      7'd70: table_0 = 18'd1650;
      7'd71: table_0 = 18'd1550;
      7'd72: table_0 = 18'd1456;
      7'd73: table_0 = 18'd1368;
      7'd74: table_0 = 18'd1285;
      7'd75: table_0 = 18'd1207;
      7'd76: table_0 = 18'd1134;
      7'd77: table_0 = 18'd1065;
      7'd78: table_0 = 18'd1001;
      7'd79: table_0 = 18'd940;
      7'd80: table_0 = 18'd883;
      7'd81: table_0 = 18'd830;
      7'd82: table_0 = 18'd779;
      7'd83: table_0 = 18'd732;
      7'd84: table_0 = 18'd688;
      7'd85: table_0 = 18'd646;
      7'd86: table_0 = 18'd607;
      7'd87: table_0 = 18'd570;
      7'd88: table_0 = 18'd536;
      7'd89: table_0 = 18'd503;
      7'd90: table_0 = 18'd473;
      7'd91: table_0 = 18'd444;
      7'd92: table_0 = 18'd417;
      7'd93: table_0 = 18'd392;
      7'd94: table_0 = 18'd368;
      7'd95: table_0 = 18'd346;
      7'd96: table_0 = 18'd325;
      7'd97: table_0 = 18'd305;
      7'd98: table_0 = 18'd287;
      7'd99: table_0 = 18'd269;
      7'd100: table_0 = 18'd253;
      7'd101: table_0 = 18'd238;
      7'd102: table_0 = 18'd223;
      7'd103: table_0 = 18'd210;
      7'd104: table_0 = 18'd197;
      7'd105: table_0 = 18'd185;
      7'd106: table_0 = 18'd174;
      7'd107: table_0 = 18'd163;
      7'd108: table_0 = 18'd153;
      7'd109: table_0 = 18'd144;
      7'd110: table_0 = 18'd135;
      7'd111: table_0 = 18'd127;
      7'd112: table_0 = 18'd120;
      7'd113: table_0 = 18'd112;
      7'd114: table_0 = 18'd105;
      7'd115: table_0 = 18'd99;
      7'd116: table_0 = 18'd93;
      7'd117: table_0 = 18'd87;
      7'd118: table_0 = 18'd82;
      7'd119: table_0 = 18'd77;
      7'd120: table_0 = 18'd72;
      7'd121: table_0 = 18'd68;
      7'd122: table_0 = 18'd64;
      7'd123: table_0 = 18'd60;
      7'd124: table_0 = 18'd56;
      7'd125: table_0 = 18'd53;
      7'd126: table_0 = 18'd50;
      default: table_0 = 18'd47;
    endcase
  endfunction
  function automatic logic [17:0] table_1(input logic [6:0] table_1_address);  // 128 entries from 0
    /* verilator no_inline_task */
    case (table_1_address)
      7'd0: table_1 = 18'd131072;
      7'd1: table_1 = 18'd123131;
      7'd2: table_1 = 18'd115671;
      7'd3: table_1 = 18'd108663;
      7'd4: table_1 = 18'd102079;
      7'd5: table_1 = 18'd95894;
      7'd6: table_1 = 18'd90084;
      7'd7: table_1 = 18'd84626;
      7'd8: table_1 = 18'd79499;
      7'd9: table_1 = 18'd74683;
      7'd10: table_1 = 18'd70158;
      7'd11: table_1 = 18'd65907;
      7'd12: table_1 = 18'd61914;
      7'd13: table_1 = 18'd58163;
      7'd14: table_1 = 18'd54639;
      7'd15: table_1 = 18'd51329;
      7'd16: table_1 = 18'd48219;
      7'd17: table_1 = 18'd45297;
      7'd18: table_1 = 18'd42553;
      7'd19: table_1 = 18'd39975;
      7'd20: table_1 = 18'd37553;
      7'd21: table_1 = 18'd35278;
      7'd22: table_1 = 18'd33140;
      7'd23: table_1 = 18'd31132;
      7'd24: table_1 = 18'd29246;
      7'd25: table_1 = 18'd27474;
      7'd26: table_1 = 18'd25810;
      7'd27: table_1 = 18'd24246;
      7'd28: table_1 = 18'd22777;
      7'd29: table_1 = 18'd21397;
      7'd30: table_1 = 18'd20101;
      7'd31: table_1 = 18'd18883;
      7'd32: table_1 = 18'd17739;
      7'd33: table_1 = 18'd16664;
      7'd34: table_1 = 18'd15654;
      7'd35: table_1 = 18'd14706;
      7'd36: table_1 = 18'd13815;
      7'd37: table_1 = 18'd12978;
      7'd38: table_1 = 18'd12192;
      7'd39: table_1 = 18'd11453;
      7'd40: table_1 = 18'd10759;
      7'd41: table_1 = 18'd10107;
      7'd42: table_1 = 18'd9495;
      7'd43: table_1 = 18'd8920;
      7'd44: table_1 = 18'd8379;
      7'd45: table_1 = 18'd7871;
      7'd46: table_1 = 18'd7395;
      7'd47: table_1 = 18'd6947;
      7'd48: table_1 = 18'd6526;
      7'd49: table_1 = 18'd6130;
      7'd50: table_1 = 18'd5759;
      7'd51: table_1 = 18'd5410;
      7'd52: table_1 = 18'd5082;
      7'd53: table_1 = 18'd4774;
      7'd54: table_1 = 18'd4485;
      7'd55: table_1 = 18'd4213;
      7'd56: table_1 = 18'd3958;
      7'd57: table_1 = 18'd3718;
      7'd58: table_1 = 18'd3493;
      7'd59: table_1 = 18'd3281;
      7'd60: table_1 = 18'd3083;
      7'd61: table_1 = 18'd2896;
      7'd62: table_1 = 18'd2720;
      7'd63: table_1 = 18'd2555;
      7'd64: table_1 = 18'd2401;
      7'd65: table_1 = 18'd2255;
      7'd66: table_1 = 18'd2119;
      7'd67: table_1 = 18'd1990;
      7'd68: table_1 = 18'd1870;
      7'd69: table_1 = 18'd1756;
      7'd70: table_1 = 18'd1650;
      7'd71: table_1 = 18'd1550;
      7'd72: table_1 = 18'd1456;
      7'd73: table_1 = 18'd1368;
      7'd74: table_1 = 18'd1285;
      7'd75: table_1 = 18'd1207;
      7'd76: table_1 = 18'd1134;
      7'd77: table_1 = 18'd1065;
      7'd78: table_1 = 18'd1001;
      7'd79: table_1 = 18'd940;
      7'd80: table_1 = 18'd883;
      7'd81: table_1 = 18'd830;
      7'd82: table_1 = 18'd779;
      7'd83: table_1 = 18'd732;
      7'd84: table_1 = 18'd688;
      7'd85: table_1 = 18'd646;
      7'd86: table_1 = 18'd607;
      7'd87: table_1 = 18'd570;
      7'd88: table_1 = 18'd536;
      7'd89: table_1 = 18'd503;
      7'd90: table_1 = 18'd473;
      7'd91: table_1 = 18'd444;
      7'd92: table_1 = 18'd417;
      7'd93: table_1 = 18'd392;
      7'd94: table_1 = 18'd368;
      7'd95: table_1 = 18'd346;
      7'd96: table_1 = 18'd325;
      7'd97: table_1 = 18'd305;
      7'd98: table_1 = 18'd287;
      7'd99: table_1 = 18'd269;
      7'd100: table_1 = 18'd253;
      7'd101: table_1 = 18'd238;
      7'd102: table_1 = 18'd223;
      7'd103: table_1 = 18'd210;
      7'd104: table_1 = 18'd197;
      7'd105: table_1 = 18'd185;
      7'd106: table_1 = 18'd174;
      7'd107: table_1 = 18'd163;
      7'd108: table_1 = 18'd153;
      7'd109: table_1 = 18'd144;
      7'd110: table_1 = 18'd135;
      7'd111: table_1 = 18'd127;
      7'd112: table_1 = 18'd120;
      7'd113: table_1 = 18'd112;
      7'd114: table_1 = 18'd105;
      7'd115: table_1 = 18'd99;
      7'd116: table_1 = 18'd93;
      7'd117: table_1 = 18'd87;
      7'd118: table_1 = 18'd82;
      7'd119: table_1 = 18'd77;
      7'd120: table_1 = 18'd72;
      7'd121: table_1 = 18'd68;
      7'd122: table_1 = 18'd64;
      7'd123: table_1 = 18'd60;
      default: table_1 = 18'd56;
    endcase
  endfunction
  function automatic logic [17:0] table_2(input logic [5:0] table_2_address);  // 128 entries from 0
    /* verilator no_inline_task */
    case (table_2_address)
      6'd9: table_2 = 18'd233017;
      6'd10: table_2 = 18'd209715;
      6'd11: table_2 = 18'd190650;
      6'd12: table_2 = 18'd174763;
      6'd13: table_2 = 18'd161319;
      6'd14: table_2 = 18'd149797;
      6'd15: table_2 = 18'd139810;
      6'd16: table_2 = 18'd131072;
      6'd17: table_2 = 18'd123362;
      6'd18: table_2 = 18'd116508;
      6'd19: table_2 = 18'd110376;
      6'd20: table_2 = 18'd104858;
      6'd21: table_2 = 18'd99864;
      6'd22: table_2 = 18'd95325;
      6'd23: table_2 = 18'd91181;
      6'd24: table_2 = 18'd87381;
      6'd25: table_2 = 18'd83886;
      6'd26: table_2 = 18'd80660;
      6'd27: table_2 = 18'd77672;
      6'd28: table_2 = 18'd74898;
      6'd29: table_2 = 18'd72316;
      6'd30: table_2 = 18'd69905;
      6'd31: table_2 = 18'd67650;
      6'd32: table_2 = 18'd65536;
      6'd33: table_2 = 18'd63550;
      6'd34: table_2 = 18'd61681;
      6'd35: table_2 = 18'd59919;
      6'd36: table_2 = 18'd58254;
      6'd37: table_2 = 18'd56680;
      6'd38: table_2 = 18'd55188;
      6'd39: table_2 = 18'd53773;
      6'd40: table_2 = 18'd52429;
      6'd41: table_2 = 18'd51150;
      6'd42: table_2 = 18'd49932;
      6'd43: table_2 = 18'd48771;
      6'd44: table_2 = 18'd47663;
      6'd45: table_2 = 18'd46603;
      6'd46: table_2 = 18'd45590;
      6'd47: table_2 = 18'd44620;
      6'd48: table_2 = 18'd43691;
      default: table_2 = 18'd262143;
    endcase
  endfunction

  // stage 0
  logic signed [11:0] v0_s0;
  logic signed [12:0] v1_s0;
  logic signed [12:0] v2_s0;
  always_comb begin
    v0_s0 = fc2[11:0];
    v1_s0 = fc2[24:12];
    v2_s0 = fc2[37:25];
  end

  // stage 1
  logic signed [11:0] v0_s1;
  logic signed [12:0] v1_s1;
  logic signed [12:0] v2_s1;
  always_ff @(posedge clk) begin
    v0_s1 <= v0_s0;
    v1_s1 <= v1_s0;
    v2_s1 <= v2_s0;
  end
  logic signed [12:0] v3_s1;
  logic signed [12:0] v4_s1;
  logic signed [13:0] v5_s1;
  logic [0:0] v6_s1_up;
  logic [7:0] v6_s1_near;
  logic [6:0] v6_s1;
  logic signed [12:0] v7_s1;
  logic [0:0] v8_s1_up;
  logic [7:0] v8_s1_near;
  logic [6:0] v8_s1;
  logic signed [13:0] v9_s1;
  logic [0:0] v10_s1_up;
  logic [7:0] v10_s1_near;
  logic [6:0] v10_s1;
  always_comb begin
    v3_s1 = (13'(v0_s1) < v1_s1) ? v1_s1 : 13'(v0_s1);
    v4_s1 = (v2_s1 < v3_s1) ? v3_s1 : v2_s1;
    v5_s1 = 14'(v4_s1) - 14'(v0_s1);
    v6_s1_up = v5_s1[4];  // RND: one more
    v6_s1_near = v5_s1[12:5] + 8'(v6_s1_up);  // rounded, right if in range
    v6_s1 = v5_s1[13] ? 7'd0 : (v5_s1[12] | v6_s1_near[7]) ? 7'd127 : v6_s1_near[6:0];  // ap_ufixed<7,3,AP_RND,AP_SAT>
    v7_s1 = v4_s1 - v1_s1;
    v8_s1_up = v7_s1[4];  // RND: one more
    v8_s1_near = v7_s1[12:5] + 8'(v8_s1_up);  // rounded, right if in range
    v8_s1 = v7_s1[12] ? 7'd0 : v8_s1_near[6:0];  // ap_ufixed<7,3,AP_RND,AP_SAT>
    v9_s1 = 14'(v4_s1) - 14'(v2_s1);
    v10_s1_up = v9_s1[4];  // RND: one more
    v10_s1_near = v9_s1[12:5] + 8'(v10_s1_up);  // rounded, right if in range
    v10_s1 = v9_s1[13] ? 7'd0 : (v9_s1[12] | v10_s1_near[7]) ? 7'd127 : v10_s1_near[6:0];  // ap_ufixed<7,3,AP_RND,AP_SAT>
  end

  // stage 2
  logic [6:0] v6_s2;
  logic [6:0] v8_s2;
  logic [6:0] v10_s2;
  always_ff @(posedge clk) begin
    v6_s2 <= v6_s1;
    v8_s2 <= v8_s1;
    v10_s2 <= v10_s1;
  end
  logic [17:0] v12_s2;
  logic [17:0] v14_s2;
  logic [17:0] v16_s2;
  logic [18:0] v20_s2;
  logic [18:0] v21_s2;
  logic [5:0] v22_s2;
  logic [17:0] v23_s2;
  always_comb begin
    v12_s2 = table_0(v6_s2);
    v14_s2 = table_1(v8_s2);
    v16_s2 = table_0(v10_s2);
    v20_s2 = 19'(v16_s2) + 19'(v12_s2);
    v21_s2 = 19'(v14_s2) + v20_s2;
    v22_s2 = v21_s2[18:13];  // ap_ufixed<7,7>
    v23_s2 = table_2(v22_s2);
  end

  // stage 3
  logic [17:0] v12_s3;
  logic [17:0] v14_s3;
  logic [17:0] v16_s3;
  logic [17:0] v23_s3;
  always_ff @(posedge clk) begin
    v12_s3 <= v12_s2;
    v14_s3 <= v14_s2;
    v16_s3 <= v16_s2;
    v23_s3 <= v23_s2;
  end
  logic [34:0] v24_s3;
  logic [0:0] v25_s3_up;
  logic [17:0] v25_s3;
  logic [34:0] v26_s3;
  logic [0:0] v27_s3_up;
  logic [17:0] v27_s3;
  logic [34:0] v28_s3;
  logic [0:0] v29_s3_up;
  logic [17:0] v29_s3;
  always_comb begin
    v24_s3 = 35'(v12_s3) * 35'(v23_s3);
    v25_s3_up = v24_s3[16];  // RND: one more
    v25_s3 = v24_s3[34:17] + 18'(v25_s3_up);  // ap_ufixed<18,1,AP_RND,AP_SAT>
    v26_s3 = 35'(v14_s3) * 35'(v23_s3);
    v27_s3_up = v26_s3[16];  // RND: one more
    v27_s3 = v26_s3[34:17] + 18'(v27_s3_up);  // ap_ufixed<18,1,AP_RND,AP_SAT>
    v28_s3 = 35'(v16_s3) * 35'(v23_s3);
    v29_s3_up = v28_s3[16];  // RND: one more
    v29_s3 = v28_s3[34:17] + 18'(v29_s3_up);  // ap_ufixed<18,1,AP_RND,AP_SAT>
  end

  // outputs
  logic [17:0] layer5_out_0;
  logic [17:0] layer5_out_1;
  logic [17:0] layer5_out_2;
  always_comb begin
    layer5_out_0 = v25_s3;
    layer5_out_1 = v27_s3;
    layer5_out_2 = v29_s3;
    layer5_out = {layer5_out_2, layer5_out_1, layer5_out_0};
  end
endmodule
