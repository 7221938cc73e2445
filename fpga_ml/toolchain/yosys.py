"""Yosys: how many cells of a device family some RTL takes, and how long its longest path is by our delay model."""

from __future__ import annotations

import importlib.metadata
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fpga_ml.errors import FpgaMlError
from fpga_ml.toolchain.run import Command, run
from fpga_ml.toolchain.yosys_timing import longest_path_ns

Target = Literal["xcup", "ecp5"]

_GET = "pip install pyosys"
_SCRIPTS: Mapping[str, str] = {
    "xcup": "synth_xilinx -family xcup -flatten -noiopad -top {top}",
    "ecp5": "synth_ecp5 -top {top}",
}
# Prefixes of cell names (a shift register and an inverter that is left over take the place of a LUT each); a family's own names do not clash with the other's.
_CELLS: Mapping[str, tuple[str, ...]] = {
    "luts": ("LUT", "SRL", "INV"),
    "carries": ("CARRY", "CCU2C"),
    "ffs": ("FDRE", "FDSE", "FDCE", "FDPE", "TRELLIS_FF"),
    "dsps": ("DSP", "MULT18X18D"),
    "brams": ("RAMB", "DP16KD"),
}


@dataclass(frozen=True)
class Resources:
    """Cells after synthesis, before place and route; path_ns: longest from register to register (see yosys_timing)."""

    luts: int
    carries: int
    ffs: int
    dsps: int
    brams: int
    path_ns: float
    tool: str
    version: str
    seconds: float


def script(target: Target, top: str) -> str:
    """The one command that synthesises for the target."""
    return _SCRIPTS[target].format(top=top)


def resources(
    rtl_files: Sequence[Path], top: str, target: Target, timeout_s: float, folder: Path | None = None
) -> Resources:
    """Synthesise a design. Raises FpgaMlError with Yosys' own last error, or where there is none or it takes too long.

    folder: of the caller's own, where netlist.json stays, for place and route.
    """
    version = _version()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        folder = folder or Path(name)
        files = [str(f.resolve()) for f in rtl_files]
        child = [sys.executable, "-m", "fpga_ml.toolchain.yosys_child", script(target, top), "stat.json", "netlist.json"]
        run(
            Command([*child, *files], folder),
            what=f"synthesising '{top}' for {target} with Yosys {version}",
            do="see its message: the RTL must be the subset of SystemVerilog that Yosys reads",
            timeout_s=timeout_s,
        )
        cells = json.loads((folder / "stat.json").read_text())["design"]["num_cells_by_type"]
        path_ns = longest_path_ns(_module(json.loads((folder / "netlist.json").read_text()), top))
    return Resources(**_counts(cells), path_ns=path_ns, tool="Yosys", version=version, seconds=time.perf_counter() - start)


def _version() -> str:
    try:
        return importlib.metadata.version("pyosys")
    except importlib.metadata.PackageNotFoundError:
        raise FpgaMlError("synthesis needs Yosys, and the package 'pyosys' is not installed", do=_GET) from None


def _counts(cells: Mapping[str, int]) -> dict[str, int]:
    return {kind: sum(n for cell, n in cells.items() if cell.startswith(prefixes)) for kind, prefixes in _CELLS.items()}


def _module(netlist: Any, top: str) -> Any:
    return netlist["modules"][top]
