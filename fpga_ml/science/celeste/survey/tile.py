"""The sources of a piece of sky, all images at once, each fitted with its neighbours held (block coordinate ascent)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import IntFlag

import numpy as np

from fpga_ml.science.celeste import posterior as joint
from fpga_ml.science.celeste.evaluator import Floats
from fpga_ml.science.celeste.frames.frame import Flag, Frame
from fpga_ml.science.celeste.parameters import STAR
from fpga_ml.science.celeste.pixels import Pixels
from fpga_ml.science.celeste.population import BANDS, FROM_COLOURS, Prior
from fpga_ml.science.celeste.posterior import Likelihood, Posterior, View
from fpga_ml.science.celeste.profiles import Psf
from fpga_ml.science.celeste.survey.detect import detect
from fpga_ml.science.celeste.survey.sky import Local, local, offset, separation

ROUNDS = 2
"""How often the sources are fitted before what is left of the images is looked through, and after it."""
_REACH_PX = 4.0
_MOVES = 3
_SAME_ARCSEC = 0.8
"""What lies nearer to a brighter source is of its shape, not another source."""
_FAINT = 0.03
"""Standard deviations of the sky: where a source's light falls below it, its patch ends."""
_HALF_SIDES = (10, 40)
_CHANGED = 0.02
"""Standard deviations of a pixel: neighbours' light that changes by less is the same."""
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


@dataclass
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
    stamps: list[_Stamp] = field(default_factory=list)


@dataclass
class _Stamp:
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


