"""Verilator's opinion of RTL."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fpga_ml.rtl import Rtl
from fpga_ml.toolchain import verilator
from fpga_ml.toolchain.run import Command, run


def lint(rtl: Rtl, folder: Path) -> str:
    """What Verilator says; raises where it warns of anything."""
    return lint_files(rtl.write(folder), rtl.top, folder)


def lint_files(files: Sequence[Path], top: str, folder: Path) -> str:
    tool = verilator.find()
    arguments = [str(tool.program), "--lint-only", "-Wall", "--top-module", top, *map(str, files)]
    return run(Command(arguments, folder, {"VERILATOR_ROOT": str(tool.root)}), what="lint", do="mend the RTL").stdout
