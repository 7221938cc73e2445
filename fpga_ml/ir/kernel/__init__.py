"""Kernels: pure functions of fixed-point scalars."""

from fpga_ml.ir.kernel.builder import Builder
from fpga_ml.ir.kernel.kernel import Kernel, Value, verify, watching
from fpga_ml.ir.kernel.wire import Wire

__all__ = ["Builder", "Kernel", "Value", "Wire", "verify", "watching"]
