"""Images of SDSS as its data model documents them (dr16.sdss.org/datamodel: frame, psField, fpM).

frame: HDU 0 the sky-subtracted image in nanomaggies; HDU 1 nanomaggies a count, by column; HDU 2 a table with the sky in
counts, ALLSKY (coarse), to be interpolated at XINTERP and YINTERP, the indices in it of each column and row. The image in
counts is image / calibration + sky; their noise squared is counts / gain + dark variance.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import map_coordinates

from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste.evaluator import Floats
from fpga_ml.science.celeste.frames.fits_files import column_names, opened
from fpga_ml.science.celeste.frames.frame import Flag, Flags, mark, no_flags
from fpga_ml.science.celeste.frames.psf_images import VaryingPsf

BANDS = "ugriz"
GAINS = (
    (1.62, 3.32, 4.71, 5.165, 4.745),
    (1.595, 3.855, 4.6, 6.565, 5.155),
    (1.59, 3.845, 4.72, 4.86, 4.885),
    (1.6, 3.995, 4.76, 4.885, 4.775),
    (1.47, 4.05, 4.725, 4.64, 3.48),
    (2.17, 4.035, 4.895, 4.76, 4.69),
)
"""Electrons a count, by camera column and band."""
LATER_GAINS = {(2, "u"): 1.825}
"""After run 1100."""
DARK_VARIANCES = (
    (9.61, 15.6025, 1.8225, 7.84, 0.81),
    (12.6025, 1.44, 1.00, 5.76, 1.0),
    (8.7025, 1.3225, 1.3225, 4.6225, 1.0),
    (12.6025, 1.96, 1.3225, 6.25, 9.61),
    (9.3025, 1.1025, 0.81, 7.84, 1.8225),
    (7.0225, 1.8225, 0.9025, 5.0625, 1.21),
)
"""Counts squared of read-out and dark current, by camera column and band."""
LATER_DARK_VARIANCES = {(2, "i"): 6.25, (4, "i"): 7.5625, (4, "z"): 12.6025, (5, "z"): 2.1025}
"""After run 1500."""

MASK_FLAGS = {
    "S_MASK_INTERP": Flag.BAD,
    "S_MASK_SATUR": Flag.SATURATED,
    "S_MASK_NOTCHECKED": Flag.BAD,
    "S_MASK_GHOST": Flag.BAD,
    "S_MASK_CR": Flag.COSMIC,
}
"""What takes a pixel out, of the masks in fpM files; the others are of objects."""


def detector(camcol: int, band: str, run: int) -> tuple[float, float]:
    """Gain (electrons a count) and dark variance (counts squared) of a CCD in a run, from the data model's tables."""
    if not 1 <= camcol <= 6 or band not in tuple(BANDS):
        raise FpgaMlError(f"there is no camera column {camcol} or band '{band}'", do="check CAMCOL and FILTER of the header")
    index = BANDS.index(band)
    gain, dark = GAINS[camcol - 1][index], DARK_VARIANCES[camcol - 1][index]
    return (
        LATER_GAINS.get((camcol, band), gain) if run > 1100 else gain,
        LATER_DARK_VARIANCES.get((camcol, band), dark) if run > 1500 else dark,
    )


@dataclass(frozen=True)
class SdssImage:
    """electrons, background: (H, W); gain: (1, W) electrons a nanomaggie; variance: electrons^2; band: its name."""

    electrons: Floats
    background: Floats
    gain: Floats
    variance: float
    band: str


def is_sdss_frame(file: Any) -> bool:
    """Whether HDUs are laid out as a frame's."""
    return len(file) > 2 and "ALLSKY" in column_names(file[2])


def sdss_image(file: Any, where: str) -> SdssImage:
    """Undo calibration and sky subtraction of a frame file."""
    header, image = file[0].header, np.asarray(file[0].data, dtype=np.float64)
    calibration = np.asarray(file[1].data, dtype=np.float64).reshape(1, -1)
    if calibration.shape[1] != image.shape[1]:
        raise FpgaMlError(
            f"HDU 1 has {calibration.shape[1]} calibrations for {image.shape[1]} columns",
            where=where,
            do="give a whole frame",
        )
    missing = [key for key in ("CAMCOL", "FILTER", "RUN") if key not in header]
    if missing:
        raise FpgaMlError(f"the header has no {', '.join(missing)}", where=where, do="give a frame as SDSS publishes it")
    band = str(header["FILTER"]).strip()
    gain, dark = detector(int(header["CAMCOL"]), band, int(header["RUN"]))
    sky = sky_counts(file[2].data[0], image.shape)
    return SdssImage(gain * (image / calibration + sky), gain * sky, gain / calibration, gain**2 * dark, band)


