"""Fits find what was put in, with errors that are true, from value and moments alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste import SDSS_PSF, Exposure, Float64, Galaxy, Patch, Position, Result, Settings, Star, fit
from fpga_ml.science.celeste.emulator import Emulator
from fpga_ml.science.celeste.likelihood import rate
from fpga_ml.science.celeste.sources import Source, scene

EXPOSURE = Exposure(SDSS_PSF[2], 900.0)
SKY = np.full((51, 51), 600.0)
CLOSE = Settings(tolerance=1e-6)
BLEND: list[Source] = [
    Star(0.2, 0.1, 30.0),
    Galaxy(7.0, 3.0, 60.0, 0.3, 0.5, 1.0, 2.5),
    Star(-6.0, 5.0, 10.0),
    Galaxy(-4.0, -9.0, 20.0, 0.7, 0.8, 2.0, 1.8),
    Star(9.0, -8.0, 100.0),
]


def observed(sources: Source | list[Source], seed: int = 0) -> Patch:
    return Patch(np.random.default_rng(seed).poisson(rate(scene(sources, EXPOSURE), SKY)), SKY)


@pytest.mark.parametrize(
    "truth", [Star(0.3, -0.2, 2.0), Star(0.3, -0.2, 1000.0), Galaxy(0.3, -0.2, 300.0, 0.4, 0.6, 0.5, 2.5)], ids=str
)
def test_errors_are_true(truth: Source) -> None:
    """Over many noises, deviations in units of the stated error have mean 0 and width 1."""
    pulls = []
    for seed in range(60):
        found = fit(observed(truth, seed), EXPOSURE, truth)
        away = found.sources[0].vector() - truth.vector()
        pulls.append(away / np.sqrt(np.diag(found.covariance)))
        assert found.errors[0]["x"] == np.sqrt(found.covariance[0, 0])
    assert np.abs(np.mean(pulls, axis=0)).max() < 3.5 / np.sqrt(60)
    np.testing.assert_allclose(np.std(pulls, axis=0), 1, atol=0.35)


def test_the_maximum_is_one() -> None:
    """No neighbour in parameters is more likely, by the exact value."""
    truth = Galaxy(0.3, -0.2, 30.0, 0.4, 0.6, 0.5, 2.5)
    patch = observed(truth)
    found = fit(patch, EXPOSURE, Galaxy(0.0, 0.0, 20.0, 0.5, 0.8, 0.0, 2.0), settings=CLOSE)
    top = scene(found.sources, EXPOSURE)
    value = Float64()(top.coefficients()[0], patch).value
    assert found.value == pytest.approx(value)
    for step in np.concatenate([np.diag(np.sqrt(np.diag(found.covariance)))] * 2) * np.repeat([[0.1], [-0.1]], 7, axis=0):
        assert Float64()(top.at(top.vector() + step).coefficients()[0], patch).value < value


@pytest.mark.parametrize("at_once", [True, False])
def test_a_blend_is_taken_apart(at_once: bool) -> None:
    start = [Position(round(one.x), round(one.y)) for one in BLEND]
    found = fit(observed(BLEND), EXPOSURE, start, at_once=at_once)
    assert [type(one) for one in found.sources] == [type(one) for one in BLEND]
    pulls = (scene(found.sources, EXPOSURE).vector() - scene(BLEND, EXPOSURE).vector()) / np.sqrt(np.diag(found.covariance))
    assert np.abs(pulls).max() < 3.5
    assert found.names[:4] == ("x[0]", "y[0]", "log_flux[0]", "x[1]")


def test_a_pass_for_each_source_is_the_same_fit() -> None:
    patch, start = observed(BLEND[:2]), [Star(0.0, 0.0, 20.0), Galaxy(6.5, 3.0, 50.0, 0.5, 0.7, 0.8, 2.0)]
    one, other = (fit(patch, EXPOSURE, start, at_once=at_once) for at_once in (True, False))
    np.testing.assert_allclose(scene(one.sources, EXPOSURE).vector(), scene(other.sources, EXPOSURE).vector(), rtol=1e-9)


@pytest.mark.parametrize("flux", [10.0, 300.0])
def test_kind_is_decided(flux: float) -> None:
    for truth in (Star(0.3, -0.2, flux), Galaxy(0.3, -0.2, flux, 0.4, 0.6, 0.5, 2.5)):
        for seed in range(5):
            found = fit(observed(truth, seed), EXPOSURE)
            assert type(found.sources[0]) is type(truth)
            (odds,) = found.galaxy_log_odds
            assert odds is not None
            assert (odds > 0) == isinstance(truth, Galaxy)


def test_a_parameter_at_its_bound_has_no_error() -> None:
    """A pure exponential galaxy: its de Vaucouleurs share ends at the least, in some noise."""
    truth = Galaxy(0.3, -0.2, 300.0, 0.011, 0.6, 0.5, 2.5)
    fits = [fit(observed(truth, seed), EXPOSURE, truth) for seed in range(8)]
    held = [one for one in fits if np.isnan(one.errors[0]["de_vaucouleurs"])]
    assert 0 < len(held) < 8
    for one in held:
        assert one.sources[0].vector()[3] == 0.01
        assert np.isfinite([one.errors[0]["x"], one.errors[0]["log_radius"]]).all()


class Limited:
    """The exact kernel, but for an overflow where a pixel's rate exceeds a limit."""

    def __init__(self, limit: float) -> None:
        self.limit = limit

    def __call__(self, coefficients: np.ndarray, patch: Patch) -> Result:
        exact = Float64()(coefficients, patch)
        return Result(exact.value, exact.moments, bool(coefficients[:, 0].max() > np.log2(self.limit)))


