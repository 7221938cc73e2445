"""Verilator's opinion of RTL."""

from __future__ import annotations

from pathlib import Path

from fpga_ml.rtl import Rtl
from fpga_ml.toolchain import verilator
from fpga_ml.toolchain.run import Command, run


def lint(rtl: Rtl, folder: Path) -> str:
    """What Verilator says; raises where it warns of anything."""
    tool = verilator.find()
    files = [str(f) for f in rtl.write(folder)]
    arguments = [str(tool.program), "--lint-only", "-Wall", "--top-module", rtl.top, *files]
    return run(Command(arguments, folder, {"VERILATOR_ROOT": str(tool.root)}), what="lint", do="mend the RTL")
