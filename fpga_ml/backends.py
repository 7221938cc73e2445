"""hls4ml's backends: what each takes as a part, how its C++ is compiled, and for which we have C++ of our own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_XILINX = re.compile(r"^x[aqc]\w+(-\w+){0,4}$", re.IGNORECASE)
_QUARTUS = re.compile(r"^(Arria|Stratix|Cyclone|Agilex|Max)\w*$|^(10|5|1)[A-Z]\w+$", re.IGNORECASE)
_ONEAPI = re.compile(r"^(Arria|Stratix|Cyclone|Agilex)\w*$|^(10|5|1)[A-Z]\w+$|^A\w+$", re.IGNORECASE)
_LIBERO = re.compile(r"^(MPF|M2S|M2GL|RT)\w+$", re.IGNORECASE)
_AC = ("ac_types/include", "ac_math/include", "ac_simutils/include", "nnet_utils")


@dataclass(frozen=True)
class Backend:
    """parts, example: what its devices are called; includes: folders of headers in its project, none where that compiles
    with the vendor's compiler only; is_ours: its C++ is that of Vivado and Vitis, which the emulator follows, and beside
    which C++ of ours stands: layers, tables, a testbench that compares."""

    parts: re.Pattern[str]
    example: str
    includes: tuple[str, ...] = ()
    is_ours: bool = False


BACKENDS: Mapping[str, Backend] = MappingProxyType(
    {
        "Vitis": Backend(_XILINX, "a Xilinx part such as xcvu13p-flga2577-2-e", ("firmware/ap_types",), is_ours=True),
        "Vivado": Backend(_XILINX, "a Xilinx part such as xcvu13p-flga2577-2-e", ("firmware/ap_types",), is_ours=True),
        "Quartus": Backend(_QUARTUS, "Arria10", ("firmware/ac_types", "firmware/ap_types")),
        "oneAPI": Backend(_ONEAPI, "Agilex7"),
        "Catapult": Backend(_XILINX, "a Xilinx part such as xcku115-flvb2104-2-i", tuple(f"firmware/{d}" for d in _AC)),
        "Libero": Backend(_LIBERO, "MPF300"),
    }
)
OURS = tuple(name for name, backend in BACKENDS.items() if backend.is_ours)


def can_compile(backend: str) -> bool:
    """Whether a C++ compiler makes a C-simulation of its projects."""
    return backend in BACKENDS and bool(BACKENDS[backend].includes)
