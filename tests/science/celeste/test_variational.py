"""The ELBO against sums and integrals written out, its gradient against differences, and what inference finds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import gammaln, logsumexp, xlogy
from scipy.stats import multivariate_normal, norm, poisson

from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste import SDSS_PSF, Exposure, Galaxy, Patch, Position, Star
from fpga_ml.science.celeste.likelihood import rate
from fpga_ml.science.celeste.prior import BANDS, COLOUR_NAMES, PRIOR, ColourMixture, KindPrior, divergence
from fpga_ml.science.celeste.sources import Source, scene
from fpga_ml.science.celeste.variational import Image, LogNormal, Posterior, evidence, expected, infer, pixel_terms

SDSS = Exposure(SDSS_PSF[2], 900.0)
COLOURS = PRIOR.galaxies.colours.means[0]
RATIOS = np.exp([-COLOURS[0] - COLOURS[1], -COLOURS[1], 0, COLOURS[2], COLOURS[2] + COLOURS[3]])
"""Flux over that in r, u to z."""


def observed(source: Source, seed: int = 0, side: int = 31, bands: tuple[str, ...] = BANDS) -> dict[str, Image]:
    random, sky, found = np.random.default_rng(seed), np.full((side, side), 600.0), {}
    for band in bands:
        there = replace(source, flux=source.flux * float(RATIOS[BANDS.index(band)]))
        found[band] = Image(Patch(random.poisson(rate(scene(there, SDSS), sky)), sky), SDSS)
    return found


def flat(images: dict[str, Image]) -> np.ndarray:
    """A vector of parameters near no maximum: every derivative counts."""
    kinds = [2.0, -2.0, *COLOURS, *np.full(4, -3.0)], [1.8, -2.5, *(COLOURS + 0.1), *np.full(4, -2.0)]
    return np.array([0.4, 0.2, -0.3, 0.4, -0.5, 0.7, 0.6, *kinds[0], *kinds[1]])


def test_pixels_are_the_delta_method() -> None:
    """Mean and variance of the rate by the moments of log-normals, as large squares; then x (log E - V / 2 E^2) - E."""
    random = np.random.default_rng(1)
    star, galaxy = random.uniform(1, 900, (2, 25))
    background = random.uniform(100, 200, 25)
    counts = random.poisson(background + star)
    image = Image(Patch(counts.reshape(5, 5), background.reshape(5, 5)), SDSS, np.full((5, 5), 7.0))
    share, variances = 0.3, (0.02, 0.5)
    found = pixel_terms(image, (star, galaxy), share, variances)
    mean = background + (1 - share) * star + share * galaxy
    squares = (1 - share) * np.exp(variances[0]) * star**2 + share * np.exp(variances[1]) * galaxy**2
    variance = 7.0 + squares - ((1 - share) * star + share * galaxy) ** 2
    np.testing.assert_allclose(found.mean, mean)
    assert found.value == pytest.approx(float((counts * (np.log(mean) - variance / (2 * mean**2)) - mean).sum()), rel=1e-12)


def test_the_delta_method_is_near_the_expectation() -> None:
    """Of log p(x) over the log-normal, by quadrature, where the brightness is as well known as it comes out."""
    star = np.array([500.0])
    image = Image(Patch(np.array([[640]]), np.array([[100.0]])), SDSS)
    variance = 0.01
    found = pixel_terms(image, (star, star), 0.0, (variance, 1.0)).value - float(gammaln(641))
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    light = 500.0 * np.exp(nodes * np.sqrt(variance) - variance / 2)
    exact = float((weights * poisson(100 + light).logpmf(640)).sum() / weights.sum())
    plain = float(poisson(600).logpmf(640))
    assert abs(found - exact) < 0.1 * abs(plain - exact)


def test_gradient() -> None:
    images = observed(Galaxy(0.2, -0.1, 10.0, 0.4, 0.6, 0.5, 2.0), side=15, bands=("g", "z"))
    images["z"] = replace(images["z"], variance=np.full((15, 15), 50.0))
    at = flat(images)
    slope = evidence(images, PRIOR, at).gradient
    for i, step in enumerate(np.eye(len(at)) * 1e-3):
        near, far = (
            evidence(images, PRIOR, at + k * step).value - evidence(images, PRIOR, at - k * step).value for k in (1, 2)
        )
        assert slope[i] == pytest.approx((8 * near - far) / 12e-3, rel=1e-5, abs=1e-4), i


def test_masked_pixels_weigh_nothing() -> None:
    """Whatever they hold: value, gradient and information are of the other pixels, one image of each of which adds up."""
    random = np.random.default_rng(2)
    image = observed(Star(0.2, -0.1, 10.0), side=5, bands=("r",))["r"]
    mask = random.random((5, 5)) < 0.4
    star, galaxy = random.uniform(1, 900, (2, 25))
    holes = Patch(*(np.where(mask, np.nan, of) for of in (image.patch.counts, image.patch.background)), mask)
    found = pixel_terms(replace(image, patch=holes, variance=np.where(mask, np.nan, 7.0)), (star, galaxy), 0.3, (0.02, 0.5))
    value, d_galaxy, d_variances = 0.0, 0.0, np.zeros(2)
    for i in np.flatnonzero(~mask):
        place = (slice(i // 5, i // 5 + 1), slice(i % 5, i % 5 + 1))
        alone = Image(Patch(image.patch.counts[place], image.patch.background[place]), SDSS, np.full((1, 1), 7.0))
        one = pixel_terms(alone, (star[i : i + 1], galaxy[i : i + 1]), 0.3, (0.02, 0.5))
        value, d_galaxy, d_variances = value + one.value, d_galaxy + one.d_galaxy, d_variances + one.d_variances
        np.testing.assert_allclose(found.d_light[:, i], one.d_light[:, 0])
    np.testing.assert_array_equal(found.d_light[:, mask.reshape(-1)], 0)
    assert found.value == pytest.approx(value)
    assert found.d_galaxy == pytest.approx(d_galaxy)
    np.testing.assert_allclose(found.d_variances, d_variances)


def test_gradient_with_masked_pixels() -> None:
    images = observed(Star(0.2, -0.1, 10.0), side=15, bands=("r",))
    mask = np.random.default_rng(3).random((15, 15)) < 0.3
    patch, at = images["r"].patch, flat(images)
    ends = []
    for count, sky in ((np.nan, np.nan), (1e6, 600.0)):
        holes = Patch(np.where(mask, count, patch.counts), np.where(mask, sky, patch.background), mask)
        ends.append(evidence({"r": replace(images["r"], patch=holes)}, PRIOR, at))
        around = {"r": replace(images["r"], patch=holes)}
    np.testing.assert_array_equal(ends[0].gradient, ends[1].gradient)
    np.testing.assert_array_equal(ends[0].information, ends[1].information)
    assert ends[0].value == ends[1].value
    for i, step in enumerate(np.eye(len(at)) * 1e-3):
        near, far = (
            evidence(around, PRIOR, at + k * step).value - evidence(around, PRIOR, at - k * step).value for k in (1, 2)
        )
        assert ends[0].gradient[i] == pytest.approx((8 * near - far) / 12e-3, rel=1e-5, abs=1e-4), i


def test_inference_with_bad_pixels() -> None:
    truth = Star(0.3, -0.2, 30.0)
    images = observed(truth)
    mask = np.random.default_rng(3).random((31, 31)) < 0.1
    mask[:, 18] = True
    bad = {
        band: replace(one, patch=Patch(np.where(mask, np.nan, one.patch.counts), one.patch.background, mask))
        for band, one in images.items()
    }
    found = infer(bad, Position())
    assert found.converged
    assert found.galaxy < 0.5
    for name, value in (("x", found.point.x - 0.3), ("y", found.point.y + 0.2), ("log_flux", found.star.mean - np.log(30))):
        assert abs(value) < 4 * found.errors[name]


def test_evidence_is_pixels_less_divergences() -> None:
    images = observed(Star(0.2, -0.1, 10.0), side=15, bands=("r",))
    at = flat(images)
    share = 1 / (1 + np.exp(-0.4))
    star = Star(0.2, -0.3, float(np.exp(2.0 + np.exp(-2.0) / 2)))
    galaxy = Galaxy(0.2, -0.3, float(np.exp(1.8 + np.exp(-2.5) / 2)), 0.4, np.exp(-0.5), 0.7, np.exp(0.6))
    light = [rate(scene(one, SDSS), np.zeros((15, 15))).reshape(-1) for one in (star, galaxy)]
    pixels = pixel_terms(images["r"], (light[0], light[1]), share, (float(np.exp(-2.0)), float(np.exp(-2.5)))).value
    radius = norm(PRIOR.log_radius[0], np.sqrt(PRIOR.log_radius[1])).logpdf(0.6)
    costs = [
        divergence(PRIOR.of(0), 2.0, np.exp(-2.0), COLOURS, np.full(4, np.exp(-3.0))).value,
        divergence(PRIOR.of(1), 1.8, np.exp(-2.5), COLOURS + 0.1, np.full(4, np.exp(-2.0))).value - radius,
    ]
    kinds = xlogy(share, share / 0.5) + xlogy(1 - share, (1 - share) / 0.5)
    assert evidence(images, PRIOR, at).value == pytest.approx(
        pixels - kinds - (1 - share) * costs[0] - share * costs[1], rel=1e-12
    )


def test_divergence_from_one_normal_is_the_known_one() -> None:
    covariance = np.array([[0.3, 0.1, 0, 0], [0.1, 0.2, 0, 0], [0, 0, 0.1, 0.02], [0, 0, 0.02, 0.4]])
    prior = KindPrior(1.0, 0.5, ColourMixture(np.ones(1), np.array([[0.1, 0.2, 0.3, 0.4]]), covariance[None]))
    colours, variances = np.array([0.3, 0.1, 0.2, 0.6]), np.array([0.1, 0.02, 0.3, 0.2])
    found = divergence(prior, 1.4, 0.2, colours, variances)
    inverse, away = np.linalg.inv(covariance), colours - prior.colours.means[0]
    of_colours = (np.trace(inverse @ np.diag(variances)) + away @ inverse @ away - 4) / 2
    of_colours += np.log(np.linalg.det(covariance) / variances.prod()) / 2
    of_brightness = (0.2 / 0.5 + 0.4**2 / 0.5 - 1 - np.log(0.2 / 0.5)) / 2
    assert found.value == pytest.approx(of_colours + of_brightness, rel=1e-12)


def test_divergence_has_the_best_shares_of_a_mixture() -> None:
    """Of all q(k) it is the one of least divergence; and it bounds the divergence from the mixture itself, by samples."""
    prior, variances = PRIOR.galaxies, np.full(4, 0.001)
    colours = prior.colours.means.mean(axis=0)
    found = divergence(prior, prior.mean, prior.variance, colours, variances).value

    def with_shares(logits: np.ndarray) -> float:
        shares = np.exp(logits - logsumexp(logits))
        total = 0.0
        for share, weight, mean, covariance in zip(
            shares, prior.colours.weights, prior.colours.means, prior.colours.covariances, strict=True
        ):
            one = KindPrior(prior.mean, prior.variance, ColourMixture(np.ones(1), mean[None], covariance[None]))
            total += share * (divergence(one, prior.mean, prior.variance, colours, variances).value + np.log(share / weight))
        return float(total)

    assert found == pytest.approx(minimize(with_shares, np.zeros(2)).fun, rel=1e-6)
    drawn = np.random.default_rng(3).normal(colours, np.sqrt(variances), (20_000, 4))
    terms = [
        np.log(w) + multivariate_normal(m, c).logpdf(drawn)
        for w, m, c in zip(prior.colours.weights, prior.colours.means, prior.colours.covariances, strict=True)
    ]
    true = float((norm(colours, np.sqrt(variances)).logpdf(drawn).sum(axis=1) - logsumexp(terms, axis=0)).mean())
    assert true - 0.05 < found < true + 0.7


@pytest.mark.parametrize("truth", [Star(0.3, -0.2, 30.0), Galaxy(0.3, -0.2, 60.0, 0.4, 0.6, 0.5, 2.5)], ids=str)
def test_inference(truth: Source) -> None:
    """Finds the kind, and everything else within errors that are true."""
    expected = dict(zip(truth.PARAMETERS, truth.vector(), strict=True)) | dict(zip(COLOUR_NAMES, COLOURS, strict=True))
    pulls = []
    for seed in range(5):
        found = infer(observed(truth, seed), Position())
        assert found.converged
        assert (found.galaxy > 0.99) if isinstance(truth, Galaxy) else (found.galaxy < 0.01)
        point = dict(zip(found.point.PARAMETERS, found.point.vector(), strict=True))
        values = point | {"log_flux": found.light.mean} | dict(zip(COLOUR_NAMES, found.light.colours, strict=True))
        assert found.errors.keys() == expected.keys()
        pulls.append([(values[name] - expected[name]) / found.errors[name] for name in expected])
        assert found.errors["log_flux"] >= 0.95 * np.sqrt(found.light.variance)
    assert np.nanmax(np.abs(pulls)) < 4
    assert 0.7 < np.nanstd(pulls) < 1.4


def test_neighbours_are_background() -> None:
    """A star beside a brighter one: right with its neighbour's posterior as background, wrong without."""
    star, neighbour = Star(0.2, 0.1, 20.0), Star(6.0, 0.0, 200.0)
    alone, both = observed(star, bands=("g", "r")), {}
    other = infer(observed(replace(neighbour, x=0.0), 1, bands=("g", "r")), Position())
    other = replace(other, point=replace(other.point, x=other.point.x + 6.0))
    for band, image in alone.items():
        there = replace(neighbour, flux=neighbour.flux * float(RATIOS[BANDS.index(band)]))
        counts = image.patch.counts + np.random.default_rng(5).poisson(rate(scene(there, SDSS), np.zeros((31, 31))))
        both[band] = replace(image, patch=replace(image.patch, counts=counts))
    found = {}
    for name, images in {"ignored": both, "known": _beside(both, other)}.items():
        found[name] = abs(infer(images, Position()).light.mean - np.log(20.0))
    assert found["known"] < 0.04 < found["ignored"]


