"""The compiled likelihood of one source in one image, against the float64 kernel's and against differences."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import poisson

from fpga_ml.science.celeste import SDSS_PSF, Exposure, Float64, Galaxy, Patch, Star
from fpga_ml.science.celeste.evaluator import Floats
from fpga_ml.science.celeste.likelihood import rate
from fpga_ml.science.celeste.pixels import Pixels, Terms, coefficients, gradient, light, slopes, values
from fpga_ml.science.celeste.sources import Source, scene

GAIN, SKY, SHAPE = 900.0, 600.0, (41, 45)
SOURCES: dict[str, Source] = {
    "star": Star(0.3, -0.2, 20.0),
    "galaxy": Galaxy(0.3, -0.2, 20.0, 0.4, 0.6, 0.5, 2.5),
    "small galaxy at the edge": Galaxy(19.6, 17.2, 90.0, 0.9, 0.2, 2.5, 0.4),
}


def numbers_of(source: Source) -> Floats:
    electrons = np.log(GAIN * source.flux)
    if isinstance(source, Star):
        return np.array([source.x, source.y, electrons, 0.5, 0, 0, 0])
    turn = np.array([[np.cos(source.angle), -np.sin(source.angle)], [np.sin(source.angle), np.cos(source.angle)]])
    ellipse = turn @ np.diag([source.radius**2, (source.axis_ratio * source.radius) ** 2]) @ turn.T
    return np.array([source.x, source.y, electrons, source.de_vaucouleurs, ellipse[0, 0], ellipse[0, 1], ellipse[1, 1]])


def seen(source: Source) -> tuple[Terms, Floats, Pixels, Floats]:
    """A source's terms and numbers, an image of it with masked pixels, and the expected electrons."""
    terms = (Terms.galaxy if isinstance(source, Galaxy) else Terms.star)(SDSS_PSF[2])
    expected = rate(scene(source, Exposure(SDSS_PSF[2], GAIN)), np.full(SHAPE, SKY))
    random = np.random.default_rng(5)
    pixels = Pixels(random.poisson(expected).astype(float), np.full(SHAPE, SKY), random.random(SHAPE) > 0.1)
    return terms, numbers_of(source), pixels, expected


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_light_is_the_models(source: Source) -> None:
    terms, numbers, _, expected = seen(source)
    assert np.abs(light(terms, numbers, SHAPE) + SKY - expected).max() < 1e-5


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_value_is_the_poisson_likelihood(source: Source) -> None:
    terms, numbers, pixels, expected = seen(source)
    x, used = pixels.counts, pixels.used
    known = (poisson.logpmf(x, expected) - poisson.logpmf(x, np.maximum(x, 1e-300)))[used].sum()
    assert values(terms, numbers[None], pixels)[0] == pytest.approx(known, abs=1e-4)
    assert slopes(terms, numbers, pixels)[0] == pytest.approx(known, abs=1e-4)
    patch = Patch(x, pixels.background, ~used)
    table, _ = scene(source, Exposure(SDSS_PSF[2], GAIN)).coefficients()
    assert Float64()(table, patch).value == pytest.approx(known, abs=1e-4)


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_gradient_and_information_are_differences(source: Source) -> None:
    """Of the value, and of the rate."""
    terms, numbers, pixels, expected = seen(source)
    _, slope, information = slopes(terms, numbers, pixels)
    size, step = (7, 1e-5) if isinstance(source, Galaxy) else (3, 1e-5)
    moves = step * np.eye(7)[:size]
    either = values(terms, np.concatenate([numbers + moves, numbers - moves]), pixels)
    np.testing.assert_allclose(slope[:size], (either[:size] - either[size:]) / (2 * step), rtol=1e-3, atol=0.05)
    rates = np.stack(
        [(light(terms, numbers + one, SHAPE) - light(terms, numbers - one, SHAPE))[pixels.used] for one in moves]
    )
    rates /= 2 * step
    np.testing.assert_allclose(information[:size, :size], (rates / expected[pixels.used]) @ rates.T, rtol=2e-3, atol=1e-2)
    assert not information[size:].any()
    assert not slope[size:].any()


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_what_the_kernel_is_given_and_gives(source: Source) -> None:
    """Coefficients: those of the fit of one image, in some order. Gradient from moments: the compiled one."""
    terms, numbers, pixels, _ = seen(source)
    table = coefficients(terms, numbers)
    known, _ = scene(source, Exposure(SDSS_PSF[2], GAIN)).coefficients()
    np.testing.assert_allclose(table, known, rtol=1e-9, atol=1e-9)
    result = Float64()(table, Patch(pixels.counts, pixels.background, ~pixels.used))
    _, slope, _ = slopes(terms, numbers, pixels)
    np.testing.assert_allclose(gradient(terms, numbers, result.moments), slope, rtol=1e-4, atol=1e-2)


def test_counts_below_zero() -> None:
    """Sky-subtracted, dominated by read-out noise: the expected slope is 0 at the truth."""
    terms, numbers = Terms.star(SDSS_PSF[2]), numbers_of(Star(0.2, 0.1, 2.0))
    model = light(terms, numbers, SHAPE)
    random, pulls = np.random.default_rng(2), []
    for _ in range(60):
        counts = random.poisson(model + 1.0) + random.normal(0, 3.0, SHAPE) + 9.0 - 1.0 + 1.0
        pixels = Pixels(counts, np.full(SHAPE, 10.0), np.ones(SHAPE, bool))
        assert (counts < 0).any() or counts.min() < 3
        _, slope, information = slopes(terms, numbers, pixels)
        pulls.append(slope[:3] / np.sqrt(np.diag(information)[:3]))
    assert np.abs(np.mean(pulls, axis=0)).max() < 4 / 60**0.5
    assert np.std(pulls, axis=0) == pytest.approx(np.ones(3), abs=0.3)
