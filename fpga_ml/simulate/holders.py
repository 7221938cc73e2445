"""A module that holds a token until it is taken, on its own: line buffers, collections, splits, sums over a frame.

In a network, buffers fill up at the same place of each frame, so that such a module waits at few of its places. On its own
it waits at all of them, and is reset at all of them.
"""

from __future__ import annotations

from importlib.resources import files

import numpy as np

from fpga_ml.ir.network import Channel
from fpga_ml.numerics.types import Raw
from fpga_ml.rtl.holders import HolderModule
from fpga_ml.simulate.alone import Alone, packed
from fpga_ml.simulate.corners import corner_rows, kind_of, uniform_rows

_TOKENS = 3000  # of all frames together, as far as the fewest frames allow
_LEAST_FRAMES, _MOST_FRAMES = 4, 24
_RESETS = 40
_LEAST_TURN = 8  # cycles for which one side acts seldom or always
_MOST_WAITS, _MORE = 40, 1000  # cycles a token, and besides, before a run with pauses is given up


def holder_bench(module: HolderModule, seed: int) -> Alone:
    """Frames at the ends of the input's type and uniform over it, three times: back to back, where the interval of the
    frames is checked; with random pauses on both sides; with resets at random cycles."""
    process = module.process
    read, write = process.reads[0], process.writes[0]
    frames = max(_LEAST_FRAMES, min(_MOST_FRAMES, _TOKENS // max(read.tokens, write.tokens)))
    given = _frames(read, frames, np.random.default_rng(seed))
    wanted = process.evaluate(given)[0]
    words = {"given": (packed([read], [given]), read.width_bits), "wanted": (packed([write], [wanted]), write.width_bits)}
    return Alone(f"'{process.name}'", words, _text(module, frames, seed), "cycle", _RESETS + 2)


def _frames(channel: Channel, frames: int, rng: np.random.Generator) -> Raw:
    """(frames, tokens, elements), raw: the corners first, then uniform."""
    kind = kind_of(channel.types)
    low, high = (np.array([getattr(t, end) for t in channel.types], kind) for end in ("min_raw", "max_raw"))
    corners = np.repeat(corner_rows(low, high)[: frames // 2, None], channel.tokens, axis=1)
    return np.concatenate([corners, uniform_rows(low, high, (frames - len(corners), channel.tokens), rng)])


def _text(module: HolderModule, frames: int, seed: int) -> str:
    """Parameters and the module; the rest of the testbench is in holder.sv."""
    read, write = module.process.reads[0], module.process.writes[0]
    tokens, made = frames * read.tokens, frames * write.tokens
    parameters = {
        **{"READS": read.tokens, "WRITES": write.tokens, "FRAMES": frames, "TOKENS": tokens, "MADE": made},
        **{"INTERVAL": max(read.tokens, write.tokens), "TURN": max(_LEAST_TURN, read.tokens)},
        **{"MOST": _MOST_WAITS * (tokens + made) + _MORE, "RESETS": _RESETS, "SEED": seed},
    }
    constants = "".join(f"  localparam {name} = {value};\n" for name, value in parameters.items())
    return f"""module tb@(input start, output reg done);
{constants}
  reg clk, rst, offers, takes, offered, passes;
  reg [{read.width_bits - 1}:0] given [0:TOKENS-1];
  reg [{write.width_bits - 1}:0] wanted [0:MADE-1];
  wire ready, valid;
  wire [{write.width_bits - 1}:0] held;
  integer seed, cycle, taken, seen, ended, wrong, first, pace, k;
  wire there = offers & (taken < TOKENS);
  {module.name} dut(.clk(clk), .rst(rst), .given(there ? given[taken] : {{{read.width_bits}{{1'bx}}}}), .given_valid(there),
    .given_ready(ready), .held(held), .held_valid(valid), .held_ready(takes & valid));

{files("fpga_ml.simulate").joinpath("holder.sv").read_text()}"""
