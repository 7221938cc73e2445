"""Which images make a field, which field has a source, and which tile.

Pure functions of what was looked at and detected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fpga_ml.science.celeste.evaluator import Floats
from fpga_ml.science.celeste.survey.detect import DETECTION
from fpga_ml.science.celeste.survey.sky import on_sphere, separation

_SAME_ARCSEC = 1.0
"""Detections of two fields that lie nearer are one source."""
_EDGE_ARCSEC = 4.0
"""What lies nearer to a field's edge is left to another field."""


@dataclass(frozen=True)
class Look:
    """One image, as far as the plan needs it. corners: (4, 2) degrees; sha256: of its file."""

    path: str
    band: str
    corners: tuple[tuple[float, float], ...]
    sha256: str

    @property
    def centre(self) -> tuple[float, float]:
        ra = np.array([c[0] for c in self.corners])
        middle = (ra[0] + ((ra - ra[0] + 180) % 360 - 180).mean()) % 360
        return float(middle), float(np.mean([c[1] for c in self.corners]))

    def covers(self, ra: float, dec: float, margin_arcsec: float = 0.0) -> bool:
        """Whether a place is within the box that holds the image, or so near to it."""
        middle = np.broadcast_to(self.centre, (5, 2)).T
        there = np.array([(ra, dec), *self.corners]).T
        apart = separation(middle[0], middle[1], there[0], there[1])
        return all(abs(one[0]) <= np.abs(one[1:]).max() + margin_arcsec for one in apart)


@dataclass(frozen=True)
class Plot:
    """A tile. low, high: (ra, dec) degrees of its corners; sources, halo: (N,) of DETECTION."""

    name: str
    low: tuple[float, float]
    high: tuple[float, float]
    sources: np.ndarray
    halo: np.ndarray

    @property
    def square_arcmin(self) -> float:
        width = (self.high[0] - self.low[0]) * np.cos(np.radians((self.low[1] + self.high[1]) / 2))
        return float(width * (self.high[1] - self.low[1]) * 3600)

    def touches(self, look: Look, halo_arcsec: float) -> bool:
        """Whether an image may show a part of it or of its halo."""
        ra = self.low[0] + (self.high[0] - self.low[0]) / 2
        return look.covers(ra, (self.low[1] + self.high[1]) / 2, (self.high[1] - self.low[1]) * 1800 + halo_arcsec)

    def holds(self, ra: float, dec: float) -> bool:
        return bool(0 <= (ra - self.low[0]) % 360 < self.high[0] - self.low[0] and self.low[1] <= dec < self.high[1])


def fields_of(looks: Sequence[Look]) -> list[list[Look]]:
    """Of each image in r (or the band with most images), it and the nearest image of every other band that covers its
    middle."""
    bands = [look.band for look in looks]
    reference = "r" if "r" in bands else max(sorted(set(bands)), key=bands.count)
    fields = []
    for look in looks:
        if look.band != reference:
            continue
        field = [look]
        for band in sorted(set(bands) - {reference}):
            near = [other for other in looks if other.band == band and other.covers(*look.centre)]
            if near:
                field.append(min(near, key=lambda other: float(np.hypot(*separation(*look.centre, *other.centre)))))
        fields.append(field)
    return fields


def merged(found: Sequence[np.ndarray], fields: Sequence[Look]) -> np.ndarray:
    """Each source once: that of the field, of those that cover it, whose middle is nearest; of two of different fields that
    are nearer than an arc second all the same, the first."""
    kept = [rows[_nearest(rows, i, fields)] for i, rows in enumerate(found)]
    rows = np.concatenate([np.zeros(0, DETECTION), *kept])
    field = np.repeat(np.arange(len(kept)), [len(one) for one in kept])
    single = np.ones(len(rows), bool)
    for one, other in pairs(rows["ra"], rows["dec"]):
        if field[one] != field[other] and single[one]:
            single[other] = False
    rows = rows[single]
    return rows[np.lexsort((rows["ra"], rows["dec"]))]


def _nearest(rows: np.ndarray, own: int, fields: Sequence[Look]) -> np.ndarray:
    """(N,) whether no other field that covers a place has it nearer to its middle."""
    found = np.ones(len(rows), bool)
    for i, row in enumerate(rows):
        here = separation(*fields[own].centre, row["ra"], row["dec"])
        for j, other in enumerate(fields):
            there = separation(*other.centre, row["ra"], row["dec"])
            nearer = (np.hypot(*there), j) < (np.hypot(*here), own)
            found[i] &= not (j != own and nearer and other.covers(row["ra"], row["dec"], -_EDGE_ARCSEC))
    return found


def plan(found: np.ndarray, tile_arcmin: float, halo_arcsec: float) -> list[Plot]:
    """The tiles that hold a source: rows of declination, each cut into tiles of about a square. A source is in the tile that
    its detection lies in, and in the halo of others."""
    side, halo = tile_arcmin / 60, halo_arcsec / 3600
    rows = np.floor(found["dec"] / side).astype(int)
    number = np.maximum(1, np.floor(360 * np.cos(np.radians((rows + 0.5) * side)) / side)).astype(int)
    columns = np.minimum(np.floor(found["ra"] / 360 * number).astype(int), number - 1)
    plots = []
    for row, column, wide in sorted(set(zip(rows.tolist(), columns.tolist(), number.tolist(), strict=True))):
        low, high = (column * 360 / wide, row * side), ((column + 1) * 360 / wide, (row + 1) * side)
        inside = (rows == row) & (columns == column)
        stretch = halo / np.cos(np.radians(low[1]))
        ra = (found["ra"] - low[0] + 180) % 360 - 180 + low[0]
        near = (ra > low[0] - stretch) & (ra < high[0] + stretch)
        near &= (found["dec"] > low[1] - halo) & (found["dec"] < high[1] + halo)
        plots.append(Plot(f"{row:+07d}_{column:06d}", low, high, found[inside], found[near & ~inside]))
    return plots


def pairs(ra: Floats, dec: Floats) -> list[tuple[int, int]]:
    """Of places (N,), degrees, nearer than an arc second."""
    from scipy.spatial import cKDTree

    if not len(ra):
        return []
    return sorted(cKDTree(on_sphere(ra, dec)).query_pairs(np.radians(_SAME_ARCSEC / 3600)))
