"""Quantisation-aware training starts here: `to_qkeras(model, bits=6)` gives a float Keras model's QKeras twin, `Prune` keeps
small weights at zero while it is trained, and `save_plain(model, path)` keeps what came of it."""

from fpga_ml.frontend.quantise import to_qkeras
from fpga_ml.frontend.save import save_plain
from fpga_ml.frontend.train import Prune

__all__ = ["Prune", "save_plain", "to_qkeras"]
