"""Yosys in a process of its own: its errors end the process, and its libraries do not mix with ours.

Arguments: the commands after reading, with semicolons between, then the RTL files.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str]) -> None:
    """Reads the RTL and runs the commands."""
    commands, *files = arguments
    yosys = importlib.import_module("pyosys.libyosys")
    design = yosys.Design()
    reading = [f'read_verilog -sv "{name}"' for name in files]
    for command in [*reading, *commands.split(";")]:
        yosys.run_pass(command, design)


if __name__ == "__main__":
    main(sys.argv[1:])
