"""Any image of the same star gives the same magnitude, or says what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste import SDSS_PSF, Position, Star, fit
from fpga_ml.science.celeste.fit import Fit
from fpga_ml.science.celeste.frames import Flag, Frame, Given, Options, read_frame
from fpga_ml.science.celeste.population import MAGNITUDES
from fpga_ml.science.celeste.quality import AT_EDGE, MASKED_CORE, SATURATED
from tests.science.celeste.frames import files
from tests.science.celeste.frames.files import GAIN, MAGNITUDE, PLACE, SKY

BASE = files.observed(files.expected())
ZERO_POINT = 22.5 + 2.5 * np.log10(GAIN)
PSF = SDSS_PSF[2]


def fitted(frame: Frame, place: tuple[float, float] = PLACE, side: int = 51) -> Fit:
    patch, column, row = frame.cut(*place, side)
    return fit(patch, frame.exposure(column, row), Position(place[0] - column, place[1] - row))


def magnitude(frame: Frame) -> tuple[float, float]:
    """With its error."""
    found = fitted(frame)
    assert isinstance(found.sources[0], Star)
    return found.magnitudes[0], MAGNITUDES * found.errors[0]["log_flux"]


UNITS: dict[str, tuple[np.ndarray, str, dict[str, Any], Options]] = {
    "electrons": (BASE, "float32", {"BUNIT": "electron", "ZP": ZERO_POINT}, Options(psf=PSF)),
    "electrons, big": (BASE, ">f8", {"BUNIT": "e-", "FLUXMAG0": GAIN * 10**9.0}, Options(psf=PSF)),
    "adu": (np.rint(BASE / 4.7), "uint16", {"BUNIT": "ADU", "GAIN": 4.7}, Options(given=Given(gain=GAIN), psf=PSF)),
    "adu, NMGY": (BASE / 4.7, "float32", {"BUNIT": "DN", "GAIN": 4.7, "NMGY": 4.7 / GAIN}, Options(psf=PSF)),
    "adu, amplifiers": (
        BASE / 4.7,
        "float32",
        {"BUNIT": "counts", "GAINA": 4.6, "GAINB": 4.8, "FLUX20": GAIN / 4.7 * 10.0},
        Options(psf=PSF),
    ),
    "no BUNIT": (BASE / 4.7, "float32", {"GAIN": 4.7}, Options(given=Given(units="adu", gain=GAIN), psf=PSF)),
    "rate": (
        BASE / 53.9,
        "float32",
        {"BUNIT": "electron/s", "EXPTIME": 53.9, "MAGZPT": ZERO_POINT - 2.5 * np.log10(53.9)},
        Options(psf=PSF),
    ),
    "adu rate": (
        BASE / 53.9 / 4.7,
        "float32",
        {"BUNIT": "adu s-1", "EXPTIME": 53.9, "EGAIN": 4.7},
        Options(given=Given(zero_point=ZERO_POINT - 2.5 * np.log10(53.9 * 4.7)), psf=PSF),
    ),
    "nanomaggies": (
        (BASE - SKY) / GAIN,
        "float32",
        {"BUNIT": "nanomaggy", "NMGY": 4.7 / GAIN, "GAIN": 4.7},
        Options(sky=SKY, sky_subtracted=True, psf=PSF),
    ),
    "nanomaggies, gain given": (
        (BASE - SKY) / GAIN,
        "float32",
        {"BUNIT": "nmgy"},
        Options(given=Given(gain=GAIN), sky=SKY, sky_subtracted=True, psf=PSF),
    ),
    "nanojansky": (
        (BASE - SKY) / GAIN * 3631,
        "float32",
        {"BUNIT": "nJy"},
        Options(given=Given(gain=GAIN), sky=SKY, sky_subtracted=True, psf=PSF),
    ),
    "sky not known": (
        BASE - SKY,
        "float32",
        {"BUNIT": "electron"},
        Options(given=Given(gain=GAIN), sky_subtracted=True, psf=PSF),
    ),
}


@pytest.mark.parametrize("name", UNITS)
def test_units(name: str, tmp_path: Path) -> None:
    """Within its error of the truth, and nearly the same in all units, for the noise is the same."""
    data, kind, header, options = UNITS[name]
    frame = read_frame(files.write(tmp_path / "image.fits", data, kind, **header), options)
    found, error = magnitude(frame)
    assert error == pytest.approx(0.0075, rel=0.1)
    assert abs(found - MAGNITUDE) < 3 * error
    reference, _ = magnitude(Frame(BASE, np.full(BASE.shape, SKY), frame.flags, GAIN, frame.psf))
    assert abs(found - reference) < error
    np.testing.assert_allclose(frame.electrons - frame.background, BASE - SKY, atol=0.05 * SKY)


@pytest.mark.parametrize(
    ("header", "given", "asked"),
    [
        ({}, Given(gain=900.0), r"no BUNIT(.|\n)*--units"),
        ({"GAIN": 4.7}, Given(gain=900.0), r"no BUNIT(.|\n)*--units"),
        ({"BUNIT": "furlong"}, Given(gain=900.0), r"units 'furlong' are not known(.|\n)*--units"),
        ({"BUNIT": "MJy/sr"}, Given(gain=900.0), r"units 'MJy/sr' are not known"),
        ({"BUNIT": "ADU"}, Given(gain=900.0), r"no GAIN(.|\n)*--adu-gain"),
        ({"BUNIT": "ADU", "GAIN": 0.0}, Given(gain=900.0), r"no GAIN(.|\n)*--adu-gain"),
        ({"BUNIT": "electron"}, Given(), r"flux of a count is not known(.|\n)*--gain(.|\n)*--zero-point"),
        ({"BUNIT": "electron/s"}, Given(gain=900.0), r"exposure time is not known(.|\n)*--exposure-time"),
        ({"BUNIT": "nanomaggy"}, Given(), r"electrons of a nanomaggie are not known(.|\n)*--gain"),
        ({"BUNIT": "nanomaggy", "NMGY": 0.005}, Given(), r"no GAIN(.|\n)*--adu-gain"),
        ({"BUNIT": "adu", "GAIN": 4.7, "EXPTIME": 30.0, "MAGZPT": 25.0}, Given(), r"MAGZPT(.|\n)*--zero-point"),
    ],
)
def test_what_is_not_known_is_asked_for(header: dict[str, Any], given: Given, asked: str, tmp_path: Path) -> None:
    with pytest.raises(FpgaMlError, match=asked):
        read_frame(files.write(tmp_path / "image.fits", BASE, **header), Options(given=given, psf=PSF))


def test_what_is_no_number(tmp_path: Path) -> None:
    for name in ("gain", "electrons_per_unit", "adu_gain", "exposure_time"):
        for value in (0.0, -1.0, float("nan")):
            with pytest.raises(FpgaMlError, match=f"{name} is .*, not above 0"):
                Given(**{name: value})
    path = files.write(tmp_path / "image.fits", BASE, BUNIT="electron")
    with pytest.raises(FpgaMlError, match="zero point is nan"):
        read_frame(path, Options(given=Given(zero_point=float("nan"))))
    with pytest.raises(FpgaMlError, match="read-out noise is -1"):
        read_frame(path, Options(given=Given(gain=GAIN), read_noise=-1.0))
    with pytest.raises(FpgaMlError, match="the sky is -5"):
        read_frame(path, Options(given=Given(gain=GAIN), sky=-5.0))


ELECTRONS = Options(given=Given(units="electron", gain=GAIN), sky=SKY, psf=PSF)


def test_bad_pixels_do_not_count(tmp_path: Path) -> None:
    """Not a number, infinite, BLANK: the star is as bright without them, and nothing depends on what they hold."""
    broken = BASE.copy()
    broken[38, 66] = np.nan
    broken[20, 50], broken[60, 90] = np.nan, np.inf
    frame = read_frame(files.write(tmp_path / "nan.fits", broken), ELECTRONS)
    assert frame.masked.sum() == 3
    found = fitted(frame)
    assert abs(found.magnitudes[0] - MAGNITUDE) < 3 * MAGNITUDES * found.errors[0]["log_flux"]
    assert found.quality is not None
    assert found.quality.masked == pytest.approx(3 / 51**2)
    whole = np.rint(BASE).astype("int16")
    whole[38, 66] = -32768
    hdu = fits.PrimaryHDU(whole)
    hdu.header["BLANK"] = -32768
    hdu.writeto(tmp_path / "blank.fits")
    blank = read_frame(tmp_path / "blank.fits", ELECTRONS)
    assert np.argwhere(blank.masked).tolist() == [[38, 66]]
    patch, _column, _row = blank.cut(*PLACE, 51)
    other = Frame(np.where(blank.masked, 1e9, blank.electrons), blank.background, blank.flags, GAIN, blank.psf)
    np.testing.assert_array_equal(other.cut(*PLACE, 51)[0].counts, patch.counts)


def test_dead_columns(tmp_path: Path) -> None:
    """Two columns of zeros beside the core: flagged by the user, by a mask in the file or beside it, by one of its bits."""
    dead = BASE.copy()
    dead[:, 72:74] = 0
    hidden = np.zeros(BASE.shape, dtype=np.int16)
    hidden[:, 72:74] = 6
    hidden[30:50, 60:80] |= 1
    path, beside = tmp_path / "image.fits", files.write(tmp_path / "mask.fits", hidden, "int16")
    fits.HDUList([fits.PrimaryHDU(dead.astype("float32")), fits.ImageHDU(hidden, name="DQ")]).writeto(path)
    given = {"given": ELECTRONS.given, "sky": SKY, "psf": PSF}
    for options in (
        Options(**given, mask_zeros=True),
        Options(**given, mask="DQ", mask_bits=4),
        Options(**given, mask="1", mask_bits=2),
        Options(**given, mask=str(beside), mask_bits=4),
        Options(**given, mask=f"{path}[DQ]", mask_bits=4),
    ):
        frame = read_frame(path, options)
        np.testing.assert_array_equal(frame.masked, dead == 0)
        found = fitted(frame)
        assert abs(found.magnitudes[0] - MAGNITUDE) < 3 * MAGNITUDES * found.errors[0]["log_flux"]
        assert MASKED_CORE in found.flags[0]
    np.testing.assert_array_equal(read_frame(path, Options(**given, mask="DQ")).masked, hidden != 0)
    wrong = fitted(read_frame(path, Options(**given)))
    assert wrong.quality is not None
    assert wrong.quality.poor
    with pytest.raises(FpgaMlError, match="there is no HDU NONE"):
        read_frame(path, Options(**given, mask="NONE"))
    with pytest.raises(FpgaMlError, match="there is no such file"):
        read_frame(path, Options(**given, mask="none.fits"))
    with pytest.raises(FpgaMlError, match="all pixels are masked"):
        read_frame(files.write(tmp_path / "none.fits", np.full(BASE.shape, np.nan)), Options(**given))


def test_planes_that_the_header_names(tmp_path: Path) -> None:
    values = np.zeros(BASE.shape, dtype=np.int32)
    values[10, 10], values[11, 11], values[12, 12] = 1 << 1, 1 << 5, 1 << 3
    mask = fits.ImageHDU(values, name="MASK")
    mask.header.update({"MP_BAD": 0, "MP_SAT": 1, "MP_CR": 3, "MP_DET": 5})
    path = tmp_path / "calexp.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(BASE, name="IMAGE"), mask]).writeto(path)
    frame = read_frame(path, Options(given=ELECTRONS.given, sky=SKY, psf=PSF, mask="MASK"))
    assert {(r, c): int(frame.flags[r, c]) for r, c in np.argwhere(frame.flags)} == {
        (10, 10): Flag.SATURATED,
        (12, 12): Flag.COSMIC,
    }


def test_saturation(tmp_path: Path) -> None:
    """A star whose core is cut off, with a bleed: masked, flagged, and as bright as it is by its wings."""
    light = files.expected([(*PLACE, files.star(14.5))])
    clipped = files.observed(light)
    clipped[20:61, 70] = 40000.0
    clipped = np.minimum(clipped, 40000.0)
    assert (clipped >= 40000).sum() > 45
    for options, header in ((ELECTRONS, {"SATURATE": 39000.0}), (Options(**{**vars(ELECTRONS), "saturate": 39000.0}), {})):
        frame = read_frame(files.write(tmp_path / "image.fits", clipped, **header), options)
        assert frame.masked[clipped >= 39000].all()
        assert (frame.flags[15:66, 69:72] & Flag.BLEED)[5:45].any(axis=1).all()
        assert not frame.masked[:10].any()
        found = fitted(frame)
        assert abs(found.magnitudes[0] - 14.5) < 0.01
        assert frame.flags_at(*PLACE) == (SATURATED,)
        assert MASKED_CORE in found.flags[0]
    blind = fitted(read_frame(files.write(tmp_path / "image.fits", clipped), ELECTRONS))
    assert blind.quality is not None
    assert blind.quality.poor


def test_cosmic_rays(tmp_path: Path) -> None:
    """Tracks and single pixels, one within the star: found, and few pixels besides."""
    hit = BASE.copy()
    random = np.random.default_rng(3)
    places = [(38, 73), (39, 73), (60, 100), (61, 101), (62, 102)] + [tuple(random.integers(5, 85, 2)) for _ in range(20)]
    for row, column in places:
        hit[row, column] += 3000
    path = files.write(tmp_path / "image.fits", hit)
    frame = read_frame(path, Options(**{**vars(ELECTRONS), "cosmics": True}))
    flagged = (frame.flags & Flag.COSMIC) != 0
    assert np.mean([flagged[row, column] for row, column in places]) > 0.9
    assert flagged.sum() < 3 * len(places)
    found, blind = fitted(frame), fitted(read_frame(path, ELECTRONS))
    assert abs(found.magnitudes[0] - MAGNITUDE) < 3 * MAGNITUDES * found.errors[0]["log_flux"]
    assert found.quality is not None and blind.quality is not None  # noqa: PT018
    assert blind.quality.poor and not found.quality.poor  # noqa: PT018
    assert blind.quality.residual > 20
    clean = read_frame(files.write(tmp_path / "clean.fits", BASE), Options(**{**vars(ELECTRONS), "cosmics": True}))
    assert clean.masked.sum() <= 2


@pytest.mark.parametrize(("sky", "read_noise", "faint"), [(1.0, 5.0, 21.0), (0.2, 3.0, 23.2)])
def test_little_sky_and_much_read_out_noise(sky: float, read_noise: float, faint: float) -> None:
    """Most counts near 0, half of them below: fluxes are right on average, and their errors as well."""
    light = files.expected([(25.2, 25.4, files.star(faint))], (51, 51))
    flux = 10 ** (0.4 * (22.5 - faint))
    frame = Frame(light, np.full((51, 51), sky), np.zeros((51, 51), np.uint16), GAIN, read_psf(), read_noise**2)
    pulls = []
    for seed in range(50):
        electrons = files.observed(light, sky, read_noise, seed)
        assert electrons.min() < 0
        patch, _, _ = Frame(electrons, frame.background, frame.flags, GAIN, frame.psf, read_noise**2).cut(25, 25, 51)
        found = fit(patch, frame.exposure(25, 25), Star(0.2, 0.4, flux))
        pulls.append((np.log(found.sources[0].flux) - np.log(flux)) / found.errors[0]["log_flux"])
    assert abs(np.mean(pulls)) < 3.0 / np.sqrt(len(pulls))
    assert np.std(pulls) == pytest.approx(1, abs=0.25)


def read_psf() -> Any:
    from fpga_ml.science.celeste.frames import ConstantPsf

    return ConstantPsf(PSF)


def test_read_out_noise_of_the_header(tmp_path: Path) -> None:
    path = files.write(tmp_path / "image.fits", BASE, BUNIT="electron", RDNOISE=8.0)
    assert read_frame(path, Options(given=Given(gain=GAIN))).variance == 64.0
    assert read_frame(path, Options(given=Given(gain=GAIN), read_noise=3.0)).variance == 9.0
    path = files.write(tmp_path / "image.fits", BASE, BUNIT="electron", RDNOISEA=6.0, RDNOISEB=8.0)
    assert read_frame(path, Options(given=Given(gain=GAIN))).variance == pytest.approx(50.0)


@pytest.mark.parametrize("with_sources", [False, True])
@pytest.mark.parametrize("subtracted", [False, True])
def test_inverse_variance(with_sources: bool, subtracted: bool, tmp_path: Path) -> None:
    """In nanomaggies, with and without the noise of sources, with the sky and without: sky and read-out noise come back."""
    read_noise = 20.0
    light = files.expected([(*PLACE, files.star(16.5)), (30.0, 60.0, files.star(17.5))])
    electrons = files.observed(light, read_noise=read_noise)
    noise = SKY + read_noise**2 + (electrons - SKY if with_sources else 0)
    data = (electrons - (SKY if subtracted else 0)) / GAIN
    path = tmp_path / "image.fits"
    weight = GAIN**2 / (noise + np.zeros(electrons.shape))
    weight[5, 7] = 0
    hdus = [fits.PrimaryHDU(data), fits.ImageHDU(weight, name="IVAR")]
    hdus[0].header["BUNIT"] = "nanomaggy"
    fits.HDUList(hdus).writeto(path)
    sky = None if subtracted else SKY
    options = Options(given=Given(gain=GAIN), sky=sky, sky_subtracted=subtracted, ivar="IVAR", psf=PSF)
    frame = read_frame(path, options)
    assert any(f"weights {'contain' if with_sources else 'do not contain'}" in note for note in frame.notes)
    beyond = frame.variance + frame.background
    assert np.median(beyond[~frame.masked]) == pytest.approx(SKY + read_noise**2, rel=0.03)
    assert beyond[40, 70] == pytest.approx(SKY + read_noise**2, rel=0.05)
    assert np.argwhere(frame.masked).tolist() == [[5, 7]]
    found = fitted(frame)
    assert abs(found.magnitudes[0] - 16.5) < 3 * MAGNITUDES * found.errors[0]["log_flux"]
    assert found.quality is not None
    assert found.quality.chi_square == pytest.approx(1, abs=0.15)


def test_the_sky_is_estimated(tmp_path: Path) -> None:
    """A slope under many stars, to a percent; a file whose sky was taken off without a word is noticed."""
    random = np.random.default_rng(0)
    shape = (300, 400)
    stars = [(*random.uniform(5, 295, 2), files.star(m)) for m in random.uniform(17, 21, 60)]
    slope = SKY + 0.5 * np.arange(400) + np.zeros(shape)
    electrons = files.observed(files.expected(stars, shape), slope)
    path = files.write(tmp_path / "image.fits", electrons, BUNIT="electron")
    frame = read_frame(path, Options(given=Given(gain=GAIN), psf=PSF))
    assert np.abs(frame.background / slope - 1).max() < 0.03
    assert abs(np.median(frame.background - slope)) < 2.0
    without = files.write(tmp_path / "without.fits", electrons - slope, BUNIT="electron")
    with pytest.raises(FpgaMlError, match=r"seems to have been subtracted(.|\n)*--sky-subtracted"):
        read_frame(without, Options(given=Given(gain=GAIN), psf=PSF))
    measured = read_frame(without, Options(given=Given(gain=GAIN), sky_subtracted=True, psf=PSF))
    assert np.median(measured.variance) == pytest.approx(np.median(slope), rel=0.05)


def test_a_patch_over_the_edge(tmp_path: Path) -> None:
    """It is filled up with masked pixels, and the star in the corner is fitted with what there is of it."""
    electrons = files.observed(files.expected([(4.3, 3.2, files.star())]))
    frame = read_frame(files.write(tmp_path / "image.fits", electrons), ELECTRONS)
    patch, column, row = frame.cut(4.3, 3.2, 51)
    assert (patch.counts.shape, column, row) == ((51, 51), 4, 3)
    np.testing.assert_array_equal(patch.used.sum(), (4 + 26) * (3 + 26))
    np.testing.assert_array_equal(patch.counts[patch.used], np.float32(electrons)[:29, :30].ravel())
    found = fitted(frame, (4.3, 3.2))
    assert abs(found.magnitudes[0] - MAGNITUDE) < 3 * MAGNITUDES * found.errors[0]["log_flux"]
    assert frame.flags_at(4.3, 3.2) == (AT_EDGE,)
    with pytest.raises(FpgaMlError, match="column 140, row 3 is not within 140 x 90"):
        frame.cut(140.0, 3.0, 51)
    with pytest.raises(FpgaMlError, match="a patch of side 50 has no central pixel"):
        frame.cut(40.0, 30.0, 50)


def test_what_is_no_image(tmp_path: Path) -> None:
    path = tmp_path / "empty.fits"
    fits.PrimaryHDU().writeto(path)
    with pytest.raises(FpgaMlError, match="no HDU holds an image"):
        read_frame(path, ELECTRONS)
    with pytest.raises(FpgaMlError, match="HDU 0 holds no data, not an image"):
        read_frame(path, Options(**{**vars(ELECTRONS), "hdu": 0}))
    with pytest.raises(FpgaMlError, match="there is no HDU 3"):
        read_frame(path, Options(**{**vars(ELECTRONS), "hdu": 3}))
    path.write_text("not FITS")
    with pytest.raises(FpgaMlError, match="cannot read it as FITS"):
        read_frame(path, ELECTRONS)
    with pytest.raises(FpgaMlError, match="cannot read it as FITS"):
        read_frame(tmp_path / "none.fits", ELECTRONS)


def test_coordinates(tmp_path: Path) -> None:
    hdu = fits.PrimaryHDU(BASE, files.astrometry())
    hdu.writeto(tmp_path / "image.fits")
    frame = read_frame(tmp_path / "image.fits", ELECTRONS)
    assert frame.to_sky(69.0, 44.0) == pytest.approx((180.0, 30.0))  # CRPIX counts from 1
    assert frame.from_sky(*frame.to_sky(*PLACE)) == pytest.approx(PLACE, abs=1e-6)
    with pytest.raises(FpgaMlError, match=r"no celestial coordinates(.|\n)*--at"):
        read_frame(files.write(tmp_path / "plain.fits", BASE), ELECTRONS).to_sky(1.0, 1.0)
    with pytest.raises(FpgaMlError, match="is not on the image"):
        frame.from_sky(0.0, -30.0)


def test_a_file_that_is_cut_off(tmp_path: Path) -> None:
    fits.PrimaryHDU(np.ones((90, 90), "f4")).writeto(tmp_path / "whole.fits")
    (tmp_path / "cut.fits").write_bytes((tmp_path / "whole.fits").read_bytes()[:20000])
    with pytest.raises(FpgaMlError, match="cannot read it as FITS") as told:
        read_frame(tmp_path / "cut.fits")
    assert told.value.where == str(tmp_path / "cut.fits")
