"""SystemVerilog of networks."""

from fpga_ml.rtl.network import Rtl, Stage, emit_network

__all__ = ["Rtl", "Stage", "emit_network"]
