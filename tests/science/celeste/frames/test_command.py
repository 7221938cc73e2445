"""`fpga-ml celeste fit` on files as they are: what it finds, what it says, what it asks for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from click.testing import CliRunner

from fpga_ml.__main__ import main
from tests.science.celeste.frames import files
from tests.science.celeste.frames.files import GAIN, MAGNITUDE, PLACE, SKY

BASE = files.observed(files.expected())
AT = ("--at", "70", "40")


def run(path: Path, *arguments: str, code: int = 0) -> Any:
    """The object on stdout, or what is on stderr where it fails."""
    done = CliRunner().invoke(main, ["celeste", "fit", str(path), *arguments, "--json"])
    assert done.exit_code == code, done.output
    assert "Traceback" not in done.output
    return done.stderr if code else json.loads(done.stdout)


def test_a_file_that_tells_all(tmp_path: Path) -> None:
    """BUNIT, gain, zero point, coordinates and read-out noise in the header: only the place is given, in degrees."""
    hdu = fits.PrimaryHDU((BASE / 4.7).astype("float32"), files.astrometry())
    hdu.header.update({"BUNIT": "adu", "GAIN": 4.7, "NMGY": 4.7 / GAIN, "RDNOISE": 5.0, "FILTER": "r"})
    path = tmp_path / "image.fits"
    hdu.writeto(path)
    found = run(path, *AT)
    (star,) = found["sources"]
    assert (star["kind"], star["flags"]) == ("star", [])
    assert star["magnitude"] == pytest.approx(MAGNITUDE, abs=3 * star["errors"]["magnitude"])
    assert found["chi_square"] == pytest.approx(1, abs=0.12)
    assert found["masked"] == 0
    assert any("sky: " in note for note in found["notes"])
    assert any("GAIN: 4.7 electrons an ADU" in note for note in found["notes"])
    again = run(path, "--at-sky", str(star["ra"]), str(star["dec"]))["sources"][0]
    assert again["x"] == pytest.approx(star["x"], abs=1e-3)
    text = CliRunner().invoke(main, ["celeste", "fit", str(path), *AT]).stdout
    assert f"ra {star['ra']:.6f}" in text
    assert "chi square" in text
    assert "note: one" not in text


@pytest.mark.parametrize("kernel", ["float64", "D16"])
def test_options_in_place_of_a_header(kernel: str, tmp_path: Path) -> None:
    wide = files.observed(files.expected([(70.3, 60.4, files.star())], (121, 140)))
    path = files.write(tmp_path / "image.fits", (wide - SKY) / GAIN, ">f4")
    given = ("--gain", "900", "--sky", "600", "--electrons-per-unit", "900", "--sky-subtracted", "--kernel", kernel)
    (star,) = run(path, "--at", "70", "60", *given)["sources"]
    assert star["kind"] == "star"
    assert star["magnitude"] == pytest.approx(MAGNITUDE, abs=3 * star["errors"]["magnitude"])
    assert (star["x"], star["y"]) == pytest.approx((70.3, 60.4), abs=0.05)


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    path = files.write(tmp_path / "image.fits", BASE)
    electron = ("--units", "electron")
    assert "gain is 0, not above 0" in run(path, *AT, *electron, "--gain", "0", code=1)
    assert "no BUNIT" in run(path, *AT, "--gain", "900", code=1)
    assert "--gain" in run(path, *AT, *electron, code=1)
    assert "give --at COLUMN ROW or --at-sky RA DEC" in run(path, *electron, "--gain", "900", code=1)
    assert "no celestial coordinates" in run(path, "--at-sky", "180", "30", *electron, "--gain", "900", code=1)
    assert "--sky-subtracted" in run(path, *AT, *electron, "--gain", "900", "--sky", "900", code=1)
    assert "--sky is 'dark'" in run(path, *AT, *electron, "--gain", "900", "--sky", "dark", code=1)
    assert "none.fits" in run(tmp_path / "none.fits", *AT, code=1)
    psf = files.write_psf(tmp_path / "psf.json", weights=[float("nan")] * 2)
    assert "not finite" in run(path, *AT, *electron, "--gain", "900", "--psf", str(psf), code=1)


def test_the_wrong_units_do_not_pass(tmp_path: Path) -> None:
    """A file in ADU that is called electrons: its noise is not that of its counts."""
    path = files.write(tmp_path / "image.fits", BASE / 4.7)
    found = run(path, *AT, "--units", "electron", "--gain", "900", "--sky", str(SKY / 4.7))
    assert found["chi_square"] < 0.5
    assert "less noise than counted" in found["sources"][0]["flags"]
    path = files.write(tmp_path / "image.fits", BASE * 4.7)
    found = run(path, *AT, "--units", "electron", "--gain", "900", "--sky", str(SKY * 4.7))
    assert "poor fit" in found["sources"][0]["flags"]
    text = CliRunner().invoke(
        main, ["celeste", "fit", str(path), *AT, "--units", "electron", "--gain", "900", "--sky", "2820"]
    )
    assert "The model does not describe the pixels; errors are enlarged." in text.stdout


def test_the_wrong_psf_is_noticed(tmp_path: Path) -> None:
    light = files.expected([(*PLACE, files.star(16.0))])
    path = files.write(tmp_path / "image.fits", files.observed(light))
    given = (*AT, "--units", "electron", "--gain", "900", "--sky", "600")
    good = files.write_psf(tmp_path / "good.json", 2.0)
    narrow = files.write_psf(tmp_path / "narrow.json", covariances=0.5 * np.array([np.eye(2), 3 * np.eye(2)]))
    fine, poor = (run(path, *given, "--psf", str(psf)) for psf in (good, narrow))
    assert fine["sources"][0]["magnitude"] == pytest.approx(16.0, abs=3 * fine["sources"][0]["errors"]["magnitude"])
    assert any("weights sum to 2: normalised" in note for note in fine["notes"])
    assert any("no PSF was given" in note for note in run(path, *given)["notes"])
    assert fine["chi_square"] < poor["chi_square"]
    assert poor["sources"][0]["kind"] == "galaxy" or "poor fit" in poor["sources"][0]["flags"]
