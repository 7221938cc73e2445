// Written by hand in the manner of Vivado HLS 2019 (Verilog-2001): a stream an element of a beat, frames of four beats.
// y = x[0] + x[1] of each beat; elements of 6 and 7 bits in bytes.
`timescale 1 ns / 1 ps

module element_streams (
        x_V_data_0_V_TDATA, x_V_data_0_V_TVALID, x_V_data_0_V_TREADY,
        x_V_data_1_V_TDATA, x_V_data_1_V_TVALID, x_V_data_1_V_TREADY,
        y_V_data_0_V_TDATA, y_V_data_0_V_TVALID, y_V_data_0_V_TREADY,
        ap_clk, ap_rst_n, ap_start, ap_done, ap_ready, ap_idle
);

input  [7:0] x_V_data_0_V_TDATA;
input   x_V_data_0_V_TVALID;
output   x_V_data_0_V_TREADY;
input  [7:0] x_V_data_1_V_TDATA;
input   x_V_data_1_V_TVALID;
output   x_V_data_1_V_TREADY;
output  [7:0] y_V_data_0_V_TDATA;
output   y_V_data_0_V_TVALID;
input   y_V_data_0_V_TREADY;
input   ap_clk;
input   ap_rst_n;
input   ap_start;
output   ap_done;
output   ap_ready;
output   ap_idle;

reg   [1:0] beats_in;
reg   [1:0] beats_out;
reg   full;
reg  signed [6:0] sum;
wire   move;
wire   give;

assign give = full & y_V_data_0_V_TREADY;
assign move = ap_start & x_V_data_0_V_TVALID & x_V_data_1_V_TVALID & (~full | give);
assign x_V_data_0_V_TREADY = move;
assign x_V_data_1_V_TREADY = move;
assign y_V_data_0_V_TDATA = {1'b0, sum};
assign y_V_data_0_V_TVALID = full;
assign ap_ready = move & (beats_in == 2'd3);
assign ap_done = give & (beats_out == 2'd3);
assign ap_idle = ~ap_start & ~full;

always @ (posedge ap_clk) begin
    if (ap_rst_n == 1'b0) begin
        beats_in <= 2'd0;
        beats_out <= 2'd0;
        full <= 1'b0;
    end else begin
        if (move) beats_in <= beats_in + 2'd1;
        if (give) beats_out <= beats_out + 2'd1;
        full <= move | (full & ~give);
    end
    if (move) sum <= $signed(x_V_data_0_V_TDATA[5:0]) + $signed(x_V_data_1_V_TDATA[5:0]);
end

endmodule
