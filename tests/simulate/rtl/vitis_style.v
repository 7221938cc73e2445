// Written by hand in the manner of Vitis HLS (Verilog-2001, ports declared in the body, ROM contents from a file):
// the function of tiny.sv at an interval of 2, with its two outputs written in different cycles.
`timescale 1 ns / 1 ps

(* CORE_GENERATION_INFO="vitis_style,hls_ip,{HLS_INPUT_TYPE=cxx,HLS_INPUT_PART=none}" *)

module vitis_style (
        ap_clk,
        ap_rst,
        ap_start,
        ap_done,
        ap_idle,
        ap_ready,
        input_1_ap_vld,
        input_1,
        layer2_out_0,
        layer2_out_0_ap_vld,
        layer2_out_1,
        layer2_out_1_ap_vld
);

parameter    ap_ST_fsm_pp0_stage0 = 2'd1;
parameter    ap_ST_fsm_pp0_stage1 = 2'd2;

input   ap_clk;
input   ap_rst;
input   ap_start;
output   ap_done;
output   ap_idle;
output   ap_ready;
input   input_1_ap_vld;
input  [23:0] input_1;
output  [6:0] layer2_out_0;
output   layer2_out_0_ap_vld;
output  [6:0] layer2_out_1;
output   layer2_out_1_ap_vld;

reg layer2_out_1_ap_vld;

(* fsm_encoding = "none" *) reg   [1:0] ap_CS_fsm;
reg    ap_enable_reg_pp0_iter1;
reg   [23:0] input_1_read_reg;
reg   [6:0] select_ln65_reg;
wire   [2:0] weight_q0;
wire signed [8:0] difference_fu;

// power-on initialization
initial begin
#0 ap_CS_fsm = 2'd1;
#0 ap_enable_reg_pp0_iter1 = 1'b0;
end

vitis_style_w2_ROM_AUTO_1R #(
    .DataWidth( 3 ))
w2_U(
    .q0(weight_q0)
);

assign difference_fu = $signed({1'b0, weight_q0}) * $signed(input_1_read_reg[17:12]) - $signed(input_1_read_reg[23:18]);

always @ (posedge ap_clk) begin
    if (ap_rst == 1'b1) begin
        ap_CS_fsm <= ap_ST_fsm_pp0_stage0;
    end else begin
        case (ap_CS_fsm)
            ap_ST_fsm_pp0_stage0 : if (ap_start == 1'b1 & input_1_ap_vld == 1'b1) ap_CS_fsm <= ap_ST_fsm_pp0_stage1;
            default : ap_CS_fsm <= ap_ST_fsm_pp0_stage0;
        endcase
    end
end

always @ (posedge ap_clk) begin
    if (ap_rst == 1'b1) begin
        ap_enable_reg_pp0_iter1 <= 1'b0;
    end else begin
        ap_enable_reg_pp0_iter1 <= (ap_CS_fsm == ap_ST_fsm_pp0_stage1);
    end
end

always @ (posedge ap_clk) begin
    if (ap_CS_fsm == ap_ST_fsm_pp0_stage0) begin
        input_1_read_reg <= input_1;
    end
    select_ln65_reg <= difference_fu > 63 ? 7'd63 : difference_fu < -64 ? 7'd64 : difference_fu[6:0];
end

always @ (*) begin
    layer2_out_1_ap_vld = ap_enable_reg_pp0_iter1;
end

assign layer2_out_0 = $signed(input_1_read_reg[5:0]) + $signed(input_1_read_reg[11:6]);
assign layer2_out_0_ap_vld = (ap_CS_fsm == ap_ST_fsm_pp0_stage1);
assign layer2_out_1 = select_ln65_reg;
assign ap_done = ap_enable_reg_pp0_iter1;
assign ap_ready = (ap_CS_fsm == ap_ST_fsm_pp0_stage1);
assign ap_idle = (ap_start == 1'b0) & (ap_CS_fsm == ap_ST_fsm_pp0_stage0) & (ap_enable_reg_pp0_iter1 == 1'b0);

endmodule //vitis_style

module vitis_style_w2_ROM_AUTO_1R (
    q0);

parameter DataWidth = 3;
parameter AddressRange = 1;

output [DataWidth-1:0] q0;

reg [DataWidth-1:0] rom0[0:AddressRange-1];

initial begin
    $readmemh("./vitis_style_w2_ROM_AUTO_1R.dat", rom0);
end

assign q0 = rom0[0];

endmodule
