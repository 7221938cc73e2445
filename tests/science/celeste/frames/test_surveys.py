"""Images of SDSS and DECam, written to the layouts that are documented, give back the stars that were put in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste import SDSS_PSF, Star
from fpga_ml.science.celeste.frames import Flag, Given, Options, read_frame
from fpga_ml.science.celeste.frames.sdss import detector
from fpga_ml.science.celeste.population import MAGNITUDES
from tests.science.celeste.frames import files
from tests.science.celeste.frames.test_read import fitted

SHAPE = (128, 240)
STARS = ((60.3, 50.4, 17.0), (150.2, 80.1, 18.5), (210.7, 30.3, 19.5))


def light(gain: np.ndarray) -> np.ndarray:
    """Electrons of the stars, where a nanomaggie has as many as the column says."""
    return gain * files.expected([(x, y, files.star(m)) for x, y, m in STARS], SHAPE, gain=1.0)


@pytest.fixture
def frame_file(tmp_path: Path) -> Path:
    path = tmp_path / "frame-r-003900-6-0269.fits.bz2"
    files.sdss_frame(path, light, SHAPE)
    return path


def test_an_sdss_frame(frame_file: Path, tmp_path: Path) -> None:
    """Counts, sky, gain and noise as the data model has them; stars within their errors, by the PSF of a psField."""
    x, y = np.meshgrid(np.arange(-25, 26.0), np.arange(-25, 26.0))
    images = [SDSS_PSF[2].at(x, y), SDSS_PSF[3].at(x, y) - SDSS_PSF[2].at(x, y)]
    psfield = tmp_path / "psField-003900-6-0269.fit"
    files.psfield(psfield, images, [np.array([[1.0]]), np.zeros((2, 2))])
    frame = read_frame(frame_file, Options(psf=str(psfield)))
    assert (frame.band, frame.shape, frame.masked.any()) == ("r", SHAPE, np.False_)
    assert frame.variance == pytest.approx(4.895**2 * 0.9025)
    sky = files.sdss_frame(tmp_path / "again.fits.bz2", light, SHAPE)
    np.testing.assert_allclose(frame.background, 4.895 * sky, rtol=1e-5)
    assert frame.exposure(62.8, 50).gain == pytest.approx(4.895 / 0.0051 / 1.05, rel=1e-3)
    pulls = []
    for column, row, magnitude in STARS:
        found = fitted(frame, (column, row))
        (star,), (error,) = found.sources, found.errors
        assert isinstance(star, Star)
        assert found.quality is not None
        assert found.quality.chi_square == pytest.approx(1, abs=0.12)
        pulls.append((found.magnitudes[0] - magnitude) / (MAGNITUDES * error["log_flux"]))
    assert np.abs(pulls).max() < 3.0


def test_masks_of_sdss(frame_file: Path, tmp_path: Path) -> None:
    """By name, spans cut off at the edges; masks of objects do not matter."""
    path = tmp_path / "fpM-003900-r6-0269.fit"
    spans = {
        "INTERP": [(10, 20, 29), (11, 20, 29)],
        "SATUR": [(50, 58, 62)],
        "NOTCHECKED": [(-3, 0, 5), (127, 235, 300), (128, 0, 5)],
        "OBJECT": [(40, 0, 239)],
        "CR": [(70, 70, 70)],
    }
    files.fpm(path, SHAPE, spans)
    flags = read_frame(frame_file, Options(mask=str(path))).flags
    expected = np.zeros(SHAPE, dtype=np.uint16)
    expected[10:12, 20:30] = Flag.BAD
    expected[50, 58:63] = Flag.SATURATED
    expected[127, 235:] = Flag.BAD
    expected[70, 70] = Flag.COSMIC
    np.testing.assert_array_equal(flags, expected)


def test_detectors_of_sdss() -> None:
    assert detector(2, "u", 1000) == (1.595, 12.6025)
    assert detector(2, "u", 1200) == (1.825, 12.6025)
    assert detector(4, "z", 1400) == (4.775, 9.61)
    assert detector(4, "z", 1600) == (4.775, 12.6025)
    assert detector(5, "z", 3900) == (3.48, 2.1025)
    assert detector(4, "i", 3900) == (4.885, 7.5625)
    with pytest.raises(FpgaMlError, match="no camera column 7"):
        detector(7, "u", 1)


def test_a_frame_of_sdss_in_part(frame_file: Path, tmp_path: Path) -> None:
    with fits.open(frame_file) as file:
        del file[0].header["CAMCOL"]
        file.writeto(tmp_path / "frame.fits")
    with pytest.raises(FpgaMlError, match="the header has no CAMCOL"):
        read_frame(tmp_path / "frame.fits")
    given = Options(given=Given(gain=900.0), sky=600.0, sky_subtracted=True)
    frame = read_frame(tmp_path / "frame.fits", given)
    assert frame.gain == 900.0


GAIN_ADU = 4.155
READ_NOISE = 6.065
ZERO_POINT = 30.0
SKY_ADU = 90.0


@pytest.fixture
def exposure(tmp_path: Path) -> Path:
    """Two CCDs in ADU with the sky in them; weights with the noise of sources; data quality in codes."""
    ccds = {}
    per_nanomaggie = GAIN_ADU * 10 ** (0.4 * (ZERO_POINT - 22.5))
    for index, name in enumerate(("S29", "N4")):
        stars = [(x, y, files.star(m + 2 + index)) for x, y, m in STARS]
        electrons = files.observed(files.expected(stars, SHAPE, per_nanomaggie), GAIN_ADU * SKY_ADU, READ_NOISE, seed=index)
        adu = electrons / GAIN_ADU
        weight = 1 / (np.maximum(adu, 1) / GAIN_ADU + (READ_NOISE / GAIN_ADU) ** 2)
        quality = np.zeros(SHAPE, dtype=np.int16)
        for code in range(1, 9):
            quality[5, 10 * code] = code
        weight[100, 100] = 0
        ccds[name] = (adu, weight, quality)
    return files.decam(tmp_path, ccds)


def companion(image: Path, kind: str) -> str:
    return str(image).replace("_ooi_", f"_{kind}_")


@pytest.mark.parametrize(("ccd", "fainter"), [("S29", 2), ("N4", 3), (2, 3)])
def test_decam(exposure: Path, ccd: str | int, fainter: int, tmp_path: Path) -> None:
    """Image, inverse variance, data quality and PSFEx of one CCD of an exposure, all fpacked."""
    x, y = np.meshgrid(np.arange(-20, 21.0), np.arange(-20, 21.0))
    base = SDSS_PSF[2].at(0.6 * x, 0.6 * y)
    files.psfex(tmp_path / "image.psf", np.array([base, 0 * base, 0 * base]), 1, (120.0, 64.0), (120.0, 64.0), 0.6)
    options = Options(
        hdu=ccd, mask=companion(exposure, "ood"), ivar=companion(exposure, "oow"), psf=str(tmp_path / "image.psf")
    )
    frame = read_frame(exposure, options)
    assert frame.band == "r"
    assert any("adu" in note for note in frame.notes)
    assert np.median(frame.background) == pytest.approx(GAIN_ADU * SKY_ADU, rel=0.01)
    assert np.median(frame.variance) == pytest.approx(READ_NOISE**2, rel=0.3)
    codes = {int(column) // 10: int(frame.flags[5, column]) for column in range(10, 90, 10)}
    bad = Flag.BAD
    assert codes == {1: bad, 2: bad, 3: Flag.SATURATED, 4: Flag.BLEED, 5: Flag.COSMIC, 6: bad, 7: 0, 8: bad}
    assert frame.masked[100, 100]
    assert frame.wcs is not None
    pulls = []
    for column, row, magnitude in STARS:
        found = fitted(frame, (column, row))
        pulls.append((found.magnitudes[0] - magnitude - fainter) / (MAGNITUDES * found.errors[0]["log_flux"]))
        assert found.quality is not None
        assert found.quality.chi_square == pytest.approx(1, abs=0.12)
    assert np.abs(pulls).max() < 3.0


def test_old_data_quality_of_decam(tmp_path: Path) -> None:
    """Bits, before version 3.5.0; a version is needed."""
    quality = np.zeros(SHAPE, dtype=np.int16)
    quality[5, 10], quality[5, 20], quality[5, 30], quality[5, 40] = 1 | 64, 2, 16, 128
    data = files.observed(np.zeros(SHAPE), 400.0) / GAIN_ADU
    image = files.decam(tmp_path, {"S29": (data, np.ones(SHAPE), quality)}, version="DES V2.8.0")
    options = Options(mask=companion(image, "ood"))
    flags = read_frame(image, options).flags
    assert [int(flags[5, column]) for column in (10, 20, 30, 40)] == [
        Flag.BAD | Flag.BLEED,
        Flag.SATURATED,
        Flag.COSMIC,
        0,
    ]
    image = files.decam(tmp_path, {"S29": (data, np.ones(SHAPE), quality)}, version="")
    with pytest.raises(FpgaMlError, match="the header has no PLVER"):
        read_frame(image, options)
    assert read_frame(image, Options(mask=companion(image, "ood"), mask_bits=64)).masked.sum() == 1


def test_a_ccd_that_is_not_named_is_noted(exposure: Path) -> None:
    assert read_frame(exposure).notes[0] == "HDU 1 S29 is taken, the first of 2 images"
    assert read_frame(exposure, Options(hdu="S29")).notes[0] != "HDU 1 S29 is taken, the first of 2 images"
