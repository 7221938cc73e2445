"""Each kernel's module on its own: what no vector at the network's inputs drives to an edge is driven there at the kernel's.

A kernel is built for every combination of values that its inputs can have; so it is simulated on them, a new token every cycle, and
compared with the kernel's evaluation in every bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fpga_ml.errors import FpgaMlError
from fpga_ml.ir.network import Channel, Map, Network
from fpga_ml.numerics.types import Raw
from fpga_ml.rtl.map import KernelModule
from fpga_ml.schedule.area import area_of
from fpga_ml.simulate.corners import corner_rows
from fpga_ml.simulate.reach import reaching
from fpga_ml.toolchain import icarus
from fpga_ml.toolchain.links import plain_folder

_UNIFORM = 64
_REACHING = 256
_LUT_TOKENS = 4_000_000  # of a kernel: a few seconds of Icarus
_LEAST_TOKENS = 16
_WHAT = "RTL simulation of the kernels"
_MOST_WORK = 2_000_000  # values computed in the search for edges, a kernel


@dataclass(frozen=True)
class _Tokens:
    """Of one kernel: packed inputs and outputs, one integer a token, and their widths."""

    module: KernelModule
    given: list[int]
    wanted: list[int]
    widths: tuple[int, int]


def kernel_faults(modules: Sequence[KernelModule], files: Sequence[Path], seed: int) -> list[str]:
    """What differs, one line a kernel; none for modules that are right. files: the Verilog that they are in."""
    tokens = [_tokens(m, seed) for m in modules]
    if not tokens:
        return []
    with plain_folder() as folder:
        for k, t in enumerate(tokens):
            for name, words, width in zip(("given", "wanted"), (t.given, t.wanted), t.widths, strict=True):
                (folder / f"{name}{k}.hex").write_text("".join(f"{w:0{-(-width // 4)}x}\n" for w in words))
        (folder / "tb.sv").write_text("".join(_testbench(k, t) for k, t in enumerate(tokens)) + _all(len(tokens)))
        tool = icarus.find()
        icarus.build(tool, [folder / "tb.sv", *files], "tb", folder)
        said = icarus.run_alone(tool, folder, _WHAT)
    found = [line.split() for line in said.splitlines() if line.startswith("KERNEL ")]
    if {int(words[1]) for words in found} != set(range(len(tokens))):
        raise FpgaMlError(f"{_WHAT} ended after {len(found)} of {len(tokens)}", do="see the simulator's message")
    return [
        f"kernel '{tokens[int(k)].module.process.name}' differs in {wrong} of {len(tokens[int(k)].given)} tokens, first in number {first}"
        for _, k, wrong, first in found
        if wrong != "0"
    ]


def _tokens(module: KernelModule, seed: int) -> _Tokens:
    """Ends of all inputs' ranges, values all over them, and some that reach the kernel's own edges."""
    process = _alone(module.process)
    network = Network(process.name, tuple(dict.fromkeys(process.reads)), tuple(c.name for c in process.writes), (process,))
    bounds = _bounds(process)
    most = max(_LEAST_TOKENS, _LUT_TOKENS // max(1, area_of(process).luts))
    x = [_first(low, high, np.random.default_rng(seed), min(_UNIFORM, most)) for low, high in bounds]
    found = reaching(network, x, bounds, min(_REACHING, most), seed, _MOST_WORK).vectors
    x = [np.concatenate([a, f]) for a, f in zip(x, found, strict=True)]
    raw = network.evaluate({c.name: a for c, a in zip(network.inputs, x, strict=True)})
    widths = tuple(sum(c.width_bits for c in side) for side in (network.inputs, process.writes))
    packed = [_packed(side, [raw[c.name] for c in side]) for side in (network.inputs, process.writes)]
    return _Tokens(module, packed[0], packed[1], (widths[0], widths[1]))


def _alone(process: Map) -> Map:
    """Its channels with one token a frame."""
    reads, writes = (tuple(replace(c, tokens=1) for c in side) for side in (process.reads, process.writes))
    return replace(process, reads=reads, writes=writes)


def _bounds(process: Map) -> list[tuple[Raw, Raw]]:
    """Least and greatest raw value of each element of each channel, by the kernel's own inputs."""
    wires = iter(process.kernel.values[k].wire for k in process.kernel.inputs)
    found: dict[str, tuple[Raw, Raw]] = {}
    for channel in process.reads:
        own = [next(wires).at(t.fraction) for t in channel.types]
        kind = channel.types[0].kind if all(t.kind is np.int64 for t in channel.types) else object
        found[channel.name] = (np.array([i.low for i in own], kind), np.array([i.high for i in own], kind))
    return list(found.values())


