"""Yosys: how many cells of a device family some RTL takes, and how long its longest path is by our delay model."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
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
    # nextpnr places no memories of LUTs on a GW5A-25A, and knows no CC_MX8 of GateMate.
    "gw2a": "synth_gowin -family gw2a -noiopads -top {top}",
    "gw5a": "synth_gowin -family gw5a -nolutram -noiopads -top {top}",
    "gatemate": "synth_gatemate -luttree -nomx8 -noiopad -noclkbuf -top {top}; autoname",
}
# Buffers at the pins, and what else nextpnr does not add by itself. They come last, on the flat netlist: before, the design
# within the shell would get them at its own ports.
_GOWIN_PADS = ("iopadmap -bits -inpad IBUF O:I -outpad OBUF I:O", "hilomap -singleton -hicell VCC V -locell GND G")
_PADS: Mapping[str, Sequence[str]] = {
    "gw2a": _GOWIN_PADS,
    "gw5a": _GOWIN_PADS,
    "gatemate": ("iopadmap -bits -inpad CC_IBUF Y:I -outpad CC_OBUF A:O", "clkbufmap -buf CC_BUFG O:I"),
}
# Beginnings of cell names (a shift register and an inverter that is left over take the place of a LUT each) with how many of
# a kind such a cell is; the first that fits counts. Where a family's name is another's too, _OF_TARGET tells.
_CELLS: Sequence[tuple[str, str, float]] = (
    *(("MISTRAL_ALUT_ARITH", "carries", 1), ("MISTRAL_ALUT", "luts", 1), ("MISTRAL_NOT", "luts", 1)),
    *(("LUT", "luts", 1), ("SRL", "luts", 1), ("INV", "luts", 1), ("SB_LUT4", "luts", 1)),
    *(("CARRY", "carries", 1), ("CCU2", "carries", 1), ("SB_CARRY", "carries", 1)),
    *(("FDRE", "ffs", 1), ("FDSE", "ffs", 1), ("FDCE", "ffs", 1), ("FDPE", "ffs", 1), ("TRELLIS_FF", "ffs", 1)),
    *(("SB_DFF", "ffs", 1), ("FD1P3", "ffs", 1), ("MISTRAL_FF", "ffs", 1)),
    *(("DSP", "dsps", 1), ("MULT", "dsps", 1), ("SB_MAC16", "dsps", 1), ("MISTRAL_MUL", "dsps", 1)),
    *(("RAMB18", "brams", 0.5), ("RAMB36", "brams", 1), ("DP16K", "brams", 1), ("PDP", "brams", 1)),
    *(("SB_RAM40", "brams", 1), ("MISTRAL_M10K", "brams", 1)),
    # Gowin: an ALU is a bit of a carry chain, a wide multiplexer lies between LUTs.
    *(("ALU", "carries", 1), ("DFF", "ffs", 1)),
    *(("SPX9", "brams", 1), ("SP", "brams", 1), ("SDP", "brams", 1), ("DPB", "brams", 1), ("DPX9", "brams", 1)),
    *(("pROM", "brams", 1), ("RAM16S", "memory_luts", 8)),
    # GateMate, in halves of its elements (CPE), each of them a LUT of four inputs with a flip-flop; a block RAM is one of
    # 20 kbit.
    *(("CC_LUT", "luts", 1), ("CC_L2T4", "luts", 1), ("CC_L2T5", "luts", 2), ("CC_MX2", "luts", 1), ("CC_MX4", "luts", 2)),
    *(("CC_ADDF", "carries", 1), ("CC_DFF", "ffs", 1), ("CC_BRAM_20K", "brams", 1), ("CC_BRAM_40K", "brams", 2)),
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
# Of a target whose cell has the name of another's, and not its size: in products of 18 x 18 bits.
_OF_TARGET: Mapping[str, Sequence[tuple[str, str, float]]] = {
    "gw2a": (("MULT9X9", "dsps", 0.5), ("MULT36X36", "dsps", 4)),
}
# A carry cell that is LUTs too.
_LUTS_PER_CARRY: Mapping[str, int] = {"ecp5": 2, "nexus": 2, "cyclonev": 1, "gw2a": 1, "gw5a": 1, "gatemate": 1}
FABRIC_PRODUCT = "CC_MULT"  # a product in LUTs, whose size is in its parameters


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


def type_of(cell: Mapping[str, Any]) -> str:
    """The type of a cell of Yosys' JSON; of a product in LUTs with the widths of its operands behind it, which tell its
    size: `CC_MULT 9 12`."""
    kind: str = cell["type"]
    if kind != FABRIC_PRODUCT:
        return kind
    return " ".join([kind, *(str(width) for width in widths_of(cell))])


def widths_of(product: Mapping[str, Any]) -> tuple[int, int]:
    """Of the operands of a product in LUTs, in bits."""
    a, b = (int(product["parameters"][name], 2) for name in ("A_WIDTH", "B_WIDTH"))
    return a, b


def kind_of(target: Target, cell: str) -> tuple[str, float] | None:
    """Which resource a cell of a type takes, and how many of it; None for what takes none of its own."""
    if cell.startswith(FABRIC_PRODUCT):
        return "luts", _luts_of_product(*map(int, cell.split()[1:]))
    found = (*_OF_TARGET.get(target, ()), *_CELLS)
    return next(((kind, number) for begins, kind, number in found if cell.startswith(begins)), None)


def _luts_of_product(a: int, b: int) -> int:
    """As nextpnr lays it out on GateMate: columns of two bits of one operand, each with as many elements as the other has
    pairs of bits and five besides, and one column that brings that operand in."""
    rows, columns = a // 2 + a % 2, b // 2 + b % 2 + 1
    return 2 * (1 + rows + columns * (rows + 5))


def luts_of(target: Target, cell: str) -> int:
    """LUTs of the device that a cell occupies: with those of carry chains and memories."""
    kind, number = kind_of(target, cell) or ("", 0.0)
    if kind == "carries":
        return _LUTS_PER_CARRY.get(target, 0)
    return int(number) if kind in ("luts", "memory_luts") else 0


def counts(target: Target, cells: Mapping[str, int]) -> dict[str, int | float]:
    """{luts | carries | ffs | dsps | brams | memory_luts: number} of cells by type."""
    found: dict[str, int | float] = dict.fromkeys((kind for _, kind, _ in _CELLS), 0)
    for cell, number in cells.items():
        kind, each = kind_of(target, cell) or ("", 0)
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
    that the design's cells are those that it has alone. The netlist has a buffer at each pin where nextpnr wants them.
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
    commands += [*_PADS.get(target, ()), 'write_json "netlist.json"']
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
    made = Netlist(cells, folder / "netlist.json", shell or top, version, time.perf_counter() - start, ran.memory_mb)
    return replace(made, cells=_with_sizes(cells, made.module)) if FABRIC_PRODUCT in cells else made


def _with_sizes(cells: Mapping[str, int], module: Mapping[str, Any]) -> dict[str, int]:
    """Products in LUTs by their sizes; a shell has none of its own."""
    products = Counter(type_of(cell) for cell in module["cells"].values() if cell["type"] == FABRIC_PRODUCT)
    return {kind: number for kind, number in cells.items() if kind != FABRIC_PRODUCT} | products


def resources(
    rtl_files: Sequence[Path], top: str, target: Target, timeout_s: float, folder: Path | None = None
) -> Resources:
    """Synthesise a design and count; errors as of `netlist`. folder: of the caller's own, where netlist.json stays."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        made = netlist(rtl_files, top, target, timeout_s, folder or Path(name))
        found: dict[str, Any] = counts(target, made.cells)
        path_ns = longest_path(made.module).ns
    return Resources(**found, path_ns=path_ns, tool="Yosys", version=made.version, seconds=time.perf_counter() - start)


def yosys_version() -> str:
    """Raises FpgaMlError where it is not installed."""
    try:
        return importlib.metadata.version("pyosys")
    except importlib.metadata.PackageNotFoundError:
        raise FpgaMlError("synthesis needs Yosys, and the package 'pyosys' is not installed", do=_GET) from None
