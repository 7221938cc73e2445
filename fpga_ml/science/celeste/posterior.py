"""One source in several images at once: its kind, place, brightness, colours and shape, with their uncertainties.

The posterior of either kind is found at its maximum by Fisher scoring (`ascent.ascend`), where only value and gradient of
the likelihood are asked for: what the kernel gives. Importance sampling then gives mean, covariance and evidence (Geweke
1989, Econometrica 57, 1317): it asks for values alone. It draws from t distributions, one at the maximum and one for each
term of the prior. The evidence of both kinds and the prior give the probability of being a galaxy.

Places and sizes are in arc seconds from where the source was looked for; fluxes are natural logarithms of nanomaggies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np
from scipy.special import expit, gammaln, logsumexp
from scipy.stats import chi2, norm, qmc

from fpga_ml.science.celeste import parameters
from fpga_ml.science.celeste import pixels as compiled
from fpga_ml.science.celeste.ascent import Ascent, Bools, Box, Point, Settings, ascend
from fpga_ml.science.celeste.evaluator import Floats
from fpga_ml.science.celeste.parameters import STAR
from fpga_ml.science.celeste.pixels import Pixels, Terms
from fpga_ml.science.celeste.population import COMMON, FROM_COLOURS, SHAPE, Population, Prior
from fpga_ml.science.celeste.profiles import Psf

PLACE = ("x", "y")
NAMES = (*PLACE, *COMMON, *SHAPE)

_DRAWS = (256, 512, 1024)
"""Draws of a round; the next one is needed where fewer than _ENOUGH of them count."""
_ENOUGH = 40
_FEW = 12
"""Draws that count, below which they tell nothing."""
_LEAST_SHARE = 0.01
_FREEDOM = 5.0
"""Degrees of freedom of the t distribution: its tails are wider than a posterior's."""
_CLEAR = 30.0
"""Difference of log evidence beyond which the less probable kind is not sampled."""
_SETTINGS = Settings(tolerance=1e-2, iterations=60, coarse=0.0)


@dataclass(frozen=True)
class View:
    """One image around a source.

    band: index into BANDS; gain: electrons a nanomaggie; psf: in the image's pixels; scale: (2, 2) pixels an arc second,
    along the axes of the source's place (east and north in a survey); origin: (2,) where the source was looked for, in
    pixels from the patch's centre.
    """

    pixels: Pixels
    band: int
    gain: float
    psf: Psf
    scale: Floats
    origin: Floats

    def terms(self, kind: int) -> Terms:
        return Terms.galaxy(self.psf) if kind else Terms.star(self.psf)

    def numbers(self, vectors: Floats) -> Floats:
        """(..., 7) what `pixels` wants to know of a source's parameters (..., P)."""
        return parameters.numbers(vectors, self.scale, self.origin, float(np.log(self.gain)), FROM_COLOURS[self.band])

    def jacobian(self, vector: Floats) -> Floats:
        """(7, P) of `numbers`."""
        return parameters.jacobian(vector, self.scale, FROM_COLOURS[self.band])

    def light(self, vector: Floats, shape: tuple[int, int] | None = None) -> Floats:
        """(H, W) expected electrons of a source; shape: of another patch around the same place."""
        kind = int(len(vector) > STAR)
        return compiled.light(self.terms(kind), self.numbers(vector), shape or self.pixels.counts.shape)


@dataclass(frozen=True)
class Kind:
    """The posterior of a source that is a star, or a galaxy.

    best: (P,) where it is highest, in the order of NAMES; evidence: natural logarithm; vectors: (N, P) drawn from it, and
    shares: (N,) what each counts for; distance: to the maximum that is left, in statistical errors; held: (P,) parameters at
    the end of their range; few: too few draws counted, and it is a normal distribution at the maximum.
    """

    best: Floats
    covariance: Floats
    evidence: float
    vectors: Floats
    shares: Floats
    distance: float
    held: Bools
    few: bool = False

    @property
    def effective(self) -> float:
        """How many independent draws would tell as much."""
        return float(1 / (self.shares**2).sum())

    def moments(self, quantities: Floats) -> tuple[Floats, Floats]:
        """Means (Q,) and variances (Q,) of a quantity of each draw (N, Q)."""
        mean = self.shares @ quantities
        return mean, self.shares @ (quantities - mean) ** 2


