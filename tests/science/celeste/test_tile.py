"""Sources as real images have them: beside neighbours, saturated, behind dead columns, at the edge, found a little off."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fpga_ml.science.celeste import SDSS_PSF, Exposure, Galaxy, Star
from fpga_ml.science.celeste.frames.frame import ConstantPsf, Flag, Frame, no_flags
from fpga_ml.science.celeste.likelihood import rate
from fpga_ml.science.celeste.population import Prior
from fpga_ml.science.celeste.posterior import NAMES
from fpga_ml.science.celeste.sources import Source, scene
from fpga_ml.science.celeste.survey.catalogue import row
from fpga_ml.science.celeste.survey.measure import Measured, Quality
from fpga_ml.science.celeste.survey.target import Target
from fpga_ml.science.celeste.survey.tile import Tile

PIXEL_ARCSEC, SIDE, SKY, GAIN = 0.396, 71, 600.0, 900.0
FAULTS = ~(Quality.RESIDUAL | Quality.AT_BOUND)


def frames_of(*sources: Source, seed: int = 1) -> list[Frame]:
    """In r and i, each source as bright in both; places in pixels from the middle, where RA and Dec are 0."""
    from astropy.wcs import WCS

    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.cdelt = ("RA---TAN", "DEC--TAN"), (-PIXEL_ARCSEC / 3600, PIXEL_ARCSEC / 3600)
    wcs.wcs.crpix = SIDE // 2 + 1, SIDE // 2 + 1
    wcs.wcs.set()
    random, sky = np.random.default_rng(seed), np.full((SIDE, SIDE), SKY)
    expected = rate(scene(sources, Exposure(SDSS_PSF[2], GAIN)), sky)
    return [
        Frame(
            random.poisson(expected).astype(float), sky, no_flags(sky.shape), GAIN, ConstantPsf(SDSS_PSF[2]), 0.0, wcs, band
        )
        for band in ("r", "i")
    ]


def at(x: float, y: float) -> Target:
    """Looked for at pixels from the middle."""
    start = np.r_[np.zeros(len(NAMES) - 3), -0.7, 0.1, 0.1]
    return Target(-x * PIXEL_ARCSEC / 3600, y * PIXEL_ARCSEC / 3600, [start])


def fitted(frames: list[Frame], *targets: Target) -> list[Measured]:
    tile = Tile(frames, Prior.load())
    tile.add(targets)
    tile.fit()
    return tile.measured()


def pulls(found: Measured, x: float, y: float, flux: float) -> Any:
    """(3,) of east, north and log flux."""
    one = row(found)
    east = (one["ra"] + 180) % 360 - 180
    away = [(3600 * east + x * PIXEL_ARCSEC) / one["ra_error"], (3600 * one["dec"] - y * PIXEL_ARCSEC) / one["dec_error"]]
    return np.array([*away, (one["log_flux_r"] - np.log(flux)) / one["log_flux_r_error"]])


def test_a_blend_is_taken_apart() -> None:
    """Each right within its error; of the faint one it is said that the bright one is in its light."""
    frames = frames_of(Star(-2.2, 0.3, 60.0), Galaxy(2.1, -0.4, 12.0, 0.4, 0.6, 0.5, 2.0))
    bright, faint = fitted(frames, at(-2, 0), at(2, 0))
    assert np.abs(pulls(bright, -2.2, 0.3, 60.0)).max() < 4
    assert np.abs(pulls(faint, 2.1, -0.4, 12.0)).max() < 4
    assert bright.posterior.galaxy < 0.5
    assert faint.posterior.galaxy > 0.5
    assert Quality.BLENDED in faint.quality
    assert not bright.quality & FAULTS


def test_a_source_under_a_bright_one_is_found_in_what_is_left() -> None:
    frames = frames_of(Star(0.0, 0.0, 200.0), Star(5.0, 3.0, 8.0))
    found = fitted(frames, at(0, 0))
    assert len(found) == 2
    assert Quality.RESIDUAL in found[1].quality
    assert np.abs(pulls(found[0], 0, 0, 200.0)).max() < 4
    assert np.abs(pulls(found[1], 5, 3, 8.0)).max() < 4


@pytest.mark.parametrize("off", [(3, 0), (-3, 2), (2, -3)])
def test_a_start_that_is_off(off: tuple[int, int]) -> None:
    (found,) = fitted(frames_of(Star(0.2, -0.3, 40.0)), at(*off))
    assert np.abs(pulls(found, 0.2, -0.3, 40.0)).max() < 4
    assert not found.quality & FAULTS


@pytest.mark.parametrize("off", [(6, 0), (-5, 5)])
def test_a_start_that_is_far_off(off: tuple[int, int]) -> None:
    """What is there is found in what is left, and what is not there is faint or says so."""
    found = fitted(frames_of(Star(0.2, -0.3, 40.0)), at(*off))
    good = [one for one in found if np.abs(pulls(one, 0.2, -0.3, 40.0)).max() < 4]
    assert len(good) == 1
    others = [row(one) for one in found if one is not good[0]]
    assert all(one["flags"] & FAULTS or one["mag_r"] > 22 for one in others)


def test_saturated_pixels_are_masked_and_said() -> None:
    frames = frames_of(Star(0.0, 0.0, 300.0))
    clipped = []
    for frame in frames:
        flags = no_flags(frame.shape)
        flags[frame.electrons > 8000] = Flag.SATURATED
        clipped.append(replace(frame, electrons=np.minimum(frame.electrons, 8000), flags=flags))
    (found,) = fitted(clipped, at(0, 0))
    assert Quality.SATURATED in found.quality
    assert np.abs(pulls(found, 0, 0, 300.0)).max() < 4


def test_a_clipped_star_without_flags_is_a_poor_fit() -> None:
    frames = [replace(frame, electrons=np.minimum(frame.electrons, 8000)) for frame in frames_of(Star(0.0, 0.0, 300.0))]
    found = fitted(frames, at(0, 0))[0]
    assert found.quality & Quality.POOR_FIT
    assert row(found)["log_flux_r_error"] > 3 * np.sqrt(found.posterior.likely.covariance[2, 2])


def test_dead_columns() -> None:
    """Through the middle of a source, and beside it."""
    frames = []
    for frame in frames_of(Star(0.0, 0.0, 40.0), Star(20.0, 0.0, 40.0)):
        flags, electrons = no_flags(frame.shape), frame.electrons.copy()
        for column in (SIDE // 2, SIDE // 2 + 24):
            flags[:, column], electrons[:, column] = Flag.BAD, 0.0
        frames.append(replace(frame, electrons=electrons, flags=flags))
    through, beside = fitted(frames, at(0, 0), at(20, 0))
    assert Quality.MASKED in through.quality
    assert not beside.quality & FAULTS
    assert np.abs(pulls(through, 0, 0, 40.0)).max() < 4
    assert np.abs(pulls(beside, 20, 0, 40.0)).max() < 4


def test_at_the_edge() -> None:
    (found,) = fitted(frames_of(Star(34.0, 0.0, 40.0)), at(34, 0))
    assert Quality.EDGE in found.quality
    assert np.abs(pulls(found, 34, 0, 40.0)).max() < 4


def test_a_cosmic_ray_on_a_source_is_a_poor_fit() -> None:
    frames = frames_of(Star(0.0, 0.0, 40.0))
    hit = frames[0].electrons.copy()
    hit[SIDE // 2 + 1, SIDE // 2 - 2 : SIDE // 2 + 2] += 4000
    found = fitted([replace(frames[0], electrons=hit), frames[1]], at(0, 0))[0]
    assert Quality.POOR_FIT in found.quality


def test_read_out_noise_on_a_low_sky() -> None:
    """No bias: the mean pull of 12 noises is that of their number."""
    low = []
    for seed in range(12):
        random = np.random.default_rng(seed)
        expected = rate(scene(Star(0.0, 0.0, 0.6), Exposure(SDSS_PSF[2], GAIN)), np.full((SIDE, SIDE), 3.0))
        frames = [
            replace(
                frame,
                electrons=random.poisson(expected) + random.normal(0, 5.0, expected.shape),
                background=np.full((SIDE, SIDE), 3.0),
                variance=25.0,
            )
            for frame in frames_of(Star(0.0, 0.0, 1.0))
        ]
        low.append(pulls(fitted(frames, at(0, 0))[0], 0, 0, 0.6)[2])
    assert abs(np.mean(low)) < 4 / 12**0.5
    assert np.std(low) < 2
