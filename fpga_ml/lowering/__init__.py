"""From typed layers to networks of processes: one architecture a file."""

from fpga_ml.lowering.parallel import parallel

__all__ = ["parallel"]
