"""Mixtures against what they stand for: GalSim's profiles convolved with the same PSF."""

from __future__ import annotations

import galsim
import numpy as np
import pytest

from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste.likelihood import rate
from fpga_ml.science.celeste.profiles import PROFILES, SDSS_PSF, Profiles, Psf
from fpga_ml.science.celeste.sources import Exposure, Galaxy, Source, Star, scene

SIDE = 51
CUT = 8 / 0.9155
"""The de Vaucouleurs mixture stands for SDSS's profile, which ends smoothly from 7 to 8 effective radii; in half-light
radii."""


def galsim_image(source: Source, psf: Psf) -> np.ndarray:
    """The source's flux in nanomaggies on the patch's pixels, from GalSim."""
    terms = []
    for weight, mean, covariance in zip(psf.weights, psf.means, psf.covariances, strict=True):
        (minor2, major2), axes = np.linalg.eigh(covariance)
        shear = galsim.Shear(q=np.sqrt(minor2 / major2), beta=np.arctan2(axes[1, 1], axes[0, 1]) * galsim.radians)
        term = galsim.Gaussian(sigma=(minor2 * major2) ** 0.25, flux=weight).shear(shear)
        terms.append(term.shift(*mean))
    light = galsim.Add(terms)
    if isinstance(source, Galaxy):
        share, round_radius = source.de_vaucouleurs, source.radius * np.sqrt(source.axis_ratio)
        body = share * galsim.DeVaucouleurs(round_radius, trunc=CUT * round_radius) + (1 - share) * galsim.Exponential(
            round_radius
        )
        body = body.shear(galsim.Shear(q=source.axis_ratio, beta=source.angle * galsim.radians))
        light = galsim.Convolve(body, light)
    image = light.shift(source.x, source.y).drawImage(nx=SIDE, ny=SIDE, scale=1.0, method="no_pixel")
    return source.flux * image.array.astype(np.float64)


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize(
    "source",
    [
        Star(0.3, -0.2, 30.0),
        Galaxy(0.3, -0.2, 10.0, 0.99, 0.6, 0.5, 2.5),
        Galaxy(-0.4, 0.1, 10.0, 0.01, 0.6, 2.0, 2.5),
        Galaxy(0.0, 0.0, 10.0, 0.5, 0.9, 1.0, 1.5),
        Galaxy(0.0, 0.0, 10.0, 0.3, 0.4, 1.0, 5.0),
    ],
)
def test_mixtures_are_the_profiles_to_a_percent_of_the_peak(source: Source, k: int) -> None:
    gain = 900.0
    ours = rate(scene(source, Exposure(SDSS_PSF[k], gain)), np.zeros((SIDE, SIDE)))
    theirs = gain * galsim_image(source, SDSS_PSF[k])
    error = np.abs(ours - theirs).max() / theirs.max()
    assert error <= (0.01 if isinstance(source, Galaxy) else 1e-4)


def test_the_published_scale_is_off_by_more() -> None:
    galaxy = Galaxy(0.0, 0.0, 10.0, 0.99, 0.6, 0.5, 2.5)
    theirs = galsim_image(galaxy, SDSS_PSF[2])
    ours = rate(scene(galaxy, Exposure(SDSS_PSF[2], 1.0, Profiles.as_published())), np.zeros((SIDE, SIDE)))
    assert 0.03 <= np.abs(ours - theirs).max() / theirs.max() <= 0.2


def test_half_of_the_light_is_within_the_radius() -> None:
    radius = np.linspace(0, 200, 2_000_001)
    for scale in (1.0, 1.3):
        profiles = Profiles.with_half_light(scale)
        for profile in (profiles.de_vaucouleurs, profiles.exponential):
            density = sum(
                w * np.exp(-(radius**2) / (2 * v)) / (2 * np.pi * v)
                for w, v in zip(profile.weights, profile.variances, strict=True)
            )
            within = np.cumsum(2 * np.pi * radius * density) * radius[1]
            assert within[-1] == pytest.approx(1, abs=1e-4)
            assert radius[np.searchsorted(within, 0.5)] == pytest.approx(scale, abs=1e-3)
    assert PROFILES.de_vaucouleurs.half_light() == pytest.approx(1)
    published = Profiles.as_published()
    assert published.de_vaucouleurs.half_light() == pytest.approx(0.849, abs=5e-4)
    assert published.exponential.half_light() == pytest.approx(1.062, abs=5e-4)


def test_psf_is_a_density() -> None:
    y, x = np.mgrid[-30:31, -30:31].astype(float)
    for psf in SDSS_PSF.values():
        light = psf.at(x, y)
        assert light.sum() == pytest.approx(1, abs=1e-6)
        centre = np.array([(light * x).sum(), (light * y).sum()])
        np.testing.assert_allclose(centre, psf.weights @ psf.means, atol=1e-6)
    half = np.interp(
        0.5, *(lambda c: (c[::-1] / c[0], np.arange(31.0)[::-1]))(SDSS_PSF[2].at(np.arange(31.0), np.zeros(31)))
    )
    assert 2 * half == pytest.approx(3.3, abs=0.2)


def test_psf_that_is_no_mixture_is_refused() -> None:
    good = SDSS_PSF[2]
    with pytest.raises(FpgaMlError, match=r"weights \(2,\), means \(1, 2\), covariances \(2, 2, 2\) do not fit"):
        Psf(good.weights, good.means[:1], good.covariances)
    with pytest.raises(FpgaMlError, match="no positive weight or width"):
        Psf(good.weights * [1, -1], good.means, good.covariances)
