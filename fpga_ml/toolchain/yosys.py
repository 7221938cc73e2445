"""Yosys: how many cells of a device family some RTL takes, and how long its longest path is by our delay model."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fpga_ml.devices import Target
from fpga_ml.errors import FpgaMlError
from fpga_ml.toolchain.links import linked, plain_folder
from fpga_ml.toolchain.run import Command, run
from fpga_ml.toolchain.yosys_timing import longest_path

_GET = "pip install 'fpga_ml[synth]'"
# The last step calls cells after nets, by which they are told apart (synthesise/naming.py); those without it do so
# themselves.
_SCRIPTS: Mapping[str, str] = {
    "xcup": "synth_xilinx -family xcup -flatten -noiopad -top {top}; autoname",
    "xc7": "synth_xilinx -family xc7 -flatten -noiopad -top {top}; autoname",
    "cyclonev": "synth_intel_alm -family cyclonev -noiopad -top {top}; autoname",
    "ecp5": "synth_ecp5 -top {top}",
    "ice40-hx": "synth_ice40 -device hx -top {top}",
    "ice40-u": "synth_ice40 -device u -dsp -top {top}",
    "nexus": "synth_nexus -family lifcl -top {top}",
}
# Beginnings of cell names (a shift register and an inverter that is left over take the place of a LUT each) with how many of
# a kind such a cell is; the first that fits counts. A family's own names do not clash with another's.
_CELLS: Sequence[tuple[str, str, float]] = (
    *(("MISTRAL_ALUT_ARITH", "carries", 1), ("MISTRAL_ALUT", "luts", 1), ("MISTRAL_NOT", "luts", 1)),
    *(("LUT", "luts", 1), ("SRL", "luts", 1), ("INV", "luts", 1), ("SB_LUT4", "luts", 1)),
    *(("CARRY", "carries", 1), ("CCU2", "carries", 1), ("SB_CARRY", "carries", 1)),
    *(("FDRE", "ffs", 1), ("FDSE", "ffs", 1), ("FDCE", "ffs", 1), ("FDPE", "ffs", 1), ("TRELLIS_FF", "ffs", 1)),
    *(("SB_DFF", "ffs", 1), ("FD1P3", "ffs", 1), ("MISTRAL_FF", "ffs", 1)),
    *(("DSP", "dsps", 1), ("MULT", "dsps", 1), ("SB_MAC16", "dsps", 1), ("MISTRAL_MUL", "dsps", 1)),
    *(("RAMB18", "brams", 0.5), ("RAMB36", "brams", 1), ("DP16K", "brams", 1), ("PDP", "brams", 1)),
    *(("SB_RAM40", "brams", 1), ("MISTRAL_M10K", "brams", 1)),
    # Memories of LUTs, in LUTs.
    *(
        ("RAM16X1D", "memory_luts", 2),
        ("RAM32X1D", "memory_luts", 2),
        ("RAM64X1D", "memory_luts", 2),
        ("RAM128X1D", "memory_luts", 4),
    ),
    *(
        ("RAM32M16", "memory_luts", 8),
        ("RAM64M8", "memory_luts", 8),
        ("RAM32M", "memory_luts", 4),
        ("RAM64M", "memory_luts", 4),
    ),
    *(("RAM256X1D", "memory_luts", 8), ("TRELLIS_DPR16X4", "memory_luts", 6), ("DPR16X4", "memory_luts", 6)),
    ("MISTRAL_MLAB", "memory_luts", 1),
)
# A carry cell that is LUTs too.
_LUTS_PER_CARRY: Mapping[str, int] = {"ecp5": 2, "nexus": 2, "cyclonev": 1}


@dataclass(frozen=True)
class Netlist:
    """A design that is mapped to a family. cells: {type: number} of the design alone; file: JSON, flat; memory_mb: of
    Yosys."""

    cells: Mapping[str, int]
    file: Path
    top: str
    version: str
    seconds: float
    memory_mb: float

    @property
    def module(self) -> Any:
        """The flat top as Yosys writes it: cells, netnames, ports."""
        return json.loads(self.file.read_text())["modules"][self.top]


@dataclass(frozen=True)
class Resources:
    """Cells after synthesis, before place and route; luts: of logic, memory_luts: of memories; brams: a half block counts
    half; path_ns: longest from register to register (see yosys_timing)."""

    luts: int
    carries: int
    ffs: int
    dsps: int
    brams: float
    path_ns: float
    tool: str
    version: str
    seconds: float
    memory_luts: int = 0


def script(target: Target, top: str) -> str:
    """What synthesises for the target."""
    return _SCRIPTS[target].format(top=top)


def kind_of(cell: str) -> tuple[str, float] | None:
    """Which resource a cell of a type takes, and how many of it; None for what takes none of its own."""
    return next(((kind, number) for begins, kind, number in _CELLS if cell.startswith(begins)), None)


def luts_of(target: Target, cell: str) -> int:
    """LUTs of the device that a cell occupies: with those of carry chains and memories."""
    kind, number = kind_of(cell) or ("", 0.0)
    if kind == "carries":
        return _LUTS_PER_CARRY.get(target, 0)
    return int(number) if kind in ("luts", "memory_luts") else 0


def counts(cells: Mapping[str, int]) -> dict[str, int | float]:
    """{luts | carries | ffs | dsps | brams | memory_luts: number} of cells by type."""
    found: dict[str, int | float] = dict.fromkeys((kind for _, kind, _ in _CELLS), 0)
    for cell, number in cells.items():
        kind, each = kind_of(cell) or ("", 0)
        if kind:
            found[kind] += number * each
    return found


def netlist(
    rtl_files: Sequence[Path],
    top: str,
    target: Target,
    timeout_s: float | None,
    folder: Path,
    *,
    shell: str | None = None,
    log: Path | None = None,
    on_line: Callable[[str], None] | None = None,
) -> Netlist:
    """Synthesise a design into folder/netlist.json. Raises FpgaMlError with Yosys' own last error, or where there is none or
    it takes too long.

    shell: a module around the design, to place and route it with; nothing is moved across the border between the two, so
    that the design's cells are those that it has alone.
    """
    version = yosys_version()
    start = time.perf_counter()
    commands = [script(target, shell or top), 'tee -q -o "stat.json" stat -json']
    if shell:
        commands = [
            f"setattr -mod -set keep_hierarchy 1 {top}",
            *commands,
            f"setattr -mod -unset keep_hierarchy {top}",
            "flatten",
        ]
    commands.append('write_json "netlist.json"')
    with plain_folder() as place, linked(rtl_files, place) as links:
        ran = run(
            Command(
                [sys.executable, "-m", "fpga_ml.toolchain.yosys_child", ";".join(commands), *links.files],
                place,
                {"TMPDIR": str(place)},
            ),
            what=f"synthesising '{top}' for {target} with Yosys {version}",
            do=(
                "see its message: the RTL must be the subset of SystemVerilog that Yosys reads, and the time limit long"
                " enough"
            ),
            timeout_s=timeout_s,
            log=log,
            on_line=on_line,
        )
        for name in ("stat.json", "netlist.json"):
            shutil.move(place / name, folder / name)
    cells = json.loads((folder / "stat.json").read_text())["modules"][f"\\{top}"]["num_cells_by_type"]
    if target == "nexus":
        _free_feed_ins(folder / "netlist.json")
    return Netlist(cells, folder / "netlist.json", shell or top, version, time.perf_counter() - start, ran.memory_mb)


def _free_feed_ins(file: Path) -> None:
    """A carry chain of Nexus begins with a cell that puts the carry in whatever its CIN is (INIT0 = 0xFFFF); Yosys ties that
    CIN to a VLO cell, nextpnr takes nothing there but a carry."""
    written = json.loads(file.read_text())
    for module in written["modules"].values():
        cells = module.get("cells", {}).values()
        low = {bit for cell in cells if cell["type"] == "VLO" for bit in cell["connections"]["Z"]}
        for cell in cells:
            if cell["type"] == "CCU2" and low & set(cell["connections"].get("CIN", ())):
                cell["connections"]["CIN"] = []
    file.write_text(json.dumps(written))


def resources(
    rtl_files: Sequence[Path], top: str, target: Target, timeout_s: float, folder: Path | None = None
) -> Resources:
    """Synthesise a design and count; errors as of `netlist`. folder: of the caller's own, where netlist.json stays."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        made = netlist(rtl_files, top, target, timeout_s, folder or Path(name))
        found: dict[str, Any] = counts(made.cells)
        path_ns = longest_path(made.module).ns
    return Resources(**found, path_ns=path_ns, tool="Yosys", version=made.version, seconds=time.perf_counter() - start)


def yosys_version() -> str:
    """Raises FpgaMlError where it is not installed."""
    try:
        return importlib.metadata.version("pyosys")
    except importlib.metadata.PackageNotFoundError:
        raise FpgaMlError("synthesis needs Yosys, and the package 'pyosys' is not installed", do=_GET) from None
