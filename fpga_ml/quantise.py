"""Quantisation-aware training starts here: `to_qkeras(model, bits=6)` gives a float Keras model's QKeras twin, `Prune` keeps
small weights at zero while it is trained, and `save_plain(model, path)` keeps what came of it. `to_hgq(model, data)` gives
its HGQ2 twin, whose widths are trained."""

from fpga_ml.frontend.hgq.rewrite import to_hgq
from fpga_ml.frontend.quantise import to_qkeras
from fpga_ml.frontend.save import save_plain
from fpga_ml.frontend.train import Prune

__all__ = ["Prune", "save_plain", "to_hgq", "to_qkeras"]
