"""Whether a changed module does the same as the one before, as Yosys and its ABC prove it."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fpga_ml.errors import FpgaMlError
from fpga_ml.rtl.map import KernelModule
from fpga_ml.toolchain.links import linked, plain_folder
from fpga_ml.toolchain.run import Command, run

_READ = (
    "read_verilog -sv {files}; hierarchy -check -top {top}; proc; flatten; memory_map; opt_expr -fine; opt_clean;"
    " rename {top} {name}; design -stash {name}"
)
_BOTH = "design -copy-from gold gold; design -copy-from gate gate"
_MITER = "hierarchy -top miter; opt -fine -share_all"
# Registers of the same name hold the same: then outputs and what the registers hold next are the same.
_STEP = (
    "expose -evert-dff -shared gold gate; miter -equiv -flatten -make_assert gold gate miter; {miter};"
    " sat -verify -prove-asserts -enable_undef -set-def-inputs -timeout {limit} miter"
)
_GATES = (
    "miter -equiv -flatten gold gate miter; setundef -undriven -init -zero miter; {miter}; opt -fine; dffunmap; alumacc;"
    " maccmap -unmap; techmap; simplemap; opt_clean; setundef -zero; aigmap; opt_clean; write_aiger -zinit miter.aig"
)
# dprove with all of it switched off but the proof of what scorr left without registers; pdr proves the rest.
_PROVE = "read_aiger miter.aig; strash; scorr; dprove -brmfijp; pdr -T {limit}; print_status"
# Without registers: fraiging and SAT.
_PROVE_FUNCTION = "read_aiger miter.aig; strash; iprove -v; print_status"
_REGISTERS = re.compile(r"always_ff @\(posedge clk\) (?:if \(go\) )?begin\n(.*?)\n  end", re.S)
_PROVED = re.compile(r"^Status = 1\b", re.M)
_PORT = re.compile(r"^ +(input|output) +logic( signed)? *(\[\d+:0\])? *(\w+)", re.M)
# A value beside its valid signal, of an input or output of a top.
_VALUES = ((re.compile(r"(\w+)_TDATA"), r"\1_TVALID"), *((re.compile(r"(\w+)"), to) for to in (r"\1_ap_vld", r"\1_valid")))


def same_step(gold: Sequence[Path], gate: Sequence[Path], top: str, limit_s: int = 60) -> bool:
    """Whether the two modules, with all that is in them, compute the same outputs and the same next state from the same
    inputs and the same state. False: not the same, or not proved in time."""
    with plain_folder() as place:
        try:
            _yosys(place, gold, gate, top, _STEP.format(miter=_MITER, limit=limit_s), 3 * limit_s)
        except FpgaMlError:
            return False
    return True


def same_always(gold: Sequence[Path], gate: Sequence[Path], top: str, limit_s: int = 120) -> bool:
    """Whether the two modules give the same in every cycle, whatever their inputs are, from registers at zero, as they are
    after configuration. A value counts while its valid signal is high. False: not the same, or not proved in time."""
    with plain_folder() as place:
        seen = place / "seen.sv"
        seen.write_text(_seen(gold[[f.stem for f in gold].index(top)].read_text(), top))
        return _proved(place, [*gold, seen], [*gate, seen], "seen", _PROVE.format(limit=limit_s), limit_s)


def same_function(gold: Sequence[Path], gate: Sequence[Path], kernel: KernelModule, limit_s: int = 60) -> bool:
    """Whether the two modules of a kernel compute the same for every value that its inputs can have. Their registers must be
    the same; they are left out. False: not the same, or not proved in time."""
    file = f"{kernel.name}.sv"
    texts = [next(f for f in files if f.name == file).read_text() for files in (gold, gate)]
    if len({tuple(_REGISTERS.findall(text)) for text in texts}) != 1:
        return False
    with plain_folder() as place:
        sides = []
        for side, text in zip(("gold", "gate"), texts, strict=True):
            (place / f"{side}.sv").write_text(_REGISTERS.sub(_wires, text) + _within(kernel))
            sides.append([place / f"{side}.sv"])
        return _proved(place, *sides, "within", _PROVE_FUNCTION, limit_s)


def _proved(place: Path, gold: Sequence[Path], gate: Sequence[Path], top: str, how: str, limit_s: int) -> bool:
    """Whether ABC proves that the gates which Yosys makes of the two are equal. False: not equal, or not proved in time."""
    try:
        _yosys(place, gold, gate, top, _GATES.format(miter=_MITER), 3 * limit_s)
        said = _abc(place, how, 2 * limit_s)
    except (FpgaMlError, subprocess.TimeoutExpired):
        return False
    return _PROVED.search(said) is not None


def _wires(registers: re.Match[str]) -> str:
    """What is assigned to registers, assigned without a delay."""
    return f"always_comb begin\n{registers[1].replace('<=', '=')}\n  end"


def _within(kernel: KernelModule) -> str:
    """A module around a kernel that brings each input into the range that the kernel is built for."""
    ranges = iter(kernel.process.kernel.values[k].wire for k in kernel.process.kernel.inputs)
    ports, inside, called = [], [], []
    for channel in dict.fromkeys(kernel.process.reads):
        name = kernel.called[channel.name]
        ports.append(f"input logic [{channel.width_bits - 1}:0] {name}")
        inside.append(f"  wire [{channel.width_bits - 1}:0] own_{name};")
        called.append(f".{name}(own_{name})")
        for _, low, t in channel.slices():
            own = next(ranges).at(t.fraction)
            bits, wide = f"[{low + t.width - 1}:{low}]", t.width + 2
            value = f"$signed({name}{bits})" if t.signed else f"$signed({{1'b0, {name}{bits}}})"
            least, greatest = (f"$signed({wide}'d{end % (1 << wide)})" for end in (own.low, own.high))
            inside.append(
                f"  assign own_{name}{bits} = {value} < {least} ? {least} : {value} > {greatest} ? {greatest} : {value};"
            )
    for channel in kernel.process.writes:
        name = kernel.called[channel.name]
        ports.append(f"output logic [{channel.width_bits - 1}:0] {name}")
        called.append(f".{name}({name})")
    if any(p.name == "clk" for p in kernel.ports):
        called.append(".clk(1'b0)")
    if kernel.stands:
        called.append(".go(1'b1)")
    own = f"  {kernel.name} kernel ({', '.join(called)});"
    return "\n".join([f"module within ({', '.join(ports)});", *inside, own, "endmodule\n"])


def _seen(text: str, top: str) -> str:
    """A module around the top in which a value is zero as long as its valid signal is low."""
    ports = {name: (way, size or "") for way, _, size, name in _PORT.findall(text)}
    inside, around, shown = [], [], []
    for name, (way, size) in ports.items():
        valid = next((v for form, to in _VALUES if (m := form.fullmatch(name)) and (v := m.expand(to)) in ports), None)
        around.append(f"{way} logic {size} {name}")
        if way == "output":
            inside.append(f"  wire {size} own_{name};")
            shown.append(f"  assign {name} = {f'own_{valid} ? own_{name} : 0' if valid else f'own_{name}'};")
    own = ", ".join(f".{n}({'own_' if way == 'output' else ''}{n})" for n, (way, _) in ports.items())
    return "\n".join([f"module seen ({', '.join(around)});", *inside, f"  {top} top ({own});", *shown, "endmodule\n"])


def _yosys(place: Path, gold: Sequence[Path], gate: Sequence[Path], top: str, how: str, limit_s: int) -> None:
    with _read(place, "gold", gold, top) as one, _read(place, "gate", gate, top) as other:
        commands = "; ".join([one, other, _BOTH, how])
        child = [sys.executable, "-m", "fpga_ml.toolchain.yosys_child", commands]
        what, do = f"proving '{top}' with Yosys", "see its message"
        run(Command(child, place, {"TMPDIR": str(place)}), what=what, do=do, timeout_s=limit_s)


@contextmanager
def _read(place: Path, name: str, files: Sequence[Path], top: str) -> Iterator[str]:
    """Commands that read a design and keep it by its name."""
    (place / name).mkdir()
    with linked(files, place / name) as links:
        yield _READ.format(files=" ".join(f"{name}/{f}" for f in links.files), top=top, name=name)


def _abc(place: Path, commands: str, limit_s: int) -> str:
    """What ABC says, which comes with Yosys."""
    found = importlib.util.find_spec("pyosys")
    assert found is not None
    assert found.origin is not None
    command = [Path(found.origin).parent / "yosys-abc", "-c", commands]
    return subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=limit_s, check=True).stdout
