"""One source in the pixels of one image: its light, and likelihood with gradient and information, compiled by numba.

The light of a source of unit flux, in the notation of sources.py, with theta_0 = theta and theta_1 = 1 - theta:

    f(m) = sum_k sum_i theta_i sum_j alpha_k eta_ij N(m; u + xi_k, tau_k + nu_ij X)

A star is the case of one term with nu = 0. The gradient is after seven numbers, u (2), log of the electrons, theta, and X's
xx, xy, yy; whoever has other parameters multiplies by their Jacobian. Along a row exp(-d'Pd/2) follows by two products a
pixel, from an exponential every few pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste.evaluator import Floats
from fpga_ml.science.celeste.profiles import PROFILES, Profiles, Psf

try:
    from numba import njit as njit
except ImportError:
    raise FpgaMlError("numba is not installed", do="pip install 'fpga_ml[celeste]'") from None

NUMBERS = ("x", "y", "log_electrons", "de_vaucouleurs", "xx", "xy", "yy")
_BLOCK = 16
_LEAST = 1e-6
"""Electrons: a term's light in a pixel that has less is left out."""


@dataclass(frozen=True)
class Terms:
    """What the PSF makes of a kind of source: all pairs of a PSF's term and a profile's.

    table: (K, 8): weight, whether it is exponential (0 or 1), mean of the PSF's term (2), its covariance xx, xy, yy, and nu.
    """

    table: Floats

    @classmethod
    def star(cls, psf: Psf) -> Terms:
        return cls(_pairs(psf, np.array([[1.0, 0.0, 0.0]])))

    @classmethod
    def galaxy(cls, psf: Psf, profiles: Profiles = PROFILES) -> Terms:
        parts = [
            np.stack([profile.weights, np.full(len(profile.weights), float(which)), profile.variances], axis=1)
            for which, profile in enumerate((profiles.de_vaucouleurs, profiles.exponential))
        ]
        return cls(_pairs(psf, np.concatenate(parts)))


def _pairs(psf: Psf, profile: Floats) -> Floats:
    """profile: (J, 3) weight, which, nu."""
    j, k = len(profile), len(psf.weights)
    width = np.stack([psf.covariances[:, 0, 0], psf.covariances[:, 0, 1], psf.covariances[:, 1, 1]], axis=1)
    table = np.empty((k, j, 8))
    table[..., 0] = np.outer(psf.weights, profile[:, 0])
    table[..., 1], table[..., 7] = profile[:, 1], profile[:, 2]
    table[..., 2:4], table[..., 4:7] = psf.means[:, None], width[:, None]
    return table.reshape(k * j, 8)


@dataclass(frozen=True)
class Pixels:
    """The pixels of one image around a source.

    counts: (H, W) electrons, with noise; background: (H, W) expected electrons of all else; used: (H, W) bool. Pixel (row,
    column) has the offsets x = column - W // 2, y = row - H // 2 from the patch's centre.
    """

    counts: Floats
    background: Floats
    used: np.ndarray

    @cached_property
    def saturated(self) -> float:
        """sum x log x - x of the pixels with light: the value of a model that predicts every count."""
        x = self.counts[self.used & (self.counts > 0)]
        return float((x * np.log(x) - x).sum())


NO_PIXELS = Pixels(np.zeros((1, 1)), np.ones((1, 1)), np.ones((1, 1), bool))
"""Of a source whose light alone is asked for."""


def light(terms: Terms, numbers: Floats, shape: tuple[int, int]) -> Floats:
    """(H, W) expected electrons. numbers: (7,) as NUMBERS says."""
    out = np.zeros(shape)
    _light(_prepared(terms.table, numbers), out)
    return out


def values(terms: Terms, numbers: Floats, pixels: Pixels) -> Floats:
    """(N,) log-likelihoods of numbers (N, 7), less that of a model that predicts every count: sum x log(E / x) - E + x."""
    found: Floats = _values(terms.table, numbers, pixels.counts, pixels.background, pixels.used) - pixels.saturated
    return found


def slopes(terms: Terms, numbers: Floats, pixels: Pixels) -> tuple[float, Floats, Floats]:
    """Value, gradient (7,) and expected information (7, 7)."""
    gradient, information = np.zeros(7), np.zeros((7, 7))
    prepared = _prepared(terms.table, numbers)
    found = _slopes(prepared, numbers, pixels.counts, pixels.background, pixels.used, gradient, information)
    return float(found) - pixels.saturated, gradient, information


def coefficients(terms: Terms, numbers: Floats) -> Floats:
    """(K, 6) what the kernel is given for a source: base-2 logarithms of electrons as polynomials."""
    found: Floats = _coefficients(_prepared(terms.table, numbers))
    return found


