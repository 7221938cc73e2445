"""What is known of sources before one is seen: how many are galaxies, how bright they are, and of which colours.

The structure is that of Regier et al. 2015, section 2. The numbers are ours: rough loci of stars and galaxies in SDSS's
colours, for simulations; give your own `Prior` for a survey.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from fpga_ml.science.celeste.evaluator import Floats

BANDS = ("u", "g", "r", "i", "z")
FROM_COLOURS: Floats = np.array(
    [[-1.0, -1.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 1.0, 1.0]]
)
"""(5, 4) log flux of a band less that of r, from the four colours: logs of the flux ratios g/u, r/g, i/r and z/i."""
COLOUR_NAMES = ("u-g", "g-r", "r-i", "i-z")
MAGNITUDES = 2.5 / np.log(10)
"""Magnitudes of a factor of e."""


@dataclass(frozen=True)
class ColourMixture:
    """Gaussians in the space of the four colours: weights (D,), means (D, 4), covariances (D, 4, 4), of log flux ratios."""

    weights: Floats
    means: Floats
    covariances: Floats


@dataclass(frozen=True)
class KindPrior:
    """Of stars, or of galaxies: log flux in r (nanomaggies) is normal with mean and variance; colours are a mixture."""

    mean: float
    variance: float
    colours: ColourMixture


@dataclass(frozen=True)
class Prior:
    """galaxy: probability that a source is one; log_radius: mean and variance of the log of a galaxy's radius in pixels."""

    galaxy: float
    star: KindPrior
    galaxies: KindPrior
    log_radius: tuple[float, float]

    def of(self, kind: int) -> KindPrior:
        """kind: 0 star, 1 galaxy."""
        return self.galaxies if kind else self.star


def _mixture(*terms: tuple[float, tuple[float, ...], tuple[float, ...]]) -> ColourMixture:
    """Terms of weight, mean and standard deviations of u-g, g-r, r-i and i-z, in magnitudes."""
    weights, means, spreads = zip(*terms, strict=True)
    scaled = np.array(spreads) / MAGNITUDES
    return ColourMixture(np.array(weights), np.array(means) / MAGNITUDES, np.stack([np.diag(one**2) for one in scaled]))


PRIOR = Prior(
    galaxy=0.5,
    log_radius=(float(np.log(2.5)), 0.25),
    star=KindPrior(
        mean=float(np.log(6.0)),
        variance=1.4,
        colours=_mixture(
            (0.6, (1.2, 0.5, 0.2, 0.1), (0.3, 0.2, 0.1, 0.06)),
            (0.4, (2.5, 1.4, 0.9, 0.5), (0.3, 0.1, 0.4, 0.2)),
        ),
    ),
    galaxies=KindPrior(
        mean=float(np.log(6.0)),
        variance=1.0,
        colours=_mixture(
            (0.5, (1.2, 0.6, 0.3, 0.2), (0.3, 0.2, 0.1, 0.1)),
            (0.5, (1.8, 1.3, 0.5, 0.3), (0.3, 0.3, 0.1, 0.1)),
        ),
    ),
)
"""Half of the sources galaxies, most of them from r = 19 to 22; stars of the upper and lower main sequence, galaxies blue
and red."""


@dataclass(frozen=True)
class Divergence:
    """Kullback-Leibler divergence of q from the prior, with derivatives after q's mean, log variance, and the colours' ones,
    and the second derivatives that are positive."""

    value: float
    d_mean: float
    d_log_variance: float
    d_colours: Floats
    d_log_colour_variances: Floats
    curvature_mean: float
    curvature_colours: Floats


def divergence(prior: KindPrior, mean: float, variance: float, colours: Floats, colour_variances: Floats) -> Divergence:
    """Of a normal log flux and independent normal colours. The colours' mixture has its components' probabilities at their
    best:

    min over q(k) of KL = -H(q(c)) - log sum_k exp(log Xi_k + E_q log N(c; Omega_k, Lambda_k)).
    """
    precision = np.linalg.inv(prior.colours.covariances)
    away = colours - prior.colours.means
    pull = np.einsum("kij,kj->ki", precision, away)
    diagonal = np.diagonal(precision, axis1=1, axis2=2)
    _, log_determinants = np.linalg.slogdet(2 * np.pi * prior.colours.covariances)
    expected = -(np.einsum("ki,ki->k", away, pull) + diagonal @ colour_variances + log_determinants) / 2
    joint = np.log(prior.colours.weights) + expected
    shares = np.exp(joint - logsumexp(joint))
    entropy = float(np.log(2 * np.pi * np.e * colour_variances).sum() / 2)
    ratio, shift = variance / prior.variance, mean - prior.mean
    brightness = (ratio + shift**2 / prior.variance - 1 - np.log(ratio)) / 2
    return Divergence(
        value=float(brightness - entropy - logsumexp(joint)),
        d_mean=shift / prior.variance,
        d_log_variance=(ratio - 1) / 2,
        d_colours=shares @ pull,
        d_log_colour_variances=(shares @ diagonal * colour_variances - 1) / 2,
        curvature_mean=1 / prior.variance,
        curvature_colours=shares @ diagonal,
    )
