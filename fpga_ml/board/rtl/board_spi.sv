// Bytes from and to an SPI master: mode 0 (the clock rests low, both sides read at its rising edge), the most significant bit
// first. The master's wires are sampled with `clk`, of which a period of `sck` takes eight cycles or more: `miso` follows a
// falling edge after three at most. While there is no byte to send, zeros go out. A byte is taken once its last bit is read:
// one that the end of a selection cuts goes out again in the next, and what came in with it is lost.
module board_spi (
  input  logic clk,
  input  logic rst,
  input  logic sck,
  input  logic cs_n,
  input  logic mosi,
  output logic miso,
  output logic rx_valid,
  output logic [7:0] rx_data,
  output logic rx_end,
  input  logic tx_valid,
  input  logic [7:0] tx_data,
  output logic tx_ready
);
  logic [2:0] sck_seen;
  logic [1:0] cs_n_seen;
  logic [1:0] mosi_seen;
  logic [2:0] bits;
  logic [7:0] out;
  logic filled;

  wire rise = ~sck_seen[2] & sck_seen[1];
  wire fall = sck_seen[2] & ~sck_seen[1];
  wire between = bits == 3'd0;
  wire through = rise & bits == 3'd7;

  assign rx_end = cs_n_seen[1];
  assign miso = out[7];
  assign tx_ready = through & filled;
  always_ff @(posedge clk) begin
    sck_seen <= {sck_seen[1:0], sck};
    cs_n_seen <= rst ? 2'b11 : {cs_n_seen[0], cs_n};
    mosi_seen <= {mosi_seen[0], mosi};
    rx_valid <= through;
    if (rise) rx_data <= {rx_data[6:0], mosi_seen[1]};
    if (rx_end) bits <= 3'd0;
    else if (rise) bits <= bits + 3'd1;
    if (rx_end | (fall & between)) begin
      out <= tx_valid ? tx_data : 8'd0;
      filled <= tx_valid;
    end else if (fall) out <= {out[6:0], 1'b0};
  end
endmodule
