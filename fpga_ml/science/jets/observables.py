"""Substructure of one jet as numbers: girth, N-subjettiness, energy correlations.

Energy correlation functions after Larkoski, Salam, Thaler, arXiv:1305.0007, and their ratios C2, D2 (arXiv:1409.6298),
M2, N2 (arXiv:1609.07483), from pT fractions z and distances in (eta, phi).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fpga_ml.science.jets.constituents import Array, Constituents, wrap

FIVE_CLASS_FEATURES = (
    "zlogz",
    "c1_b0",
    "c1_b1",
    "c1_b2",
    "c2_b1",
    "c2_b2",
    "d2_b1",
    "d2_b2",
    "d2_a1_b1",
    "d2_a1_b2",
    "m2_b1",
    "m2_b2",
    "n2_b1",
    "n2_b2",
    "mass_mmdt",
    "multiplicity",
)
_TINY = 1e-12


def distances(jet: Constituents) -> Array:
    """(n, n) distances in (eta, phi)."""
    out: Array = np.hypot(jet.eta[:, None] - jet.eta, wrap(jet.phi[:, None] - jet.phi))
    return out


@dataclass(frozen=True)
class Correlations:
    """Energy correlations at one beta: e2, e3, and 1e3, 2e3 with the smallest one and two of the three angles."""

    e2: float
    e3: float
    v1: float
    v2: float


def correlations(z: Array, theta: Array, beta: float) -> Correlations:
    """Of pT fractions z (n,) and distances theta (n, n); sums run over pairs and triples without repetition."""
    power = theta**beta
    e2 = float(z @ power @ z) / 2
    weighted = z[:, None] * power
    e3 = float(np.einsum("ij,ji->", weighted @ weighted, weighted)) / 6
    v1 = v2 = 0.0
    for i in range(len(z) - 2):
        a, b = theta[i, i + 1 :, None], theta[None, i, i + 1 :]
        c = theta[i + 1 :, i + 1 :]
        low = np.minimum(np.minimum(a, b), c)
        middle = a + b + c - low - np.maximum(np.maximum(a, b), c)
        pair = z[i] * np.outer(z[i + 1 :], z[i + 1 :]) / 2  # j, k and k, j; j = k has low = 0
        v1 += float((pair * low**beta).sum())
        v2 += float((pair * (low * np.maximum(middle, 0.0)) ** beta).sum())
    return Correlations(e2, e3, v1, v2)


def c2_d2(jet: Constituents, beta: float) -> tuple[float, float]:
    """C2 = e3 / e2^2 and D2 = e3 / e2^3."""
    power = distances(jet) ** beta
    e2 = max(float(jet.z @ power @ jet.z) / 2, _TINY)
    weighted = jet.z[:, None] * power
    e3 = float(np.einsum("ij,ji->", weighted @ weighted, weighted)) / 6
    return e3 / e2**2, e3 / e2**3


def tau21(jet: Constituents, axes: Array) -> float:
    """Two-subjettiness over one-subjettiness, beta = 1; axes: (2, 2) = eta, phi of the two subjets; the jet centred
    on its axis."""
    to_axes = np.hypot(jet.eta[:, None] - axes[:, 0], wrap(jet.phi[:, None] - axes[:, 1])).min(1)
    return float(jet.z @ to_axes) / max(float(jet.z @ np.hypot(jet.eta, jet.phi)), 1e-9)


def girth(jet: Constituents) -> float:
    """pT-weighted mean distance from the centre."""
    return float(jet.z @ np.hypot(jet.eta, jet.phi))


def ptd(jet: Constituents) -> float:
    """Root of the sum of squared pT fractions."""
    return float(np.sqrt((jet.z**2).sum()))


def five_class(groomed: Constituents, groomed_mass: float, multiplicity: int) -> Array:
    """The 16 features of FIVE_CLASS_FEATURES: of the groomed jet, but the multiplicity of the whole one. Mass in GeV.

    D2 with alpha = beta = 1 equals D2 at beta = 1; it stays so that the list is the one users of such data sets know.
    """
    z, theta = groomed.z, distances(groomed)
    one, two = correlations(z, theta, 1.0), correlations(z, theta, 2.0)
    c1_b0 = (1.0 - float(z @ z)) / 2
    e1, e2 = max(one.e2, _TINY), max(two.e2, _TINY)
    return np.array(
        [
            float(z @ np.log(z)),
            c1_b0,
            one.e2,
            two.e2,
            one.e3 / e1**2,
            two.e3 / e2**2,
            one.e3 / e1**3,
            two.e3 / e2**3,
            one.e3 / e1**3,
            one.e3 / e2**1.5,
            one.v1 / e1,
            two.v1 / e2,
            one.v2 / e1**2,
            two.v2 / e2**2,
            groomed_mass,
            multiplicity,
        ]
    )