def test_overflow_is_an_error() -> None:
    patch = observed(Star(0.3, -0.2, 100.0))
    with pytest.raises(FpgaMlError, match=r"the kernel overflows where the fit begins\n.*\n.*wider rate"):
        fit(patch, EXPOSURE, Star(0.0, 0.0, 100.0), evaluator=Limited(4000.0))
    with pytest.raises(FpgaMlError, match=r"steps overflowed the kernel(.|\n)*wider range"):
        fit(patch, EXPOSURE, Star(0.0, 0.0, 20.0), evaluator=Limited(4000.0))


def test_overflow_on_the_way_is_stepped_around() -> None:
    patch = observed(Star(0.3, -0.2, 100.0))
    free = fit(patch, EXPOSURE, Star(0.0, 0.0, 20.0), settings=CLOSE)
    peak = np.exp2(scene(free.sources, EXPOSURE).coefficients()[0][:, 0].max())
    found = fit(patch, EXPOSURE, Star(0.0, 0.0, 20.0), evaluator=Limited(1.02 * peak), settings=CLOSE)
    np.testing.assert_allclose(found.sources[0].vector(), free.sources[0].vector(), rtol=1e-5)


def test_no_end_is_an_error() -> None:
    with pytest.raises(FpgaMlError, match=r"no maximum after 1 steps: .* statistical errors to go(.|\n)*start nearer"):
        fit(observed(Star(0.3, -0.2, 100.0)), EXPOSURE, Star(2.0, 2.0, 20.0), settings=Settings(iterations=1))


def test_no_source_within_the_patch_is_an_error() -> None:
    with pytest.raises(FpgaMlError, match="there is no source to fit"):
        fit(observed(Star(0.3, -0.2, 100.0)), EXPOSURE, [])
    with pytest.raises(FpgaMlError, match=r"position \(40, 0\) is outside the patch"):
        fit(observed(Star(0.3, -0.2, 100.0)), EXPOSURE, Position(40.0, 0.0))


def test_a_source_stays_near_where_it_was_looked_for() -> None:
    """Beside a much brighter one that nobody told of, it does not become that one: it stops at the bound, and has no error
    there."""
    found = fit(observed([Star(0.0, 0.0, 5.0), Star(5.5, 0.0, 500.0)]), EXPOSURE, Star(0.0, 0.0, 5.0))
    assert found.sources[0].x == 3.0
    assert np.isnan(found.errors[0]["x"])


