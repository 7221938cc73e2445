"""A synthetic field in five bands, catalogued: errors of position, magnitude, colour and shape, beside the published
ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from fpga_ml.science.celeste.evaluator import Evaluator, Float64, Floats
from fpga_ml.science.celeste.fit import Position, fit
from fpga_ml.science.celeste.frames.frame import ConstantPsf, Frame, no_flags
from fpga_ml.science.celeste.prior import BANDS, COLOUR_NAMES, FROM_COLOURS, MAGNITUDES, PRIOR, Prior
from fpga_ml.science.celeste.simulate import SDSS, SIDE, SKY, renderer
from fpga_ml.science.celeste.sources import Exposure, Galaxy, Source, Star, flux_of, magnitude
from fpga_ml.science.celeste.variational import Image, Posterior, expected, infer

_PIXELS_A_SOURCE = 4000
_FAINTEST = 22.0
"""Magnitude in r."""
_REACH = 1.5 * SIDE
"""Pixels beyond which a neighbour's light is not in a patch that matters."""

PUBLISHED = {
    "synthetic, VI": {"position": 0.107, "r": 0.125, "u-g": 0.373, "g-r": 0.137, "r-i": 0.116, "i-z": 0.164},
    "Stripe 82, VI": {
        **{"position": 0.268, "r": 0.175, "u-g": 0.588, "g-r": 0.156, "r-i": 0.106, "i-z": 0.160},
        **{"axis ratio": 0.153, "radius": 0.694},
    },
    "Stripe 82, Photo": {
        **{"position": 0.271, "r": 0.185, "u-g": 0.940, "g-r": 0.303, "r-i": 0.187, "i-z": 0.349},
        **{"axis ratio": 0.227, "radius": 1.25},
    },
}
"""Mean absolute errors that Regier et al. 2015 give, in pixels and magnitudes: of their images, not of ours."""


@dataclass(frozen=True)
class Truth:
    """A source of the field. source: place in pixels from the field's corner, flux in r; colours: (4,) log flux ratios."""

    source: Source
    colours: Floats

    def in_band(self, band: int) -> Source:
        return replace(self.source, flux=self.source.flux * float(np.exp(FROM_COLOURS[band] @ self.colours)))


@dataclass(frozen=True)
class Field:
    """What was simulated, with which renderer, and the images by band."""

    truth: tuple[Truth, ...]
    frames: dict[str, Frame]
    renderer: str


