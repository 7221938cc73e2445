"""Fitting sources in a patch with the kernel's value and moments alone.

The counts enter only through the evaluator; the host turns moments into the gradient and knows the Fisher information, which
depends on the model only. Fisher scoring within a trust region (`ascent.ascend`) finds the maximum of the likelihood.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from fpga_ml.celeste_design import offsets
from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste.ascent import Box, Point, Settings, ascend, covariance
from fpga_ml.science.celeste.evaluator import Evaluator, Float64, Floats, Patch, Result
from fpga_ml.science.celeste.likelihood import fisher, gradient, rate
from fpga_ml.science.celeste.quality import (
    BOUND_MET,
    MASKED_CORE,
    MOVED,
    NOT_FOUND,
    POOR_FIT,
    QUIET,
    Quality,
    core_is_masked,
    judge,
    peak,
)
from fpga_ml.science.celeste.sources import Exposure, Galaxy, Scene, Source, Star, canonical, coefficients, magnitude

MOVE_PX = 3.0
"""How far along an axis a source may come to lie from where it was looked for: not at its neighbour's place."""
BOUNDS = {
    "x": (-MOVE_PX, MOVE_PX, 1.0),
    "y": (-MOVE_PX, MOVE_PX, 1.0),
    "log_flux": (-10.0, 20.0, 1.0),
    "de_vaucouleurs": (0.01, 0.99, 0.3),
    "log_axis_ratio": (np.log(0.1), np.log(10.0), 0.5),
    "angle": (-np.inf, np.inf, 0.5),
    "log_radius": (np.log(0.25), np.log(30.0), 0.5),
}
"""Of each parameter: low, high, longest step; of x and y from where the source was looked for."""
_FAINTEST = 3.0
"""Errors of its flux that a source has at least."""
_APERTURE_PX = 6
"""Pixels around a source in which a first guess looks at it."""


@dataclass(frozen=True)
class Position:
    """A source of which only the place is known, in pixels from the patch's centre: star or galaxy is to be decided."""

    x: float = 0.0
    y: float = 0.0


@dataclass(frozen=True)
class Fit:
    """Sources found in a patch.

    sources: galaxies with an axis ratio of at most 1; errors: one dictionary a source, statistical error by parameter, not a
    number where a bound held it; covariance: (P, P) of all parameters in the order of names; value: the evaluator's at the
    maximum; galaxy_log_odds: of each source that was to be decided, else None; distance: to the maximum that is left, in
    statistical errors; quality: whether the model describes the pixels, None of an end that was not judged; flags: one
    tuple a source, of what `quality` names. Where the fit is poor, covariance and errors are enlarged: times chi square a
    degree of freedom, and times its root.
    """

    sources: tuple[Source, ...]
    names: tuple[str, ...]
    covariance: Floats
    value: float
    galaxy_log_odds: tuple[float | None, ...]
    distance: float
    iterations: int
    quality: Quality | None = None
    flags: tuple[tuple[str, ...], ...] = ()

    @property
    def errors(self) -> tuple[dict[str, float], ...]:
        spreads = iter(np.sqrt(np.diag(self.covariance)))
        return tuple({name: float(next(spreads)) for name in source.PARAMETERS} for source in self.sources)

    @property
    def magnitudes(self) -> tuple[float, ...]:
        return tuple(magnitude(source.flux) for source in self.sources)


def fit(
    patch: Patch,
    exposure: Exposure,
    start: Source | Position | Sequence[Source | Position] = Position(),
    *,
    evaluator: Evaluator | None = None,
    settings: Settings | None = None,
    at_once: bool = True,
) -> Fit:
    """Find position, flux, kind and shape of the sources in a patch, with their uncertainties.

    start: a first guess of each source, which keeps its kind, or its Position, whose kind is decided by the Bayesian
    information criterion (Schwarz 1978): a galaxy if it gains more than half the logarithm of the number of pixels that
    count for each further parameter. evaluator: the kernel; exact in float64 unless given. at_once: all sources in one pass
    of the kernel; else a pass for each, with the others as background, for a kernel of few components. A single Position
    from which the source lies too far to be reached is looked for again, from the brightest peak nearby. Raises if the
    kernel overflows, or if there is no end.
    """
    task = _Task(patch, exposure, evaluator or Float64(), settings or Settings(), at_once)
    given = [start] if isinstance(start, Star | Galaxy | Position) else list(start)
    if not given:
        raise FpgaMlError("there is no source to fit", where="fit", do="give a source or a Position in start")
    found, moved = _nearby(task, given[0]) if len(given) == 1 else (_together(task, given), False)
    return _judged(found, task, moved)


