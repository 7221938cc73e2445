"""PSFs as they are given become mixtures, with the residual stated; what is none is refused."""

from __future__ import annotations

from pathlib import Path

import galsim
import galsim.des
import numpy as np
import pytest
from astropy.io import fits

from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste import SDSS_PSF
from fpga_ml.science.celeste.frames import VaryingPsf, mixture_of
from fpga_ml.science.celeste.frames.psf import read_psf
from fpga_ml.science.celeste.frames.psf_images import _mixture, _slopes
from fpga_ml.science.celeste.frames.psfex import read_psfex
from fpga_ml.science.celeste.frames.sdss import read_psfield
from tests.science.celeste.frames import files

SHAPE = (100, 200)


def stamp(psf_of: int = 2, half: int = 25) -> np.ndarray:
    x, y = np.meshgrid(np.arange(-half, half + 1.0), np.arange(-half, half + 1.0))
    return SDSS_PSF[psf_of].at(x, y)


@pytest.mark.parametrize("terms", [2, 3])
def test_a_mixture_comes_back(terms: int) -> None:
    found = mixture_of(stamp(terms), terms=terms)
    order = np.argsort(-found.psf.weights)
    np.testing.assert_allclose(found.psf.weights[order], SDSS_PSF[terms].weights, atol=2e-3)
    np.testing.assert_allclose(found.psf.covariances[order][0], SDSS_PSF[terms].covariances[0], atol=0.02)
    np.testing.assert_allclose(found.psf.means[order][0], SDSS_PSF[terms].means[0], atol=2e-3)
    assert found.residual < 1e-3
    assert found.notes == ()


@pytest.mark.parametrize("sampling", [1.0, 0.6])
def test_what_is_no_mixture_leaves_a_residual(sampling: float) -> None:
    """Of a sheared Moffat profile: of 2 percent at most, stated, and what it measures is as bright as it is."""
    profile = galsim.Moffat(beta=3.5, fwhm=3.3).shear(e1=0.08)
    image = profile.drawImage(nx=61, ny=61, scale=sampling).array
    found = mixture_of(image, sampling)
    x, y = np.meshgrid(np.arange(-30, 31.0), np.arange(-30, 31.0))
    truth = profile.drawImage(nx=61, ny=61, scale=1.0).array if sampling == 1.0 else image / image.sum()
    ours = found.psf.at(sampling * x, sampling * y) * sampling**2
    assert np.abs(ours - truth / truth.sum()).sum() == pytest.approx(found.residual, abs=2e-3)
    assert found.residual < 0.015
    assert (ours * truth).sum() / (truth**2).sum() * truth.sum() == pytest.approx(1, abs=0.005)
    assert found.psf.weights.sum() == pytest.approx(1)


def test_slopes_of_the_mixture() -> None:
    random = np.random.default_rng(0)
    vector = random.normal(0, 0.3, 18) + np.tile([0, 0, 0, 0.7, 0, 0.7], 3)
    x, y = random.normal(0, 3, (2, 40))
    steps = 1e-5 * np.eye(18)
    numeric = np.stack([(_mixture(vector + e).at(x, y) - _mixture(vector - e).at(x, y)) / 2e-5 for e in steps], axis=1)
    np.testing.assert_allclose(_slopes(vector, x, y), numeric, atol=1e-9)


def test_what_is_no_psf_is_refused() -> None:
    good = stamp()
    broken = good.copy()
    broken[3, 4] = np.nan
    for image, told in (
        (broken, "1 pixels of the PSF are not finite"),
        (np.zeros_like(good), "there is no light in it"),
        (good - 2e-4, "of the PSF's flux is below 0"),
        (np.roll(good, 4, axis=1), r"peak lies 4\.0 px from the centre"),
        (good[:3], "a PSF's image of shape"),
        (np.abs(np.cos(np.arange(51) - 25.0)) * good**0.02, "Gaussians leave"),
    ):
        with pytest.raises(FpgaMlError, match=told):
            mixture_of(image)


@pytest.mark.parametrize("scale", [2.0, 0.8])
def test_weights_are_normalised_with_a_note(scale: float, tmp_path: Path) -> None:
    model, notes = read_psf(files.write_psf(tmp_path / "psf.json", scale), None, SHAPE)
    np.testing.assert_allclose(model.at(0, 0).weights, SDSS_PSF[2].weights)
    assert notes == (f"the PSF's weights sum to {scale:g}: normalised to 1",)
    fits.PrimaryHDU(scale * stamp()).writeto(tmp_path / "psf.fits")
    model, notes = read_psf(tmp_path / "psf.fits", None, SHAPE)
    np.testing.assert_allclose(np.sort(model.at(0, 0).weights), np.sort(SDSS_PSF[2].weights), atol=1e-3)
    assert notes[0].startswith("PSF: 2 Gaussians leave ")
    assert notes[1] == f"the PSF's image sums to {scale:g}: normalised to 1"