def sky_counts(row: Any, shape: tuple[int, ...]) -> Floats:
    """(H, W) the coarse sky, interpolated linearly; beyond its edges it is as at them."""
    coarse = np.asarray(row["ALLSKY"], dtype=np.float64)
    coarse = coarse.reshape(coarse.shape[-2:])
    x, y = (np.asarray(row[name], dtype=np.float64).ravel() for name in ("XINTERP", "YINTERP"))
    if (len(y), len(x)) != shape:
        raise FpgaMlError(f"the sky is of {len(y)} x {len(x)} pixels, the image of {shape[0]} x {shape[1]}")
    found: Floats = map_coordinates(coarse, np.meshgrid(y, x, indexing="ij"), order=1, mode="nearest")
    return found


@dataclass(frozen=True)
class KarhunenLoeve:
    """A psField's PSF of one band. images: (K, H, W); coefficients: (K, rows, columns) of 0.001 row and 0.001 column."""

    images: Floats
    coefficients: Floats

    def image(self, column: float, row: float) -> Floats:
        """(H, W) around a pixel, counted from 0, whose centre SDSS counts as 0.5."""
        down = (0.001 * (row + 0.5)) ** np.arange(self.coefficients.shape[1])
        along = (0.001 * (column + 0.5)) ** np.arange(self.coefficients.shape[2])
        found: Floats = np.einsum("kij,i,j,khw->hw", self.coefficients, down, along, self.images)
        return found


def read_psfield(path: Path | str, band: str) -> KarhunenLoeve:
    """HDU 1 + its number of a psField file: one row for each eigenimage, with RROWS (RNROW RNCOL values) and C, coefficients
    of powers of row (first) and column, of which the first NROW_B and NCOL_B are used."""
    if band not in tuple(BANDS):
        raise FpgaMlError(f"a psField has no band '{band}'", where=str(path), do=f"give one of {', '.join(BANDS)}")
    with opened(path) as file:
        table = file[1 + BANDS.index(band)] if len(file) > 5 else None
        if table is None or "RROWS" not in column_names(table):
            raise FpgaMlError("there are no tables of eigenimages", where=str(path), do="give a psField file of SDSS")
        images, coefficients = [], []
        for row in table.data:
            images.append(np.asarray(row["RROWS"], dtype=np.float64).reshape(int(row["RNROW"]), int(row["RNCOL"])))
            used = np.zeros((5, 5))
            powers = np.asarray(row["C"], dtype=np.float64).reshape(5, 5)
            rows, columns = int(row["NROW_B"]), int(row["NCOL_B"])
            used[:rows, :columns] = powers[:rows, :columns]
            coefficients.append(used)
    return KarhunenLoeve(np.array(images), np.array(coefficients))


def psfield_model(path: Path | str, band: str, terms: int | None = None) -> VaryingPsf:
    """As mixtures of Gaussians, where they are asked for."""
    return VaryingPsf(read_psfield(path, band).image, terms=terms, where=f"{path}, band {band}")


def is_mask_file(file: Any) -> bool:
    """Whether HDUs are laid out as those of an fpM file."""
    return "ATTRIBUTENAME" in column_names(file[-1])


def mask_flags(file: Any, shape: tuple[int, int]) -> Flags:
    """(H, W) of an fpM file: HDU 1 + n has the objects of mask n, whose name the last HDU has.

    An object is NSPAN spans, each three big-endian 16-bit integers in the bytes S: row, first and last column, included.
    """
    names = {
        int(row["VALUE"]): str(row["ATTRIBUTENAME"]).strip()
        for row in file[-1].data
        if str(row["DEFNAME"]).strip() == "S_MASKTYPE"
    }
    flags = no_flags(shape)
    for value, name in names.items():
        if name not in MASK_FLAGS or value + 1 >= len(file) - 1 or file[value + 1].data is None:
            continue
        for row in file[value + 1].data:
            for at, first, last in _spans(row["S"], int(row["NSPAN"])):
                if 0 <= at < shape[0] and last >= 0:
                    mark(flags, (at, slice(max(0, first), last + 1)), MASK_FLAGS[name])
    return flags


def _spans(packed: Any, count: int) -> npt.NDArray[np.int64]:
    """(count, 3) row, first and last column."""
    values = np.asarray(packed)
    words = np.frombuffer(values.tobytes(), dtype=">i2") if values.dtype.itemsize == 1 else values
    return words.astype(np.int64).reshape(-1, 3)[:count]
