"""A survey of any size with known sources: stars and galaxies of a prior, five bands, overlapping fields, seeing that
changes; drawn by GalSim.

FOLDER/field_0000_r.fits   electrons with the sky in them; WCS, FILTER, NMGY (nanomaggies an electron), SKY, RDNOISE
FOLDER/field_0000_r.psf.json  its PSF as Gaussians
FOLDER/truth.parquet       what was drawn
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fpga_ml.science.celeste.evaluator import Floats
from fpga_ml.science.celeste.frames.psf_images import write_json
from fpga_ml.science.celeste.parameters import STAR, ellipses
from fpga_ml.science.celeste.population import BANDS, COLOURS, FROM_COLOURS, Prior
from fpga_ml.science.celeste.profiles import SDSS_PSF, Psf
from fpga_ml.science.celeste.simulate import render_galsim
from fpga_ml.science.celeste.sources import Exposure, Galaxy, Source, Star

PIXEL_ARCSEC = 0.396
RA, DEC = 30.0, 0.0
"""Degrees: the survey's south-western corner, on the equator, so that an arc second of right ascension is one on the sky."""
_OVERLAP_PX = 48
_MARGIN_PX = 30


@dataclass(frozen=True)
class Conditions:
    """Of all images. gain: electrons a nanomaggie; sky: electrons a pixel; seeing: arc seconds, least and most full width at
    half maximum; density: sources a square degree; faintest: least flux in r, nanomaggies; read_noise: electrons."""

    gain: float = 900.0
    sky: float = 600.0
    seeing: tuple[float, float] = (1.1, 1.6)
    density: float = 20_000.0
    faintest: float = 1.0
    read_noise: float = 0.0
    field_px: int = 1024

    @property
    def step_arcsec(self) -> float:
        """From a field's corner to the next one's."""
        return (self.field_px - _OVERLAP_PX) * PIXEL_ARCSEC


def draw(prior: Prior, square_degrees: float, conditions: Conditions, random: np.random.Generator) -> Floats:
    """(N, 12) sources on as many whole fields as come nearest to an area."""
    step = conditions.step_arcsec
    wide = max(1, round((square_degrees * 3600**2) ** 0.5 / step))
    high = max(1, round(square_degrees * 3600**2 / step**2 / wide))
    number = random.poisson(conditions.density * wide * high * (step / 3600) ** 2)
    rows = np.zeros((number, 12))
    rows[:, 0], rows[:, 1] = random.uniform(0, wide * step, number), random.uniform(0, high * step, number)
    for i, kind in enumerate(random.random(number) < prior.galaxy):
        drawn = prior.of(int(kind)).draw(1, random)[0]
        while np.exp(drawn[0]) < conditions.faintest:
            drawn = prior.of(int(kind)).draw(1, random)[0]
        rows[i, 2 : 2 + len(drawn)], rows[i, 11] = drawn, kind
    return rows


def source_of(vector: Floats, band: int) -> Source:
    """In arc seconds; of a vector (12,)."""
    flux = float(np.exp(vector[2] + FROM_COLOURS[band] @ vector[3:STAR]))
    if not vector[11]:
        return Star(float(vector[0]), float(vector[1]), flux)
    share = float(np.clip(1 / (1 + np.exp(-vector[STAR])), 1e-3, 1 - 1e-3))
    values, axes = np.linalg.eigh(ellipses(vector[STAR + 1 : 11]))
    minor, major = np.sqrt(values)
    angle = float(np.arctan2(axes[1, 1], axes[0, 1]))
    return Galaxy(float(vector[0]), float(vector[1]), flux, share, float(minor / major), angle, float(major))


