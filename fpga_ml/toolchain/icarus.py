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
# An always_comb in a compiled program: it waits for what it reads, or for an event of time 0 that all of them share.
_SHARED = ", E_0x0;\n"
_WAITS = re.compile(r"(T_\d+) ;\n(Ewait_\d+) \.event/or (\w+), E_0x0;\n    %wait \2;\n")


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
    program = folder / _PROGRAM
    program.write_text(_apart(program.read_text()))


def _apart(program: str) -> str:
    """With each always_comb evaluated once at time 0, and then only when something that it reads changes.

    Icarus 11 wakes all of them whenever it wakes one: their waits share the event of time 0. Most of the time of a stream's
    simulation was that.
    """
    parts, done = [], 0
    while (at := program.find(_SHARED, done)) >= 0:
        begin = program.rfind("T_", done, program.rfind("\n", done, at))
        found = _WAITS.match(program, begin)
        if found is None:
            return program  # of another version of Icarus, which writes it in another way
        name, _, event = found.groups()
        starts = program.index(f"    .thread {name}", found.end())
        parts += [program[done:begin], f"{name}_0 ;\n    %delay 0, 0;\n    %jmp {name}_1;\n"]
        parts += [f"{name} ;\n    %wait {event};\n{name}_1 ;\n", program[found.end() : starts], f"    .thread {name}_0"]
        done = starts + len(f"    .thread {name}")
    return "".join([*parts, program[done:]])


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
