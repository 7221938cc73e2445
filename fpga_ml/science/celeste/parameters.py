"""A source's parameters as an image sees them: the seven numbers of `pixels`, and their Jacobian, compiled by numba.

Parameters are those of `posterior.NAMES`. A galaxy's ellipse is X = e^(2 size) exp([[s1, s2], [s2, -s1]]) arc seconds^2 of
its log size and stretch: the axis ratio is e^-|s|, the angle of the major axis half of s's, and a round galaxy, s = 0, is no
special place.
"""

from __future__ import annotations

import math

import numpy as np

from fpga_ml.science.celeste.evaluator import Floats
from fpga_ml.science.celeste.pixels import NUMBERS, njit

STAR = 7
"""So many of the parameters are a star's: place (2), log flux, colours (4)."""


def ellipses(shapes: Floats) -> Floats:
    """(..., 2, 2) X, arc seconds^2, of log size and stretch (..., 3)."""
    flat: Floats = _ellipses(np.ascontiguousarray(shapes.reshape(-1, 3)))
    return flat.reshape(*shapes.shape[:-1], 2, 2)


def numbers(vectors: Floats, scale: Floats, origin: Floats, log_gain: float, colours: Floats) -> Floats:
    """(..., 7) of vectors (..., P). scale: (2, 2) pixels an arc second; origin: (2,) pixels; colours: (4,) what the log flux
    of the band has of each."""
    rows = np.ascontiguousarray(vectors.reshape(-1, vectors.shape[-1]))
    flat: Floats = _numbers(rows, np.ascontiguousarray(scale), np.ascontiguousarray(origin), log_gain, colours)
    return flat.reshape(*vectors.shape[:-1], len(NUMBERS))


def jacobian(vector: Floats, scale: Floats, colours: Floats) -> Floats:
    """(7, P) of `numbers`."""
    found: Floats = _jacobian(np.ascontiguousarray(vector), np.ascontiguousarray(scale), colours)
    return found


@njit(cache=True)
def _hyperbolic(length):  # type: ignore[no-untyped-def]
    """cosh s, sinh s / s, and (cosh s - sinh s / s) / s^2."""
    cosh = math.cosh(length)
    if length < 1e-2:
        return cosh, 1 + length**2 / 6 + length**4 / 120, 1 / 3 + length**2 / 30
    sinhc = math.sinh(length) / length
    return cosh, sinhc, (cosh - sinhc) / length**2


@njit(cache=True)
def _ellipse(size, s1, s2):  # type: ignore[no-untyped-def]
    """xx, xy, yy of X."""
    cosh, sinhc, _ = _hyperbolic(math.hypot(s1, s2))
    scale = math.exp(2 * size)
    return scale * (cosh + sinhc * s1), scale * sinhc * s2, scale * (cosh - sinhc * s1)


@njit(cache=True)
def _turned(scale, xx, xy, yy):  # type: ignore[no-untyped-def]
    """xx, xy, yy of scale X scale'."""
    a, b, c, d = scale[0, 0], scale[0, 1], scale[1, 0], scale[1, 1]
    return (
        a * a * xx + 2 * a * b * xy + b * b * yy,
        a * c * xx + (a * d + b * c) * xy + b * d * yy,
        c * c * xx + 2 * c * d * xy + d * d * yy,
    )


@njit(cache=True)
def _ellipses(shapes):  # type: ignore[no-untyped-def]
    out = np.empty((len(shapes), 2, 2))
    for n in range(len(shapes)):
        xx, xy, yy = _ellipse(shapes[n, 0], shapes[n, 1], shapes[n, 2])
        out[n, 0, 0], out[n, 0, 1], out[n, 1, 0], out[n, 1, 1] = xx, xy, xy, yy
    return out


@njit(cache=True)
def _numbers(vectors, scale, origin, log_gain, colours):  # type: ignore[no-untyped-def]
    out = np.zeros((len(vectors), 7))
    galaxy = vectors.shape[1] > STAR
    for n in range(len(vectors)):
        v = vectors[n]
        out[n, 0] = scale[0, 0] * v[0] + scale[0, 1] * v[1] + origin[0]
        out[n, 1] = scale[1, 0] * v[0] + scale[1, 1] * v[1] + origin[1]
        out[n, 2] = log_gain + v[2]
        for c in range(4):
            out[n, 2] += colours[c] * v[3 + c]
        out[n, 3] = 0.5
        if galaxy:
            out[n, 3] = 1 / (1 + math.exp(-v[STAR]))
            out[n, 4], out[n, 5], out[n, 6] = _turned(scale, *_ellipse(v[STAR + 1], v[STAR + 2], v[STAR + 3]))
    return out


@njit(cache=True)
def _jacobian(vector, scale, colours):  # type: ignore[no-untyped-def]
    out = np.zeros((7, len(vector)))
    out[:2, :2] = scale
    out[2, 2] = 1.0
    out[2, 3:STAR] = colours
    if len(vector) > STAR:
        share = 1 / (1 + math.exp(-vector[STAR]))
        out[3, STAR] = share * (1 - share)
        size, s1, s2 = vector[STAR + 1], vector[STAR + 2], vector[STAR + 3]
        _, sinhc, bend = _hyperbolic(math.hypot(s1, s2))
        xx, xy, yy = _ellipse(size, s1, s2)
        grown = math.exp(2 * size)
        out[4:, STAR + 1] = _turned(scale, 2 * xx, 2 * xy, 2 * yy)
        for i in range(2):
            s, first, second = (s1, sinhc, 0.0) if i == 0 else (s2, 0.0, sinhc)
            along = s * (sinhc + bend * s1) + first, s * bend * s2 + second, s * (sinhc - bend * s1) - first
            out[4:, STAR + 2 + i] = _turned(scale, grown * along[0], grown * along[1], grown * along[2])
    return out
