"""Images with known stars, written as surveys publish theirs."""

from __future__ import annotations

import bz2
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from fpga_ml.science.celeste import SDSS_PSF, Exposure, Galaxy, Psf, Star
from fpga_ml.science.celeste.simulate import render_galsim
from fpga_ml.science.celeste.sources import Source, flux_of

GAIN = 900.0
SKY = 600.0
PLACE = (70.3, 40.4)
MAGNITUDE = 18.5
SHAPE = (90, 140)
Maker = Callable[[float, float], Source]


def star(magnitude: float = MAGNITUDE) -> Maker:
    return lambda x, y: Star(x, y, flux_of(magnitude))


def galaxy(magnitude: float, radius: float = 2.5) -> Maker:
    return lambda x, y: Galaxy(x, y, flux_of(magnitude), 0.3, 0.6, 0.5, radius)


def expected(
    sources: Sequence[tuple[float, float, Maker]] = ((*PLACE, star()),),
    shape: tuple[int, int] = SHAPE,
    gain: float = GAIN,
    psf: Psf | None = None,
) -> np.ndarray:
    """Electrons of sources at columns and rows, by GalSim."""
    height, width = shape
    placed = [make(column - width // 2, row - height // 2) for column, row, make in sources]
    return render_galsim(placed, Exposure(psf or SDSS_PSF[2], gain), shape)


def observed(light: np.ndarray, sky: float | np.ndarray = SKY, read_noise: float = 0.0, seed: int = 5) -> np.ndarray:
    """Electrons, sky included, with the noise of counting and of the read-out."""
    random = np.random.default_rng(seed)
    electrons = random.poisson(light + sky).astype(np.float64)
    return electrons + read_noise * random.normal(size=light.shape) if read_noise else electrons


def write(path: Path, data: np.ndarray, kind: str = "float32", **header: Any) -> Path:
    hdu = fits.PrimaryHDU(np.asarray(data, dtype=kind))
    hdu.header.update(header)
    hdu.writeto(path, overwrite=True)
    return path


def write_psf(path: Path, scale: float = 1.0, **changes: Any) -> Path:
    """The PSF as JSON; scale: what its weights are multiplied with."""
    psf = SDSS_PSF[2]
    given = {"weights": psf.weights * scale, "means": psf.means, "covariances": psf.covariances, **changes}
    path.write_text(json.dumps({name: np.asarray(value).tolist() for name, value in given.items()}))
    return path


def astrometry(shape: tuple[int, int] = SHAPE, scale: float = 0.396) -> fits.Header:
    """A tangent plane around RA 180, Dec 30, of so many seconds of arc a pixel, turned by 30 degrees."""
    plane = WCS(naxis=2)
    plane.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    plane.wcs.crval = [180.0, 30.0]
    plane.wcs.crpix = [shape[1] / 2, shape[0] / 2]
    cos, sin = np.cos(np.pi / 6), np.sin(np.pi / 6)
    plane.wcs.cd = scale / 3600 * np.array([[-cos, sin], [sin, cos]])
    return plane.to_header()


def sdss_frame(path: Path, light: Callable[[np.ndarray], np.ndarray], shape: tuple[int, int], seed: int = 5) -> np.ndarray:
    """frame-r of run 3900, camera column 6, field 269: bzip2, HDUs as the data model has them.

    light: electrons of the sources, from electrons a nanomaggie by column (1, W). Returns the sky in counts.
    """
    height, width = shape
    gain, dark = 4.895, 0.9025
    calibration = 0.0051 * (1 + 0.05 * np.sin(np.arange(width) / 40.0))
    coarse = 130 + np.add.outer(2.0 * np.arange(height // 8 + 1), 0.7 * np.arange(width // 8 + 1))
    x, y = np.arange(width) / 8.0, np.arange(height) / 8.0
    sky = 130 + 2.0 * y[:, None] + 0.7 * x[None, :]
    random = np.random.default_rng(seed)
    electrons = random.poisson(light(gain / calibration[None, :]) + gain * sky)
    counts = electrons / gain + np.sqrt(dark) * random.normal(size=shape)
    image = fits.PrimaryHDU(((counts - sky) * calibration).astype("float32"), astrometry(shape))
    keys = {
        "RUN": 3900,
        "CAMCOL": 6,
        "FIELD": 269,
        "FILTER": "r",
        "BUNIT": "nanomaggy",
        "NMGY": 0.0051,
        "EXPTIME": 53.907456,
    }
    image.header.update(keys)
    table = fits.BinTableHDU.from_columns(
        [
            fits.Column("ALLSKY", f"{coarse.size}E", dim=f"({coarse.shape[1]},{coarse.shape[0]})", array=coarse[None]),
            fits.Column("XINTERP", f"{width}E", array=x[None]),
            fits.Column("YINTERP", f"{height}E", array=y[None]),
        ]
    )
    as_trans = fits.BinTableHDU.from_columns([fits.Column("NODE", "1D", array=np.zeros(1))])
    plain = path.with_suffix("")
    fits.HDUList([image, fits.ImageHDU(calibration.astype("float32")), table, as_trans]).writeto(plain, overwrite=True)
    path.write_bytes(bz2.compress(plain.read_bytes()))
    plain.unlink()
    return sky


def psfield(path: Path, images: Sequence[np.ndarray], coefficients: Sequence[np.ndarray]) -> None:
    """A psField file: the same eigenimages (51, 51) and coefficients (rows, columns) in every band, the others' scaled by 2.

    What lies beyond NROW_B and NCOL_B in C is not a number, as it may be."""
    tables = []
    for band in range(5):
        powers = np.full((len(images), 5, 5), np.nan, dtype=np.float32)
        for k, one in enumerate(coefficients):
            powers[k, : one.shape[0], : one.shape[1]] = one * (1.0 if band == 2 else 2.0)
        rows = np.empty(len(images), dtype=object)
        rows[:] = [one.astype(np.float32).ravel() for one in images]
        count = len(images)
        tables.append(
            fits.BinTableHDU.from_columns(
                [
                    fits.Column("nrow_b", "1J", array=[one.shape[0] for one in coefficients]),
                    fits.Column("ncol_b", "1J", array=[one.shape[1] for one in coefficients]),
                    fits.Column("c", "25E", dim="(5,5)", array=powers),
                    fits.Column("lambda", "1E", array=np.ones(count)),
                    fits.Column("RTYPE", "1J", array=np.full(count, 128)),
                    fits.Column("RNROW", "1J", array=np.full(count, 51)),
                    fits.Column("RNCOL", "1J", array=np.full(count, 51)),
                    fits.Column("RROW0", "1J", array=np.zeros(count)),
                    fits.Column("RCOL0", "1J", array=np.zeros(count)),
                    fits.Column("RROWS", "1PE()", array=rows),
                ]
            )
        )
    summary = fits.BinTableHDU.from_columns([fits.Column("status", "5J", array=np.zeros((1, 5)))])
    primary = fits.PrimaryHDU()
    primary.header["FILTERS"] = "u g r i z"
    fits.HDUList([primary, *tables, summary]).writeto(path, overwrite=True)


FPM_PLANES = (
    "INTERP",
    "SATUR",
    "NOTCHECKED",
    "OBJECT",
    "BRIGHTOBJECT",
    "BINOBJECT",
    "CATOBJECT",
    "SUBTRACTED",
    "GHOST",
    "CR",
)


def fpm(path: Path, shape: tuple[int, int], objects: dict[str, Sequence[tuple[int, int, int]]]) -> None:
    """An fpM file. objects: by plane, one object of spans (row, first column, last column)."""
    primary = fits.PrimaryHDU()
    primary.header.update({"MASKROWS": shape[0], "MASKCOLS": shape[1], "NPLANE": 10, "NFILTER": 5})
    hdus: list[Any] = [primary]
    for plane in FPM_PLANES:
        spans = objects.get(plane, ())
        packed = np.empty(1 if spans else 0, dtype=object)
        packed[:] = [np.frombuffer(np.array(spans, dtype=">i2").tobytes(), dtype=np.uint8)] if spans else []
        number = [len(spans)] if spans else []
        zero = [0] if spans else []
        names = ("row0", "col0", "rmin", "rmax", "cmin", "cmax", "npix")
        columns = [fits.Column("refcntr", "1J", array=zero), fits.Column("nspan", "1J", array=number)]
        columns += [fits.Column(name, "1J", array=zero) for name in names]
        hdus.append(fits.BinTableHDU.from_columns([*columns, fits.Column("s", "1PB()", array=packed)]))
    names = [*(f"S_MASK_{plane}" for plane in FPM_PLANES), "S_NMASK_TYPES"]
    definitions = fits.BinTableHDU.from_columns(
        [
            fits.Column("defName", "31A", array=["S_MASKTYPE"] * 11),
            fits.Column("attributeName", "31A", array=names),
            fits.Column("Value", "1J", array=np.arange(11)),
        ]
    )
    definitions.header["TYPENAME"] = "S_MASKTYPE"
    fits.HDUList([*hdus, definitions]).writeto(path, overwrite=True)


def psfex(
    path: Path, masks: np.ndarray, degree: int, zero: tuple[float, float], scale: tuple[float, float], samp: float
) -> None:
    """A .psf file of PSFEx. masks: (terms, H, W)."""
    terms, height, width = masks.shape
    column = fits.Column(
        "PSF_MASK", f"{masks.size}E", dim=f"({width},{height},{terms})", array=masks[None].astype("float32")
    )
    table = fits.BinTableHDU.from_columns([column], name="PSF_DATA")
    keys: dict[str, Any] = {"LOADED": 100, "ACCEPTED": 90, "CHI2": 1.1, "POLNAXIS": 2, "POLNGRP": 1, "POLDEG1": degree}
    for i, name in enumerate(("X_IMAGE", "Y_IMAGE")):
        keys |= {f"POLGRP{i + 1}": 1, f"POLNAME{i + 1}": name, f"POLZERO{i + 1}": zero[i], f"POLSCAL{i + 1}": scale[i]}
    keys |= {"PSF_FWHM": 3.0, "PSF_SAMP": samp, "PSFNAXIS": 3, "PSFAXIS1": width, "PSFAXIS2": height, "PSFAXIS3": terms}
    table.header.update(keys)
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path, overwrite=True)


def decam(
    folder: Path, ccds: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]], version: str = "V5.2.3", **keys: Any
) -> Path:
    """c4d_..._ooi_r_v1.fits.fz with its oow and ood: one compressed HDU a CCD.

    ccds: by name, image and inverse variance in ADU, and data quality.
    """
    for index, kind in enumerate(("ooi", "oow", "ood")):
        primary = fits.PrimaryHDU()
        primary.header.update({"INSTRUME": "DECam", "PROCTYPE": "InstCal", "PLVER": version, "EXPTIME": 30.0})
        primary.header.update({"FILTER": "r DECam SDSS c0002 6415.0 1480.0", "MAGZERO": 30.0})
        hdus: list[Any] = [primary]
        for name, planes in ccds.items():
            data = planes[index].astype("int16" if kind == "ood" else "float32")
            method = (
                {"compression_type": "RICE_1"} if kind == "ood" else {"compression_type": "GZIP_2", "quantize_level": 0.0}
            )
            one = fits.CompImageHDU(data, astrometry(data.shape, 0.27), name=name, **method)
            one.header.update({"GAINA": 4.061, "GAINB": 4.249, "RDNOISEA": 6.05, "RDNOISEB": 6.08, **keys})
            hdus.append(one)
        fits.HDUList(hdus).writeto(folder / f"c4d_190503_101849_{kind}_r_v1.fits.fz", overwrite=True)
    return folder / "c4d_190503_101849_ooi_r_v1.fits.fz"
