"""A kernel's module on its own, on values from all over the ranges that it is built for.

A kernel is built for every combination of values that its inputs can have; so it is simulated on them, a new token every
cycle, and compared with the kernel's evaluation in every bit.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fpga_ml.ir.area import area_of
from fpga_ml.ir.network import Map, Network
from fpga_ml.numerics.types import Raw
from fpga_ml.rtl.map import GO, KernelModule
from fpga_ml.simulate.alone import Alone, packed
from fpga_ml.simulate.corners import corner_rows, kind_of, uniform_rows
from fpga_ml.simulate.reach import reaching

_UNIFORM = 64
_REACHING = 256
_LUT_TOKENS = 4_000_000  # of a kernel: a few seconds of Icarus
_LEAST_TOKENS = 16
_MOST_WORK = 2_000_000  # values computed in the search for edges, a kernel


def kernel_bench(module: KernelModule, seed: int) -> Alone:
    """Ends of all inputs' ranges, values all over them, and some that reach the kernel's own edges."""
    process = _alone(module.process)
    network = Network(process.name, tuple(dict.fromkeys(process.reads)), tuple(c.name for c in process.writes), (process,))
    bounds = _bounds(process)
    most = max(_LEAST_TOKENS, _LUT_TOKENS // max(1, area_of(process).luts))
    x = [_first(low, high, np.random.default_rng(seed), min(_UNIFORM, most)) for low, high in bounds]
    found = reaching(network, x, bounds, min(_REACHING, most), seed, _MOST_WORK).vectors
    x = [np.concatenate([a, f]) for a, f in zip(x, found, strict=True)]
    raw = network.evaluate({c.name: a for c, a in zip(network.inputs, x, strict=True)})
    sides = {"given": network.inputs, "wanted": process.writes}
    words = {
        name: (packed(side, [raw[c.name] for c in side]), sum(c.width_bits for c in side)) for name, side in sides.items()
    }
    return Alone(
        f"kernel '{process.name}'", words, _text(module, len(x[0]), *(width for _, width in words.values())), "token"
    )


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
        kind = kind_of(channel.types)
        found[channel.name] = (np.array([i.low for i in own], kind), np.array([i.high for i in own], kind))
    return list(found.values())


def _first(low: Raw, high: Raw, rng: np.random.Generator, uniform: int) -> Raw:
    """(tokens, 1, elements): the corners, and anywhere."""
    return np.concatenate([corner_rows(low, high), uniform_rows(low, high, (uniform,), rng)])[:, None, :]


def _text(module: KernelModule, count: int, given_bits: int, wanted_bits: int) -> str:
    """A module that gives a token every cycle and compares what comes out the latency later; a kernel that can stand still
    does so in every third cycle, in which a wrong token must change nothing and the result stays."""
    process, latency = module.process, module.latency_cycles
    ports = [f".{p.name}({p.name})" for p in module.ports if p.name in ("clk", GO)]
    for side, name in ((dict.fromkeys(process.reads), "x"), (process.writes, "y")):
        low = 0
        for channel in side:
            ports.append(f".{module.called[channel.name]}({name}[{low + channel.width_bits - 1}:{low}])")
            low += channel.width_bits
    behind = max(latency - 1, 0)  # tokens whose results have not come when one more is taken
    at_once, later = ("check(i);", "") if latency == 0 else ("", f"if (i >= {behind}) check(i - {behind});")
    still = "if (i % 3 == 1) stand(i);" if module.stands else ""
    return f"""module tb@(input start, output reg done);
  reg clk, go;
  reg [{given_bits - 1}:0] given [0:{count - 1}];
  reg [{wanted_bits - 1}:0] wanted [0:{count - 1}];
  reg [{given_bits - 1}:0] x;
  reg [{wanted_bits - 1}:0] kept;
  wire [{wanted_bits - 1}:0] y;
  integer i, wrong, first;
  {module.name} dut({", ".join(ports)});
  task check(input integer n);
    if (y !== wanted[n]) begin
      if (wrong == 0) first = n;
      wrong = wrong + 1;
    end
  endtask
  task stand(input integer n);
    begin
      kept = y; go = 0; x = ~x;
      #1 clk = 1;
      #1 clk = 0;
      #1;
      if (y !== kept) begin
        if (wrong == 0) first = n;
        wrong = wrong + 1;
      end
      go = 1; x = ~x;
      #1;
    end
  endtask
  initial begin
    $readmemh("given@.hex", given);
    $readmemh("wanted@.hex", wanted);
    wrong = 0; first = -1; clk = 0; go = 1; done = 0;
    wait (start);
    x = given[0];
    for (i = 0; i < {count + behind}; i = i + 1) begin
      #1;
      {at_once}
      {still}
      clk = 1;
      #1 clk = 0;
      x = given[(i + 1) % {count}];
      #1;
      {later}
    end
    $display("ALONE @ %0d %0d", wrong, first);
    $fflush;
    done = 1;
  end
endmodule
"""
