"""An affine function before a rounding, in as few bits as give every step of the true one.

A Quant divides by a scale that is a trained number. Hardware multiplies by a number of few bits instead: y = M * s + B for a
whole number s, of which the rounded and clipped y is that of the true factor for every s that there can be. Both are
staircases that rise or fall, so it is enough to look at both sides of each step.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fpga_ml.frontend.onnx.values import Array, Reach

_MOST_BITS = 52  # of a product: exact in float64
_MOST_PLACES = 1 << 22
Rule = Callable[[Array], Array]


def fewest_bits(true: Callable[[Array], Array], scale: Array, shift: Array, at: Array, rule: Rule, reach: Reach) -> tuple[Array, Array] | None:
    """Factors and offsets by channel; None where none is found.

    true: y of stored values (places, channels), as the file says it, scale * s + shift but for its rounding; at: values of y
    where the rule steps; rule: what becomes of y; reach: of s.
    """
    if not reach.known or at.size * scale.size > _MOST_PLACES:
        return None
    one = 2.0**-reach.fraction
    with np.errstate(divide="ignore", invalid="ignore"):
        near = np.floor(np.nan_to_num((at[:, None] - shift) / scale / one))
    places = np.concatenate([near - 1, near, near + 1, near + 2])
    places = np.concatenate([places, np.full((1, scale.size), reach.low / one), np.full((1, scale.size), reach.high / one)])
    s = places.clip(reach.low / one, reach.high / one) * one
    wanted = rule(true(s))
    first = max(0, -int(np.floor(np.log2(np.abs(scale[scale != 0]).min(initial=1.0)))))
    for fraction in range(first, first + _MOST_BITS):
        step = 2.0**-fraction
        factor = np.rint(scale / step) * step
        for nudge in (0.0, step / 2, -step / 2):
            offset = np.rint(shift / step * 2) / 2 * step + nudge
            if _width(factor, offset, fraction + 1, reach) > _MOST_BITS:
                return None
            if (rule(factor * s + offset) == wanted).all():
                return factor, offset
    return None


def _width(factor: Array, offset: Array, fraction: int, reach: Reach) -> int:
    largest = np.abs(factor).max() * max(abs(reach.low), abs(reach.high)) + np.abs(offset).max()
    return int(np.frexp(largest)[1]) + 1 + fraction + reach.fraction