def simulate(sources: int, seed: int, prior: Prior = PRIOR, exposure: Exposure = SDSS, sky: float = SKY) -> Field:
    """Sources drawn from the prior and brighter than r = 22, 4,000 pixels for each, about as in SDSS; images with Poisson
    noise, from GalSim if there."""
    random = np.random.default_rng(seed)
    margin = SIDE // 2 + 2
    side = int(np.sqrt(sources * _PIXELS_A_SOURCE)) + 2 * margin
    truth = tuple(_draw(random, prior, margin, side) for _ in range(sources))
    name, paint = renderer()
    frames = {}
    for index, band in enumerate(BANDS):
        centred = [_moved(one.in_band(index), -(side // 2), -(side // 2)) for one in truth]
        electrons = random.poisson(paint(centred, exposure, (side, side)) + sky).astype(np.float64)
        background = np.full((side, side), sky)
        frames[band] = Frame(electrons, background, no_flags((side, side)), exposure.gain, ConstantPsf(exposure.psf))
    return Field(truth, frames, name)


def _draw(random: np.random.Generator, prior: Prior, margin: int, side: int) -> Truth:
    kind = int(random.random() < prior.galaxy)
    one = prior.of(kind)
    x, y = random.uniform(margin, side - 1 - margin, 2)
    log_flux = random.normal(one.mean, np.sqrt(one.variance))
    while log_flux < np.log(flux_of(_FAINTEST)):
        log_flux = random.normal(one.mean, np.sqrt(one.variance))
    term = random.choice(len(one.colours.weights), p=one.colours.weights)
    colours = random.multivariate_normal(one.colours.means[term], one.colours.covariances[term])
    flux = float(np.exp(log_flux))
    if not kind:
        return Truth(Star(x, y, flux), colours)
    radius = float(np.exp(random.normal(prior.log_radius[0], np.sqrt(prior.log_radius[1]))))
    shape = (float(random.uniform(0.05, 0.95)), float(random.uniform(0.3, 0.95)), float(random.uniform(0, np.pi)))
    return Truth(Galaxy(x, y, flux, *shape, radius), colours)


def _moved(source: Source, dx: float, dy: float) -> Source:
    return replace(source, x=source.x + dx, y=source.y + dy)


@dataclass(frozen=True)
class Errors:
    """Mean absolute errors: position and radius in pixels, r and colours in magnitudes; of how many sources and galaxies."""

    sources: int
    galaxies: int
    misclassified: int
    errors: dict[str, float]


@dataclass(frozen=True)
class Scores:
    """Of one field: the variational catalogue, and fits in r alone through the exact kernel and a fixed-point one."""

    renderer: str
    variational: Errors
    fit_exact: Errors
    fit_fixed: Errors
    published: dict[str, dict[str, float]]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


_ROUNDS = 2


def rounds(sources: int) -> int:
    """How many sources `score` looks at, each in every round and in the fits."""
    return (_ROUNDS + 1) * sources


def score(
    evaluator: Evaluator, sources: int = 40, seed: int = 0, done: Callable[[int], None] = lambda sources: None
) -> Scores:
    """Catalogue a synthetic field. Sources are looked for where a detection would put them, at the nearest whole pixel.

    Two rounds, the second with the first one's posteriors as neighbours; the fits in r have the last ones'. done: told of
    each source of each round; there are `rounds` of them.
    """
    field = simulate(sources, seed)
    places = [(round(one.source.x), round(one.source.y)) for one in field.truth]
    found: list[Posterior | None] = [None] * len(places)
    for _ in range(_ROUNDS):
        for i in np.argsort([-one.source.flux for one in field.truth]):
            images = {band: _image(field, band, i, places, found) for band in BANDS}
            found[i] = infer(images, Position())
            done(1)
    fits: tuple[list[Source], list[Source]] = ([], [])
    for i in range(len(places)):
        patch = _image(field, "r", i, places, found).patch
        for kernel, ends in zip((Float64(), evaluator), fits, strict=True):
            ends.append(_moved(fit(patch, SDSS, Position(), evaluator=kernel).sources[0], *places[i]))
        done(1)
    posteriors = [one for one in found if one is not None]
    centred = [_as_source(one, place) for one, place in zip(posteriors, places, strict=True)]
    colours = [one.light.colours for one in posteriors]
    return Scores(
        renderer=field.renderer,
        variational=_errors(field, centred, colours),
        fit_exact=_errors(field, fits[0], None),
        fit_fixed=_errors(field, fits[1], None),
        published=PUBLISHED,
    )


def _as_source(posterior: Posterior, place: tuple[int, int]) -> Source:
    """The more probable kind, with the median of its brightness, on the field."""
    point, flux = posterior.point, float(np.exp(posterior.light.mean))
    one: Source = replace(point, flux=flux) if posterior.galaxy > 0.5 else Star(point.x, point.y, flux)
    return _moved(one, *place)


def _image(field: Field, band: str, i: int, places: list[tuple[int, int]], found: list[Posterior | None]) -> Image:
    """The patch of source i in a band, with neighbours as background: their posteriors, or nothing for those not yet
    seen."""
    frame = field.frames[band]
    patch, x, y = frame.cut(*places[i], SIDE)
    exposure = frame.exposure(x, y)
    mean, variance = patch.background.copy(), np.zeros_like(patch.background)
    for j, other in enumerate(found):
        dx, dy = places[j][0] - x, places[j][1] - y
        if j == i or other is None or max(abs(dx), abs(dy)) > _REACH:
            continue
        moved = replace(other, point=replace(other.point, x=other.point.x + dx, y=other.point.y + dy))
        light, spread = expected(moved, Image(patch, exposure), band)
        mean, variance = mean + light, variance + spread
    return Image(replace(patch, background=mean), exposure, variance)


def _errors(field: Field, found: list[Source], colours: list[Floats] | None) -> Errors:
    truth = [one.source for one in field.truth]
    pairs = list(zip(truth, found, strict=True))
    both = [(a, b) for a, b in pairs if isinstance(a, Galaxy) and isinstance(b, Galaxy)]
    errors = {
        "position": float(np.mean([np.hypot(a.x - b.x, a.y - b.y) for a, b in pairs])),
        "r": float(np.mean([abs(magnitude(a.flux) - magnitude(b.flux)) for a, b in pairs])),
    }
    if colours is not None:
        away = MAGNITUDES * np.abs(np.array(colours) - [one.colours for one in field.truth]).mean(axis=0)
        errors |= {name: float(one) for name, one in zip(COLOUR_NAMES, away, strict=True)}
    if both:
        errors["axis ratio"] = float(np.mean([abs(a.axis_ratio - b.axis_ratio) for a, b in both]))
        errors["radius"] = float(np.mean([abs(a.radius - b.radius) for a, b in both]))
    wrong = sum(isinstance(a, Galaxy) != isinstance(b, Galaxy) for a, b in pairs)
    return Errors(len(pairs), sum(isinstance(a, Galaxy) for a in truth), wrong, errors)
