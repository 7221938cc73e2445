"""Rate, likelihood, gradient and information against densities of SciPy and numerical derivatives of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import multivariate_normal, poisson

from fpga_ml.celeste_design import offsets
from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste.evaluator import Float64, Patch
from fpga_ml.science.celeste.likelihood import chi, deviance_form, fisher, gradient, log_likelihood, rate, saturated
from fpga_ml.science.celeste.profiles import PROFILES, SDSS_PSF
from fpga_ml.science.celeste.sources import Exposure, Galaxy, Source, Star, canonical, flux_of, magnitude, scene

GAIN, SKY = 900.0, 600.0
SHAPE = (19, 24)
STAR = Star(0.3, -0.2, 30.0)
GALAXY = Galaxy(-2.2, 1.4, 40.0, 0.3, 0.6, 0.5, 2.5)
SCENES = {"star": [STAR], "galaxy": [GALAXY], "blend": [GALAXY, STAR, Galaxy(3.0, -1.0, 5.0, 0.8, 0.9, 2.0, 1.2)]}


def expected(sources: list[Source], k: int) -> np.ndarray:
    """(H, W) electrons, from SciPy's densities one Gaussian at a time."""
    rows, columns = SHAPE
    at = np.stack(np.meshgrid(np.arange(columns) - columns // 2, np.arange(rows) - rows // 2), axis=-1)
    total = np.full(SHAPE, SKY)
    psf = SDSS_PSF[k]
    for source in sources:
        terms = [(1.0, np.zeros((2, 2)))]
        if isinstance(source, Galaxy):
            turn = np.array([[np.cos(source.angle), -np.sin(source.angle)], [np.sin(source.angle), np.cos(source.angle)]])
            ellipse = turn @ np.diag([source.radius**2, (source.axis_ratio * source.radius) ** 2]) @ turn.T
            parts = ((source.de_vaucouleurs, PROFILES.de_vaucouleurs), (1 - source.de_vaucouleurs, PROFILES.exponential))
            terms = [(s * w, v * ellipse) for s, p in parts for w, v in zip(p.weights, p.variances, strict=True)]
        for i, (share, spread) in itertools.product(range(k), terms):
            mean, covariance = psf.means[i] + (source.x, source.y), psf.covariances[i] + spread
            total += GAIN * source.flux * psf.weights[i] * share * multivariate_normal(mean, covariance).pdf(at)
    return total


def moved(sources: list[Source], vector: np.ndarray) -> list[Source]:
    return list(scene(sources, Exposure(SDSS_PSF[2], GAIN)).at(vector).sources)


def slope(function: Callable[[np.ndarray], np.ndarray | float], at: np.ndarray) -> np.ndarray:
    """(P, ...) derivatives by differences of the fourth order."""
    found = []
    for i in range(len(at)):
        h = np.zeros_like(at)
        h[i] = 1e-3
        near, far = (np.asarray(function(at + k * h)) - function(at - k * h) for k in (1, 2))
        found.append((8 * near - far) / (12 * 1e-3))
    return np.array(found)


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("sources", SCENES.values(), ids=SCENES)
def test_rate(sources: list[Source], k: int) -> None:
    found = rate(scene(sources, Exposure(SDSS_PSF[k], GAIN)), np.full(SHAPE, SKY))
    np.testing.assert_allclose(found, expected(sources, k), rtol=1e-12)


@pytest.mark.parametrize("sources", SCENES.values(), ids=SCENES)
def test_likelihood_and_gradient(sources: list[Source]) -> None:
    counts = np.random.default_rng(1).poisson(expected(sources, 2))
    at = scene(sources, Exposure(SDSS_PSF[2], GAIN))
    table, derivatives = at.coefficients()
    result = Float64()(table, Patch(counts, np.full(SHAPE, SKY)))

    def likelihood(vector: np.ndarray) -> float:
        return float(poisson(expected(moved(sources, vector), 2)).logpmf(counts).sum())

    assert result.value + saturated(counts) == pytest.approx(likelihood(at.vector()), rel=1e-12)
    assert log_likelihood(counts, expected(sources, 2)) == pytest.approx(likelihood(at.vector()), rel=1e-12)
    numerical = slope(likelihood, at.vector())
    np.testing.assert_allclose(gradient(result.moments, derivatives), numerical, atol=1e-6 * np.abs(numerical).max())


@pytest.mark.parametrize("sources", SCENES.values(), ids=SCENES)
def test_information_is_the_expected_curvature(sources: list[Source]) -> None:
    at = scene(sources, Exposure(SDSS_PSF[2], GAIN))
    truth = expected(sources, 2)
    slopes = slope(lambda vector: expected(moved(sources, vector), 2), at.vector())
    curvature = np.einsum("phw,qhw,hw->pq", slopes, slopes, 1 / truth)
    found = fisher(at, np.full(SHAPE, SKY))
    scale = np.sqrt(np.outer(np.diag(curvature), np.diag(curvature)))
    np.testing.assert_allclose(found / scale, curvature / scale, atol=1e-6)


def test_moments_are_sums_over_pixels() -> None:
    """And the offsets are as Patch says: even sides have their centre right of and below the middle."""
    counts = np.random.default_rng(2).poisson(expected([STAR], 2))
    table, _ = scene([STAR], Exposure(SDSS_PSF[2], GAIN)).coefficients()
    moments = np.zeros((2, 6))
    for row, column in np.ndindex(SHAPE):
        x, y = column - 12, row - 9
        monomials = np.array([1, x, y, x * x, x * y, y * y])
        light = 2.0 ** (table @ monomials)
        moments += (counts[row, column] / (SKY + light.sum()) - 1) * np.outer(light, monomials)
    np.testing.assert_allclose(Float64()(table, Patch(counts, np.full(SHAPE, SKY))).moments, moments, rtol=1e-9)
    assert offsets(SHAPE).shape == (19 * 24, 6)


def test_deviance_form_is_exact() -> None:
    random = np.random.default_rng(3)
    rates = np.concatenate([random.uniform(0.5, 2000, 500), np.full(3, 5.0)])
    counts = np.concatenate([random.poisson(rates[:500]), [0, 5, 50]])
    found = deviance_form(counts, rates) + saturated(counts)
    assert found == pytest.approx(float(poisson(rates).logpmf(counts).sum()), rel=1e-12)
    np.testing.assert_allclose(chi(np.array([-1.0, 0.0, np.e - 1])), [1, 0.5, 1 / (np.e - 1) ** 2], rtol=1e-12)
    np.testing.assert_allclose(chi(np.array([-1.001e-3, 0.999e-3])), chi(np.array([-0.999e-3, 1.001e-3])), rtol=1e-6)


def test_galaxy_with_swapped_axes_is_the_same_light() -> None:
    swapped = Galaxy(0.3, -0.2, 10.0, 0.3, 1.6, 2.5, 2.5)
    proper = canonical(swapped)
    assert isinstance(proper, Galaxy)
    assert proper.axis_ratio <= 1
    assert 0 <= proper.angle < np.pi
    np.testing.assert_allclose(expected([proper], 2), expected([swapped], 2), rtol=1e-12)
    assert canonical(STAR) == STAR


def test_magnitudes() -> None:
    np.testing.assert_allclose([magnitude(1.0), magnitude(1000.0), magnitude(flux_of(21.7))], [22.5, 15.0, 21.7])


def test_what_is_no_source_is_refused() -> None:
    with pytest.raises(FpgaMlError, match="flux is 0, not between 0 and inf"):
        Star(0.0, 0.0, 0)
    with pytest.raises(FpgaMlError, match=r"de_vaucouleurs is 1\.0, not between 0 and 1"):
        Galaxy(0.0, 0.0, 1.0, 1.0, 0.5, 0.0, 1.0)
    with pytest.raises(FpgaMlError, match="x is nan"):
        Star(float("nan"), 0.0, 1.0)


def test_what_is_no_patch_is_refused() -> None:
    sky = np.full((3, 3), SKY)
    with pytest.raises(FpgaMlError, match=r"counts have shape \(3, 2\), the background \(3, 3\)"):
        Patch(np.zeros((3, 2), dtype=np.int64), sky)
    with pytest.raises(FpgaMlError, match="counts are not finite"):
        Patch(np.full((3, 3), np.nan), sky)
    with pytest.raises(FpgaMlError, match=r"the mask is bool of shape \(3, 2\), the counts have \(3, 3\)"):
        Patch(sky, sky, np.zeros((3, 2), dtype=np.bool_))
    with pytest.raises(FpgaMlError, match="the background is not above 0 everywhere"):
        Patch(np.zeros((3, 3), dtype=np.int64), sky * 0)
