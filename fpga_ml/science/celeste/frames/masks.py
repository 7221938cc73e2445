"""Masks as files have them: images of numbers or bits, SDSS's fpM, DECam's data quality, planes that the header names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste.evaluator import Floats
from fpga_ml.science.celeste.frames import decam, sdss
from fpga_ml.science.celeste.frames.fits_files import beside, headers, image_hdu, opened, pixels
from fpga_ml.science.celeste.frames.frame import Flag, Flags, mark, no_flags

PLANES = {
    "MP_BAD": Flag.BAD,
    "MP_SAT": Flag.SATURATED,
    "MP_CR": Flag.COSMIC,
    "MP_NO_DATA": Flag.BAD,
    "MP_UNMASKEDNAN": Flag.BAD,
    "MP_SUSPECT": Flag.BAD,
}
"""Names of bits in headers, as those of LSST and Hyper Suprime-Cam, that take a pixel out."""


def read_mask(spec: str, image: Path | str, hdu: int | str | None, shape: tuple[int, int], bits: int | None) -> Flags:
    """(H, W) flags. spec: a file, with an HDU in brackets if need be, or an HDU of the image's file; hdu: the image's, whose
    name or number is looked for in a file of several; bits: those that are bad, else any number but 0, or what the header
    names."""
    path, own = beside(spec, image)
    with opened(path) as file:
        if sdss.is_mask_file(file):
            return sdss.mask_flags(file, shape)
        found = _companion(file, own, hdu, path)
        values, header = np.nan_to_num(pixels(found), nan=1.0), headers(file, found)
        if values.shape != shape:
            raise FpgaMlError(
                f"the mask has shape {values.shape}, the image {shape}", where=path, do="name its HDU: file.fits[2]"
            )
        return _flags(values, header, bits, path)


def _flags(values: Floats, header: Mapping[str, Any], bits: int | None, where: str) -> Flags:
    flags = no_flags(values.shape)
    numbers = values.astype(np.int64)
    if bits is not None:
        mark(flags, numbers & bits != 0, Flag.BAD)
        return flags
    planes = {int(header[name]): flag for name, flag in PLANES.items() if name in header}
    for bit, flag in planes.items():
        mark(flags, (numbers >> bit) & 1 != 0, flag)
    if planes:
        return flags
    if decam.is_decam(header):
        return decam.quality_flags(numbers, header, where)
    mark(flags, numbers != 0, Flag.BAD)
    return flags


def read_weights(spec: str, image: Path | str, hdu: int | str | None, shape: tuple[int, int]) -> Floats:
    """(H, W) of an inverse-variance image, in 1 / units^2 of the image. spec and hdu: as of a mask."""
    path, own = beside(spec, image)
    with opened(path) as file:
        weights = pixels(_companion(file, own, hdu, path))
    if weights.shape != shape:
        raise FpgaMlError(
            f"the inverse variance has shape {weights.shape}, the image {shape}", where=path, do="name its HDU: file.fits[2]"
        )
    return weights


def _companion(file: Any, own: int | str | None, hdu: int | str | None, path: str) -> Any:
    """The HDU that was named, or the one like the image's, or the first image."""
    if own is None and hdu is not None and len(file) > 1:
        names = {one.name.upper() for one in file}
        own = hdu if (isinstance(hdu, int) and hdu < len(file)) or str(hdu).upper() in names else None
    return image_hdu(file, own, path)
