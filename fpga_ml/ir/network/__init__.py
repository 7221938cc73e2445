"""Networks: processes (kernels with a little state) joined by channels."""

from fpga_ml.ir.network.channel import Channel
from fpga_ml.ir.network.collect import Collect
from fpga_ml.ir.network.fold import Fold
from fpga_ml.ir.network.loop import Loop
from fpga_ml.ir.network.map import Map
from fpga_ml.ir.network.moments import Moments
from fpga_ml.ir.network.network import Network, verified, verify
from fpga_ml.ir.network.process import Process
from fpga_ml.ir.network.quadratic import Quadratic
from fpga_ml.ir.network.split import Split
from fpga_ml.ir.network.window import Axis, Window

Holder = Window | Collect | Split | Quadratic | Moments  # what holds a token until it is taken

__all__ = [
    "Axis",
    "Channel",
    "Collect",
    "Fold",
    "Holder",
    "Loop",
    "Map",
    "Moments",
    "Network",
    "Process",
    "Quadratic",
    "Split",
    "Window",
    "verified",
    "verify",
]
