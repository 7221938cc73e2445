"""`fpga-ml`, which is `python -m fpga_ml`: the compiler's commands, and those of science."""

from fpga_ml.cli import main
from fpga_ml.science.cli_celeste import celeste
from fpga_ml.science.cli_models import models

main.add_command(celeste)
main.add_command(models)

if __name__ == "__main__":
    main(prog_name="fpga-ml")
