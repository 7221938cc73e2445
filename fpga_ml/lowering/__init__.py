"""From typed layers to networks of processes: one architecture a file."""

from fpga_ml.lowering.parallel import parallel
from fpga_ml.lowering.stream import stream

__all__ = ["parallel", "stream"]
