"""Is a fixed-point kernel good enough for the science? The same noise, fitted in float64 and in fixed point.

Bias of a parameter: where the maximum moved, in units of the statistical error (from the Fisher information). It is a
difference on the same counts, so noise does not limit it. Bias of the value: where the maximum of the value alone would
move, read off its errors a statistical error up and down the parameter, the others following.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fpga_ml.science.celeste.ascent import Settings
from fpga_ml.science.celeste.evaluator import Evaluator, Float64, Floats, Patch
from fpga_ml.science.celeste.fit import Fit, Position, fit
from fpga_ml.science.celeste.simulate import SCENES, SDSS, UNCLEAR, observe
from fpga_ml.science.celeste.sources import Source, magnitude, scene

_SETTINGS = Settings(tolerance=1e-4)


@dataclass(frozen=True)
class Worst:
    """Of a bias over noises: largest magnitude and root mean square, in statistical errors."""

    max: float
    rms: float

    @classmethod
    def of(cls, biases: Floats) -> Worst:
        """biases: (N,), without those that are not numbers (of parameters at a bound)."""
        known = biases[np.isfinite(biases)]
        return cls(float(np.abs(known).max(initial=0.0)), float(np.sqrt(np.mean(known**2))) if known.size else 0.0)


@dataclass(frozen=True)
class SceneCheck:
    """Of one scene. bias, value_bias: by parameter; value_error: largest error of the patch's log-likelihood."""

    magnitudes: tuple[float, ...]
    bias: dict[str, Worst]
    value_bias: dict[str, Worst]
    value_error: float


@dataclass(frozen=True)
class Decisions:
    """Star or galaxy, asked so many times in one scene. galaxies: answers of the exact kernel; changed: answers of the
    fixed-point kernel that are others; odds_error: largest change of the log odds."""

    asked: int
    galaxies: int
    changed: int
    odds_error: float


@dataclass(frozen=True)
class Check:
    """A kernel over scenes, and the worst of each figure."""

    preset: str
    realisations: int
    max_bias_sigma: float
    max_value_bias_sigma: float
    max_value_error: float
    decisions_changed: int
    scenes: dict[str, SceneCheck]
    decisions: dict[str, Decisions]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def check(
    evaluator: Evaluator,
    preset: str,
    *,
    realisations: int = 20,
    scenes: Mapping[str, Sequence[Source]] = SCENES,
    unclear: Mapping[str, Sequence[Source]] = UNCLEAR,
    seed: int = 0,
    done: Callable[[int], None] = lambda patches: None,
) -> Check:
    """Compare a kernel with the exact one over scenes, each with so many noises and places within the pixel.

    Star or galaxy is asked where a scene has one source, and of `unclear` ones besides. done: told of each patch as it is
    finished; there are `patches` of them. Raises if the kernel overflows.
    """
    found = {name: _scene(evaluator, sources, realisations, seed, done) for name, sources in scenes.items()}
    decisions = {
        name: _decisions(evaluator, one, realisations, seed, done) for name, one in _alone({**scenes, **unclear}).items()
    }
    every = list(found.values())
    return Check(
        preset=preset,
        realisations=realisations,
        max_bias_sigma=max(worst.max for one in every for worst in one.bias.values()),
        max_value_bias_sigma=max(worst.max for one in every for worst in one.value_bias.values()),
        max_value_error=max(one.value_error for one in every),
        decisions_changed=sum(one.changed for one in decisions.values()),
        scenes=found,
        decisions=decisions,
    )


def patches(
    realisations: int, scenes: Mapping[str, Sequence[Source]] = SCENES, unclear: Mapping[str, Sequence[Source]] = UNCLEAR
) -> int:
    """How many `check` looks at."""
    return realisations * (len(scenes) + len(_alone({**scenes, **unclear})))


def _alone(scenes: Mapping[str, Sequence[Source]]) -> dict[str, Source]:
    """The sources of which star or galaxy is asked."""
    return {name: sources[0] for name, sources in scenes.items() if len(sources) == 1}


def _scene(
    evaluator: Evaluator, sources: Sequence[Source], realisations: int, seed: int, done: Callable[[int], None]
) -> SceneCheck:
    biases, value_biases, value_errors = [], [], []
    for i in range(realisations):
        patch, truth = observe(sources, seed + i)
        exact = fit(patch, SDSS, truth, settings=_SETTINGS)
        fixed = fit(patch, SDSS, exact.sources, evaluator=evaluator, settings=_SETTINGS)
        slopes, error = _value_errors(evaluator, patch, exact)
        biases.append(_shift(exact, fixed))
        value_biases.append(slopes)
        value_errors.append(error)
        done(1)
    names = scene(sources, SDSS).names()
    return SceneCheck(
        magnitudes=tuple(magnitude(source.flux) for source in sources),
        bias={name: Worst.of(column) for name, column in zip(names, np.transpose(biases), strict=True)},
        value_bias={name: Worst.of(column) for name, column in zip(names, np.transpose(value_biases), strict=True)},
        value_error=max(value_errors),
    )


def _decisions(evaluator: Evaluator, source: Source, realisations: int, seed: int, done: Callable[[int], None]) -> Decisions:
    answers = []
    for i in range(realisations):
        patch, (truth,) = observe([source], seed + i)
        start = Position(truth.x, truth.y)
        answers.append([fit(patch, SDSS, start, evaluator=one).galaxy_log_odds[0] for one in (Float64(), evaluator)])
        done(1)
    exact, fixed = np.array(answers, dtype=np.float64).T
    return Decisions(
        asked=len(answers),
        galaxies=int((exact > 0).sum()),
        changed=int(((exact > 0) != (fixed > 0)).sum()),
        odds_error=float(np.abs(exact - fixed).max()),
    )


def _shift(exact: Fit, fixed: Fit) -> Floats:
    """(P,) how far the maximum moved, in statistical errors; not a number for parameters at a bound."""
    away = scene(fixed.sources, SDSS).vector() - scene(exact.sources, SDSS).vector()
    angles = np.array([name.startswith("angle") for name in exact.names])
    away[angles] = (away[angles] + np.pi / 2) % np.pi - np.pi / 2
    shift: Floats = away / np.sqrt(np.diag(exact.covariance))
    return shift


def _value_errors(evaluator: Evaluator, patch: Patch, exact: Fit) -> tuple[Floats, float]:
    """(P,) slope of the value's error from one statistical error down to one up, and the error at the maximum.

    Up and down a parameter i along the ridge, where the others follow: column i of the covariance over its error. To
    log-likelihoods of -z^2/2 an error of slope b puts the maximum at z = b. Less far where the share of de Vaucouleurs light
    ends before; not a number where that is less than half as far.
    """
    top = scene(exact.sources, SDSS)
    at = top.vector()
    shares = np.array([name.startswith("de_vaucouleurs") for name in exact.names])
    room = 0.99 * np.minimum(at, 1 - at)[shares]

    def error(vector: Floats) -> float:
        table, _ = top.at(vector).coefficients()
        return evaluator(table, patch).value - Float64()(table, patch).value

    slopes = []
    for ridge in (np.nan_to_num(exact.covariance) / np.sqrt(np.diag(exact.covariance))).T:
        reach = float(np.min(room / np.maximum(np.abs(ridge[shares]), room), initial=1.0))
        known = np.isfinite(ridge).all() and reach >= 0.5
        slopes.append((error(at + reach * ridge) - error(at - reach * ridge)) / (2 * reach) if known else np.nan)
    return np.array(slopes), abs(error(at))
