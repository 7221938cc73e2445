"""A small simulated survey from FITS to catalogue: each source once and right, the same whoever computes, and resumed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow.parquet as parquet
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from click.testing import CliRunner

from fpga_ml import cluster
from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste import SDSS_PSF, Exposure, Psf, Star
from fpga_ml.science.celeste.evaluator import Floats
from fpga_ml.science.celeste.frames.decam import band_of
from fpga_ml.science.celeste.frames.frame import ConstantPsf, Frame, no_flags
from fpga_ml.science.celeste.frames.psf_images import write_json
from fpga_ml.science.celeste.population import Prior
from fpga_ml.science.celeste.simulate import render
from fpga_ml.science.celeste.survey import run as survey_run
from fpga_ml.science.celeste.survey.detect import DETECTION, detect
from fpga_ml.science.celeste.survey.plan import Look, merged, plan
from fpga_ml.science.celeste.survey.region import beside, images_in, read
from fpga_ml.science.celeste.survey.run import Settings, survey
from fpga_ml.science.celeste.survey.simulate import Conditions, draw, simulate
from fpga_ml.science.cli_celeste import celeste
from tests.one_process import here

SMALL = Conditions(field_px=220, density=18_000.0, faintest=1.5)
TILES = Settings(tile_arcmin=1.2)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two fields that overlap, five bands."""
    folder = tmp_path_factory.mktemp("survey") / "images"
    sources = draw(Prior.load(), 2 * (SMALL.step_arcsec / 3600) ** 2, SMALL, np.random.default_rng(4))
    return simulate(folder, sources, 4, SMALL)


@pytest.fixture(scope="module")
def serial(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("survey") / "serial"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster, "workers", here)
        survey(images_in(images), out, TILES)
    return out


def places(path: Path) -> Floats:
    """(N, 2) arc seconds."""
    table = parquet.read_table(path)
    return np.stack([table["ra"].to_numpy(), table["dec"].to_numpy()], axis=1) * 3600


def test_every_source_once(images: Path, serial: Path) -> None:
    truth, found = parquet.read_table(images / "truth.parquet"), parquet.read_table(serial / "catalogue.parquet")
    there, here = places(images / "truth.parquet"), places(serial / "catalogue.parquet")
    apart = np.hypot(*(there[:, None] - here[None]).transpose(2, 0, 1))
    alone = (np.sort(np.hypot(*(there[:, None] - there[None]).transpose(2, 0, 1)), axis=1)[:, 1] > 2.5) & (
        truth["log_flux_r"].to_numpy() > np.log(2.0)
    )
    assert alone.sum() > 8
    assert ((apart[alone] < 1).sum(axis=1) == 1).all()
    assert (apart.min(axis=0) > 1.5).sum() <= 1  # without a truth
    which = apart[alone].argmin(axis=1)
    pull = found["log_flux_r"].to_numpy()[which] - truth["log_flux_r"].to_numpy()[alone]
    pull /= found["log_flux_r_error"].to_numpy()[which]
    assert 0.6 < pull.std() < 1.5
    assert np.abs(pull).max() < 5


@pytest.mark.slow
def test_two_workers_give_the_same_bits(images: Path, serial: Path, tmp_path: Path) -> None:
    survey(images_in(images), tmp_path, TILES, workers=2)
    assert parquet.read_table(tmp_path / "catalogue.parquet").equals(parquet.read_table(serial / "catalogue.parquet"))


