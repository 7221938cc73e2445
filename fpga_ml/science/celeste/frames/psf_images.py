"""An image of a point-spread function as a mixture of Gaussians of positive weights, with the residual that is left."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares
from scipy.special import softmax

from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste.evaluator import Floats
from fpga_ml.science.celeste.profiles import Psf

TERMS = (2, 3, 4)
"""Gaussians that are tried, one number after another."""
GOOD_RESIDUAL = 0.015
"""Share of the flux at which no further Gaussian is tried."""
POOR_RESIDUAL = 0.2
"""Share of the flux at which an image is no mixture of Gaussians."""
_MOST_NEGATIVE = 0.1
_FARTHEST_PX = 1.5
"""Of the light's centre from the image's."""
_GRID_PX = 128.0
"""A varying PSF is made a mixture at places so far apart: it hardly changes between them."""


@dataclass(frozen=True)
class Mixture:
    """A PSF, the share of the flux that it does not describe, and what was done to it."""

    psf: Psf
    residual: float
    notes: tuple[str, ...] = ()


def mixture_of(image: Floats, sampling: float = 1.0, terms: int | None = None, where: str = "PSF") -> Mixture:
    """Gaussians that describe an image of a PSF, by least squares.

    image: (H, W) of any flux, centred on pixel (H // 2, W // 2); sampling: pixels of the sky's image a sample of this one;
    terms: how many Gaussians, else the fewest of TERMS that leave GOOD_RESIDUAL. The residual is the sum of the absolute
    differences over the flux. The mixture is normalised to 1. Raises where the image is not finite, empty, negative, not
    centred, or no such mixture.
    """
    stamp, flux = _checked(image, sampling, where)
    rows, columns = np.indices(stamp.shape)
    x, y = ((columns - stamp.shape[1] // 2) * sampling).ravel(), ((rows - stamp.shape[0] // 2) * sampling).ravel()
    density = stamp.ravel() / sampling**2
    best: Mixture | None = None
    for number in (terms,) if terms else TERMS:
        found = _fitted(x, y, density, number, sampling)
        residual = float(np.abs(found.at(x, y) - density).sum() * sampling**2)
        if best is None or residual < best.residual:
            best = Mixture(found, residual)
        if best.residual <= GOOD_RESIDUAL:
            break
    assert best is not None
    if best.residual > POOR_RESIDUAL:
        raise FpgaMlError(
            f"{len(best.psf.weights)} Gaussians leave {best.residual:.0%} of the PSF's flux",
            where=where,
            do="give a PSF without noise, spikes or a background, or a mixture as JSON",
        )
    notes = (f"the PSF's image sums to {flux:.4g}: normalised to 1",) if abs(flux - 1) > 0.01 else ()
    return Mixture(best.psf, best.residual, notes)


def _checked(image: Floats, sampling: float, where: str) -> tuple[Floats, float]:
    """The image with a sum of 1, and what its sum was."""
    stamp = np.asarray(image, dtype=np.float64)
    if stamp.ndim != 2 or min(stamp.shape) < 5:
        raise FpgaMlError(f"a PSF's image of shape {stamp.shape}", where=where, do="give (height, width), 5 or more each")
    if not np.isfinite(stamp).all():
        raise FpgaMlError(
            f"{int((~np.isfinite(stamp)).sum())} pixels of the PSF are not finite", where=where, do="repair it"
        )
    flux = float(stamp.sum())
    if not flux > 0:
        raise FpgaMlError(f"the PSF's image sums to {flux:g}: there is no light in it", where=where, do="give another")
    stamp = stamp / flux
    negative = -float(stamp[stamp < 0].sum())
    if negative > _MOST_NEGATIVE:
        raise FpgaMlError(
            f"{negative:.0%} of the PSF's flux is below 0",
            where=where,
            do="subtract its background rightly: all is to be light",
        )
    row, column = np.unravel_index(np.argmax(stamp), stamp.shape)
    away = sampling * np.hypot(row - stamp.shape[0] // 2, column - stamp.shape[1] // 2)
    if away > _FARTHEST_PX:
        raise FpgaMlError(
            f"the PSF's peak lies {away:.1f} px from the centre of its image, pixel ({stamp.shape[0] // 2},"
            f" {stamp.shape[1] // 2})",
            where=where,
            do="centre it: fitted positions would be off by as much",
        )
    return stamp, flux


def _fitted(x: Floats, y: Floats, density: Floats, terms: int, sampling: float) -> Psf:
    """The Gaussians with weights that sum to 1 nearest to a density at places, in the sense of least squares."""
    light = np.maximum(density, 0)
    order = np.argsort(np.hypot(x, y))
    half = np.hypot(x, y)[order][np.searchsorted(np.cumsum(light[order]), 0.5 * light.sum())]
    width = max(float(half) / 1.18, 0.5 * sampling)
    first = [(0.75, 1.0), (0.2, 2.0), (0.05, 4.0), (0.02, 0.6)][:terms]
    start = np.concatenate(
        [[np.log(share), 0, 0, np.log(ratio * width), 0, np.log(ratio * width)] for share, ratio in first]
    )
    low = np.tile([-9.0, -3.0, -3.0, np.log(0.3 * sampling), -20.0, np.log(0.3 * sampling)], terms)
    high = np.tile([1.0, 3.0, 3.0, np.log(30 * width), 20.0, np.log(30 * width)], terms)
    scale = density.max()
    end = least_squares(
        lambda vector: (_mixture(vector).at(x, y) - density) / scale,
        start,
        jac=lambda vector: _slopes(vector, x, y) / scale,
        bounds=(low, high),
        x_scale=0.1,
        max_nfev=60,
        ftol=1e-7,
    )
    return _mixture(end.x)


def _mixture(vector: Floats) -> Psf:
    """Of log weight up to a constant, x, y, and the Cholesky factor's log xx, xy, log yy of each Gaussian."""
    weights, means, roots = _parts(vector)
    return Psf(weights, means, roots @ roots.transpose(0, 2, 1))


def _parts(vector: Floats) -> tuple[Floats, Floats, Floats]:
    """Weights (K,), means (K, 2), Cholesky factors (K, 2, 2)."""
    parts = vector.reshape(-1, 6)
    roots = np.zeros((len(parts), 2, 2))
    roots[:, 0, 0], roots[:, 1, 0], roots[:, 1, 1] = np.exp(parts[:, 3]), parts[:, 4], np.exp(parts[:, 5])
    return softmax(parts[:, 0]), parts[:, 1:3].copy(), roots


def _slopes(vector: Floats, x: Floats, y: Floats) -> Floats:
    """(N, 6 K) derivatives of the mixture's density.

    Of the logarithm of a Gaussian of covariance S = L L' at d from its mean, with u = S^-1 d: u after the mean,
    (u u' - S^-1) L after L.
    """
    weights, means, roots = _parts(vector)
    total = _mixture(vector).at(x, y)
    slopes = np.empty((len(x), len(weights), 6))
    for k, root in enumerate(roots):
        inverse = np.linalg.inv(root @ root.T)
        away = np.stack([x - means[k, 0], y - means[k, 1]], axis=-1)
        pull = away @ inverse
        light = weights[k] * np.exp(-(pull * away).sum(axis=1) / 2) / (2 * np.pi * root[0, 0] * root[1, 1])
        after_root = (pull[:, :, None] * pull[:, None, :] - inverse) @ root
        slopes[:, k, 0] = light - weights[k] * total
        slopes[:, k, 1:3] = light[:, None] * pull
        slopes[:, k, 3] = light * after_root[:, 0, 0] * root[0, 0]
        slopes[:, k, 4] = light * after_root[:, 1, 0]
        slopes[:, k, 5] = light * after_root[:, 1, 1] * root[1, 1]
    return slopes.reshape(len(x), -1)


def normalised(psf: Psf, tolerance: float = 1e-6) -> tuple[Psf, tuple[str, ...]]:
    """With weights that sum to 1, and a note if they did not."""
    total = float(psf.weights.sum())
    notes = (f"the PSF's weights sum to {total:.4g}: normalised to 1",) if abs(total - 1) > tolerance else ()
    return Psf(psf.weights / total, psf.means, psf.covariances), notes


def read_json(path: Path | str) -> Mixture:
    """From JSON: weights (K,), means (K, 2) and covariances (K, 2, 2) in pixels.

    Weights are normalised, with a note; what is not finite, or a covariance that is not symmetric, is refused.
    """
    try:
        given = json.loads(Path(path).read_text())
        weights, means, covariances = (
            np.array(given[name], dtype=np.float64) for name in ("weights", "means", "covariances")
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FpgaMlError(
            f"cannot read a PSF: {error!r}", where=str(path), do="give JSON with weights, means and covariances of Gaussians"
        ) from None
    if not all(np.isfinite(one).all() for one in (weights, means, covariances)):
        raise FpgaMlError("weights, means or covariances of the PSF are not finite", where=str(path), do="repair them")
    if covariances.ndim == 3 and not np.allclose(covariances, covariances.swapaxes(1, 2), rtol=1e-6, atol=1e-9):
        raise FpgaMlError("a covariance of the PSF is not symmetric", where=str(path), do="give [[xx, xy], [xy, yy]]")
    psf, notes = normalised(Psf(weights, means, covariances))
    return Mixture(psf, 0.0, notes)


def write_json(psf: Psf, path: Path | str) -> None:
    """As `read_json` reads it."""
    given = {name: np.asarray(value).tolist() for name, value in vars(psf).items()}
    Path(path).write_text(json.dumps(given) + "\n")


@dataclass(frozen=True)
class VaryingPsf:
    """A PSF that is given as an image at each place; made a mixture where it is asked for, every 128 px, and remembered.

    image: (H, W) around a column and a row, counted from 0; sampling: pixels a sample.
    """

    image: Callable[[float, float], Floats]
    sampling: float = 1.0
    terms: int | None = None
    where: str = "PSF"
    known: dict[tuple[int, int], Mixture] = field(default_factory=dict, repr=False, compare=False)

    def mixture(self, column: float, row: float) -> Mixture:
        key = (round(column / _GRID_PX), round(row / _GRID_PX))
        if key not in self.known:
            stamp = self.image(key[0] * _GRID_PX, key[1] * _GRID_PX)
            self.known[key] = mixture_of(stamp, self.sampling, self.terms, self.where)
        return self.known[key]

    def at(self, column: float, row: float) -> Psf:
        return self.mixture(column, row).psf