def _judged(found: Fit, task: _Task, moved: bool) -> Fit:
    """With its quality and flags, and with errors that are true of a poor fit as well."""
    patch = task.patch
    quality = judge(patch, rate(Scene(found.sources, task.exposure), patch.background), len(found.names))
    found = replace(found, covariance=found.covariance * quality.enlargement, quality=quality)
    flags = []
    for source, errors in zip(found.sources, found.errors, strict=True):
        holds = {
            NOT_FOUND: not errors["log_flux"] < 1 / _FAINTEST,
            MOVED: moved,
            BOUND_MET: bool(np.isnan(list(errors.values())).any()),
            MASKED_CORE: core_is_masked(patch, source),
            POOR_FIT: quality.poor,
            QUIET: quality.quiet,
        }
        flags.append(tuple(name for name, held in holds.items() if held))
    return replace(found, flags=tuple(flags))


def _nearby(task: _Task, start: Source | Position) -> tuple[Fit, bool]:
    """The fit of one source, and whether it was looked for again from a peak nearby."""
    if not isinstance(start, Position):
        return _together(task, [start]), False
    try:
        found, failure = _together(task, [start]), None
    except FpgaMlError as error:
        found, failure = None, error
    if found is not None and not _astray(found, start):
        return found, False
    place = peak(task.patch, task.exposure, start.x, start.y)
    if place is not None:
        try:
            again = _together(task, [Position(*place)])
        except FpgaMlError:
            again = None
        if again is not None and (found is None or _same_place(found, again) or again.value > found.value):
            return again, True
    if found is None:
        assert failure is not None
        raise failure
    return found, False


def _same_place(one: Fit, other: Fit) -> bool:
    """Whether both found the same source, if not the same kind: from too far away a star is taken for a galaxy."""
    return max(abs(one.sources[0].x - other.sources[0].x), abs(one.sources[0].y - other.sources[0].y)) < 1


def _astray(found: Fit, start: Position) -> bool:
    """Whether a source hardly shows, or lies as far from its start as it may."""
    (source,), (errors,) = found.sources, found.errors
    away = max(abs(source.x - start.x), abs(source.y - start.y))
    return away >= 0.999 * MOVE_PX or not errors["log_flux"] < 1 / _FAINTEST


def _together(task: _Task, given: Sequence[Source | Position]) -> Fit:
    """The fit of all sources, with the kind of those of which only the place is known."""
    patch, exposure = task.patch, task.exposure
    known: list[Source] = [first_star(one, patch, exposure) if isinstance(one, Position) else one for one in given]
    odds: list[float | None] = [None] * len(given)
    unknown = [i for i, one in enumerate(given) if isinstance(one, Position)]
    if unknown and len(given) > 1:
        known = list(task.maximise(known).sources)
    for i in sorted(unknown, key=lambda i: -known[i].flux):
        known[i], odds[i] = _decide(known[i], replace(task, patch=task.around(known, i)))
    found = task.maximise(known)
    return replace(found, galaxy_log_odds=tuple(odds))


@dataclass(frozen=True)
class _Task:
    """One patch and how it is to be fitted."""

    patch: Patch
    exposure: Exposure
    evaluator: Evaluator
    settings: Settings
    at_once: bool

    def around(self, sources: Sequence[Source], active: int) -> Patch:
        """The patch with all sources but one as background."""
        others = Scene(tuple(source for i, source in enumerate(sources) if i != active), self.exposure)
        return replace(self.patch, background=rate(others, self.patch.background)) if others.sources else self.patch

    def evaluate(self, scene: Scene) -> Result:
        if self.at_once:
            return self.evaluator(scene.coefficients()[0], self.patch)
        parts = [
            self.evaluator(coefficients(source, self.exposure)[0], self.around(scene.sources, i))
            for i, source in enumerate(scene.sources)
        ]
        moments = np.concatenate([part.moments for part in parts])
        return Result(parts[0].value, moments, any(part.overflow for part in parts))

    def maximise(self, sources: Sequence[Source], to_the_end: bool = True) -> Fit:
        """The maximum of the likelihood near sources of these kinds; to_the_end: it is an error if it is not reached."""
        first = Scene(tuple(sources), self.exposure)

        def objective(vector: Floats) -> Point | None:
            scene = first.at(vector)
            result = self.evaluate(scene)
            if result.overflow or not np.isfinite(result.value):
                return None
            slope = gradient(result.moments, scene.coefficients()[1])
            return Point(result.value, slope, fisher(scene, self.patch.background, self.patch.mask))

        low, high, longest = np.array([bound for source in sources for bound in bounds(source)]).T
        ascent = ascend(objective, first.vector(), Box(low, high, longest), self.settings)
        scene = first.at(ascent.vector)
        if to_the_end and not ascent.converged:
            raise FpgaMlError(
                f"no maximum after {ascent.iterations} steps: {ascent.distance:.2g} statistical errors to go, "
                f"{ascent.refused} steps overflowed the kernel",
                where=", ".join(map(str, scene.sources)),
                do="take a preset of a wider range" if ascent.refused else "start nearer, or give a source less freedom",
            )
        scene = replace(scene, sources=tuple(canonical(source) for source in scene.sources))
        return Fit(
            sources=scene.sources,
            names=scene.names(),
            covariance=covariance(fisher(scene, self.patch.background, self.patch.mask), ascent.held),
            value=ascent.point.value,
            galaxy_log_odds=(None,) * len(sources),
            distance=ascent.distance,
            iterations=ascent.iterations,
        )


