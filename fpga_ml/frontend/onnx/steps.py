"""An affine function before a rounding, in as few bits as give every step of the true one.

A Quant divides by a scale that is a trained number. Hardware multiplies by a number of few bits instead: y = M * s + B for a
whole number s, of which the rounded and clipped y is that of the true factor for every s that there can be. Both are
staircases that rise or fall, so it is enough to look at both sides of each step.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fpga_ml.frontend.onnx.meaning.settings import Array
from fpga_ml.frontend.onnx.values import Reach

_MOST_BITS = 52  # of a product: exact in float64
_MOST_PLACES = 1 << 23
_PORTS = range(-4, 29)  # fraction bits that an input may come to have
Rule = Callable[[Array], Array]


def fewest_bits(
    true: Callable[[Array], Array], scale: Array, shift: Array, at: Array, rule: Rule, reach: Reach
) -> tuple[Array, Array] | None:
    """Factors and offsets by channel; None where none is found.

    true: y of stored values (places, channels), as the file says it, scale * s + shift but for its rounding; at: values of y
    where the rule steps; rule: what becomes of y; reach: of s; of one that is not known, its width.
    """
    grids = [reach] if reach.known else [_finer(reach, f) for f in _PORTS]
    few = reach.support
    if (at.size * len(grids) if few is None else few.size) * scale.size > _MOST_PLACES:
        return None
    if few is not None:
        s = np.broadcast_to(few[:, None], (few.size, scale.size))
    else:
        s = np.concatenate([_beside(at, scale, shift, grid) for grid in grids])
    wanted = rule(true(s))
    first = max(0, -int(np.floor(np.log2(np.abs(scale[scale != 0]).min(initial=1.0)))))
    for fraction in range(first, first + _MOST_BITS):
        step = 2.0**-fraction
        factor, near = np.rint(scale / step) * step, np.rint(shift / step) * step
        if _width(factor, near, fraction + 1, reach) > _MOST_BITS:
            return None
        for nudge in (0.0, step / 2, -step / 2):
            if (rule(factor * s + (near + nudge)) == wanted).all():
                return factor, near + nudge
    return None


def _finer(reach: Reach, fraction: int) -> Reach:
    lsb = 2.0**-fraction
    return Reach(reach.low * lsb, reach.high * lsb, fraction)


def _beside(at: Array, scale: Array, shift: Array, reach: Reach) -> Array:
    """Values that there can be on both sides of each step, by channel, and the ends."""
    one = 2.0**-reach.fraction
    with np.errstate(divide="ignore", invalid="ignore"):
        near = np.floor(np.nan_to_num((at[:, None] - shift) / scale / one))
    ends = [np.full((1, scale.size), end / one) for end in (reach.low, reach.high)]
    places = np.concatenate([near - 1, near, near + 1, near + 2, *ends])
    return places.clip(reach.low / one, reach.high / one) * one


def _width(factor: Array, offset: Array, fraction: int, reach: Reach) -> int:
    largest = np.abs(factor).max() * max(abs(reach.low), abs(reach.high)) + np.abs(offset).max()
    return int(np.frexp(largest)[1]) + 1 + fraction + reach.fraction
