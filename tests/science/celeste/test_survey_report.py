"""The page of a catalogue: the model that it draws, the field that it shows, and what stands on it."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from click.testing import CliRunner

from fpga_ml.__main__ import main
from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste import SDSS_PSF, Exposure, Galaxy, Star
from fpga_ml.science.celeste.frames.frame import ConstantPsf, Frame, no_flags
from fpga_ml.science.celeste.likelihood import rate
from fpga_ml.science.celeste.sources import Source, scene
from fpga_ml.science.celeste.survey.catalogue import COLUMNS, table
from fpga_ml.science.celeste.survey.field import read_field
from fpga_ml.science.celeste.survey.measure import Quality
from fpga_ml.science.celeste.survey.page import write_page
from fpga_ml.science.celeste.survey.pictures import mark_of, words
from fpga_ml.science.celeste.survey.render import render, within
from fpga_ml.science.celeste.survey.score import columns
from tests.science.celeste.frames.files import astrometry, write, write_psf

SHAPE, GAIN, SKY = (61, 75), 900.0, 600.0
PIXEL_ARCSEC = 0.396
PSF = SDSS_PSF[2]
OFFSETS = {"u": -2.7, "g": -1.2, "r": 0.0, "i": 0.4, "z": 0.6}
"""Magnitudes that a source of ROW is brighter than in r, by its colours."""
ROW: dict[str, Any] = {
    **dict.fromkeys(COLUMNS, 0.0),
    **{f"{name}_error": 0.02 for name in COLUMNS},
    **{"u-g": 1.5, "g-r": 1.2, "r-i": 0.4, "i-z": 0.2},
    **{"de_vaucouleurs": 0.3, "axis_ratio": 0.4, "position_angle": 70.0, "radius": 1.2},
    **{"chi_square": 1.0, "flags": 0, "bands": "gr"},
}
PLACES = {"star": (20.3, 40.8), "galaxy": (45.6, 25.1), "outside": (-4.0, 10.0)}
"""Columns and rows, counted from 0."""
FLUX = {"star": 30.0, "galaxy": 60.0, "outside": 200.0}


def wcs() -> Any:
    return WCS(astrometry(SHAPE))


def rows() -> list[dict[str, Any]]:
    found = []
    for name, (column, row) in PLACES.items():
        ra, dec = (float(one) for one in wcs().pixel_to_world_values(column, row))
        log_flux = float(np.log(FLUX[name]))
        place = {"ra": ra, "dec": dec, "log_flux_r": log_flux, "mag_r": 22.5 - 2.5 * np.log10(FLUX[name])}
        flags = {"flags": int(Quality.BLENDED | Quality.POOR_FIT) if name == "galaxy" else 0}
        given = {key: value for key, value in ROW.items() if key in COLUMNS}
        found.append(given | place | flags | {"galaxy": 0.9 if name == "galaxy" else 0.2})
    return found


def drawn(band: str) -> np.ndarray:
    """(H, W) electrons of the sources of PLACES, by sources.py and astropy's great circles."""
    sources: list[Source] = []
    middle = SHAPE[1] // 2, SHAPE[0] // 2
    for name, (column, row) in PLACES.items():
        flux = FLUX[name] * 10 ** (0.4 * OFFSETS[band])
        x, y = column - middle[0], row - middle[1]
        if name != "galaxy":
            sources.append(Star(x, y, flux))
            continue
        here = SkyCoord(*wcs().pixel_to_world_values(column, row), unit="deg")
        there = here.directional_offset_by(ROW["position_angle"] * units.deg, 1 * units.arcsec)
        end = wcs().world_to_pixel_values(there.ra.deg, there.dec.deg)
        angle = float(np.arctan2(end[1] - row, end[0] - column))
        sources.append(Galaxy(x, y, flux, 0.3, 0.4, angle, ROW["radius"] / PIXEL_ARCSEC))
    return rate(scene(sources, Exposure(PSF, GAIN)), np.zeros(SHAPE))


