"""One image of one band, with all that a fit needs of it: counts, sky, noise, flags, calibration, PSF, astrometry."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste.evaluator import Bools, Floats, Patch
from fpga_ml.science.celeste.profiles import Psf
from fpga_ml.science.celeste.quality import AT_EDGE, CORE_PX, EDGE_PX, SATURATED
from fpga_ml.science.celeste.sources import Exposure

Flags = npt.NDArray[np.uint16]


class Flag(IntFlag):
    """Why a pixel does not count. OUTSIDE: the image ends before it."""

    BAD = 1
    SATURATED = 2
    BLEED = 4
    COSMIC = 8
    OUTSIDE = 16


class PsfModel(Protocol):
    """A PSF over a whole image."""

    def at(self, column: float, row: float) -> Psf:
        """Around a pixel, counted from 0."""
        ...


@dataclass(frozen=True)
class ConstantPsf:
    """The same PSF everywhere."""

    psf: Psf

    def at(self, column: float, row: float) -> Psf:
        return self.psf


def no_flags(shape: tuple[int, ...]) -> Flags:
    """(H, W) of an image whose pixels all count."""
    return np.zeros(shape, dtype=np.uint16)


def mark(flags: Flags, where: Any, flag: Flag) -> None:
    """Set a flag in the pixels of an index or a mask."""
    flags[where] |= np.uint16(flag)


@dataclass(frozen=True)
class Frame:
    """One image. electrons: (H, W) sky included; what is in flagged pixels is not used; background: (H, W) expected
    electrons of the sky; flags: (H, W) bits of Flag, any of which takes a pixel out; gain: electrons a nanomaggie, or an
    array that broadcasts to (H, W), such as a calibration by column, (1, W); psf: over the image; variance: electrons^2 of
    noise beyond Poisson, one number or (H, W); wcs: astropy's, or None; band: its name, or None; notes: what was assumed.
    """

    electrons: Floats
    background: Floats
    flags: Flags
    gain: float | Floats
    psf: PsfModel
    variance: float | Floats = 0.0
    wcs: Any = None
    band: str | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("background", "flags"):
            if getattr(self, name).shape != self.electrons.shape or self.electrons.ndim != 2:
                raise FpgaMlError(
                    f"electrons have shape {self.electrons.shape}, {name} {getattr(self, name).shape}",
                    where="Frame",
                    do="give both as (height, width)",
                )
        if not (np.isfinite(self.gain).all() and np.min(self.gain) > 0):
            raise FpgaMlError(
                f"the gain is {np.min(self.gain):g} electrons a nanomaggie, not above 0",
                where="Frame",
                do="give it with --gain, or a zero point with --zero-point",
            )
        if not np.min(self.variance) >= 0:
            raise FpgaMlError(
                f"the variance is {np.min(self.variance):g}, below 0", where="Frame", do="give electrons squared"
            )

    @property
    def shape(self) -> tuple[int, int]:
        height, width = self.electrons.shape
        return height, width

    @cached_property
    def masked(self) -> Bools:
        """(H, W) true where a pixel does not count."""
        found: Bools = self.flags != 0
        return found

    def exposure(self, column: float, row: float) -> Exposure:
        """PSF and gain around a pixel, counted from 0."""
        return Exposure(self.psf.at(column, row), self._gain_at(column, row))

    def _gain_at(self, column: float, row: float) -> float:
        height, width = self.shape
        x, y = int(np.clip(round(column), 0, width - 1)), int(np.clip(round(row), 0, height - 1))
        return float(np.broadcast_to(self.gain, self.shape)[y, x])

    def cut(self, column: float, row: float, side: int) -> tuple[Patch, int, int]:
        """The patch of an odd side around a place, and the column and row of its centre.

        Where it reaches over the edge it is filled up with masked pixels. The noise beyond Poisson is in it as a pedestal:
        counts are electrons + variance, the background is sky + variance. Where the gain varies, the pixels are scaled to
        that of the centre. Raises where its centre is not in the image, or sky + variance is not above 0.
        """
        height, width = self.shape
        if not np.isfinite([column, row]).all():
            raise FpgaMlError(f"the place is ({column}, {row})", do="give numbers of pixels, counted from 0")
        x, y, half = round(column), round(row), side // 2
        if side % 2 == 0 or side < 1:
            raise FpgaMlError(f"a patch of side {side} has no central pixel", do="give an odd side")
        if not (0 <= x < width and 0 <= y < height):
            raise FpgaMlError(
                f"column {x}, row {y} is not within {width} x {height}", do="give a place in the image, counted from 0"
            )
        window = (slice(max(0, y - half), y + half + 1), slice(max(0, x - half), x + half + 1))
        scale = self._gain_at(x, y) / np.broadcast_to(self.gain, self.shape)[window]
        variance = np.broadcast_to(self.variance, self.shape)[window] * scale**2
        masked = self.masked[window]
        level = self.background[window] * scale + variance
        if not masked.all() and not level[~masked].min() > 0:
            raise FpgaMlError(
                f"sky and read-out noise together are {level[~masked].min():.3g} electrons, not above 0, around column {x}, "
                f"row {y}",
                do="give the sky that was subtracted (--sky-subtracted --sky), or the noise (--read-noise or --ivar)",
            )
        usual = float(np.median(level[~masked])) if not masked.all() else 1.0
        counts = np.where(masked, usual, self.electrons[window] * scale + variance)
        edges = _edges((height, width), x, y, half)
        return (
            Patch(
                np.pad(counts, edges, constant_values=usual),
                np.pad(np.where(masked, usual, level), edges, constant_values=usual),
                np.pad(masked, edges, constant_values=True),
            ),
            x,
            y,
        )

    def flags_at(self, column: float, row: float) -> tuple[str, ...]:
        """What a user should know of a source there, of the names in `quality`."""
        height, width = self.shape
        x, y, half = round(column), round(row), int(CORE_PX) + 1
        top, left = max(0, y - half), max(0, x - half)
        around = self.flags[top : y + half + 1, left : x + half + 1]
        rows, columns = np.indices(around.shape)
        core = np.hypot(columns + left - column, rows + top - row) <= CORE_PX
        saturated = bool((around[core] & np.uint16(Flag.SATURATED | Flag.BLEED)).any())
        edge = min(column, row, width - 1 - column, height - 1 - row) < EDGE_PX
        return tuple(name for name, held in ((SATURATED, saturated), (AT_EDGE, edge)) if held)

    def to_sky(self, column: float, row: float) -> tuple[float, float]:
        """Right ascension and declination, degrees (ICRS), of a pixel counted from 0."""
        where = self._astrometry().pixel_to_world(column, row).icrs
        return float(where.ra.deg), float(where.dec.deg)

    def from_sky(self, ra: float, dec: float) -> tuple[float, float]:
        """Column and row, counted from 0, of a right ascension and declination in degrees (ICRS)."""
        from astropy.coordinates import SkyCoord

        column, row = self._astrometry().world_to_pixel(SkyCoord(ra, dec, unit="deg"))
        if not (np.isfinite(column) and np.isfinite(row)):
            raise FpgaMlError(f"RA {ra:g}, Dec {dec:g} is not on the image", do="give a place within it, in degrees")
        return float(column), float(row)

    def _astrometry(self) -> Any:
        if self.wcs is None:
            raise FpgaMlError("the image has no celestial coordinates", do="give the place in pixels, with --at")
        return self.wcs


def _edges(shape: tuple[int, int], x: int, y: int, half: int) -> list[tuple[int, int]]:
    """Rows and columns that a patch lacks before and after, of an image of that shape."""
    return [(max(0, half - place), max(0, place + half + 1 - size)) for place, size in zip((y, x), shape, strict=True)]
