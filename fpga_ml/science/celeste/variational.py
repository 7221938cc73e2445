"""Variational inference of one source in five bands, its neighbours fixed (Regier et al. 2015, sections 2 and 3).

The posterior of kind, brightness and colours is approximated by q = q(kind) q(brightness | kind) q(colours | kind), which
maximises the evidence lower bound (ELBO); position and a galaxy's shape are points. In a pixel of count x, with the rate's
mean E and variance V under q (delta method),

    E_q log p(x) = x (log E - V / (2 E^2)) - E + const.

The brightness is log-normal, as in the successor of that paper (Regier et al. 2019, Ann. Appl. Stat. 13, 1884).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit, xlogy

from fpga_ml.celeste_design import offsets
from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste.ascent import Box, Point, Settings, ascend, covariance
from fpga_ml.science.celeste.evaluator import Floats, Patch
from fpga_ml.science.celeste.fit import BOUNDS, Position, bounds, first_galaxy, first_star
from fpga_ml.science.celeste.likelihood import rate
from fpga_ml.science.celeste.prior import BANDS, COLOUR_NAMES, FROM_COLOURS, PRIOR, Prior, divergence
from fpga_ml.science.celeste.sources import LN2, Exposure, Galaxy, Scene, Star, canonical, coefficients

_COLOURS = len(BANDS) - 1
_LOGNORMAL = 2 * (1 + _COLOURS)
_SHAPE = Galaxy.PARAMETERS[3:]
_RADIUS = 6
"""Where in the vector."""
_POINT = [0, 1, 3, 4, 5, 6]
"""Of a source's parameters, those that are points: all but the flux."""


@dataclass(frozen=True)
class Image:
    """One band. variance: (H, W) of the background's rate, electrons^2, of neighbours that are uncertain themselves; None
    for 0."""

    patch: Patch
    exposure: Exposure
    variance: Floats | None = None


@dataclass(frozen=True)
class LogNormal:
    """Brightness and colours of one kind: means and variances of log flux in r (nanomaggies) and of the four log flux ratios
    of adjacent bands, u to z."""

    mean: float
    variance: float
    colours: Floats
    colour_variances: Floats

    def bands(self) -> tuple[Floats, Floats]:
        """(5,) means and variances of log flux, u to z."""
        return self.mean + FROM_COLOURS @ self.colours, self.variance + FROM_COLOURS**2 @ self.colour_variances


@dataclass(frozen=True)
class Posterior:
    """What q is. galaxy: probability; point: a galaxy of unit flux for position and shape; star, galaxy_light: brightness
    and colours of either kind; elbo: up to the constant that the counts make; converged: the ascent's.

    errors: standard deviations of x, y, log flux, the colours and a galaxy's shape, if it is of the more probable kind, by
    linear response (Giordano, Broderick & Jordan 2015, arXiv:1506.04088). They are what to quote: the variances within q are
    those of each parameter with the others known, too small where brightness, colours and shape go together.
    """

    galaxy: float
    point: Galaxy
    star: LogNormal
    galaxy_light: LogNormal
    elbo: float
    converged: bool
    errors: dict[str, float]

    @property
    def light(self) -> LogNormal:
        """Of the more probable kind."""
        return self.galaxy_light if self.galaxy > 0.5 else self.star


@dataclass(frozen=True)
class _Parameters:
    """The vector that is optimised: log odds of galaxy, x, y, shape (4), then for star and galaxy log flux, log of its
    variance, colours (4), logs of their variances (4)."""

    vector: Floats

    @property
    def galaxy(self) -> float:
        return float(expit(self.vector[0]))

    @property
    def point(self) -> Galaxy:
        return Galaxy.of(np.insert(self.vector[_rows(1)[0]], 2, 0.0))

    def light(self, kind: int) -> LogNormal:
        """kind: 0 star, 1 galaxy."""
        part = self.vector[_rows(kind)[1]]
        return LogNormal(float(part[0]), float(np.exp(part[1])), part[2 : 2 + _COLOURS], np.exp(part[2 + _COLOURS :]))

    @classmethod
    def of(cls, galaxy_log_odds: float, point: Galaxy, lights: Sequence[LogNormal]) -> _Parameters:
        parts: list[float] = [galaxy_log_odds, point.x, point.y, *point.vector()[3:]]
        for one in lights:
            parts += [one.mean, float(np.log(one.variance)), *one.colours, *np.log(one.colour_variances)]
        return cls(np.array(parts))


