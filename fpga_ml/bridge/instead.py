"""What to use in the place of activations that do not convert but that people often have."""

from __future__ import annotations

from fpga_ml.activations import ACTIVATIONS
from fpga_ml.errors import closest


def for_activation(name: str, allowed: frozenset[str]) -> str:
    """What to do about an activation that does not convert."""
    known = ACTIVATIONS.get(name)
    if known is not None and known.instead:
        return known.instead
    near = closest(name, allowed)
    return f"did you mean '{near}'?" if near else f"use one of {', '.join(sorted(allowed))}"