def test_what_is_there_is_not_made_again(
    images: Path, serial: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "workers", here)
    for name in ("detections", "tiles"):
        (tmp_path / name).mkdir()
        for path in (serial / name).iterdir():
            (tmp_path / name / path.name).write_bytes(path.read_bytes())
    gone = min((tmp_path / "tiles").iterdir(), key=lambda path: path.stat().st_size)
    gone.unlink()
    (tmp_path / "tiles" / (gone.name + ".part")).write_bytes(b"torn")
    fitted: list[str] = []
    fit = survey_run._fit
    monkeypatch.setattr(survey_run, "_fit", lambda plot, *rest: fitted.append(plot.name) or fit(plot, *rest))
    survey(images_in(images), tmp_path, TILES)
    assert len(fitted) == 1
    assert gone.name.startswith(fitted[0])
    assert parquet.read_table(tmp_path / "catalogue.parquet").equals(parquet.read_table(serial / "catalogue.parquet"))


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["worker", "driver"])
def test_kill_9(images: Path, serial: Path, tmp_path: Path, victim: str) -> None:
    """In the midst of the tiles. A worker's death is not noticed; a dead driver is started again."""
    command = [sys.executable, "-m", "fpga_ml", "celeste", "survey", str(images), "-o", str(tmp_path), "--workers", "2"]
    command += ["--tile", "1.2"]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for _ in range(1200):
        if list((tmp_path / "tiles").glob("*.parquet")):
            break
        assert first.poll() is None, first.communicate()
        time.sleep(0.1)
    children = psutil.Process(first.pid).children(recursive=True)
    busiest = max(children, key=lambda one: sum(one.cpu_times()[:2]))
    os.kill(busiest.pid if victim == "worker" else first.pid, signal.SIGKILL)
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "tiles").glob("*.parquet")}
    first.communicate()
    assert (first.returncode == 0) == (victim == "worker")
    if victim == "driver":
        _, alive = psutil.wait_procs(children, timeout=90)
        assert not alive
        subprocess.run(command, check=True, capture_output=True)
    assert kept
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items())
    assert parquet.read_table(tmp_path / "catalogue.parquet").equals(parquet.read_table(serial / "catalogue.parquet"))


def rows_at(*where: tuple[float, float]) -> np.ndarray:
    rows = np.zeros(len(where), DETECTION)
    rows["ra"], rows["dec"] = np.array(where).T
    return rows


def test_each_source_lies_in_one_tile() -> None:
    """Around the whole sky, over 0 h and near a pole; the halo holds the neighbours over the border."""
    random = np.random.default_rng(0)
    rows = rows_at(*zip(random.uniform(0, 360, 200) % 360, np.degrees(np.arcsin(random.uniform(-1, 1, 200))), strict=True))
    near = rows_at((359.9999, 0.0001), (0.0001, 0.0001), (0.0001, -0.0001), (10.0, 89.9))
    every = np.concatenate([rows, near])
    plots = plan(every, 1.5, 5.0)
    together = np.concatenate([plot.sources for plot in plots])
    assert sorted(together.tolist()) == sorted(every.tolist())
    corner = [plot for plot in plots if 0.0001 in plot.sources["ra"] and 0.0001 in plot.sources["dec"]]
    assert len(corner) == 1
    assert sorted(corner[0].halo["ra"].tolist()) == [0.0001, 359.9999]


def test_of_two_fields_the_nearer_has_a_source() -> None:
    def look(ra: float) -> Look:
        return Look("", "r", ((ra - 0.1, -0.1), (ra + 0.1, -0.1), (ra - 0.1, 0.1), (ra + 0.1, 0.1)), "")

    fields = [look(10.0), look(10.15)]
    left, right = rows_at((10.06, 0.0), (10.08, 0.0), (10.0, 0.05)), rows_at((10.06, 0.0001), (10.08, 0.0001))
    found = merged([left, right], fields)
    assert sorted(zip(found["ra"].tolist(), found["dec"].tolist(), strict=True)) == [
        (10.0, 0.05),
        (10.06, 0.0),
        (10.08, 0.0001),
    ]


def test_what_lies_beside_an_image(tmp_path: Path) -> None:
    names = ["frame-r-001000-3-0100.fits.bz2", "psField-001000-3-0100.fit", "fpM-001000-r3-0100.fit.gz"]
    names += ["c4d_1_ooi_r_v1.fits.fz", "c4d_1_oow_r_v1.fits.fz", "c4d_1_ood_r_v1.fits.fz", "c4d_1_ooi_r_v1.psf"]
    names += ["mine.fits", "mine.psf.json", "mine.mask.fits", "notes.txt"]
    for name in names:
        (tmp_path / name).write_text("")
    assert [path.name for path in images_in(tmp_path)] == [names[3], names[0], "mine.fits"]
    sdss, decam, mine = (beside(tmp_path / name) for name in (names[0], names[3], "mine.fits"))
    assert (sdss.psf, sdss.mask) == (str(tmp_path / names[1]), str(tmp_path / names[2]))
    assert (decam.psf, decam.ivar, decam.mask) == tuple(str(tmp_path / names[i]) for i in (6, 4, 5))
    assert (mine.psf, mine.mask, mine.ivar) == (str(tmp_path / names[8]), str(tmp_path / names[9]), None)