def frame(band: str) -> Frame:
    sky = np.full(SHAPE, SKY)
    return Frame(sky, sky, no_flags(SHAPE), GAIN, ConstantPsf(PSF), wcs=wcs(), band=band)


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images in g and r, a catalogue, and a truth that has one source more."""
    folder = tmp_path_factory.mktemp("survey")
    random = np.random.default_rng(3)
    for band in ("r", "g"):
        header = {"BUNIT": "electron", "FILTER": band, "NMGY": 1 / GAIN, "RDNOISE": 0.0, **astrometry(SHAPE)}
        write(folder / f"field_<1>_{band}.fits", random.poisson(drawn(band) + SKY), **header)
        write_psf(folder / f"field_<1>_{band}.psf.json")
    parquet.write_table(table(rows()), folder / "catalogue.parquet")
    known = columns(table(rows()))
    missing = [float(one) for one in wcs().pixel_to_world_values(60.0, 50.0)]
    truth = {
        "ra": np.append(known["ra"], missing[0]),
        "dec": np.append(known["dec"], missing[1]),
        "galaxy": np.array([False, True, False, False]),
        "log_flux_r": np.append(known["log_flux_r"] + 0.01, 0.0),
    }
    parquet.write_table(pa.table(truth), folder / "truth.parquet")
    return folder


@pytest.fixture(scope="module")
def page(survey: Path) -> str:
    done = CliRunner().invoke(main, [*_words(survey), "--truth", str(survey / "truth.parquet")])
    assert done.exit_code == 0, done.output
    return (survey / "out" / "page.html").read_text()


def _words(survey: Path) -> list[str]:
    out = survey / "out" / "page.html"
    return ["celeste", "report", str(survey / "catalogue.parquet"), "--images", str(survey), "-o", str(out)]


@pytest.mark.parametrize("band", ["u", "r", "z"])
def test_a_catalogue_is_drawn_as_its_sources_are(band: str) -> None:
    found, wanted = render(frame(band), columns(table(rows()))), drawn(band)
    assert wanted.max() > 1000 or band == "u"
    assert np.abs(found - wanted).max() < 0.01 * SKY**0.5 * 4  # where it ends, some Gaussians are left out
    assert found.sum() == pytest.approx(wanted.sum(), rel=2e-3)


def test_gain_by_column_scales_what_is_drawn() -> None:
    gain = np.linspace(800, 1000, SHAPE[1])[None]
    whole = frame("r")
    varied = Frame(whole.electrons, whole.background, whole.flags, gain, whole.psf, wcs=whole.wcs, band="r")
    given = columns(table(rows()))
    np.testing.assert_allclose(render(varied, given), render(whole, given) * gain / GAIN, rtol=1e-12)


def test_an_image_without_a_band_is_not_drawn() -> None:
    with pytest.raises(FpgaMlError, match="no band"):
        render(frame("Y"), columns(table(rows())))


def test_places_in_an_image() -> None:
    given = columns(table(rows()))
    assert within(frame("r"), given["ra"], given["dec"]).tolist() == [True, True, False]
    assert within(frame("r"), given["ra"], given["dec"], margin=10).all()


def test_a_field_has_its_bands_in_order_and_its_residuals_are_noise(survey: Path) -> None:
    found = read_field(survey, columns(table(rows())))
    assert [image.band for image in found] == ["g", "r"]
    for image in found:
        assert image.residual.std() == pytest.approx(1, abs=0.05)
        assert image.pixel_arcsec == pytest.approx(PIXEL_ARCSEC, rel=1e-3)
        assert image.seeing == pytest.approx(1.3, abs=0.1)


def test_masked_pixels_are_no_number(survey: Path) -> None:
    mask = np.zeros(SHAPE)
    mask[30, 31:35] = 1
    path = write(survey / "field_<1>_g.mask.fits", mask, "int16")
    try:
        image = read_field(survey, columns(table(rows())))[0]
    finally:
        path.unlink()
    assert image.band == "g"
    assert np.argwhere(np.isnan(image.residual)).tolist() == [[30, column] for column in range(31, 35)]


def test_what_is_not_there_is_named(survey: Path, tmp_path: Path) -> None:
    given = columns(table(rows()))
    with pytest.raises(FpgaMlError, match="no FITS image"):
        read_field(tmp_path, given)
    with pytest.raises(FpgaMlError, match="no image begins with 'other'"):
        read_field(survey, given, "other")
    with pytest.raises(FpgaMlError, match="cannot be read"):
        write_page(tmp_path / "none.parquet", survey, tmp_path / "page.html")


def test_the_page_shows_every_band_and_every_source(page: str) -> None:
    uris = re.findall(r'href="data:image/png;base64,([^"]+)"', page)
    assert len(uris) == 2 * 3 + 1  # image, model, residual; and the overview
    assert all(base64.b64decode(one).startswith(b"\x89PNG") for one in uris)
    assert re.search(r"https?://(?!www\.w3\.org)", page) is None
    assert "<script" not in page
    for said in ("Sources", "blended, poor fit", "Image, model, residual", "Against the truth", "All 2 of this field"):
        assert said in page, said
    assert "field_&lt;1&gt;_r.fits" in page
    assert page.count("<ellipse") == 2 * 3  # two sources in two bands and in the overview
    assert page.count('id="source-') == 2
    assert "3 of 4" in page  # true sources that were found
    assert page.count('class="mark missed"') == 2  # in the key, and where it is


def test_residuals_are_white_where_the_model_is_right(page: str) -> None:
    from PIL import Image

    uris = re.findall(r'href="data:image/png;base64,([^"]+)"', page)
    image, model, residual = (np.asarray(Image.open(io.BytesIO(base64.b64decode(one))).convert("RGB")) for one in uris[-3:])
    column, row = 45, SHAPE[0] - 1 - 25  # the galaxy, in a picture whose rows go downwards
    assert image.shape == model.shape == residual.shape == (*SHAPE, 3)
    assert model[row, column].max() < 60
    assert image[row, column].max() < 60
    assert residual[row - 3 : row + 4, column - 3 : column + 4].mean() > 150


def test_without_a_truth_the_page_is_shorter(survey: Path, page: str) -> None:
    done = CliRunner().invoke(main, [*_words(survey), "--field", "field_<1>_g"])
    assert done.exit_code == 0, done.output
    text = (survey / "out" / "page.html").read_text()
    assert "Against the truth" not in text
    assert "The field in r" in text


def test_a_catalogue_without_sources_has_a_page(survey: Path, tmp_path: Path) -> None:
    parquet.write_table(table([]), tmp_path / "none.parquet")
    write_page(tmp_path / "none.parquet", survey, tmp_path / "page.html", survey / "truth.parquet")
    assert "0 of 4" in (tmp_path / "page.html").read_text()


def test_flags_in_words() -> None:
    assert words(int(Quality.POOR_FIT | Quality.BLENDED)) == "blended, poor fit"
    assert words(0) == ""
    names = [mark_of(int(one)) for one in (Quality(0), Quality.AT_BOUND, Quality.BLENDED, Quality.BLENDED | Quality.EDGE)]
    assert names == ["clean", "noted", "blended", "cut"]
    assert mark_of(255) == "poor"


def test_a_browser_has_nothing_to_say(page: str, survey: Path, browser: Any) -> None:
    file = survey / "page.html"
    file.write_text(page)
    for width in (1400, 390):
        shown, heard = browser.new_page(viewport={"width": width, "height": 900}), []
        shown.on("console", lambda message, heard=heard: heard.append(message.text))
        shown.on("request", lambda request, heard=heard: heard.append(request.url))
        shown.goto(file.as_uri())
        assert [one for one in heard if not one.startswith("data:")] == [file.as_uri()]
        assert shown.evaluate("document.documentElement.scrollWidth") <= width
