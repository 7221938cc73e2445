"""Whole images and the patches cut out of them; FITS files, with astropy."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste.evaluator import Counts, Floats, Patch
from fpga_ml.science.celeste.profiles import Psf
from fpga_ml.science.celeste.sources import Exposure


@dataclass(frozen=True)
class Frame:
    """One band's image. counts: (H, W) electrons, not a number where a pixel is bad; background: (H, W) sky in electrons."""

    counts: Floats
    background: Floats
    exposure: Exposure

    def cut(self, column: float, row: float, side: int) -> tuple[Patch, int, int]:
        """The patch of an odd side around a place, and the column and row of its centre.

        Bad pixels are masked. Raises where it would reach over the edge or has no good pixel.
        """
        x, y, half = round(column), round(row), side // 2
        window = (slice(y - half, y + half + 1), slice(x - half, x + half + 1))
        if side % 2 == 0 or min(x, y) < half or y + half >= self.counts.shape[0] or x + half >= self.counts.shape[1]:
            raise FpgaMlError(
                f"a patch of side {side} around column {x}, row {y} is not within {self.counts.shape[1]} x"
                f" {self.counts.shape[0]}",
                do="take a smaller patch of an odd side, or a source further in",
            )
        counts = self.counts[window]
        bad = ~np.isfinite(counts)
        return Patch(whole(np.where(bad, 0.0, counts)), self.background[window].copy(), bad if bad.any() else None), x, y


def whole(electrons: Floats) -> Counts:
    """Nearest whole electrons, none below 0: what noise of the read-out puts there is lost."""
    found: Counts = np.maximum(np.rint(electrons), 0).astype(np.int64)
    return found


def read_psf(path: Path | str) -> Psf:
    """From JSON: weights (K,), means (K, 2) and covariances (K, 2, 2) in pixels."""
    try:
        given = json.loads(Path(path).read_text())
        weights, means, covariances = (
            np.array(given[name], dtype=np.float64) for name in ("weights", "means", "covariances")
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FpgaMlError(
            f"cannot read a PSF: {error!r}", where=str(path), do="give JSON with weights, means and covariances of Gaussians"
        ) from None
    return Psf(weights, means, covariances)


def read_fits(
    path: Path | str,
    exposure: Exposure,
    *,
    sky: float | Floats,
    electrons_per_unit: float = 1.0,
    sky_subtracted: bool = False,
    hdu: int = 0,
) -> Frame:
    """A frame from a FITS file.

    exposure: PSF, and gain in electrons a nanomaggie; sky: electrons a pixel, one number or (H, W); electrons_per_unit: what
    turns the file's values into electrons (the gain, for a file in nanomaggies); sky_subtracted: the file is without sky,
    which is added back.
    """
    try:
        from astropy.io import fits
    except ImportError:
        raise FpgaMlError("astropy is not installed", do="pip install 'fpga_ml[celeste]'") from None
    try:
        with fits.open(path) as file:
            data = file[hdu].data
    except (OSError, IndexError) as error:
        raise FpgaMlError(
            f"cannot read HDU {hdu}: {error}", where=str(path), do="give a FITS file with an image there"
        ) from None
    if data is None or np.ndim(data) != 2:
        raise FpgaMlError(
            f"HDU {hdu} holds {'no data' if data is None else f'data of shape {np.shape(data)}'}, not an image",
            where=str(path),
            do="name another with hdu=",
        )
    electrons = np.asarray(data, dtype=np.float64) * electrons_per_unit
    background = np.broadcast_to(np.asarray(sky, dtype=np.float64), electrons.shape).copy()
    return Frame(electrons + background if sky_subtracted else electrons, background, exposure)
