"""SystemVerilog of scheduled kernels and of networks of them."""

from fpga_ml.rtl.network import Layer, LayerRtl, Rtl, Tensor, emit_network

__all__ = ["Layer", "LayerRtl", "Rtl", "Tensor", "emit_network"]
