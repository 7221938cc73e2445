"""Vivado, in batch mode (AMD UG835)."""

from __future__ import annotations

from pathlib import Path

from fpga_ml.toolchain.batch import Batch

_GET = "install AMD Vivado and source its settings64.sh"


def batch(script: str, folder: Path) -> Batch:
    """How to run a script that lies in `folder`."""
    return Batch("Vivado", ("vivado", "-mode", "batch", "-nojournal", "-notrace", "-source", script), folder, _GET)
