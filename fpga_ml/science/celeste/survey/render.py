"""What a catalogue says that an image shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste import pixels
from fpga_ml.science.celeste.evaluator import Floats
from fpga_ml.science.celeste.frames.frame import Frame
from fpga_ml.science.celeste.parameters import STAR
from fpga_ml.science.celeste.pixels import NO_PIXELS, Terms
from fpga_ml.science.celeste.population import BANDS, COLOURS, MAGNITUDES, vectors_of
from fpga_ml.science.celeste.posterior import View
from fpga_ml.science.celeste.survey.sky import local, placed

_MARGIN_PX = 40
"""Sources so far outside an image still put light into it."""
_FAINT = 0.01
"""Standard deviations of a pixel: a source is drawn as far out as one of its Gaussians has more."""
_LONGEST_PX = 400


def vectors(rows: Mapping[str, npt.NDArray[Any]]) -> list[Floats]:
    """Of each row the parameters of the more probable kind, as `posterior.NAMES` has them; places are 0."""
    ellipses = {
        "flux_r": np.exp(rows["log_flux_r"]),
        **{name: rows[name] / MAGNITUDES for name in COLOURS},
        **{name: rows[name] for name in ("de_vaucouleurs", "axis_ratio", "radius")},
        "angle": np.radians(90 - rows["position_angle"]),
    }
    whole = np.column_stack([np.zeros((len(rows["ra"]), 2)), vectors_of(ellipses)])
    return [one if galaxy > 0.5 else one[:STAR] for one, galaxy in zip(whole, rows["galaxy"], strict=True)]


def render(frame: Frame, rows: Mapping[str, npt.NDArray[Any]]) -> Floats:
    """(H, W) expected electrons of a catalogue's sources in an image, without its sky.

    rows: (N,) arrays of `catalogue.COLUMNS`. A source that is more probably a star is drawn as one, else as a galaxy.
    """
    if frame.wcs is None or frame.band not in BANDS:
        raise FpgaMlError("the image has no celestial coordinates or no band", do="give FILTER and a WCS in its header")
    band, gain = BANDS.index(frame.band), float(np.mean(frame.gain))
    out = np.zeros(frame.shape)
    for vector, ra, dec in zip(vectors(rows), rows["ra"], rows["dec"], strict=True):
        _add(out, frame, band, gain, vector, float(ra), float(dec))
    return out * (frame.gain / gain)


def within(frame: Frame, ra: Floats, dec: Floats, margin: float = 0.0) -> npt.NDArray[np.bool_]:
    """(N,) which places (degrees) lie in an image, or nearer to it than a margin in pixels."""
    height, width = frame.shape
    x, y = frame.wcs.world_to_pixel_values(ra, dec)
    across = (x > -0.5 - margin) & (x < width - 0.5 + margin)
    found: npt.NDArray[np.bool_] = across & (y > -0.5 - margin) & (y < height - 0.5 + margin)
    return found


def _add(out: Floats, frame: Frame, band: int, gain: float, vector: Floats, ra: float, dec: float) -> None:
    near, (height, width) = local(frame, ra, dec), frame.shape
    if not (-_MARGIN_PX < near.column < width + _MARGIN_PX and -_MARGIN_PX < near.row < height + _MARGIN_PX):
        return
    column, row = round(near.column), round(near.row)
    psf = frame.psf.at(float(np.clip(near.column, 0, width - 1)), float(np.clip(near.row, 0, height - 1)))
    view = View(NO_PIXELS, band, gain, psf, near.scale, np.array([near.column - column, near.row - row]))
    terms, numbers = view.terms(int(len(vector) > STAR)), view.numbers(vector)
    half = _reach(terms, numbers, _FAINT * float(np.sqrt(np.median(frame.background + frame.variance))))
    light = pixels.light(terms, numbers, (2 * half + 1, 2 * half + 1))
    window, inside = placed(row, column, half, (height, width))
    if all(one.start < one.stop for one in window):
        out[window] += light[inside]


def _reach(terms: Terms, numbers: Floats, least: float) -> int:
    """Pixels from the middle beyond which no Gaussian has more than so many electrons a pixel."""
    nu = terms.table[:, 7]
    xx, xy, yy = (terms.table[:, 4 + i] + nu * numbers[4 + i] for i in range(3))
    peak = np.exp(numbers[2]) * terms.table[:, 0] / (2 * np.pi * np.sqrt(xx * yy - xy**2))
    widest = (xx + yy) / 2 + np.sqrt(((xx - yy) / 2) ** 2 + xy**2)
    reach = np.sqrt(2 * widest * np.log(np.maximum(peak / least, 1.0))) + np.hypot(terms.table[:, 2], terms.table[:, 3])
    return int(np.clip(np.ceil(reach.max()) + 2, 5, _LONGEST_PX))
