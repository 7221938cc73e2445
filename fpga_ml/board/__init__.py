"""A project on a board: a shell around its RTL, a bitstream, and the host's side of the line."""

from fpga_ml.board.host import Board

__all__ = ["Board"]