def _rows(kind: int) -> tuple[slice, slice]:
    """Where in the vector a kind has its position (and shape), and where its brightness and colours."""
    first = 3 + len(_SHAPE) + kind * _LOGNORMAL
    return slice(1, 3 + len(_SHAPE) if kind else 3), slice(first, first + _LOGNORMAL)


@dataclass(frozen=True)
class PixelTerms:
    """Value of one band's pixels, and its derivatives. mean: (H W,) E; d_light: (2, H W) after the expected electrons as
    star and as galaxy; d_galaxy: after its probability; d_variances: (2,) after the variances of log flux."""

    value: float
    mean: Floats
    d_light: Floats
    d_galaxy: float
    d_variances: Floats


def pixel_terms(image: Image, light: tuple[Floats, Floats], galaxy: float, variances: tuple[float, float]) -> PixelTerms:
    """The ELBO of one band's pixels. light: (H W,) expected electrons of the source as star and as galaxy; galaxy: its
    probability; variances: of log flux in this band as either.

    V = k0 G0^2 + k1 G1^2 + k2 (G0 - G1)^2 with k_i = q(i) (e^v_i - 1) and k2 = q(0) q(1): without the difference of large
    squares. A masked pixel, whatever it holds, has no value and no derivatives.
    """
    star, gal = light
    used = image.patch.used.reshape(-1)
    counts = np.where(used, image.patch.counts.reshape(-1), 0.0)
    background = np.where(used, image.patch.background.reshape(-1), 1.0)
    known = 0.0 if image.variance is None else np.where(used, image.variance.reshape(-1), 0.0)
    share = np.array([1 - galaxy, galaxy])
    excess, mixed = np.expm1(np.array(variances)), galaxy * (1 - galaxy)
    mean = background + share[0] * star + share[1] * gal
    apart = star - gal
    variance = known + share[0] * excess[0] * star**2 + share[1] * excess[1] * gal**2 + mixed * apart**2
    ratio = variance / mean**2
    d_mean = np.where(used, counts / mean * (1 + ratio) - 1, 0.0)
    d_variance = -counts / (2 * mean**2)
    return PixelTerms(
        value=float((xlogy(counts, mean) - counts * ratio / 2 - mean)[used].sum()),
        mean=mean,
        d_light=np.stack(
            [
                d_mean * share[0] + d_variance * 2 * (share[0] * excess[0] * star + mixed * apart),
                d_mean * share[1] + d_variance * 2 * (share[1] * excess[1] * gal - mixed * apart),
            ]
        ),
        d_galaxy=float(
            d_mean @ (gal - star) + d_variance @ (excess[1] * gal**2 - excess[0] * star**2 + (1 - 2 * galaxy) * apart**2)
        ),
        d_variances=np.array([d_variance @ star**2, d_variance @ gal**2]) * share * np.exp(np.array(variances)),
    )


