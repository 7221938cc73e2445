"""Vitis HLS and its forerunner Vivado HLS, on the script that hls4ml writes (AMD UG1399, UG902)."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from fpga_ml.toolchain.batch import Batch

_GET = "install AMD Vitis and source its settings64.sh"
_GET_VIVADO_HLS = "install Vivado 2020.1 or older, whose vivado_hls takes the projects of hls4ml's Vivado backend"


def batch(script: str, project: Path) -> Batch:
    """Of a project of the Vitis backend. Up to Vitis 2023.2 there is `vitis_hls`, since 2023.2 `vitis-run`."""
    old = shutil.which("vitis-run") is None and shutil.which("vitis_hls") is not None
    arguments = ("vitis_hls", "-f", script) if old else ("vitis-run", "--mode", "hls", "--tcl", script)
    return Batch("Vitis HLS", arguments, project, _GET)


def batch_vivado_hls(script: str, project: Path, options: Mapping[str, int]) -> Batch:
    """Of a project of the Vivado backend, whose script takes its options as one argument."""
    given = " ".join(f"{name}={value}" for name, value in options.items())
    return Batch("Vivado HLS", ("vivado_hls", "-f", script, given), project, _GET_VIVADO_HLS)
