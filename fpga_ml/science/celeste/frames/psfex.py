"""PSFEx's model of a PSF that varies over the image (Bertin 2011, ASP 442, 435): a polynomial of images.

A .psf file is a binary table PSF_DATA with one row: PSF_MASK (PSFAXIS3, PSFAXIS2, PSFAXIS1), the images that go with the
terms of the polynomial in x = (X - POLZERO1) / POLSCAL1 and y = (Y - POLZERO2) / POLSCAL2, X and Y in pixels from 1, to the
degree POLDEG1: 1, x, x^2, ..., y, x y, ..., y^2, ... PSF_SAMP: pixels of the image a sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste.evaluator import Floats
from fpga_ml.science.celeste.frames.fits_files import column_names, opened
from fpga_ml.science.celeste.frames.psf_images import VaryingPsf


@dataclass(frozen=True)
class PsfEx:
    """masks: (terms, H, W); zero, scale: of x and y; degree: of the polynomial; sampling: pixels a sample."""

    masks: Floats
    zero: tuple[float, float]
    scale: tuple[float, float]
    degree: int
    sampling: float

    def image(self, column: float, row: float) -> Floats:
        """(H, W) samples around a pixel, counted from 0."""
        x, y = (column + 1 - self.zero[0]) / self.scale[0], (row + 1 - self.zero[1]) / self.scale[1]
        terms = [x**i * y**j for j in range(self.degree + 1) for i in range(self.degree + 1 - j)]
        found: Floats = np.tensordot(terms, self.masks, axes=1)
        return found


def read_psfex(path: Path | str) -> PsfEx:
    """A .psf file. Raises where its polynomial is not one of the place in the image."""
    with opened(path) as file:
        table = next((one for one in file if "PSF_MASK" in column_names(one)), None)
        if table is None:
            raise FpgaMlError("there is no column PSF_MASK", where=str(path), do="give a .psf file of PSFEx")
        header, masks = table.header, np.asarray(table.data["PSF_MASK"][0], dtype=np.float64)
    axes = header.get("POLNAXIS", 0)
    names = [str(header.get(f"POLNAME{i + 1}", "")) for i in range(axes)]
    on_image = [name.upper().startswith(letter) for name, letter in zip(names, "XY", strict=False)]
    if axes not in (0, 2) or not all(on_image) or (axes and header.get("POLNGRP", 1) != 1):
        raise FpgaMlError(
            f"the PSF depends on {', '.join(names)}", where=str(path), do="give one that depends on X_IMAGE and Y_IMAGE"
        )
    degree = int(header["POLDEG1"]) if axes else 0
    masks = masks.reshape(-1, *masks.shape[-2:])
    if len(masks) != (degree + 1) * (degree + 2) // 2:
        raise FpgaMlError(
            f"{len(masks)} images for a polynomial of degree {degree}", where=str(path), do="give another file"
        )
    zero, scale = ((0.0, 0.0), (1.0, 1.0)) if not axes else (_pair(header, "POLZERO"), _pair(header, "POLSCAL"))
    return PsfEx(masks, zero, scale, degree, float(header.get("PSF_SAMP") or 1.0))


def _pair(header: dict[str, float], name: str) -> tuple[float, float]:
    return float(header[f"{name}1"]), float(header[f"{name}2"])


def psfex_model(path: Path | str, terms: int | None = None) -> VaryingPsf:
    """As mixtures of Gaussians, where they are asked for."""
    found = read_psfex(path)
    return VaryingPsf(found.image, found.sampling, terms, where=str(path))
