"""A module that holds a token until it is taken, on its own: line buffers, collections, splits, sums over a frame.

In a network, buffers fill up at the same place of each frame, so that such a module waits at few of its places. On its own
it waits at all of them, and is reset at all of them.
"""

from __future__ import annotations

import numpy as np

from fpga_ml.ir.network import Channel
from fpga_ml.numerics.types import Raw
from fpga_ml.rtl.holders import HolderModule
from fpga_ml.simulate.alone import Alone, packed
from fpga_ml.simulate.corners import corner_rows, kind_of, uniform_rows

_TOKENS = 3000  # of all frames together, as far as the fewest frames allow
_LEAST_FRAMES, _MOST_FRAMES = 4, 24
_RESETS = 40


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
    read, write = module.process.reads[0], module.process.writes[0]
    tokens, made = frames * read.tokens, frames * write.tokens
    return f"""module tb@(input start, output reg done);
  reg clk, rst, offers, takes, offered, passes;
  reg [{read.width_bits - 1}:0] given [0:{tokens - 1}];
  reg [{write.width_bits - 1}:0] wanted [0:{made - 1}];
  wire ready, valid;
  wire [{write.width_bits - 1}:0] held;
  integer seed, cycle, taken, seen, ended, wrong, first, pace, k;
  wire there = offers & (taken < {tokens});
  {module.name} dut(.clk(clk), .rst(rst), .given(there ? given[taken] : {{{read.width_bits}{{1'bx}}}}), .given_valid(there),
    .given_ready(ready), .held(held), .held_valid(valid), .held_ready(takes & valid));

  task fault;
    begin
      if (wrong == 0) first = cycle;
      wrong = wrong + 1;
    end
  endtask

  // One cycle. A token that is offered stays until it is taken.
  task step(input reset, input offer, input take, input steady);
    begin
      rst = reset; offers = offer | (offered & ~reset); takes = take;
      #1;
      offered = there & ~reset;
      if (!reset) begin
        if ((valid !== 0 && valid !== 1) || (ready !== 0 && ready !== 1)) fault;
        else if (valid) begin
          if (seen >= {made}) fault;
          else if (held !== wanted[seen]) fault;
          if (take) begin
            seen = seen + 1;
            if (seen % {write.tokens} == 0) begin
              if (steady && seen > {write.tokens} && seen < {made} && cycle - ended != {max(read.tokens, write.tokens)}) fault;
              ended = cycle;
            end
          end
        end
      end
      passes = offered && ready === 1;
      clk = 1;
      #1 clk = 0;
      if (passes) begin
        taken = taken + 1;
        offered = 0;
      end
      cycle = cycle + 1;
    end
  endtask

  // From the beginning of a frame.
  task from_frame(input integer frame);
    begin
      offered = 0;
      step(1, 1, 1, 0);
      taken = frame * {read.tokens};
      seen = frame * {write.tokens};
    end
  endtask

  // A cycle in which each side acts at random, one of them seldom or always for some time.
  task pausing;
    begin
      if (cycle % {max(8, read.tokens)} == 0) pace = $random(seed);
      case (pace & 3)
        0: step(0, 1, ($random(seed) & 7) == 0, 0);
        1: step(0, ($random(seed) & 7) == 0, 1, 0);
        default: step(0, $random(seed), $random(seed), 0);
      endcase
    end
  endtask

  // Until all is seen, and no more comes.
  task ends(input steady);
    begin
      for (k = 0; seen < {made} && k < {40 * (tokens + made) + 1000}; k = k + 1)
        if (steady) step(0, 1, 1, 1); else pausing;
      if (seen < {made}) fault;
      for (k = 0; k < 16; k = k + 1) step(0, 0, 1, 0);
    end
  endtask

  task step_done;
    begin
      $display("STEP");
      $fflush;
    end
  endtask

  integer r, n;
  initial begin
    $readmemh("given@.hex", given);
    $readmemh("wanted@.hex", wanted);
    seed = {seed}; cycle = 0; wrong = 0; first = -1; pace = 2; clk = 0; offered = 0; taken = 0; seen = 0; done = 0;
    wait (start);
    from_frame(0);
    ends(1);
    step_done;
    from_frame(0);
    ends(0);
    step_done;
    for (r = 0; r < {_RESETS} && wrong == 0; r = r + 1) begin
      from_frame(r % {frames - 1});
      n = {read.tokens + write.tokens} * r / {_RESETS} + ($random(seed) & 7);
      while (n > 0 && seen < {made}) begin
        n = n - 1;
        if (r & 1) step(0, 1, 1, 0); else pausing;
      end
      step_done;
    end
    from_frame(0);
    ends(0);
    $display("ALONE @ %0d %0d", wrong, first);
    $fflush;
    done = 1;
  end
endmodule
"""