def test_json_that_is_no_psf(tmp_path: Path) -> None:
    path = tmp_path / "psf.json"
    slanted = SDSS_PSF[2].covariances.copy()
    slanted[0, 0, 1] += 0.3
    for changes, told in (
        ({"weights": [float("nan")] * 2}, "are not finite"),
        ({"covariances": slanted}, "a covariance of the PSF is not symmetric"),
        ({"covariances": -SDSS_PSF[2].covariances}, "no positive weight or width"),
        ({"weights": [1.0, -0.1]}, "no positive weight or width"),
        ({"weights": [1.0]}, "do not fit"),
    ):
        with pytest.raises(FpgaMlError, match=told):
            read_psf(files.write_psf(path, **changes), None, SHAPE)
    path.write_text("{}")
    with pytest.raises(FpgaMlError, match="weights, means and covariances"):
        read_psf(path, None, SHAPE)
    with pytest.raises(FpgaMlError, match="there is no such file"):
        read_psf(tmp_path / "none.psf", None, SHAPE)


def test_psfex(tmp_path: Path) -> None:
    """As GalSim reads it, at places over the image; in mixtures that follow its change."""
    random = np.random.default_rng(2)
    base = galsim.Moffat(beta=3.5, fwhm=3.0).drawImage(nx=41, ny=41, scale=0.6).array
    wider = galsim.Moffat(beta=3.5, fwhm=3.6).drawImage(nx=41, ny=41, scale=0.6).array
    terms = [base, wider - base, *(1e-3 * random.normal() * (wider - base) for _ in range(4))]
    path = tmp_path / "image.psf"
    files.psfex(path, np.array(terms), 2, (1024.5, 2048.5), (1000.0, 2000.0), 0.6)
    ours, theirs = read_psfex(path), galsim.des.DES_PSFEx(str(path))
    assert ours.sampling == 0.6
    for column, row in ((0.0, 0.0), (1500.0, 300.0), (2047.0, 4095.0)):
        image = theirs.getPSFArray(galsim.PositionD(column + 1, row + 1))
        np.testing.assert_allclose(ours.image(column, row), image, atol=1e-6 * image.max())
    model, notes = read_psf(path, None, (4096, 2048))
    narrow, wide = (model.at(column, 2000.0).second_moment() for column in (1000.0, 2000.0))
    assert wide / narrow == pytest.approx(1.44, abs=0.08)
    assert "% of its flux in the middle" in notes[0]


def test_psfex_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "image.psf"
    files.psfex(path, np.zeros((3, 11, 11)), 1, (0.0, 0.0), (1.0, 1.0), 1.0)
    with fits.open(path, mode="update") as file:
        file[1].header["POLNAME2"] = "MAG_AUTO"
    with pytest.raises(FpgaMlError, match="the PSF depends on X_IMAGE, MAG_AUTO"):
        read_psfex(path)
    files.psfex(path, np.zeros((3, 11, 11)), 2, (0.0, 0.0), (1.0, 1.0), 1.0)
    with pytest.raises(FpgaMlError, match="3 images for a polynomial of degree 2"):
        read_psfex(path)
    fits.PrimaryHDU().writeto(path, overwrite=True)
    with pytest.raises(FpgaMlError, match="no column PSF_MASK"):
        read_psfex(path)


def test_psfield(tmp_path: Path) -> None:
    """Row powers first; orders differ from one eigenimage to another; what is not declared is not used."""
    random = np.random.default_rng(1)
    images = [stamp(2), stamp(3) - stamp(2), 1e-5 * random.normal(size=(51, 51))]
    coefficients = [np.array([[1.0]]), np.array([[0.1, 0.4], [0.3, 0.0]]), random.normal(size=(2, 3))]
    path = tmp_path / "psField-003900-6-0269.fit"
    files.psfield(path, images, coefficients)
    found = read_psfield(path, "r")
    row, column = 0.001 * (700 + 0.5), 0.001 * (1200 + 0.5)
    second = 0.1 + 0.4 * column + 0.3 * row
    third = sum(coefficients[2][i, j] * row**i * column**j for i in range(2) for j in range(3))
    image = images[0] + second * images[1] + third * images[2]
    np.testing.assert_allclose(found.image(1200.0, 700.0), image, atol=1e-6)
    np.testing.assert_allclose(read_psfield(path, "i").image(1200.0, 700.0), 2 * image, atol=1e-6)
    model, notes = read_psf(path, "r", (1489, 2048))
    assert isinstance(model, VaryingPsf)
    assert "in the middle" in notes[0]
    with pytest.raises(FpgaMlError, match=r"the band is not known(.|\n)*--band"):
        read_psf(path, None, SHAPE)
    with pytest.raises(FpgaMlError, match="a psField has no band 'Y'"):
        read_psf(path, "Y", SHAPE)
