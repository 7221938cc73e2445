"""In how many rounds a layer's hardware is used, so that a frame takes no longer than is allowed."""

from __future__ import annotations

from dataclasses import replace
from math import inf, sqrt
from typing import TypeVar

from fpga_ml.layers.elementwise import Products
from fpga_ml.layers.linear import Linear

Shareable = Linear | Products
Shared = TypeVar("Shared", bound=Shareable)


def choose_reuse(
    layer: Shared,
    frame_cycles: int | None,
    tokens: int = 1,
    *,
    idle: int = 0,
    arriving_cycles: float = inf,
    luts: float = 0.0,
    luts_a_cycle: float = 0.0,
) -> Shared:
    """With the most rounds for which `tokens` results take at most `frame_cycles`, `idle` cycles of them without work; at
    least one. None leaves the reuse factor as it is.

    arriving_cycles: from what the first result is made of to what the last one is made of; luts: of the layer if it shared
    nothing; luts_a_cycle: that an answer one cycle sooner may cost. R rounds take about luts / R. A layer that is as fast as
    what arrives gives its last result R cycles after that; a slower one, and one with a single result, later by each round
    of each result. So it has no more rounds than R where a cycle less costs as much as it may.
    """
    if frame_cycles is None:
        return layer
    most = (frame_cycles - idle) // tokens
    if luts_a_cycle:
        in_step = arriving_cycles / (tokens - 1) if tokens > 1 else 1
        most = int(min(most, max(in_step, sqrt(luts / luts_a_cycle / tokens))))
    return replace(layer, reuse=max(1, most))
