"""An image with the files that lie beside it, and the part of it that a tile needs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste.frames.frame import Frame, PsfModel
from fpga_ml.science.celeste.frames.read import Options, read_frame
from fpga_ml.science.celeste.profiles import Psf

_MARGIN_PX = 42
NOTHING = Options()
"""What a user says of images whose headers say all."""
_FITS = (".fits", ".fit", ".fits.gz", ".fits.fz", ".fits.bz2", ".fit.gz")
_SDSS = re.compile(r"frame-([ugriz])-(\d{6})-(\d)-(\d{4})\.fits(\.bz2)?$")
_DECAM = "_ooi_"


def images_in(folder: Path) -> list[Path]:
    """The images of a folder, by name, without what lies beside one: masks, weights, PSFs."""
    every = sorted(path for path in folder.iterdir() if path.name.endswith(_FITS))
    besides = {beside for path in every for beside in files_of(path)[1:]}
    others = ("psField", "fpM")
    return [path for path in every if path not in besides and not path.name.startswith(others)]


def files_of(image: Path) -> list[Path]:
    """An image, and what lies beside it."""
    given = beside(image)
    return [image, *(Path(one) for one in (given.psf, given.mask, given.ivar) if isinstance(one, str))]


def beside(image: Path) -> Options:
    """PSF, mask and weights that lie beside an image, by their names.

    NAME.psf.json or NAME.psf (PSFEx), NAME.mask.fits, NAME.ivar.fits; of SDSS psField-RUN-C-FIELD.fit and
    fpM-RUN-bC-FIELD.fit; of DECam's community pipeline ..._ood_... and ..._oow_... beside ..._ooi_....
    """
    name = image.name
    stem = image.with_name(name[: -len(next((end for end in _FITS[::-1] if name.endswith(end)), ""))] or name)
    psf, masks, weights = (
        [Path(f"{stem}{end}") for end in ends] for ends in ((".psf.json", ".psf"), (".mask.fits",), (".ivar.fits",))
    )
    if found := _SDSS.match(name):
        band, run, column, field, _ = found.groups()
        psf += [image.with_name(f"psField-{run}-{column}-{field}.fit")]
        masks += [image.with_name(f"fpM-{run}-{band}{column}-{field}.fit{end}") for end in ("", ".gz")]
    if _DECAM in name:
        masks += [image.with_name(name.replace(_DECAM, "_ood_"))]
        weights += [image.with_name(name.replace(_DECAM, "_oow_"))]
    return Options(psf=next(_there(psf), None), mask=next(_there(masks), None), ivar=next(_there(weights), None))


def _there(paths: list[Path]) -> Iterator[str]:
    return (str(path) for path in paths if path.exists())


def read(image: Path, said: Options = NOTHING) -> Frame:
    """With what lies beside it, and what the user says of all images; a worker keeps the last five for the next tile. The
    sky is estimated where neither says it."""
    return _read(image, said, tuple(path.stat().st_mtime_ns for path in files_of(image)))


@lru_cache(maxsize=5)
def _read(image: Path, said: Options, changed: tuple[int, ...]) -> Frame:
    found = beside(image)
    sky = said.sky if said.sky is not None or (_SDSS.match(image.name) and not said.recalibrated) else "auto"
    options = replace(said, psf=found.psf or said.psf, mask=found.mask or said.mask, ivar=found.ivar or said.ivar, sky=sky)
    if options.psf is None:
        do = "put NAME.psf.json or NAME.psf (PSFEx) beside it, of SDSS its psField, or give --psf for all images"
        raise FpgaMlError("no PSF lies beside the image", where=str(image), do=do)
    return read_frame(image, options)


class _Shifted:
    """A PSF of an image of which a corner was cut off."""

    def __init__(self, psf: PsfModel, column: int, row: int) -> None:
        self.psf, self.column, self.row = psf, column, row

    def at(self, column: float, row: float) -> Psf:
        return self.psf.at(column + self.column, row + self.row)


def cut_to(frame: Frame, low: tuple[float, float], high: tuple[float, float], halo_arcsec: float) -> Frame | None:
    """The part of a frame around a box of the sky (degrees) and its halo, with room for patches, at one gain; None where
    there is none."""
    ra, dec = np.meshgrid([low[0], high[0]], [low[1], high[1]])
    halo = halo_arcsec / 3600
    ra = ra + np.array([[-1, 1], [-1, 1]]) * halo / np.cos(np.radians(low[1]))
    dec = dec + np.array([[-1, -1], [1, 1]]) * halo
    x, y = frame.wcs.world_to_pixel_values(ra, dec)
    height, width = frame.shape
    left, right = (int(v) for v in np.clip([x.min() - _MARGIN_PX, x.max() + _MARGIN_PX + 1], 0, width))
    bottom, top = (int(v) for v in np.clip([y.min() - _MARGIN_PX, y.max() + _MARGIN_PX + 1], 0, height))
    if right - left < 1 or top - bottom < 1:
        return None
    window = (slice(bottom, top), slice(left, right))
    gain = np.broadcast_to(frame.gain, frame.shape)[window]
    level = float(np.median(gain))
    scale = level / gain
    return replace(
        frame,
        electrons=frame.electrons[window] * scale,
        background=frame.background[window] * scale,
        variance=np.broadcast_to(frame.variance, frame.shape)[window] * scale**2,
        flags=frame.flags[window].copy(),
        gain=level,
        psf=_Shifted(frame.psf, left, bottom),
        wcs=frame.wcs[window],
    )