def gradient(terms: Terms, numbers: Floats, moments: Floats) -> Floats:
    """(7,) of the log-likelihood, from the kernel's moments (K, 6)."""
    found: Floats = _gradient(_prepared(terms.table, numbers), numbers, moments)
    return found


@njit(cache=True)
def _coefficients(terms):  # type: ignore[no-untyped-def]
    out = np.empty((terms.shape[1], 6))
    half = 0.5 / math.log(2.0)
    for k in range(terms.shape[1]):
        x, y = terms[1, k], terms[2, k]
        pxx, pxy, pyy = terms[3, k], terms[4, k], terms[5, k]
        pull_x, pull_y = pxx * x + pxy * y, pxy * x + pyy * y
        out[k, 0] = math.log(terms[0, k]) / math.log(2.0) - half * (x * pull_x + y * pull_y)
        out[k, 1], out[k, 2] = 2 * half * pull_x, 2 * half * pull_y
        out[k, 3], out[k, 4], out[k, 5] = -half * pxx, -2 * half * pxy, -half * pyy
    return out


@njit(cache=True)
def _gradient(terms, numbers, moments):  # type: ignore[no-untyped-def]
    """With moments of t G about a term's mean: after the mean P d, after its covariance (P d d' P - P) / 2."""
    out = np.zeros(7)
    theta, galaxy = numbers[3], terms[6].max() > 0.0
    for k in range(terms.shape[1]):
        x, y = terms[1, k], terms[2, k]
        pxx, pxy, pyy, nu = terms[3, k], terms[4, k], terms[5, k], terms[6, k]
        one = moments[k, 0]
        dx, dy = moments[k, 1] - x * one, moments[k, 2] - y * one
        xx = moments[k, 3] - 2 * x * moments[k, 1] + x * x * one
        xy = moments[k, 4] - x * moments[k, 2] - y * moments[k, 1] + x * y * one
        yy = moments[k, 5] - 2 * y * moments[k, 2] + y * y * one
        out[0] += pxx * dx + pxy * dy
        out[1] += pxy * dx + pyy * dy
        out[2] += one
        if galaxy:
            out[3] += one / theta if terms[7, k] < 0.5 else -one / (1.0 - theta)
            out[4] += 0.5 * nu * (pxx * pxx * xx + 2 * pxx * pxy * xy + pxy * pxy * yy - pxx * one)
            out[5] += nu * (pxx * pxy * xx + (pxx * pyy + pxy * pxy) * xy + pxy * pyy * yy - pxy * one)
            out[6] += 0.5 * nu * (pxy * pxy * xx + 2 * pxy * pyy * xy + pyy * pyy * yy - pyy * one)
    return out


@njit(cache=True)
def _prepared(table, numbers):  # type: ignore[no-untyped-def]
    """(10, K) of each term: electrons at its peak, mean x and y, P's xx, xy, yy, nu, whether it is exponential, half the
    squared distance within which it has more than _LEAST electrons, and e^-P_xx. A star's theta is not asked for."""
    count = table.shape[0]
    out = np.empty((10, count))
    electrons, theta = math.exp(numbers[2]), numbers[3]
    round_ = numbers[4] == 0.0 and numbers[6] == 0.0
    for k in range(count):
        nu = table[k, 7]
        xx, xy, yy = table[k, 4] + nu * numbers[4], table[k, 5] + nu * numbers[5], table[k, 6] + nu * numbers[6]
        det = xx * yy - xy * xy
        share = 1.0 if round_ else (1.0 - theta if table[k, 1] > 0.5 else theta)
        out[0, k] = electrons * share * table[k, 0] / (2 * math.pi * math.sqrt(det))
        out[1, k], out[2, k] = numbers[0] + table[k, 2], numbers[1] + table[k, 3]
        out[3, k], out[4, k], out[5, k] = yy / det, -xy / det, xx / det
        out[6, k], out[7, k], out[8, k] = nu, table[k, 1], math.log(out[0, k] / _LEAST)
        out[9, k] = math.exp(-out[3, k])
    return out


