"""In how many rounds a layer's hardware is used, so that a frame takes no longer than is allowed."""

from __future__ import annotations

from dataclasses import replace

from fpga_ml.layers.linear import Linear


def choose_reuse(layer: Linear, frame_cycles: int | None, tokens: int = 1, *, idle: int = 0) -> Linear:
    """With the most rounds for which `tokens` results take at most `frame_cycles`, `idle` cycles of them without work; at
    least one. None leaves the reuse factor as it is."""
    return layer if frame_cycles is None else replace(layer, reuse=max(1, (frame_cycles - idle) // tokens))
