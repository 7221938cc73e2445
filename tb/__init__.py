"""The cocotb testbench for any top with the ports that Vitis HLS gives an hls4ml project."""