def simulate(
    folder: Path,
    sources: Floats,
    seed: int = 1,
    conditions: Conditions = Conditions(),
    started: Callable[[int], Callable[[int], None]] = lambda _total: lambda _done: None,
) -> Path:
    """Write a survey with these sources: (N, 12) vectors in the order of `posterior.NAMES`, places in arc seconds east and
    north of the corner, and whether it is a galaxy (0 or 1). The same seed gives the same pixels."""
    folder.mkdir(parents=True, exist_ok=True)
    step = conditions.step_arcsec
    wide, high = (max(1, round(float(np.ceil(sources[:, i].max() / step - 1e-9)))) for i in (0, 1))
    _write_truth(folder / "truth.parquet", sources)
    tell = started(wide * high * len(BANDS))
    for index in range(wide * high):
        corner = np.array([index % wide, index // wide]) * step - _OVERLAP_PX / 2 * PIXEL_ARCSEC
        for band in range(len(BANDS)):
            _field(folder, index, band, corner, sources, conditions, np.random.default_rng((seed, index, band)))
            tell(1)
    return folder


def _seen(conditions: Conditions, random: np.random.Generator) -> Psf:
    """SDSS-like, as wide as this image's seeing."""
    base = SDSS_PSF[2]
    factor = random.uniform(*conditions.seeing) / 1.3
    return Psf(base.weights, base.means, base.covariances * factor**2)


def _field(
    folder: Path, index: int, band: int, corner: Floats, sources: Floats, conditions: Conditions, random: np.random.Generator
) -> None:
    from astropy.io import fits

    side, psf = conditions.field_px, _seen(conditions, random)
    dither = random.uniform(-1, 1, 2)
    wcs = _wcs(corner, dither, side)
    within = [moved for one in sources if (moved := _in_pixels(source_of(one, band), wcs, side)) is not None]
    exposure = Exposure(psf, conditions.gain)
    rate = render_galsim(within, exposure, (side, side)) + conditions.sky
    electrons = random.poisson(rate) + random.normal(0, conditions.read_noise, rate.shape)
    header = wcs.to_header()
    header["BUNIT"], header["FILTER"] = "electron", BANDS[band]
    header["NMGY"] = 1 / conditions.gain, "nanomaggies an electron"
    header["SKY"], header["RDNOISE"] = conditions.sky, conditions.read_noise
    name = folder / f"field_{index:04d}_{BANDS[band]}"
    fits.PrimaryHDU(electrons.astype(np.float32), header).writeto(name.with_suffix(".fits"), overwrite=True)
    write_json(psf, f"{name}.psf.json")


def _wcs(corner: Floats, dither: Floats, side: int) -> Any:
    """North up, east to the left, tangent to the sky in the middle of a field."""
    from astropy.wcs import WCS

    middle = corner + side / 2 * PIXEL_ARCSEC
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.crval = RA + middle[0] / 3600, DEC + middle[1] / 3600
    wcs.wcs.crpix = 0.5 + side / 2 + dither
    wcs.wcs.cdelt = -PIXEL_ARCSEC / 3600, PIXEL_ARCSEC / 3600
    wcs.wcs.set()
    return wcs


def _in_pixels(source: Source, wcs: Any, side: int) -> Source | None:
    """From arc seconds east and north of the corner to pixels from the image's middle; None where it is far outside."""
    x, y = wcs.world_to_pixel_values(RA + source.x / 3600, DEC + source.y / 3600)
    if not all(-_MARGIN_PX < one < side + _MARGIN_PX for one in (x, y)):
        return None
    place = {"x": float(x) - side // 2, "y": float(y) - side // 2}
    if isinstance(source, Star):
        return replace(source, **place)
    return replace(source, **place, angle=np.pi - source.angle, radius=source.radius / PIXEL_ARCSEC)


def _write_truth(path: Path, sources: Floats) -> None:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    galaxy = sources[:, 11] > 0
    shapes = [source_of(one, 2) for one in sources]

    def shape(name: str) -> list[float]:
        return [getattr(one, name) if isinstance(one, Galaxy) else float("nan") for one in shapes]

    columns = {
        "ra": RA + sources[:, 0] / 3600,
        "dec": DEC + sources[:, 1] / 3600,
        "galaxy": galaxy,
        "log_flux_r": sources[:, 2],
        **{f"log_{name}": sources[:, 3 + i] for i, name in enumerate(COLOURS)},
        **{name: shape(name) for name in ("de_vaucouleurs", "axis_ratio", "angle", "radius")},
    }
    parquet.write_table(pa.table(columns), path)
