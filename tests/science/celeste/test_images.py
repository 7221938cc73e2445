"""Images in and out of FITS files, patches cut from them, and fits of what was cut."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from click.testing import CliRunner

from fpga_ml.__main__ import main
from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste import SDSS_PSF, Exposure, Position, Star, fit
from fpga_ml.science.celeste.images import Frame, read_fits
from fpga_ml.science.celeste.likelihood import rate
from fpga_ml.science.celeste.simulate import render, render_galsim
from fpga_ml.science.celeste.sources import Galaxy, scene

SDSS = Exposure(SDSS_PSF[2], 900.0)
STAR = Star(10.3, -4.8, 40.0)
SHAPE = (80, 90)


def electrons(seed: int = 0) -> np.ndarray:
    """(80, 90); the star is at column 55.3, row 35.2."""
    return np.random.default_rng(seed).poisson(rate(scene(STAR, SDSS), np.full(SHAPE, 600.0))).astype(np.float64)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """As SDSS publishes them: nanomaggies less the sky, big-endian floats."""
    path = tmp_path / "frame-r.fits"
    fits.PrimaryHDU(((electrons() - 600.0) / 900.0).astype(">f4")).writeto(path)
    return path


def test_a_star_in_a_file(file: Path) -> None:
    frame = read_fits(file, SDSS, sky=600.0, electrons_per_unit=900.0, sky_subtracted=True)
    patch, column, row = frame.cut(55.3, 35.2, 51)
    np.testing.assert_array_equal(patch.counts, electrons()[10:61, 30:81].astype(np.int64))
    found = fit(patch, SDSS, Position(55.3 - column, 35.2 - row))
    (star,), (error,) = found.sources, found.errors
    assert isinstance(star, Star)
    assert abs(column + star.x - 55.3) < 4 * error["x"]
    assert abs(row + star.y - 35.2) < 4 * error["y"]
    assert abs(np.log(star.flux / 40.0)) < 4 * error["log_flux"]


def test_command(file: Path) -> None:
    arguments = ["celeste", "fit", str(file), "--at", "55", "35", "--gain", "900", "--sky", "600"]
    arguments += ["--electrons-per-unit", "900", "--sky-subtracted", "--json"]
    for kernel in ("float64", "D16"):
        done = CliRunner().invoke(main, [*arguments, "--kernel", kernel])
        assert done.exit_code == 0, done.output
        (found,) = json.loads(done.stdout)["sources"]
        assert found["kind"] == "star"
        assert found["x"] == pytest.approx(55.3, abs=0.1)
        assert found["y"] == pytest.approx(35.2, abs=0.1)
        assert found["magnitude"] == pytest.approx(22.5 - 2.5 * np.log10(40.0), abs=4 * found["errors"]["magnitude"])
    missing = CliRunner().invoke(main, ["celeste", "fit", "no.fits", "--at", "1", "1", "--gain", "1", "--sky", "1"])
    assert missing.exit_code == 1
    assert "no.fits" in missing.stderr


def test_psf_of_a_file(file: Path, tmp_path: Path) -> None:
    psf = SDSS_PSF[3]
    given = tmp_path / "psf.json"
    given.write_text(json.dumps({name: getattr(psf, name).tolist() for name in ("weights", "means", "covariances")}))
    arguments = [
        "celeste",
        "fit",
        str(file),
        "--at",
        "55",
        "35",
        "--gain",
        "900",
        "--sky",
        "600",
        "--electrons-per-unit",
        "900",
    ]
    done = CliRunner().invoke(main, [*arguments, "--sky-subtracted", "--psf", str(given), "--json"])
    assert done.exit_code == 0, done.output
    frame = read_fits(file, Exposure(psf, 900.0), sky=600.0, electrons_per_unit=900.0, sky_subtracted=True)
    expected = fit(frame.cut(55, 35, 51)[0], Exposure(psf, 900.0)).magnitudes[0]
    assert json.loads(done.stdout)["sources"][0]["magnitude"] == expected
    given.write_text("{}")
    done = CliRunner().invoke(main, [*arguments, "--psf", str(given)])
    assert done.exit_code == 1
    assert "weights, means and covariances" in done.stderr


def test_what_cannot_be_cut() -> None:
    counts = electrons()
    frame = Frame(counts, np.full(SHAPE, 600.0), SDSS)
    with pytest.raises(FpgaMlError, match="side 51 around column 20, row 35 is not within 90 x 80"):
        frame.cut(20.2, 35.2, 51)
    assert frame.cut(55.3, 35.2, 51)[0].mask is None
    counts[35, 50:53] = np.nan, np.inf, -np.inf
    patch, column, row = frame.cut(55.3, 35.2, 51)
    assert patch.mask is not None
    np.testing.assert_array_equal(
        np.argwhere(patch.mask) + np.array([row - 25, column - 25]), [[35, 50], [35, 51], [35, 52]]
    )
    counts[:] = np.nan
    with pytest.raises(FpgaMlError, match="no pixel counts: all are masked"):
        frame.cut(55.3, 35.2, 51)


def test_a_star_beside_bad_pixels(file: Path) -> None:
    """The command fits it as well."""
    with fits.open(file, mode="update") as opened:
        opened[0].data[34:37, 58:60] = np.nan
    arguments = ["celeste", "fit", str(file), "--at", "55", "35", "--gain", "900", "--sky", "600"]
    arguments += ["--electrons-per-unit", "900", "--sky-subtracted", "--kernel", "D16", "--json"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    (found,) = json.loads(done.stdout)["sources"]
    assert found["x"] == pytest.approx(55.3, abs=5 * found["errors"]["x"])
    assert found["magnitude"] == pytest.approx(22.5 - 2.5 * np.log10(40.0), abs=5 * found["errors"]["magnitude"])


def test_what_is_no_image(tmp_path: Path) -> None:
    path = tmp_path / "empty.fits"
    fits.PrimaryHDU().writeto(path)
    with pytest.raises(FpgaMlError, match="HDU 0 holds no data, not an image"):
        read_fits(path, SDSS, sky=1.0)
    with pytest.raises(FpgaMlError, match="cannot read HDU 3"):
        read_fits(path, SDSS, sky=1.0, hdu=3)
    path.write_text("not FITS")
    with pytest.raises(FpgaMlError, match="cannot read HDU 0"):
        read_fits(path, SDSS, sky=1.0)


def test_both_renderers_agree() -> None:
    """To a percent of the brightest pixel, on an image of even and odd sides, sources at its edge among them."""
    sources = [STAR, Galaxy(-30.0, 12.4, 80.0, 0.4, 0.6, 0.5, 2.5), Galaxy(44.0, 38.0, 50.0, 0.4, 0.8, 2.5, 1.5)]
    ours, theirs = (paint(sources, SDSS, (80, 91)) for paint in (render, render_galsim))
    assert np.abs(ours - theirs).max() < 0.01 * theirs.max()
