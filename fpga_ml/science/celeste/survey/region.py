"""The part of an image that a tile needs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from fpga_ml.science.celeste.frames.frame import ConstantPsf, Frame, PsfModel, no_flags
from fpga_ml.science.celeste.profiles import Psf

_MARGIN_PX = 42


def read(path: Path) -> Frame:
    from astropy.io import fits
    from astropy.wcs import WCS

    with fits.open(path) as f:
        d = f[0].data.astype(float)
        h = f[0].header
    j = json.loads(Path(str(path)[:-5] + ".psf.json").read_text())
    psf = Psf(*(np.array(j[k]) for k in ("weights", "means", "covariances")))
    return Frame(
        d,
        np.full(d.shape, h["SKY"]),
        no_flags(d.shape),
        1 / h["NMGY"],
        ConstantPsf(psf),
        h["RDNOISE"] ** 2,
        WCS(h),
        h["FILTER"],
    )


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
