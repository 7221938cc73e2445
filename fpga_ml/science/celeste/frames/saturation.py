"""Saturated pixels, and the columns into which their charge bled."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_dilation, label

from fpga_ml.science.celeste.evaluator import Bools, Floats
from fpga_ml.science.celeste.frames.frame import Flag, Flags, mark, no_flags

BLEED_PX = 10
"""Saturated pixels on end in a column that are a bleed."""
_BEYOND = 3
_COLUMN = np.array([[0, 1, 0], [0, 1, 0], [0, 1, 0]], dtype=np.bool_)


def saturation_flags(values: Floats, level: float) -> Flags:
    """(H, W) SATURATED where a value reaches the level, BLEED around what runs along a column; both in one unit."""
    saturated: Bools = values >= level
    flags = no_flags(values.shape)
    mark(flags, saturated, Flag.SATURATED)
    runs, _ = label(saturated, structure=_COLUMN)
    lengths = np.bincount(runs.ravel())
    bleed = saturated & (lengths[runs] >= BLEED_PX)
    around = binary_dilation(binary_dilation(bleed, structure=_COLUMN, iterations=_BEYOND), structure=np.ones((1, 3)))
    mark(flags, around, Flag.BLEED)
    return flags
