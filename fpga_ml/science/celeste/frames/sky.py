"""The sky, estimated from the image by sep: SExtractor's meshes (Bertin & Arnouts 1996, A&AS 117, 393)."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.ndimage import binary_dilation, convolve

from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste.evaluator import Bools, Floats

MESH_PX = 64
_DETECTED = 3.0
"""Standard deviations above the sky at which pixels are a source's, not the sky's."""


def estimate_sky(values: Floats, masked: Bools, mesh: int = MESH_PX) -> tuple[Floats, Floats]:
    """(H, W) sky and (H, W) its standard deviation in a pixel, in the units of values.

    A first sky finds the sources; a second one is without their pixels, and those around them.
    """
    try:
        import sep
    except ImportError:
        raise FpgaMlError("sep is not installed", do="pip install 'fpga_ml[celeste]'") from None
    if masked.all():
        raise FpgaMlError("all pixels are masked: there is no sky to see", do="check --mask, --mask-bits and --saturate")
    safe = np.ascontiguousarray(np.where(masked, np.median(values[~masked]), values))
    first = _background(sep, safe, masked, mesh)
    above = (safe - first.back() > _DETECTED * first.rms()) & ~masked
    sources = binary_dilation(_without_specks(above), iterations=6)
    hidden = masked | sources
    second = _background(sep, safe, hidden if hidden.mean() < 0.8 else masked, mesh)
    return second.back(), second.rms()


def _without_specks(above: Bools) -> Bools:
    """Only pixels that have three neighbours above as well: noise has none."""
    neighbours = convolve(above.astype(np.int64), np.ones((3, 3), dtype=np.int64), mode="constant")
    found: Bools = above & (neighbours >= 4)
    return found


def _background(sep: Any, values: Floats, masked: Bools, mesh: int) -> Any:
    size = min(mesh, *values.shape)
    return sep.Background(values, mask=masked, bw=size, bh=size)
