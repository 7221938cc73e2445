"""Quartus, by its shell (Intel Quartus Prime Scripting User Guide)."""

from __future__ import annotations

from pathlib import Path

from fpga_ml.toolchain.batch import Batch

_GET = "install Intel Quartus Prime and put its bin/ on PATH"


def batch(script: str, folder: Path) -> Batch:
    """How to run a script that lies in `folder`."""
    return Batch("Quartus", ("quartus_sh", "-t", script), folder, _GET)