def _decide(star: Source, task: _Task) -> tuple[Source, float]:
    """Star or galaxy, and the log odds of galaxy.

    A star's best galaxy is ill determined, so the way there need not end; only its likelihood is asked for.
    """
    as_star = task.maximise([star])
    rough = replace(task, settings=replace(task.settings, tolerance=max(task.settings.tolerance, 0.01), iterations=40))
    as_galaxy = rough.maximise([first_galaxy(as_star.sources[0], task.patch, task.exposure)], to_the_end=False)
    further = len(Galaxy.PARAMETERS) - len(Star.PARAMETERS)
    odds = as_galaxy.value - as_star.value - further / 2 * np.log(task.patch.used.sum())
    return (as_galaxy if odds > 0 else as_star).sources[0], float(odds)


def bounds(source: Source | Position) -> list[tuple[float, float, float]]:
    """Low, high and longest step of each parameter of a source that is looked for there, or of a position's two."""
    names = ("x", "y") if isinstance(source, Position) else source.PARAMETERS
    around = {"x": source.x, "y": source.y}
    return [
        (around.get(name, 0.0) + low, around.get(name, 0.0) + high, step)
        for name, (low, high, step) in BOUNDS.items()
        if name in names
    ]


def _near(patch: Patch, x: float, y: float) -> tuple[Floats, Floats, Floats]:
    """Offsets from a position, and the light above the background, of the pixels around it; (N,) each."""
    monomials = offsets(patch.counts.shape)
    dx, dy = monomials[:, 1] - x, monomials[:, 2] - y
    inside = np.hypot(dx, dy) < _APERTURE_PX
    if not inside.any():
        raise FpgaMlError(
            f"position ({x:g}, {y:g}) is outside the patch", do="give x and y in pixels from the patch's centre"
        )
    inside &= patch.used.reshape(-1)
    if not inside.any():
        raise FpgaMlError(
            f"all pixels within {_APERTURE_PX} of position ({x:g}, {y:g}) are masked",
            do="give another place, or another mask",
        )
    light = (patch.counts - patch.background).reshape(-1)
    return dx[inside], dy[inside], light[inside]


def first_star(at: Position, patch: Patch, exposure: Exposure) -> Star:
    """With the light around the position as its flux, or a standard error of it where there is less."""
    _, _, light = _near(patch, at.x, at.y)
    least = np.sqrt(len(light) * patch.background.mean())
    return Star(at.x, at.y, max(float(light.sum()), float(least)) / exposure.gain)


def first_galaxy(star: Source, patch: Patch, exposure: Exposure) -> Galaxy:
    """The ellipse from the light's second moments less the PSF's; half de Vaucouleurs."""
    dx, dy, light = _near(patch, star.x, star.y)
    weight = light * exposure.psf.at(dx, dy)
    expected = exposure.psf.at(dx, dy) ** 2
    xx, xy, yy = (float(weight @ m / weight.sum() - expected @ m / expected.sum()) for m in (dx * dx, dx * dy, dy * dy))
    size = np.sqrt(np.clip(xx + yy, 0.5, 16.0))
    ratio = np.clip(1 - np.hypot(xx - yy, 2 * xy) / size**2, 0.3, 0.9)
    angle = np.arctan2(2 * xy, xx - yy) / 2
    return Galaxy(star.x, star.y, star.flux, 0.5, float(ratio), float(angle), float(size))
