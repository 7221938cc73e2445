"""A source while its tile is fitted, and its patches in the tile's images."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fpga_ml.science.celeste.evaluator import Floats
from fpga_ml.science.celeste.frames.frame import Frame
from fpga_ml.science.celeste.parameters import STAR
from fpga_ml.science.celeste.pixels import NO_PIXELS
from fpga_ml.science.celeste.population import BANDS
from fpga_ml.science.celeste.posterior import Posterior, View
from fpga_ml.science.celeste.profiles import Psf
from fpga_ml.science.celeste.survey.sky import Local, placed, separation

_FAINT = 0.03
"""Standard deviations of the sky: where a source's light falls below it, its patch ends."""
_HALF_SIDES = (10, 40)


@dataclass(eq=False)
class Target:
    """One source while its tile is fitted. ra, dec: where it is looked for, degrees; starts: vectors from which to climb;
    residual: it was found once the others had been taken away; moves: how often it was looked for again further on;
    reported: else it is a neighbour of the tile's, and not drawn from."""

    ra: float
    dec: float
    starts: list[Floats]
    reported: bool = True
    residual: bool = False
    moves: int = 0
    found: Posterior | None = None
    stamps: list[Stamp] = field(default_factory=list)


@dataclass(eq=False)
class Stamp:
    """Of one source in one frame. window: rows and columns of the frame; light: (h, w) electrons, as last fitted; others: of
    its neighbours then; its view's pixels are those of a full patch, of which `inside` lies within the frame."""

    frame: int
    window: tuple[slice, slice]
    inside: tuple[slice, slice]
    shape: tuple[int, int]
    scale: Floats
    origin: Floats
    light: Floats
    others: Floats


def start(detection: np.void) -> Floats:
    """A vector from which to climb, of a row of DETECTION: its shape; brightness and colours are measured by `Tile.add`."""
    return np.array([*[0.0] * STAR, 0.0, detection["log_size"], detection["stretch_1"], detection["stretch_2"]])


def apart(one: Target, other: Target) -> float:
    """Arc seconds between the places that two sources have by now."""
    east, north = separation(one.ra, one.dec, other.ra, other.dec)
    for target, sign in ((one, -1), (other, 1)):
        if target.found is not None:
            place = target.found.likely.best
            east, north = east + sign * place[0], north + sign * place[1]
    return float(np.hypot(east, north))


def by_brightness(target: Target) -> float:
    vector = target.starts[0] if target.found is None else target.found.likely.best
    return -float(vector[2])


def stamp_of(index: int, frame: Frame, near: Local, vector: Floats) -> Stamp | None:
    """As large as the light of a vector needs it; None where the source's place is outside the frame."""
    height, width = frame.shape
    column, row = round(near.column), round(near.row)
    if not (0 <= column < width and 0 <= row < height):
        return None
    origin = np.array([near.column - column, near.row - row])
    least, most = _HALF_SIDES
    view = View(NO_PIXELS, band_of(frame), gain_of(frame), frame.psf.at(near.column, near.row), near.scale, origin)
    whole = view.light(vector, (2 * most + 1, 2 * most + 1))
    bright = whole > _FAINT * _noise(frame, row, column)
    seen = np.nonzero(bright.any(axis=0) | bright.any(axis=1))[0]
    half = int(np.clip(np.abs(seen - most).max(initial=0), least, most))
    side = 2 * half + 1
    window, inside = placed(row, column, half, frame.shape)
    light = whole[most - half : most + half + 1, most - half : most + half + 1][inside].copy()
    return Stamp(index, window, inside, (side, side), near.scale, origin, light, np.zeros(light.shape))


def band_of(frame: Frame) -> int:
    assert frame.band is not None
    return BANDS.index(frame.band)


def _noise(frame: Frame, row: int, column: int) -> float:
    """Electrons, of a pixel of the sky."""
    variance = np.broadcast_to(frame.variance, frame.shape)[row, column]
    return float(np.sqrt(max(frame.background[row, column] + variance, 1e-9)))


def pedestal(frame: Frame, window: tuple[slice, slice]) -> Floats:
    """Electrons^2 of noise beyond Poisson: counts and background are raised by as many electrons, which have that noise."""
    found: Floats = np.broadcast_to(frame.variance, frame.electrons.shape)[window]
    return found


def gain_of(frame: Frame) -> float:
    """One number: `region.cut_to` has brought the frame to it."""
    return float(np.mean(frame.gain))


def psf_of(frame: Frame, stamp: Stamp) -> Psf:
    rows, columns = stamp.window
    return frame.psf.at((columns.start + columns.stop) / 2, (rows.start + rows.stop) / 2)