class Tile:
    """frames: cut to the tile and its halo. likelihood: of a source's views, compiled in float64 unless given."""

    def __init__(
        self, frames: Sequence[Frame], prior: Prior, likelihood: Callable[[Sequence[View]], Likelihood] = Likelihood
    ) -> None:
        self.frames, self.prior, self.likelihood = list(frames), prior, likelihood
        self.models = [np.zeros(frame.electrons.shape) for frame in frames]
        self.targets: list[Target] = []
        self._locals: dict[tuple[int, float, float], Local] = {}

    def _local(self, frame: int, target: Target) -> Local:
        key = (frame, target.ra, target.dec)
        if key not in self._locals:
            self._locals[key] = local(self.frames[frame], target.ra, target.dec)
        return self._locals[key]

    def add(self, targets: Sequence[Target]) -> None:
        """Brightest first: their first light is added to the models."""
        for target in targets:
            target.starts[0] = self._brightness(target)
            self._lay(target, target.starts[0])
            if target.stamps:
                self.targets.append(target)

    def fit(self, residual_sigma: float = 5.0, rounds: int = ROUNDS) -> None:
        """All sources, brightest first, in rounds; then those that show in what is left, and all again, the last time with
        draws from the posterior."""
        self._round(rounds)
        self.add(self._left_over(residual_sigma))
        self._round(rounds - 1)
        self._unite()
        self._round(1, sample=True)

    def _unite(self) -> None:
        """Of two that have come to lie in one place the fainter goes: it describes the other's shape."""
        kept: list[Target] = []
        for target in sorted(self.targets, key=_by_brightness):
            if all(_apart(target, other) > _SAME_ARCSEC for other in kept):
                kept.append(target)
            else:
                self._take_out(target)
        self.targets = [target for target in self.targets if any(target is one for one in kept)]
        self._round(1)

    def _take_out(self, target: Target) -> None:
        for stamp in target.stamps:
            self.models[stamp.frame][stamp.window] -= stamp.light

    def _round(self, number: int, sample: bool = False) -> None:
        """Sources whose neighbours have not changed since are not fitted again, but for the draws that the last round takes
        of those that are reported."""
        for _ in range(number):
            for target in sorted(self.targets, key=_by_brightness):
                if (sample and target.reported) or self._changed(target):
                    self._refit(target, sample and target.reported)

    def _changed(self, target: Target) -> bool:
        """Whether the neighbours' light in its patches has changed by what a fit would see."""
        if target.found is None:
            return True
        for stamp, others in zip(target.stamps, self._others(target), strict=True):
            frame = self.frames[stamp.frame]
            noise = np.sqrt(frame.background[stamp.window] + _pedestal(frame, stamp.window) + others)
            if (np.abs(others - stamp.others) > _CHANGED * noise).any():
                return True
        return False

    def _others(self, target: Target) -> list[Floats]:
        """(h, w) neighbours' light in each of its patches, electrons."""
        return [np.maximum(self.models[one.frame][one.window] - one.light, 0.0) for one in target.stamps]

    def _left_over(self, sigma: float) -> list[Target]:
        """What is found in the residuals, but for what is hardly beside a source that is known."""
        if not self.frames:
            return []
        first = max(self.frames, key=lambda frame: (frame.band == "r", frame.electrons.size))
        rest = [i for i, frame in enumerate(self.frames) if frame is not first]
        order = [next(i for i, frame in enumerate(self.frames) if frame is first), *rest]
        found = detect([self.frames[i] for i in order], sigma, models=[self.models[i] for i in order])
        targets = [Target(float(one["ra"]), float(one["dec"]), [start(one)], residual=True) for one in found]
        return [target for target in targets if all(_apart(target, other) > _SAME_ARCSEC for other in self.targets)]

    def measured(self) -> list[Measured]:
        """What is reported, in the order in which it was added."""
        return [self._measure(target) for target in self.targets if target.reported]

    def _refit(self, target: Target, sample: bool) -> None:
        views = self._views(target)
        reach = _REACH_PX * max(self._local(s.frame, target).pixel_arcsec for s in target.stamps)
        starts = target.starts if target.found is None else [target.found.star.best, target.found.as_galaxy.best]
        if target.found is None:
            small = target.starts[0].copy()
            small[STAR + 1 :] = np.log(0.15), 0.0, 0.0
            starts = [*target.starts, small]
        target.found = joint.infer(self.likelihood(views), self.prior, starts, reach, sample)
        self._lay(target, target.found.likely.best)
        if max(abs(target.found.likely.best[:2])) > 0.9 * reach and target.moves < _MOVES:
            self._move(target)
            if target.found is None:
                self._refit(target, sample)

    def _move(self, target: Target) -> None:
        """To where a fit took it, as far as it may go: what it describes lies there or further."""
        assert target.found is not None
        before, place = replace(target), target.found.likely.best
        target.ra, target.dec = offset(target.ra, target.dec, float(place[0]), float(place[1]))
        target.starts = [np.r_[0.0, 0.0, place[2:STAR], target.starts[0][STAR:]]]
        target.found, target.moves = None, target.moves + 1
        self._lay(target, target.starts[0])
        if not target.stamps:  # off all images: it stays where it was
            target.ra, target.dec, target.starts, target.found = before.ra, before.dec, before.starts, before.found
            target.moves = _MOVES
            self._lay(target, place)

    def _lay(self, target: Target, vector: Floats) -> None:
        """Take a source's light out of the models, and put in what it is now, in patches as large as it needs."""
        self._take_out(target)
        made = [_stamp(index, frame, self._local(index, target), vector) for index, frame in enumerate(self.frames)]
        target.stamps = [stamp for stamp in made if stamp is not None]
        for stamp in target.stamps:
            self.models[stamp.frame][stamp.window] += stamp.light
        for stamp, others in zip(target.stamps, self._others(target), strict=True):
            stamp.others = others

    def _views(self, target: Target) -> list[View]:
        views = []
        for stamp, others in zip(target.stamps, self._others(target), strict=True):
            frame, window = self.frames[stamp.frame], stamp.window
            pedestal = _pedestal(frame, window)
            counts, background = np.zeros(stamp.shape), np.ones(stamp.shape)
            used = np.zeros(stamp.shape, bool)
            used[stamp.inside] = ~frame.masked[window]
            counts[stamp.inside] = np.where(used[stamp.inside], frame.electrons[window] + pedestal, 0.0)
            background[stamp.inside] = frame.background[window] + pedestal + others
            views.append(
                View(
                    Pixels(counts, background, used),
                    _band(frame),
                    _gain(frame),
                    _psf(frame, stamp),
                    stamp.scale,
                    stamp.origin,
                )
            )
        return views

    def _brightness(self, target: Target) -> Floats:
        """A start with each band's flux by least squares of a point, with what is already laid taken away."""
        vector = target.starts[0].copy()
        place = np.concatenate([vector[:2], [0.0], np.zeros(4)])
        seen: dict[int, tuple[float, float]] = {}
        for index, frame in enumerate(self.frames):
            stamp = _stamp(index, frame, self._local(index, target), place)
            if stamp is None:
                continue
            data = frame.electrons[stamp.window] - frame.background[stamp.window] - self.models[index][stamp.window]
            rate = np.maximum(frame.background[stamp.window] + _pedestal(frame, stamp.window), 1e-9)
            weight = np.where(frame.masked[stamp.window], 0.0, stamp.light / rate)
            norm = float((weight * stamp.light).sum())
            if norm > 0:
                old = seen.get(_band(frame), (0.0, 0.0))
                seen[_band(frame)] = old[0] + float((weight * data).sum()), old[1] + norm
        logs = {band: np.log(max(total / norm, norm**-0.5)) for band, (total, norm) in seen.items()}
        typical = self.prior.galaxies.weights @ self.prior.galaxies.means[:, : STAR - 2]
        if logs:
            rows = np.c_[np.ones(len(BANDS)), FROM_COLOURS][list(logs)]
            away = np.array(list(logs.values())) - rows @ typical
            vector[2:STAR] = typical + np.linalg.lstsq(rows, away, rcond=None)[0]
        return vector

    def _measure(self, target: Target) -> Measured:
        assert target.found is not None
        best, quality = target.found.likely, Quality(0)
        squares = worst = number = weight = hidden = outside = shaded = 0.0
        for stamp, view in zip(target.stamps, self._views(target), strict=True):
            pixels, light = view.pixels, view.light(best.best)
            rate = pixels.background + light
            pull = np.where(pixels.used, (pixels.counts - rate) / np.sqrt(rate), 0.0)
            core = light > 0.05 * light.max()
            squares, number = squares + float((pull[core] ** 2).sum()), number + int((core & pixels.used).sum())
            worst = max(worst, float(np.abs(pull).max()))
            share = light**2 / rate
            within = np.zeros(stamp.shape, bool)
            within[stamp.inside] = True
            frame = self.frames[stamp.frame]
            own = frame.background[stamp.window] + _pedestal(frame, stamp.window)
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
        bands = sorted({_band(self.frames[stamp.frame]) for stamp in target.stamps})
        return Measured(target, target.found, quality, chi_square, worst, tuple(BANDS[band] for band in bands))


