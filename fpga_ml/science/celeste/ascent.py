"""Uphill by trust region: gradient and information give the step, damping keeps it where they can be trusted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste.evaluator import Floats

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Point:
    """An objective at one place: value, gradient (P,), and information (P, P), the expected negative of second
    derivatives."""

    value: float
    gradient: Floats
    information: Floats


@dataclass(frozen=True)
class Box:
    """Where parameters may be, low and high (P,), and the longest step of each (P,)."""

    low: Floats
    high: Floats
    longest: Floats


@dataclass(frozen=True)
class Settings:
    """When an ascent ends, and what it believes.

    tolerance: distance to go, in statistical errors, at which it ends; coarse: gains below it (in log-likelihood) are read
    off the gradients, which fixed point keeps better than values; stalled: distance below which an ascent that comes no
    nearer has arrived.
    """

    tolerance: float = 1e-3
    iterations: int = 100
    coarse: float = 1.0
    stalled: float = 0.05


@dataclass(frozen=True)
class Ascent:
    """Where it stands. held: (P,) parameters that a bound keeps from going on; distance: to go by the quadratic model, in
    statistical errors; refused: steps into places where the objective has no value."""

    vector: Floats
    point: Point
    held: Bools
    distance: float
    iterations: int = 0
    refused: int = 0
    converged: bool = False


_PATIENCE = 5
_LARGEST_DAMPING = 1e8


def ascend(objective: Callable[[Floats], Point | None], start: Floats, box: Box, settings: Settings) -> Ascent:
    """The maximum uphill from start, within the box. An objective without a value (None) is stepped around.

    A fixed-point objective is a staircase: near the top the distance cannot shrink for ever. So the ascent also ends, at the
    nearest point it saw, when several steps came no nearer.
    """
    here = _stand(objective, np.clip(start, box.low, box.high), box)
    if here is None:
        raise FpgaMlError(
            "the kernel overflows where the fit begins",
            where=f"parameters {np.array2string(start, precision=3)}",
            do="the patch is brighter than the preset's range: take a wider rate, or fit it with evaluator=Float64()",
        )
    nearest, damping, refused, stale, iteration = here, 1e-3, 0, 0, 0
    while nearest.distance >= settings.tolerance and iteration < settings.iterations and damping < _LARGEST_DAMPING:
        if nearest.distance < settings.stalled and stale >= _PATIENCE:
            break
        iteration += 1
        step = np.clip(here.vector + _step(here, damping, box), box.low, box.high) - here.vector
        there = _stand(objective, here.vector + step, box)
        refused += there is None
        if there is None or not _gains(here, there, step, settings):
            damping, stale = max(10 * damping, 1e-3), stale + 1
            continue
        damping, here = (damping / 10 if damping > 1e-9 else 0.0), there
        nearest, stale = (here, 0) if here.distance < nearest.distance else (nearest, stale + 1)
        if here.distance >= settings.stalled:
            nearest = here
    return replace(nearest, iterations=iteration, refused=refused, converged=nearest.distance < settings.stalled)


def covariance(information: Floats, held: Bools) -> Floats:
    """(P, P) inverse of the information about what is not held; not a number for what is."""
    found = np.full_like(information, np.nan)
    free = np.ix_(~held, ~held)
    scale, correlation = _scaled(information[free])
    found[free] = np.linalg.inv(correlation) / np.outer(scale, scale)
    return found


def _stand(objective: Callable[[Floats], Point | None], vector: Floats, box: Box) -> Ascent | None:
    point = objective(vector)
    if point is None:
        return None
    outward = ((vector <= box.low) & (point.gradient < 0)) | ((vector >= box.high) & (point.gradient > 0))
    newton = _solve(point, outward, 0.0)
    return Ascent(vector, point, outward, max(0.0, float(point.gradient @ newton)) ** 0.5)


def _step(here: Ascent, damping: float, box: Box) -> Floats:
    """Shortened as a whole, so that it keeps its direction."""
    step = _solve(here.point, here.held, damping)
    reach: Floats = np.abs(step) / box.longest
    return step / max(1.0, float(reach.max()))


def _solve(point: Point, held: Bools, damping: float) -> Floats:
    """(P,) the step to the top of the quadratic model; 0 for what is held or without information."""
    free = ~held
    scale, correlation = _scaled(point.information[np.ix_(free, free)])
    step = np.zeros_like(point.gradient)
    step[free] = np.linalg.solve(correlation + damping * np.eye(len(scale)), point.gradient[free] / scale) / scale
    return step


def _scaled(information: Floats) -> tuple[Floats, Floats]:
    """(P,) scales and (P, P) the information in these units: ones on the diagonal, and a little more, so that it can be
    inverted."""
    diagonal: Floats = np.diag(information)
    least = 1e-12 * max(1.0, float(diagonal.max(initial=0.0)))
    scale: Floats = np.sqrt(diagonal + least)
    correlation = information / np.outer(scale, scale)
    np.fill_diagonal(correlation, 1 + 1e-10)
    return scale, correlation


def _gains(here: Ascent, there: Ascent, step: Floats, settings: Settings) -> bool:
    """Whether a step is worth taking: a tenth of what the model promised, or more."""
    promised = float(here.point.gradient @ step - step @ here.point.information @ step / 2)
    by_gradients = float((here.point.gradient + there.point.gradient) @ step / 2)
    gained = by_gradients if promised < settings.coarse else there.point.value - here.point.value
    return gained > 0.1 * promised