@dataclass(frozen=True)
class Posterior:
    """galaxy: its probability; star, as_galaxy: what follows if it is one."""

    galaxy: float
    star: Kind
    as_galaxy: Kind

    @property
    def likely(self) -> Kind:
        return self.as_galaxy if self.galaxy > 0.5 else self.star

    def common(self) -> tuple[Floats, Floats]:
        """(STAR,) means and standard deviations of place, brightness and colours, whatever the kind."""
        shares = np.array([1 - self.galaxy, self.galaxy])
        (m0, v0), (m1, v1) = (one.moments(one.vectors[:, :STAR]) for one in (self.star, self.as_galaxy))
        mean = shares[0] * m0 + shares[1] * m1
        return mean, np.sqrt(shares[0] * (v0 + (m0 - mean) ** 2) + shares[1] * (v1 + (m1 - mean) ** 2))


class Likelihood:
    """Of one source's vector in all its views. How it is computed may differ: see `through_kernel`."""

    def __init__(self, views: Sequence[View]) -> None:
        self.views = views
        self.terms = [[view.terms(kind) for view in views] for kind in (0, 1)]

    def slopes(self, vector: Floats) -> tuple[float, Floats, Floats] | None:
        """Value, gradient (P,) and expected information (P, P); None where it has none."""
        value, gradient, information = 0.0, np.zeros(len(vector)), np.zeros((len(vector), len(vector)))
        for view, terms in zip(self.views, self.terms[int(len(vector) > STAR)], strict=True):
            one, slope, square = compiled.slopes(terms, view.numbers(vector), view.pixels)
            chain = view.jacobian(vector)
            value, gradient, information = value + one, gradient + chain.T @ slope, information + chain.T @ square @ chain
        return value, gradient, information

    def values(self, vectors: Floats) -> Floats:
        """(N,) of vectors (N, P)."""
        terms = self.terms[int(vectors.shape[1] > STAR)]
        parts = [
            compiled.values(one, view.numbers(vectors), view.pixels) for view, one in zip(self.views, terms, strict=True)
        ]
        found: Floats = np.sum(parts, axis=0)
        return found


def infer(likelihood: Likelihood, prior: Prior, starts: Sequence[Floats], reach: float, sample: bool = True) -> Posterior:
    """starts: vectors (P,) from which to climb, stars' and galaxies', at least one of a galaxy; reach: arc seconds that a
    source may move along an axis; sample: else each kind is a normal distribution at its maximum."""
    populations = (prior.star, prior.galaxies)
    begun: list[list[Floats]] = [[one for one in starts if (len(one) > STAR) == kind] for kind in (False, True)]
    begun[0] = begun[0] or [one[:STAR] for one in begun[1]]
    ends = [
        max((_highest(likelihood, population, one, reach) for one in of_kind), key=lambda end: end.point.value)
        for population, of_kind in zip(populations, begun, strict=True)
    ]
    kinds = [_normal(end) for end in ends]
    apart = kinds[1].evidence - kinds[0].evidence
    if sample:
        kinds = [
            _sampled(likelihood, population, one) if sign * apart < _CLEAR else one
            for one, population, sign in zip(kinds, populations, (1, -1), strict=True)
        ]
    odds = kinds[1].evidence - kinds[0].evidence + np.log(prior.galaxy / (1 - prior.galaxy))
    return Posterior(float(expit(odds)), kinds[0], kinds[1])


def _highest(likelihood: Likelihood, population: Population, start: Floats, reach: float) -> Ascent:
    def objective(vector: Floats) -> Point | None:
        found = likelihood.slopes(vector)
        if found is None:
            return None
        (value, gradient, information), known = found, population.slopes(vector[2:])
        gradient[2:] += known.gradient
        information[2:, 2:] += known.information
        return Point(value + known.value, gradient, information)

    size = len(start)
    low, high = np.full(size, -25.0), np.full(size, 25.0)
    low[:2], high[:2] = -reach, reach
    longest = np.array([reach / 4, reach / 4, 1.0, *[0.7] * 4, *[1.0, 0.5, 0.5, 0.5]])[:size]
    if size > STAR:
        low[STAR:], high[STAR:] = (-6.0, -5.0, -4.0, -4.0), (6.0, 5.0, 4.0, 4.0)
    return ascend(objective, start, Box(low, high, longest), _SETTINGS)


def _normal(end: Ascent) -> Kind:
    """A normal distribution at the maximum (Laplace), as the two points a standard deviation away along each axis."""
    information = end.point.information
    scale = np.sqrt(np.diag(information))
    covariance = np.linalg.inv(information / np.outer(scale, scale) + 1e-10 * np.eye(len(scale))) / np.outer(scale, scale)
    _, determinant = np.linalg.slogdet(2 * np.pi * covariance)
    away = np.linalg.cholesky(len(scale) * covariance).T
    vectors = end.vector + np.concatenate([away, -away])
    shares = np.full(len(vectors), 1 / len(vectors))
    evidence = end.point.value + determinant / 2
    return Kind(end.vector, covariance, evidence, vectors, shares, end.distance, end.held)


