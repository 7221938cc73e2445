"""A fit says where it does not describe its pixels, and looks again for a source that is not where it was said to be."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import kl_div

from fpga_ml.science.celeste import SDSS_PSF, Exposure, Float64, Galaxy, Patch, Position, Star, fit
from fpga_ml.science.celeste.likelihood import gradient, rate
from fpga_ml.science.celeste.quality import BOUND_MET, MASKED_CORE, MOVED, NOT_FOUND, POOR_FIT
from fpga_ml.science.celeste.sources import Source, scene

EXPOSURE = Exposure(SDSS_PSF[2], 900.0)
SKY = np.full((51, 51), 600.0)


def observed(sources: Source | list[Source], seed: int = 0) -> Patch:
    expected = rate(scene(sources, EXPOSURE), SKY) if sources else SKY
    return Patch(np.random.default_rng(seed).poisson(expected).astype(np.float64), SKY)


def test_chi_square_of_a_good_fit() -> None:
    values = []
    for seed in range(20):
        found = fit(observed(Star(0.2, 0.1, 30.0), seed), EXPOSURE)
        assert found.quality is not None
        assert not found.quality.poor
        assert abs(found.quality.residual) < 5.5
        assert found.flags == ((),)
        values.append((found.quality.chi_square - 1) / found.quality.scatter)
    assert abs(np.mean(values)) < 1
    assert 0.5 < np.std(values) < 1.6


def test_a_poor_fit_says_so_and_has_larger_errors() -> None:
    """A neighbour that nobody told of: the largest residual is where it is, and errors grow by the root of chi square."""
    patch = observed([Star(0.2, 0.1, 30.0), Star(14.0, -9.0, 60.0)])
    found = fit(patch, EXPOSURE, Star(0.0, 0.0, 30.0))
    alone = fit(observed(Star(0.2, 0.1, 30.0)), EXPOSURE, Star(0.0, 0.0, 30.0))
    assert found.quality is not None
    assert found.quality.poor
    assert found.quality.at == (14, -9)
    assert found.quality.residual > 20
    assert POOR_FIT in found.flags[0]
    grown = found.errors[0]["x"] / alone.errors[0]["x"]
    assert grown == pytest.approx(found.quality.chi_square**0.5, rel=0.02)


def test_masked_pixels_weigh_nothing() -> None:
    """Value, moments and information are those of the other pixels, whatever is in the masked ones."""
    patch = observed(Galaxy(0.2, 0.1, 60.0, 0.3, 0.5, 1.0, 2.5))
    mask = np.zeros((51, 51), dtype=np.bool_)
    mask[21:25, 22:27] = True
    counts = np.where(mask, 1e7, patch.counts)
    table, derivatives = scene(Galaxy(0.0, 0.0, 50.0, 0.4, 0.6, 0.9, 2.2), EXPOSURE).coefficients()
    result = Float64()(table, Patch(counts, SKY, mask))
    expected = rate(scene(Galaxy(0.0, 0.0, 50.0, 0.4, 0.6, 0.9, 2.2), EXPOSURE), SKY)
    assert result.value == pytest.approx(-kl_div(patch.counts, expected)[~mask].sum())
    step = 1e-6
    for i in range(7):
        vector = np.array(Galaxy(0.0, 0.0, 50.0, 0.4, 0.6, 0.9, 2.2).vector())
        ends = [
            Float64()(
                scene(Galaxy.of(vector + sign * step * np.eye(7)[i]), EXPOSURE).coefficients()[0], Patch(counts, SKY, mask)
            )
            for sign in (1, -1)
        ]
        slope = (ends[0].value - ends[1].value) / (2 * step)
        assert gradient(result.moments, derivatives)[i] == pytest.approx(slope, rel=1e-4, abs=1e-2)
    found = [fit(Patch(np.where(mask, junk, patch.counts), SKY, mask), EXPOSURE) for junk in (0.0, 1e7)]
    assert found[0].sources == found[1].sources
    assert MASKED_CORE in found[0].flags[0]
    whole = fit(patch, EXPOSURE)
    assert found[0].errors[0]["log_flux"] > whole.errors[0]["log_flux"]


@pytest.mark.parametrize("away", [3.2, 4.5, 6.0, 7.5])
@pytest.mark.parametrize(
    "truth",
    [Star(0.3, -0.2, 20.0), Star(0.3, -0.2, 1.5), Galaxy(0.3, -0.2, 60.0, 0.3, 0.6, 0.5, 2.5)],
    ids=["star", "faint star", "galaxy"],
)
def test_a_start_that_is_off(truth: Source, away: float) -> None:
    """The source is found, with its kind, from every side; that it was looked for again is said."""
    for turn in range(4):
        angle = 0.4 + turn * np.pi / 2
        start = Position(truth.x + away * np.cos(angle), truth.y + away * np.sin(angle))
        found = fit(observed(truth, turn), EXPOSURE, start)
        (source,), (error,) = found.sources, found.errors
        assert type(source) is type(truth)
        assert np.hypot(source.x - truth.x, source.y - truth.y) < 5 * np.hypot(error["x"], error["y"])
        assert (MOVED in found.flags[0]) or max(abs(source.x - start.x), abs(source.y - start.y)) < 3.0


def test_where_there_is_nothing() -> None:
    flagged = [fit(observed([], seed), EXPOSURE).flags[0] for seed in range(8)]
    assert sum(NOT_FOUND in one for one in flagged) >= 7


def test_a_bound_that_is_met_is_flagged() -> None:
    found = fit(observed([Star(0.0, 0.0, 5.0), Star(5.5, 0.0, 500.0)]), EXPOSURE, Star(0.0, 0.0, 5.0))
    assert BOUND_MET in found.flags[0]
