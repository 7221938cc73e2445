"""How well a fit describes its pixels, and what else its row in the catalogue has to say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntFlag

import numpy as np

from fpga_ml.science.celeste.frames.frame import Flag, Frame
from fpga_ml.science.celeste.population import BANDS
from fpga_ml.science.celeste.posterior import Posterior, View
from fpga_ml.science.celeste.survey.target import Target, band_of, pedestal

_BLENDED, _HIDDEN = 0.1, 0.1
"""Shares of a source's weight in the fit: under neighbours' light, and of pixels that are masked or outside."""
_POOR = 4.0
"""Standard deviations of chi square above which the errors grow with it."""


class Quality(IntFlag):
    """What a source's row in the catalogue has to say."""

    BLENDED = 1
    MASKED = 2
    EDGE = 4
    SATURATED = 8
    POOR_FIT = 16
    NOT_CONVERGED = 32
    AT_BOUND = 64
    RESIDUAL = 128
    FEW_DRAWS = 256


@dataclass(frozen=True)
class Measured:
    """A fitted source. quality: `Quality`; chi_square: a degree of freedom, of its core; worst: largest residual in standard
    deviations of a pixel; bands: in which it was seen."""

    target: Target
    posterior: Posterior
    quality: Quality
    chi_square: float
    worst: float
    bands: tuple[str, ...]


def measure(target: Target, frames: Sequence[Frame], views: Sequence[View]) -> Measured:
    """views: of the target's stamps, with its neighbours as background."""
    assert target.found is not None
    best, quality = target.found.likely, Quality(0)
    squares = worst = number = weight = hidden = outside = shaded = 0.0
    for stamp, view in zip(target.stamps, views, strict=True):
        pixels, light = view.pixels, view.light(best.best)
        rate = pixels.background + light
        pull = np.where(pixels.used, (pixels.counts - rate) / np.sqrt(rate), 0.0)
        core = light > 0.05 * light.max()
        squares, number = squares + float((pull[core] ** 2).sum()), number + int((core & pixels.used).sum())
        worst = max(worst, float(np.abs(pull).max()))
        share = light**2 / rate
        within = np.zeros(stamp.shape, bool)
        within[stamp.inside] = True
        frame = frames[stamp.frame]
        own = frame.background[stamp.window] + pedestal(frame, stamp.window)
        weight += float(share.sum())
        hidden += float(share[within & ~pixels.used].sum())
        outside += float(share[~within].sum())
        others = np.zeros(stamp.shape)
        others[stamp.inside] = np.maximum(pixels.background[stamp.inside] - own, 0.0)
        shaded += float((share * others / (others + light + 1e-9)).sum())
        if (frame.flags[stamp.window][core[stamp.inside]] & (Flag.SATURATED | Flag.BLEED)).any():
            quality |= Quality.SATURATED
    freedom = max(number - len(best.best), 1.0)
    chi_square = squares / freedom
    conditions = {
        Quality.MASKED: hidden > _HIDDEN * weight,
        Quality.EDGE: outside > _HIDDEN * weight,
        Quality.BLENDED: shaded > _BLENDED * weight,
        Quality.POOR_FIT: chi_square > 1 + _POOR * (2 / freedom) ** 0.5,
        Quality.NOT_CONVERGED: best.distance > 0.1,
        Quality.AT_BOUND: bool(best.held.any()),
        Quality.RESIDUAL: target.residual,
        Quality.FEW_DRAWS: best.few,
    }
    for flag, holds in conditions.items():
        quality |= flag if holds else Quality(0)
    bands = sorted({band_of(frames[stamp.frame]) for stamp in target.stamps})
    return Measured(target, target.found, quality, chi_square, worst, tuple(BANDS[band] for band in bands))
