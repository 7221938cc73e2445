"""Quantisation-aware training starts here: `to_qkeras(model, bits=6)` gives a float Keras model's QKeras twin."""

from fpga_ml.frontend.quantise import to_qkeras

__all__ = ["to_qkeras"]