def evidence(images: Mapping[str, Image], prior: Prior, vector: Floats) -> Point:
    """The ELBO of a vector of `_Parameters`, its gradient, and the information.

    The information of the pixels is each kind's Fisher information, weighted with its probability: in second order the
    curvature of V undoes what E mixes, and nothing is left for the probability itself.
    """
    at = _Parameters(vector)
    galaxy, lights = at.galaxy, (at.light(0), at.light(1))
    share = np.array([1 - galaxy, galaxy])
    value, slope, information = _prior_terms(prior, at)
    for name, image in images.items():
        band = BANDS.index(name)
        brightness = [light.bands() for light in lights]
        means, variances = ([pair[i][band] for pair in brightness] for i in (0, 1))
        flux = [float(np.exp(m + v / 2)) for m, v in zip(means, variances, strict=True)]
        sources = (Star(at.point.x, at.point.y, flux[0]), replace(at.point, flux=flux[1]))
        monomials = offsets(image.patch.counts.shape)
        tables = [coefficients(source, image.exposure) for source in sources]
        parts = [np.exp2(monomials @ table.T) for table, _ in tables]
        terms = pixel_terms(image, (parts[0].sum(axis=1), parts[1].sum(axis=1)), galaxy, (variances[0], variances[1]))
        weights = image.patch.used.reshape(-1) / terms.mean
        value += terms.value
        slope[0] += terms.d_galaxy * galaxy * (1 - galaxy)
        for kind, ((_, derivatives), part) in enumerate(zip(tables, parts, strict=True)):
            own = LN2 * np.stack([((part @ one) * monomials).sum(axis=1) for one in derivatives])
            chain, variance_chain = _chain(lights[kind], band)
            shared, where = _rows(kind)
            slopes = np.zeros((len(vector), len(terms.mean)))
            slopes[shared], slopes[where] = own[_POINT[: len(own) - 1]], np.outer(chain, own[2])
            slope += slopes @ terms.d_light[kind]
            slope[where] += variance_chain * terms.d_variances[kind]
            information += share[kind] * np.exp(variances[kind]) * (slopes * weights) @ slopes.T
            information[where, where] += np.diag(-variance_chain * terms.d_variances[kind])
    return Point(value, slope, information)


def _chain(light: LogNormal, band: int) -> tuple[Floats, Floats]:
    """(10,) derivatives of the log of a band's mean flux, and of the variance of its log flux, after a kind's parameters."""
    row = FROM_COLOURS[band]
    spread = np.concatenate([[light.variance], row**2 * light.colour_variances])
    mean = np.concatenate([[1.0, spread[0] / 2], row, spread[1:] / 2])
    variance = np.concatenate([[0.0, spread[0]], np.zeros(_COLOURS), spread[1:]])
    return mean, variance


def _prior_terms(prior: Prior, at: _Parameters) -> tuple[float, Floats, Floats]:
    """Less the divergence of q from the prior: value, gradient, and the information on its diagonal.

    Of a log variance it is the slope and a half, for what is not entropy is proportional to the variance.
    """
    galaxy, size = at.galaxy, len(at.vector)
    slope, curvature = np.zeros(size), np.zeros(size)
    costs = np.zeros(2)
    for kind, share in enumerate((1 - galaxy, galaxy)):
        light = at.light(kind)
        cost = divergence(prior.of(kind), light.mean, light.variance, light.colours, light.colour_variances)
        where = _rows(kind)[1]
        slope[where] = -share * np.concatenate(
            [[cost.d_mean, cost.d_log_variance], cost.d_colours, cost.d_log_colour_variances]
        )
        variances = np.maximum([cost.d_log_variance, *cost.d_log_colour_variances], -0.45) + 0.5
        curvature[where] = share * np.concatenate(
            [[cost.curvature_mean, variances[0]], cost.curvature_colours, variances[1:]]
        )
        costs[kind] = cost.value
    center, width = prior.log_radius
    away = at.vector[_RADIUS] - center
    costs[1] += float(away**2 / width + np.log(2 * np.pi * width)) / 2
    slope[_RADIUS], curvature[_RADIUS] = -galaxy * away / width, galaxy / width
    odds = at.vector[0] - float(np.log(prior.galaxy / (1 - prior.galaxy)))
    slope[0] = -(odds + costs[1] - costs[0]) * galaxy * (1 - galaxy)
    curvature[0] = galaxy * (1 - galaxy)
    entropy = float(-xlogy(galaxy, galaxy / prior.galaxy) - xlogy(1 - galaxy, (1 - galaxy) / (1 - prior.galaxy)))
    return entropy - float((1 - galaxy) * costs[0] + galaxy * costs[1]), slope, np.diag(curvature)


_LOG_VARIANCE = (-25.0, 2.0, 2.0)
_LIGHT_BOUNDS = [BOUNDS["log_flux"], _LOG_VARIANCE, *[(-10.0, 10.0, 0.5)] * _COLOURS, *[_LOG_VARIANCE] * _COLOURS]
_LOG_ODDS = (-12.0, 12.0, np.inf)
_SETTINGS = Settings(tolerance=1e-2, coarse=0.0, iterations=200)


