"""The errors of fpga_ml; where the testbench is copied, with a project, it has these in a file of its own."""

from fpga_ml.errors import FpgaMlError, suggest

__all__ = ["FpgaMlError", "suggest"]
