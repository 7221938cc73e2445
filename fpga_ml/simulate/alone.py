"""Modules of the RTL on their own, in one run of Icarus: what no vector at the network's inputs shows is shown there.

Behind other layers a kernel sees some of the values that it is built for, and a line buffer waits at some of its places. On
its own, each gets all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fpga_ml import progress
from fpga_ml.errors import FpgaMlError
from fpga_ml.ir.network import Channel
from fpga_ml.numerics.types import Raw
from fpga_ml.toolchain import icarus
from fpga_ml.toolchain.links import plain_folder

_WHAT, _UNIT = "RTL simulation of single modules", "tests of single modules"


@dataclass(frozen=True)
class Alone:
    """A testbench of one module. what: its name in messages; words: {memory: its words and their width}; text: of a module
    `tb@` with ports `start` and `done`, @ being its number, which prints ALONE, the number, how often the module was wrong,
    and where first; where: what that counts; steps: how often it prints STEP, for whoever watches."""

    what: str
    words: Mapping[str, tuple[Sequence[int], int]]
    text: str
    where: str
    steps: int = 0

    def write(self, number: int, folder: Path) -> None:
        for name, (words, width) in self.words.items():
            lines = "".join(f"{word:0{-(-width // 4)}x}\n" for word in words)
            (folder / f"{name}{number}.hex").write_text(lines)

    def fault(self, times: str, first: str) -> str:
        return f"{self.what} on its own is wrong {times} times, first in {self.where} {first}"


def module_faults(benches: Sequence[Alone], files: Sequence[Path]) -> list[str]:
    """What is wrong, one line a module; none for modules that are right. files: the Verilog that they are in."""
    if not benches:
        return []
    with plain_folder() as folder:
        for number, bench in enumerate(benches):
            bench.write(number, folder)
        texts = [bench.text.replace("@", str(number)) for number, bench in enumerate(benches)]
        (folder / "tb.sv").write_text("".join(texts) + _in_turn(len(benches)))
        tool = icarus.find()
        icarus.build(tool, [folder / "tb.sv", *files], "tb", folder)
        progress.expect(sum(1 + bench.steps for bench in benches), _UNIT)
        said = icarus.run_alone(tool, folder, _WHAT, on_line=_counted)
    found = [line.split() for line in said.splitlines() if line.startswith("ALONE ")]
    if {int(words[1]) for words in found} != set(range(len(benches))):
        raise FpgaMlError(f"{_WHAT} ended after {len(found)} of {len(benches)}", do="see the simulator's message")
    return [benches[int(number)].fault(times, first) for _, number, times, first in found if times != "0"]


def _counted(line: str) -> None:
    if line.startswith(("ALONE ", "STEP")):
        progress.done(1, _UNIT)


def _in_turn(count: int) -> str:
    """One after the other."""
    dones = [f"  wire d{k};\n  tb{k} t{k}(.start({f'd{k - 1}' if k else 'go'}), .done(d{k}));\n" for k in range(count)]
    return f"module tb;\n  reg go;\n  initial begin go = 0; #1; go = 1; end\n{''.join(dones)}endmodule\n"


def packed(channels: Sequence[Channel], raw: Sequence[Raw]) -> list[int]:
    """One integer a token of raw values (frames, tokens, elements): the channels' elements, the first in the least
    significant bits."""
    flat = [values.reshape(-1, values.shape[-1]) for values in raw]
    words = [0] * len(flat[0])
    shift = 0
    for channel, values in zip(channels, flat, strict=True):
        for place, low, t in channel.slices():
            mask = (1 << t.width) - 1
            for n, value in enumerate(values[:, place].tolist()):
                words[n] |= (value & mask) << shift + low
        shift += channel.width_bits
    return words