@cache
def _draws(size: int) -> Floats:
    """(_DRAWS[-1], size) draws of a standard t distribution, by a Sobol sequence."""
    uniform = np.clip(qmc.Sobol(size + 1, seed=1).random(_DRAWS[-1]), 1e-9, 1 - 1e-9)
    drawn: Floats = norm.ppf(uniform[:, :size]) * np.sqrt(_FREEDOM / chi2.ppf(uniform[:, size:], _FREEDOM))
    return drawn


@dataclass(frozen=True)
class _Bump:
    """A t distribution to draw from, and its share of the draws."""

    share: float
    centre: Floats
    covariance: Floats

    @cached_property
    def factor(self) -> Floats:
        found: Floats = np.asarray(np.linalg.cholesky(self.covariance), dtype=np.float64)
        return found

    def draw(self, number: int) -> Floats:
        return self.centre + _draws(len(self.centre))[:number] @ self.factor.T

    def density(self, vectors: Floats) -> Floats:
        """(N,) logarithms."""
        size = len(self.centre)
        away = np.linalg.solve(self.factor, (vectors - self.centre).T)
        constant = gammaln((_FREEDOM + size) / 2) - gammaln(_FREEDOM / 2) - size / 2 * np.log(_FREEDOM * np.pi)
        volume = np.log(np.diag(self.factor)).sum()
        found: Floats = constant - volume - (_FREEDOM + size) / 2 * np.log1p((away**2).sum(0) / _FREEDOM)
        return found


def _sampled(likelihood: Likelihood, population: Population, kind: Kind) -> Kind:
    """Draws and evidence by importance sampling; again around their mean, with more of them, where few counted. Where few
    do so in the end, the normal distribution at the maximum stays, and that is said."""
    bumps = _bumps(likelihood, population, kind)
    for number in _DRAWS:
        counts = [max(round(bump.share * number), 1) for bump in bumps]
        vectors = np.concatenate([bump.draw(count) for bump, count in zip(bumps, counts, strict=True)])
        shares = np.log(np.array(counts) / len(vectors))
        density = logsumexp([share + bump.density(vectors) for bump, share in zip(bumps, shares, strict=True)], axis=0)
        weight = likelihood.values(vectors) + population.values(vectors[:, 2:]) - density
        total = logsumexp(weight)
        evidence = float(total - np.log(len(vectors)))
        found = replace(kind, vectors=vectors, shares=np.exp(weight - total), evidence=evidence)
        if found.effective > _ENOUGH:
            return found
        trust = min(1.0, found.effective / _ENOUGH)
        mean = found.shares @ vectors
        spread = ((vectors - mean) * found.shares[:, None]).T @ (vectors - mean)
        centre = kind.best + trust * (mean - kind.best)
        moved = _Bump(0.5, centre, kind.covariance + trust * (spread - kind.covariance))
        bumps = [moved, *(replace(bump, share=bump.share / 2) for bump in bumps)]
    return found if found.effective > _FEW else replace(kind, few=True)


def _bumps(likelihood: Likelihood, population: Population, kind: Kind) -> list[_Bump]:
    """Where a posterior may lie, to second order of the likelihood about its maximum: at the maximum, and for each term of
    the prior where it and the likelihood agree. A band that was not seen leaves its colours to all terms."""
    found = likelihood.slopes(kind.best)
    bumps = [_Bump(1.0, kind.best, kind.covariance)]
    if found is None:
        return bumps
    _, slope, information = found
    terms, logs = [], []
    for constant, mean, precision in population.terms:
        whole = information.copy()
        whole[2:, 2:] += precision
        away = kind.best[2:] - mean
        pull = slope.copy()
        pull[2:] -= precision @ away
        covariance = np.linalg.inv(whole)
        covariance = (covariance + covariance.T) / 2
        terms.append((kind.best + covariance @ pull, covariance))
        logs.append(
            constant - away @ precision @ away / 2 + pull @ covariance @ pull / 2 + np.linalg.slogdet(covariance)[1] / 2
        )
    shares = np.exp(np.array(logs) - logsumexp(logs))
    agreed = [_Bump(0.7 * share, *term) for share, term in zip(shares, terms, strict=True) if share > _LEAST_SHARE]
    return [replace(bumps[0], share=0.3), *agreed]
