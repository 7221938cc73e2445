"""cocotb tests of a board's whole top, behind a line that is driven bit by bit."""