@njit(cache=True, fastmath=True)
def _row_light(terms, y, x0, wide, out):  # type: ignore[no-untyped-def]
    """Adds the light of a row's pixels x0 ... to out."""
    for k in range(terms.shape[1]):
        dy = y - terms[2, k]
        pxx, pxy, pyy = terms[3, k], terms[4, k], terms[5, k]
        conditional = 0.5 * (pyy - pxy * pxy / pxx) * dy * dy  # least half distance within the row
        if conditional >= terms[8, k]:
            continue
        middle = terms[1, k] - pxy * dy / pxx
        reach = math.sqrt(2.0 * (terms[8, k] - conditional) / pxx)
        first = max(0, math.floor(middle - reach - x0))
        last = min(wide, math.ceil(middle + reach - x0) + 1)
        curve = terms[9, k]
        for start in range(first, last, _BLOCK):
            dx = x0 + start - terms[1, k]
            g = terms[0, k] * math.exp(-0.5 * (pxx * dx * dx + 2 * pxy * dx * dy + pyy * dy * dy))
            ratio = math.exp(-(pxx * (dx + 0.5) + pxy * dy))
            for c in range(start, min(start + _BLOCK, last)):
                out[c] += g
                g *= ratio
                ratio *= curve


@njit(cache=True)
def _light(terms, out):  # type: ignore[no-untyped-def]
    high, wide = out.shape
    for r in range(high):
        _row_light(terms, float(r - high // 2), -float(wide // 2), wide, out[r])


@njit(cache=True)
def _values(table, numbers, counts, background, used):  # type: ignore[no-untyped-def]
    high, wide = counts.shape
    row, found = np.empty(wide), np.zeros(len(numbers))
    for n in range(len(numbers)):
        terms = _prepared(table, numbers[n])
        for r in range(high):
            row[:] = background[r]
            _row_light(terms, float(r - high // 2), -float(wide // 2), wide, row)
            for c in range(wide):
                if used[r, c]:
                    found[n] += counts[r, c] * math.log(row[c]) - row[c]
    return found


@njit(cache=True, fastmath=True)
def _slopes(terms, numbers, counts, background, used, gradient, information):  # type: ignore[no-untyped-def]
    """Terms of a row are summed pixel by pixel into seven rows: light as de Vaucouleurs and as exponential, after the mean
    (2), after the covariance (3)."""
    high, wide = counts.shape
    rows = np.empty((7, wide))
    theta = numbers[3]
    galaxy = terms.shape[1] > 0 and terms[6].max() > 0.0
    total = 0.0
    d = np.empty(7)
    for r in range(high):
        y = float(r - high // 2)
        rows[:] = 0.0
        for k in range(terms.shape[1]):
            dy = y - terms[2, k]
            pxx, pxy, pyy, nu = terms[3, k], terms[4, k], terms[5, k], terms[6, k]
            conditional = 0.5 * (pyy - pxy * pxy / pxx) * dy * dy
            if conditional >= terms[8, k]:
                continue
            middle = terms[1, k] - pxy * dy / pxx
            reach = math.sqrt(2.0 * (terms[8, k] - conditional) / pxx)
            first = max(0, math.floor(middle - reach + wide // 2))
            last = min(wide, math.ceil(middle + reach + wide // 2) + 1)
            curve = terms[9, k]
            which = 1 if terms[7, k] > 0.5 else 0
            for start in range(first, last, _BLOCK):
                dx = start - wide // 2 - terms[1, k]
                g = terms[0, k] * math.exp(-0.5 * (pxx * dx * dx + 2 * pxy * dx * dy + pyy * dy * dy))
                ratio = math.exp(-(pxx * (dx + 0.5) + pxy * dy))
                for c in range(start, min(start + _BLOCK, last)):
                    wx, wy = pxx * dx + pxy * dy, pxy * dx + pyy * dy
                    rows[which, c] += g
                    rows[2, c] += g * wx
                    rows[3, c] += g * wy
                    if galaxy:
                        n = nu * g
                        rows[4, c] += 0.5 * n * (wx * wx - pxx)
                        rows[5, c] += n * (wx * wy - pxy)
                        rows[6, c] += 0.5 * n * (wy * wy - pyy)
                    g *= ratio
                    ratio *= curve
                    dx += 1.0
        for c in range(wide):
            if not used[r, c]:
                continue
            rate = background[r, c] + rows[0, c] + rows[1, c]
            x = counts[r, c]
            total += x * math.log(rate) - rate
            t = x / rate - 1.0
            d[0], d[1], d[2] = rows[2, c], rows[3, c], rows[0, c] + rows[1, c]
            size = 3
            if galaxy:
                d[3] = rows[0, c] / theta - rows[1, c] / (1.0 - theta)
                d[4], d[5], d[6] = rows[4, c], rows[5, c], rows[6, c]
                size = 7
            inverse = 1.0 / rate
            for p in range(size):
                gradient[p] += t * d[p]
                for q in range(p + 1):
                    information[p, q] += d[p] * d[q] * inverse
    for p in range(7):
        for q in range(p):
            information[q, p] = information[p, q]
    return total
