"""Raw values at the ends of what some elements may be."""

from __future__ import annotations

import numpy as np

from fpga_ml.numerics.types import Raw


def corner_rows(low: Raw, high: Raw) -> Raw:
    """(7, elements): all lowest, all highest, zero and the smallest steps around it, as far as they are within, and the ends
    in turn.

    low, high: least and greatest raw value of each element.
    """
    turn = np.arange(len(low)) % 2 == 0
    near = [np.clip(np.full_like(low, v), low, high) for v in (0, 1, -1)]
    return np.array([low, high, *near, np.where(turn, low, high), np.where(turn, high, low)], low.dtype)
