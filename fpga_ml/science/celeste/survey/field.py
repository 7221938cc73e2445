"""The images of one field, for a person to look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from pathlib import Path

import numpy as np

from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste.evaluator import Floats
from fpga_ml.science.celeste.frames.frame import Frame
from fpga_ml.science.celeste.population import BANDS
from fpga_ml.science.celeste.survey.region import images_in, read
from fpga_ml.science.celeste.survey.render import render, within
from fpga_ml.science.celeste.survey.score import Columns
from fpga_ml.science.celeste.survey.sky import local

_REFERENCE = "r"
_MOST_READ = 40


@dataclass(frozen=True)
class Image:
    """path: of the file; frame: what is in it; model: (H, W) expected electrons of the catalogue's sources, without sky."""

    path: Path
    frame: Frame
    model: Floats

    @property
    def band(self) -> str:
        return str(self.frame.band)

    @cached_property
    def above(self) -> Floats:
        """(H, W) electrons above the sky, NaN where masked."""
        return np.where(self.frame.masked, np.nan, self.frame.electrons - self.frame.background)

    @cached_property
    def variance(self) -> Floats:
        """(H, W) of a pixel, expected by the model, electrons squared."""
        found: Floats = self.frame.background + self.model + self.frame.variance
        return found

    @cached_property
    def residual(self) -> Floats:
        """(H, W) standard deviations of a pixel, NaN where masked."""
        found: Floats = (self.above - self.model) / np.sqrt(self.variance)
        return found

    @property
    def pixel_arcsec(self) -> float:
        return local(self.frame, *self.middle).pixel_arcsec

    @property
    def middle(self) -> tuple[float, float]:
        """Degrees."""
        height, width = self.frame.shape
        ra, dec = self.frame.wcs.pixel_to_world_values((width - 1) / 2, (height - 1) / 2)
        return float(ra), float(dec)

    @property
    def seeing(self) -> float:
        """Full width at half maximum of the PSF in the middle, arc seconds."""
        height, width = self.frame.shape
        radii = np.arange(0, 40, 0.02)
        profile = np.mean([self.frame.psf.at(width / 2, height / 2).at(radii * c, radii * s) for c, s in _TURNS], axis=0)
        return float(2 * radii[np.argmax(profile < profile[0] / 2)] * self.pixel_arcsec)


_TURNS = [(np.cos(turn), np.sin(turn)) for turn in np.arange(8) * np.pi / 4]


def read_field(folder: Path, rows: Columns, name: str | None = None) -> list[Image]:
    """The images of one field, one a band, in the order u g r i z, with the model of a catalogue's rows.

    name: how the file's name of its image in r begins (or of another band, if there is none in r); by default the first one.
    Of other bands it is the image with the most similar name that covers the middle of the field.
    """
    paths = images_in(folder)
    if not paths:
        raise FpgaMlError("there is no FITS image", where=str(folder), do="give the folder of the survey's images")
    candidates = [path for path in paths if name is None or path.name.startswith(name)]
    if not candidates:
        begin = ", ".join(path.name for path in paths[:3])
        raise FpgaMlError(f"no image begins with '{name}'", where=str(folder), do=f"give a name such as those of {begin}")
    first, frame = _reference(candidates)
    found = {frame.band: Image(first, frame, render(frame, rows))}
    ra, dec = (np.array([one]) for one in found[frame.band].middle)
    for path, other in _others(paths, first):
        if other.band in BANDS and other.band not in found and within(other, ra, dec)[0]:
            found[other.band] = Image(path, other, render(other, rows))
        if len(found) == len(BANDS):
            break
    return [found[band] for band in BANDS if band in found]


def _reference(paths: list[Path]) -> tuple[Path, Frame]:
    first = None
    for path in paths[:_MOST_READ]:
        frame = read(path)
        first = first or (path, frame)
        if frame.band == _REFERENCE:
            return path, frame
    assert first is not None
    return first


def _others(paths: list[Path], first: Path) -> Iterator[tuple[Path, Frame]]:
    def unlike(path: Path) -> float:
        return -SequenceMatcher(None, path.name, first.name, autojunk=False).ratio()

    nearest = sorted((path for path in paths if path != first), key=unlike)
    return ((path, read(path)) for path in nearest[:_MOST_READ])
