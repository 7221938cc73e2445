"""Places on the sky and in an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from fpga_ml.science.celeste.evaluator import Floats
from fpga_ml.science.celeste.frames.frame import Frame

_STEP_ARCSEC = 1.0
Value = TypeVar("Value", float, Floats)
Window = tuple[slice, slice]


def offset(ra: Value, dec: Value, east: Value, north: Value) -> tuple[Value, Value]:
    """Degrees of what lies so many arc seconds east and north of a place."""
    return ra + east / 3600 / np.cos(np.radians(dec)), dec + north / 3600


def separation(ra: Value, dec: Value, other_ra: Value, other_dec: Value) -> tuple[Value, Value]:
    """Arc seconds east and north from a first place to another, near it; right ascensions may lie across 0."""
    east = ((other_ra - ra + 180) % 360 - 180) * np.cos(np.radians(dec))
    return 3600 * east, 3600 * (other_dec - dec)


def on_sphere(ra: Floats, dec: Floats) -> Floats:
    """(N, 3) unit vectors of places (N,), degrees."""
    ra, dec = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1)


def placed(row: int, column: int, half: int, shape: tuple[int, int]) -> tuple[Window, Window]:
    """Rows and columns of an image that a patch of 2 half + 1 pixels around one of them covers, and those of the patch that
    lie in the image; the former are empty (they end before they begin) where none does."""
    top, left, side = row - half, column - half, 2 * half + 1
    window = (slice(max(top, 0), min(top + side, shape[0])), slice(max(left, 0), min(left + side, shape[1])))
    rows, columns = window
    return window, (slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left))


@dataclass(frozen=True)
class Local:
    """An image near a place. column, row: the place in pixels; scale: (2, 2) pixels an arc second east and north."""

    column: float
    row: float
    scale: Floats

    @property
    def pixel_arcsec(self) -> float:
        return float(abs(np.linalg.det(self.scale)) ** -0.5)


def local(frame: Frame, ra: float, dec: float) -> Local:
    """Differences of the WCS over an arc second either way."""
    steps = np.array([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]]) * _STEP_ARCSEC
    x, y = frame.wcs.world_to_pixel_values(*offset(np.full(5, ra), np.full(5, dec), steps[:, 0], steps[:, 1]))
    scale = np.array([[x[1] - x[2], x[3] - x[4]], [y[1] - y[2], y[3] - y[4]]]) / (2 * _STEP_ARCSEC)
    return Local(float(x[0]), float(y[0]), scale)
