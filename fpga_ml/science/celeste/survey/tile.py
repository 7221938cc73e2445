"""The sources of a piece of sky, all images at once, each fitted with its neighbours held (block coordinate ascent)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from fpga_ml.science.celeste import posterior as joint
from fpga_ml.science.celeste.evaluator import Floats
from fpga_ml.science.celeste.frames.frame import Frame
from fpga_ml.science.celeste.parameters import STAR
from fpga_ml.science.celeste.pixels import Pixels
from fpga_ml.science.celeste.population import BANDS, FROM_COLOURS, Prior
from fpga_ml.science.celeste.posterior import Likelihood, View
from fpga_ml.science.celeste.survey.detect import detect
from fpga_ml.science.celeste.survey.measure import Measured, measure
from fpga_ml.science.celeste.survey.sky import Local, local, offset
from fpga_ml.science.celeste.survey.target import (
    Target,
    apart,
    band_of,
    by_brightness,
    gain_of,
    pedestal,
    psf_of,
    stamp_of,
    start,
)

ROUNDS = 2
"""How often the sources are fitted before what is left of the images is looked through, and after it."""
_REACH_PX = 4.0
_MOVES = 3
_SAME_ARCSEC = 0.8
"""What lies nearer to a brighter source is of its shape, not another source."""
_CHANGED = 0.02
"""Standard deviations of a pixel: neighbours' light that changes by less is the same."""


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
        for target in sorted(self.targets, key=by_brightness):
            if all(apart(target, other) > _SAME_ARCSEC for other in kept):
                kept.append(target)
            else:
                self._take_out(target)
        self.targets = [target for target in self.targets if target in kept]
        self._round(1)

    def _take_out(self, target: Target) -> None:
        for stamp in target.stamps:
            self.models[stamp.frame][stamp.window] -= stamp.light

    def _round(self, number: int, sample: bool = False) -> None:
        """Sources whose neighbours have not changed since are not fitted again, but for the draws that the last round takes
        of those that are reported."""
        for _ in range(number):
            for target in sorted(self.targets, key=by_brightness):
                if (sample and target.reported) or self._changed(target):
                    self._refit(target, sample and target.reported)

    def _changed(self, target: Target) -> bool:
        """Whether the neighbours' light in its patches has changed by what a fit would see."""
        if target.found is None:
            return True
        for stamp, others in zip(target.stamps, self._others(target), strict=True):
            frame = self.frames[stamp.frame]
            noise = np.sqrt(frame.background[stamp.window] + pedestal(frame, stamp.window) + others)
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
        every = range(len(self.frames))
        first = max(every, key=lambda i: (self.frames[i].band == "r", self.frames[i].electrons.size))
        order = [first, *(i for i in every if i != first)]
        found = detect([self.frames[i] for i in order], sigma, models=[self.models[i] for i in order])
        targets = [Target(float(one["ra"]), float(one["dec"]), [start(one)], residual=True) for one in found]
        return [target for target in targets if all(apart(target, other) > _SAME_ARCSEC for other in self.targets)]

    def measured(self) -> list[Measured]:
        """What is reported, in the order in which it was added."""
        return [measure(target, self.frames, self._views(target)) for target in self.targets if target.reported]

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
        made = [stamp_of(index, frame, self._local(index, target), vector) for index, frame in enumerate(self.frames)]
        target.stamps = [stamp for stamp in made if stamp is not None]
        for stamp in target.stamps:
            self.models[stamp.frame][stamp.window] += stamp.light
        for stamp, others in zip(target.stamps, self._others(target), strict=True):
            stamp.others = others

    def _views(self, target: Target) -> list[View]:
        views = []
        for stamp, others in zip(target.stamps, self._others(target), strict=True):
            frame, window = self.frames[stamp.frame], stamp.window
            raised = pedestal(frame, window)
            counts, background = np.zeros(stamp.shape), np.ones(stamp.shape)
            used = np.zeros(stamp.shape, bool)
            used[stamp.inside] = ~frame.masked[window]
            counts[stamp.inside] = np.where(used[stamp.inside], frame.electrons[window] + raised, 0.0)
            background[stamp.inside] = frame.background[window] + raised + others
            views.append(
                View(
                    Pixels(counts, background, used),
                    band_of(frame),
                    gain_of(frame),
                    psf_of(frame, stamp),
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
            stamp = stamp_of(index, frame, self._local(index, target), place)
            if stamp is None:
                continue
            data = frame.electrons[stamp.window] - frame.background[stamp.window] - self.models[index][stamp.window]
            rate = np.maximum(frame.background[stamp.window] + pedestal(frame, stamp.window), 1e-9)
            weight = np.where(frame.masked[stamp.window], 0.0, stamp.light / rate)
            norm = float((weight * stamp.light).sum())
            if norm > 0:
                old = seen.get(band_of(frame), (0.0, 0.0))
                seen[band_of(frame)] = old[0] + float((weight * data).sum()), old[1] + norm
        logs = {band: np.log(max(total / norm, norm**-0.5)) for band, (total, norm) in seen.items()}
        typical = self.prior.galaxies.weights @ self.prior.galaxies.means[:, : STAR - 2]
        if logs:
            rows = np.c_[np.ones(len(BANDS)), FROM_COLOURS][list(logs)]
            away = np.array(list(logs.values())) - rows @ typical
            vector[2:STAR] = typical + np.linalg.lstsq(rows, away, rcond=None)[0]
        return vector