def infer(images: Mapping[str, Image], start: Position, prior: Prior = PRIOR, settings: Settings = _SETTINGS) -> Posterior:
    """The posterior of one source near a position.

    images: by band, of any of BANDS; the same pixels in each. Ascends once from a star and once from a galaxy, and keeps the
    higher.
    """
    unknown = [name for name in images if name not in BANDS]
    if unknown or not images:
        raise FpgaMlError(
            f"bands {', '.join(unknown) or '(none)'} are not known", do=f"give images of some of {', '.join(BANDS)}"
        )
    ranges = [*bounds(start), *(BOUNDS[name] for name in _SHAPE)]
    low, high, longest = np.array([_LOG_ODDS, *ranges, *_LIGHT_BOUNDS, *_LIGHT_BOUNDS]).T
    guess = _guess(images, start, prior)
    ends = [
        ascend(lambda vector: evidence(images, prior, vector), np.r_[odds, guess[1:]], Box(low, high, longest), settings)
        for odds in (-4.0, 4.0)
    ]
    best = max(ends, key=lambda end: end.point.value)
    at = _Parameters(best.vector)
    point = canonical(at.point)
    assert isinstance(point, Galaxy)
    kind = int(at.galaxy > 0.5)
    deviations = np.sqrt(np.diag(covariance(best.point.information, best.held)))
    points, light = (deviations[rows] for rows in _rows(kind))
    errors = [*points, *light[[0, *range(2, 2 + _COLOURS)]]]
    names = ("x", "y", *(_SHAPE if kind else ()), "log_flux", *COLOUR_NAMES)
    return Posterior(
        galaxy=at.galaxy,
        point=point,
        star=at.light(0),
        galaxy_light=at.light(1),
        elbo=best.point.value,
        converged=best.converged,
        errors={name: float(one) for name, one in zip(names, errors, strict=True)},
    )


def _guess(images: Mapping[str, Image], start: Position, prior: Prior) -> Floats:
    """Brightness from each band's light around the position, shape from its moments in the band with most of it."""
    stars = {name: first_star(start, image.patch, image.exposure) for name, image in images.items()}
    clearest = max(images, key=lambda name: stars[name].flux * images[name].exposure.gain)
    seen = [BANDS.index(name) for name in images]
    from_all = np.c_[np.ones(len(BANDS)), FROM_COLOURS][seen]
    typical = np.concatenate([[prior.galaxies.mean], prior.galaxies.colours.weights @ prior.galaxies.colours.means])
    seen_less_typical = np.log([star.flux for star in stars.values()]) - from_all @ typical
    light = typical + np.linalg.lstsq(from_all, seen_less_typical, rcond=None)[0]
    electrons = stars[clearest].flux * images[clearest].exposure.gain
    image = images[clearest]
    sky = float(image.patch.background[image.patch.used].mean())
    variance = (electrons + 100 * sky) / electrons**2
    guessed = LogNormal(float(light[0]), variance, light[1:], np.full(_COLOURS, variance))
    shape = first_galaxy(stars[clearest], image.patch, image.exposure)
    return _Parameters.of(0.0, shape, (guessed, guessed)).vector


def expected(posterior: Posterior, image: Image, band: str) -> tuple[Floats, Floats]:
    """(H, W) mean and variance of the electrons of a source, to be the background of its neighbours."""
    index = BANDS.index(band)
    shape = (image.patch.counts.shape[0], image.patch.counts.shape[1])
    (m0, v0), (m1, v1) = (
        (mean[index], variance[index]) for mean, variance in (posterior.star.bands(), posterior.galaxy_light.bands())
    )
    point, share = posterior.point, posterior.galaxy
    sources = (Star(point.x, point.y, float(np.exp(m0 + v0 / 2))), replace(point, flux=float(np.exp(m1 + v1 / 2))))
    star, galaxy = (rate(Scene((source,), image.exposure), np.zeros(shape)) for source in sources)
    variance = (
        (1 - share) * np.expm1(v0) * star**2 + share * np.expm1(v1) * galaxy**2 + share * (1 - share) * (star - galaxy) ** 2
    )
    return (1 - share) * star + share * galaxy, variance