def bad_pixels() -> np.ndarray:
    mask = np.random.default_rng(5).random(SKY.shape) < 0.1
    mask[:, 28], mask[25, 20:24] = True, True
    return mask


def test_what_masked_pixels_hold_does_not_matter() -> None:
    patch, mask = observed(Galaxy(0.3, -0.2, 60.0, 0.4, 0.6, 0.5, 2.5)), bad_pixels()
    fits = [
        fit(Patch(np.where(mask, count, patch.counts), np.where(mask, sky, SKY), mask), EXPOSURE)
        for count, sky in ((np.nan, np.nan), (0.0, -1.0), (1e9, np.inf))
    ]
    for found in fits:
        assert isinstance(found.sources[0], Galaxy)
        assert found.sources == fits[0].sources
        assert found.galaxy_log_odds == fits[0].galaxy_log_odds
        np.testing.assert_array_equal(found.covariance, fits[0].covariance)


def test_errors_with_bad_pixels_are_true() -> None:
    """A column and a tenth of the pixels are bad and bright; the errors are larger than without, as they should be."""
    truth, mask, pulls = Star(0.3, -0.2, 30.0), bad_pixels(), []
    for seed in range(40):
        whole = observed(truth, seed)
        patch = Patch(np.where(mask, 60_000, whole.counts), SKY, mask)
        found = fit(patch, EXPOSURE, truth)
        assert found.errors[0]["log_flux"] > fit(whole, EXPOSURE, truth).errors[0]["log_flux"]
        pulls.append((found.sources[0].vector() - truth.vector()) / np.sqrt(np.diag(found.covariance)))
    assert np.abs(np.mean(pulls, axis=0)).max() < 3.5 / np.sqrt(40)
    np.testing.assert_allclose(np.std(pulls, axis=0), 1, atol=0.35)
    fixed = fit(patch, EXPOSURE, truth, evaluator=Emulator("D16"))
    away = (fixed.sources[0].vector() - found.sources[0].vector()) / np.sqrt(np.diag(found.covariance))
    assert np.abs(away).max() < 0.01


def test_the_criterion_counts_pixels_that_are_not_masked() -> None:
    truth = Galaxy(0.3, -0.2, 60.0, 0.4, 0.6, 0.5, 2.5)
    mask = np.zeros(SKY.shape, dtype=np.bool_)
    mask[:, :15], mask[:13] = True, True
    patch = replace(observed(truth), mask=mask)
    star, galaxy = (fit(patch, EXPOSURE, start).value for start in (Star(0.3, -0.2, 60.0), truth))
    (odds,) = fit(patch, EXPOSURE).galaxy_log_odds
    assert odds == pytest.approx(galaxy - star - 2 * np.log(36 * 38), abs=0.1)


def test_a_source_behind_masked_pixels() -> None:
    """There is no first guess of it."""
    mask = np.zeros(SKY.shape, dtype=np.bool_)
    mask[15:36, 15:36] = True
    patch = replace(observed(Star(0.3, -0.2, 100.0)), mask=mask)
    with pytest.raises(FpgaMlError, match=r"all pixels within 6 of position \(0, 0\) are masked"):
        fit(patch, EXPOSURE)


def test_counts_below_zero_are_fitted() -> None:
    """Sky-subtracted, of read-out noise: exactly as they are, in fixed point with a pedestal of some electrons."""
    truth, sky = Star(0.3, -0.2, 30.0), np.full(SKY.shape, 4.0)
    counts = np.random.default_rng(1).normal(rate(scene(truth, EXPOSURE), sky), 2.0)
    patch = Patch(counts, sky)
    assert patch.counts.min() < 0
    exact, fixed = fit(patch, EXPOSURE, truth), fit(patch.lifted(), EXPOSURE, truth, evaluator=Emulator("D16"))
    for found in (exact, fixed):
        away = (found.sources[0].vector() - truth.vector()) / np.sqrt(np.diag(found.covariance))
        assert np.abs(away).max() < 4
    with pytest.raises(FpgaMlError, match="counts below 0, which the fixed-point kernel cannot hold"):
        fit(patch, EXPOSURE, truth, evaluator=Emulator("D16"))