def _beside(images: dict[str, Image], other: Posterior) -> dict[str, Image]:
    known = {}
    for band, image in images.items():
        mean, variance = expected(other, image, band)
        known[band] = replace(image, patch=replace(image.patch, background=image.patch.background + mean), variance=variance)
    return known


def test_expected_light_is_the_mixture_of_kinds() -> None:
    point = Galaxy(0.2, -0.1, 1.0, 0.4, 0.6, 0.5, 2.0)
    star = LogNormal(2.0, 0.1, COLOURS, np.full(4, 0.01))
    galaxy = LogNormal(1.5, 0.2, COLOURS + 0.1, np.full(4, 0.02))
    posterior = Posterior(0.3, point, star, galaxy, 0.0, True, {})
    image = observed(Star(0.0, 0.0, 10.0), side=9, bands=("i",))["i"]
    mean, variance = expected(posterior, image, "i")
    random, size = np.random.default_rng(1), 200_000
    light = []
    for source, one in ((Star(0.2, -0.1, 1.0), star), (point, galaxy)):
        unit = rate(scene(source, SDSS), np.zeros((9, 9)))[4, 4]
        log_flux = random.normal(one.mean + one.colours[2], np.sqrt(one.variance + one.colour_variances[2]), size)
        light.append(unit * np.exp(log_flux))
    drawn = np.where(random.random(size) < 0.3, light[1], light[0])
    assert mean[4, 4] == pytest.approx(drawn.mean(), rel=0.01)
    assert variance[4, 4] == pytest.approx(drawn.var(), rel=0.03)


def test_unknown_bands_are_refused() -> None:
    image = observed(Star(0.0, 0.0, 10.0), side=9, bands=("i",))["i"]
    with pytest.raises(FpgaMlError, match="bands y are not known"):
        infer({"y": image}, Position())