def _first(low: Raw, high: Raw, rng: np.random.Generator, uniform: int) -> Raw:
    """(tokens, 1, elements): the corners, and anywhere."""
    shares = rng.integers(0, 1 << 30, (uniform, len(low)), endpoint=True).astype(object)
    anywhere = low.astype(object) + ((high.astype(object) - low.astype(object)) * shares >> 30)
    return np.concatenate([corner_rows(low, high), anywhere.astype(low.dtype)])[:, None, :]


def _packed(channels: Sequence[Channel], raw: Sequence[Raw]) -> list[int]:
    """One integer a token: the channels' elements, the first in the least significant bits."""
    words = [0] * len(raw[0])
    shift = 0
    for channel, values in zip(channels, raw, strict=True):
        for place, low, t in channel.slices():
            mask = (1 << t.width) - 1
            for n, value in enumerate(values[:, 0, place]):
                words[n] |= (int(value) & mask) << shift + low
        shift += channel.width_bits
    return words


def _testbench(k: int, t: _Tokens) -> str:
    """A module that gives a token every cycle and compares what comes out the latency later."""
    process, latency, count = t.module.process, t.module.latency_cycles, len(t.given)
    ports = [".clk(clk)"] if any(p.name == "clk" for p in t.module.ports) else []
    for side, name in ((dict.fromkeys(process.reads), "x"), (process.writes, "y")):
        low = 0
        for channel in side:
            ports.append(f".{t.module.called[channel.name]}({name}[{low + channel.width_bits - 1}:{low}])")
            low += channel.width_bits
    behind = max(latency - 1, 0)  # tokens whose results have not come when one more is taken
    at_once, later = ("check(i);", "") if latency == 0 else ("", f"if (i >= {behind}) check(i - {behind});")
    return f"""module tb{k}(input start, output reg done);
  reg clk;
  reg [{t.widths[0] - 1}:0] given [0:{count - 1}];
  reg [{t.widths[1] - 1}:0] wanted [0:{count - 1}];
  reg [{t.widths[0] - 1}:0] x;
  wire [{t.widths[1] - 1}:0] y;
  integer i, wrong, first;
  {t.module.name} dut({", ".join(ports)});
  task check(input integer n);
    if (y !== wanted[n]) begin
      if (wrong == 0) first = n;
      wrong = wrong + 1;
    end
  endtask
  initial begin
    $readmemh("given{k}.hex", given);
    $readmemh("wanted{k}.hex", wanted);
    wrong = 0; first = -1; clk = 0; done = 0;
    wait (start);
    x = given[0];
    for (i = 0; i < {count + behind}; i = i + 1) begin
      #1;
      {at_once}
      clk = 1;
      #1 clk = 0;
      x = given[(i + 1) % {count}];
      #1;
      {later}
    end
    $display("KERNEL {k} %0d %0d", wrong, first);
    done = 1;
  end
endmodule
"""


def _all(count: int) -> str:
    """One after the other."""
    dones = [f"  wire d{k};\n  tb{k} t{k}(.start({f'd{k - 1}' if k else 'go'}), .done(d{k}));\n" for k in range(count)]
    return f"module tb;\n  reg go;\n  initial begin go = 0; #1; go = 1; end\n{''.join(dones)}endmodule\n"
