"""Whether a changed module does the same as the one before, as Yosys proves it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from fpga_ml.errors import FpgaMlError
from fpga_ml.toolchain.links import linked, plain_folder
from fpga_ml.toolchain.run import Command, run

# Registers of the same name hold the same: then outputs and what the registers hold next are the same.
_READ = "proc; flatten; memory_map; opt_expr -fine; opt_clean; rename {top} {name}; design -stash {name}"
_JOINED = "design -copy-from gold gold; design -copy-from gate gate"
_CUT = "expose -evert-dff -shared gold gate"
_MITER = "miter -equiv -flatten -make_assert gold gate miter; hierarchy -top miter; opt -fine -share_all"
_STEP = "sat -verify -prove-asserts -enable_undef -set-def-inputs -timeout {limit} miter"
_FLUSH = "sat -verify -prove-asserts -enable_undef -set-def-inputs -set-init-def -seq {steps} -prove-skip {skip} -timeout {limit} miter"


def same_step(gold: Sequence[Path], gate: Sequence[Path], top: str, limit_s: int = 60) -> bool:
    """Whether the two modules, with all that is in them, compute the same outputs and the same next state from the same inputs and
    the same state. False: not the same, or not proved in time."""
    return _proved(gold, gate, top, f"{_CUT}; {_MITER}; {_STEP.format(limit=limit_s)}", limit_s)


def same_behind(gold: Sequence[Path], gate: Sequence[Path], top: str, cycles: int, limit_s: int = 60) -> bool:
    """Whether the outputs are the same after so many cycles from any state of either: of pipelines, which keep nothing longer."""
    prove = _FLUSH.format(steps=cycles + 1, skip=cycles, limit=limit_s)
    return _proved(gold, gate, top, f"{_MITER}; {prove}", limit_s)


def _proved(gold: Sequence[Path], gate: Sequence[Path], top: str, how: str, limit_s: int) -> bool:
    with plain_folder() as place:
        for name in ("gold", "gate"):
            (place / name).mkdir()
        with linked(gold, place / "gold") as one, linked(gate, place / "gate") as other:
            read = [
                f"read_verilog -sv {' '.join(f'{name}/{f}' for f in links.files)}; hierarchy -check -top {top}; "
                + _READ.format(top=top, name=name)
                for name, links in (("gold", one), ("gate", other))
            ]
            commands = "; ".join([*read, _JOINED, how])
            try:
                run(
                    Command(
                        [sys.executable, "-m", "fpga_ml.toolchain.yosys_child", commands], place, {"TMPDIR": str(place)}
                    ),
                    what=f"proving '{top}' with Yosys",
                    do="see its message",
                    timeout_s=3 * limit_s,
                )
            except FpgaMlError:
                return False
    return True
