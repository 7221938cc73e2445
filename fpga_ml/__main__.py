"""`python -m fpga_ml` is `fpga-ml`."""

from fpga_ml.cli import main

main(prog_name="fpga-ml")
