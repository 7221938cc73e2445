"""Icarus Verilog: the four-state simulator of the co-simulation (it sees X; Verilator does not)."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fpga_ml.errors import FpgaMlError
from fpga_ml.toolchain.links import linked, plain_folder
from fpga_ml.toolchain.run import Command, run

_OLDEST_MAJOR = 11
_GET = "apt-get install iverilog (brew install icarus-verilog); or leave it out: --simulator verilator"
_LIMIT_S = 1800  # of a testbench of its own
_PROGRAM = "design.vvp"


@dataclass(frozen=True)
class Icarus:
    """compiler, runner: the programs iverilog and vvp."""

    compiler: Path
    runner: Path
    version: str


def find() -> Icarus:
    """The installed Icarus Verilog; raises where it is missing or too old."""
    paths = [shutil.which(name) for name in ("iverilog", "vvp")]
    for name, path in zip(("iverilog", "vvp"), paths, strict=True):
        if path is None:
            raise FpgaMlError(f"RTL simulation needs Icarus Verilog, and '{name}' was not found", do=_GET)
    compiler, runner = (Path(str(path)) for path in paths)
    said = run(Command([str(compiler), "-V"], Path.cwd()), what="Icarus Verilog", do=_GET, timeout_s=60).stdout
    version = re.search(r"Icarus Verilog version (\d+)(\.\d+)?", said)
    if version is None or int(version[1]) < _OLDEST_MAJOR:
        first = next(iter(said.splitlines()), "(it does not tell its version)")
        raise FpgaMlError(f"Icarus Verilog {_OLDEST_MAJOR} or newer is needed, found: {first}", where=str(compiler), do=_GET)
    return Icarus(compiler, runner, version[0].removeprefix("Icarus Verilog version "))


def build(tool: Icarus, sources: Sequence[Path], top: str, folder: Path) -> None:
    """Compile into `folder`. Files without a timescale get 1 ns / 1 ps, which cocotb needs."""
    _compile(tool, sources, top, folder, ("-o", _PROGRAM))


def check(tool: Icarus, sources: Sequence[Path], top: str) -> None:
    """Raise FpgaMlError for what `build` would not compile; nothing is written."""
    with plain_folder() as folder:
        _compile(tool, sources, top, folder, ("-t", "null"))


def _compile(tool: Icarus, sources: Sequence[Path], top: str, folder: Path, target: Sequence[str]) -> None:
    (folder / "settings.f").write_text("+timescale+1ns/1ps\n")
    with linked(sources, folder) as links:
        includes = [f"-I{d}" for d in links.folders]
        arguments = ["-g2012", "-s", top, "-f", "settings.f", *includes, *target, *links.files]
        run(
            Command([str(tool.compiler), *arguments], folder, {"TMPDIR": "."}),  # whose path it gives to a shell
            what=f"compiling '{top}' with Icarus Verilog",
            do="see its message: the RTL must be Verilog-2001 or the subset of SystemVerilog that Icarus 11 reads",
        )


def command(tool: Icarus, folder: Path, module: str) -> tuple[str, ...]:
    """How to run what `build` made, with the VPI module loaded; no waveform."""
    return (str(tool.runner), "-n", "-m", module, str(folder / _PROGRAM), "-none")


def run_alone(tool: Icarus, folder: Path, what: str, *, on_line: Callable[[str], None] | None = None) -> str:
    """What a testbench of its own, which `build` made, says; on_line: called with each line of it as it comes."""
    command = Command((str(tool.runner), "-n", _PROGRAM), folder)
    return run(command, what=what, do="see the simulator's message", timeout_s=_LIMIT_S, on_line=on_line).stdout