def start(detection: np.void) -> Floats:
    """A vector from which to climb, of a row of DETECTION: its shape; brightness and colours are measured by `Tile.add`."""
    return np.array([*[0.0] * STAR, 0.0, detection["log_size"], detection["stretch_1"], detection["stretch_2"]])


def _apart(one: Target, other: Target) -> float:
    """Arc seconds between the places that two sources have by now."""
    east, north = separation(one.ra, one.dec, other.ra, other.dec)
    for target, sign in ((one, -1), (other, 1)):
        if target.found is not None:
            place = target.found.likely.best
            east, north = east + sign * place[0], north + sign * place[1]
    return float(np.hypot(east, north))


def _by_brightness(target: Target) -> float:
    vector = target.starts[0] if target.found is None else target.found.likely.best
    return -float(vector[2])


def _band(frame: Frame) -> int:
    assert frame.band is not None
    return BANDS.index(frame.band)


def _noise(frame: Frame, row: int, column: int) -> float:
    """Electrons, of a pixel of the sky."""
    variance = np.broadcast_to(frame.variance, frame.shape)[row, column]
    return float(np.sqrt(max(frame.background[row, column] + variance, 1e-9)))


def _pedestal(frame: Frame, window: tuple[slice, slice]) -> Floats:
    """Electrons^2 of noise beyond Poisson: counts and background are raised by as many electrons, which have that noise."""
    found: Floats = np.broadcast_to(frame.variance, frame.electrons.shape)[window]
    return found


def _gain(frame: Frame) -> float:
    """One number: `region.cut_to` has brought the frame to it."""
    return float(np.mean(frame.gain))


def _psf(frame: Frame, stamp: _Stamp) -> Psf:
    rows, columns = stamp.window
    return frame.psf.at((columns.start + columns.stop) / 2, (rows.start + rows.stop) / 2)


def _stamp(index: int, frame: Frame, near: Local, vector: Floats) -> _Stamp | None:
    """None where the source's place is outside the frame."""
    height, width = frame.electrons.shape
    column, row = round(near.column), round(near.row)
    if not (0 <= column < width and 0 <= row < height):
        return None
    origin = np.array([near.column - column, near.row - row])
    psf, noise = frame.psf.at(near.column, near.row), _noise(frame, row, column)

    def light_of(half: int) -> Floats:
        shape = (2 * half + 1, 2 * half + 1)
        empty = Pixels(np.zeros(shape), np.ones(shape), np.ones(shape, bool))
        return View(empty, _band(frame), _gain(frame), psf, near.scale, origin).light(vector)

    least, most = _HALF_SIDES
    whole = light_of(most)
    seen = np.nonzero((whole > _FAINT * noise).any(axis=0) | (whole > _FAINT * noise).any(axis=1))[0]
    half = int(np.clip(np.abs(seen - most).max(initial=0), least, most))
    light = whole[most - half : most + half + 1, most - half : most + half + 1]
    top, left = row - half, column - half
    side = 2 * half + 1
    window = (slice(max(top, 0), min(top + side, height)), slice(max(left, 0), min(left + side, width)))
    inside = (
        slice(window[0].start - top, window[0].stop - top),
        slice(window[1].start - left, window[1].stop - left),
    )
    return _Stamp(
        index, window, inside, (side, side), near.scale, origin, light[inside].copy(), np.zeros(light[inside].shape)
    )