def test_bad_input_is_told_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(FpgaMlError, match="there is no image"):
        survey([], tmp_path)
    for arguments, text in (
        ([str(tmp_path / "none")], "no such file or folder"),
        ([str(tmp_path), "--kernel", "D17"], "unknown design 'D17'"),
        ([str(tmp_path)], "there is no image"),
    ):
        found = CliRunner().invoke(celeste, ["survey", *arguments, "-o", str(tmp_path / "out")])
        assert isinstance(found.exception, FpgaMlError)
        assert text in str(found.exception)
        assert not (tmp_path / "out" / "tiles").exists()


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"FILTER": "r"}, "no celestial coordinates"),
        ({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CDELT1": -1e-4, "CDELT2": 1e-4}, "the band is None"),
        ({"FILTER": "V"}, "the band is V"),
        ({"FILTER": "r"}, "no PSF lies beside the image"),
    ],
)
def test_an_image_without_what_is_needed(
    keys: dict[str, Any], text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "workers", here)
    header = fits.Header({"BUNIT": "electron", "NMGY": 1 / 900, **keys})
    fits.PrimaryHDU(np.random.default_rng(1).poisson(600, (90, 90)).astype("f4"), header).writeto(tmp_path / "one.fits")
    if "PSF" not in text:
        write_json(SDSS_PSF[2], tmp_path / "one.psf.json")
    with pytest.raises(FpgaMlError, match=text) as told:
        survey([tmp_path / "one.fits"], tmp_path / "out")
    assert told.value.where == str(tmp_path / "one.fits")


def test_an_output_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(FpgaMlError, match="cannot write there"):
        survey([tmp_path / "one.fits"], tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "band"),
    [("r", "r"), ("SDSS r", "r"), ("g DECam SDSS c0001 4720.0 1520.0", "g"), ("i.MP9702", "i"), ("r'", "r"), ("R", "R")],
)
def test_names_of_filters(name: str, band: str) -> None:
    assert band_of({"FILTER": name}) == band


def test_an_image_that_is_replaced_is_read_again(tmp_path: Path) -> None:
    """By a worker that has read it before."""
    header = fits.Header({"BUNIT": "electron", "NMGY": 1 / 900, "FILTER": "r"})
    write_json(SDSS_PSF[2], tmp_path / "one.psf.json")
    for seed in (1, 2):
        image = np.random.default_rng(seed).poisson(600, (90, 90)).astype("f4")
        fits.PrimaryHDU(image, header).writeto(tmp_path / "one.fits", overwrite=True)
        assert (read(tmp_path / "one.fits").electrons == image).all()


def test_images_of_other_pixels_are_seen_as_they_are() -> None:
    """An image of pixels twice as large beside another: noise is not taken for sources."""
    random, frames = np.random.default_rng(3), []
    for band, scale, side in (("r", 0.2, 200), ("i", 0.4, 110)):
        wcs = WCS(naxis=2)
        wcs.wcs.ctype, wcs.wcs.cdelt = ("RA---TAN", "DEC--TAN"), (-scale / 3600, scale / 3600)
        wcs.wcs.crpix = side / 2 + 0.5, side / 2 + 0.5
        wcs.wcs.set()
        sky = np.full((side, side), 600.0)
        base = SDSS_PSF[2]
        psf = Psf(base.weights, base.means, base.covariances * (0.396 / scale) ** 2)
        star = Star(8.0 / scale - 0.5, 4.0 / scale - 0.5, 20.0)
        electrons = random.poisson(render([star], Exposure(psf, 900.0), sky.shape) + sky) * 1.0
        frames.append(Frame(electrons, sky, no_flags(sky.shape), 900.0, ConstantPsf(psf), 0.0, wcs, band))
    for given in (frames, frames[::-1]):
        found = detect(given)
        assert len(found) == 1
        np.testing.assert_allclose(3600 * found["dec"], 4.0, atol=0.3)
