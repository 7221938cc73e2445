"""Stars and galaxies, and the kernel's coefficients with their derivatives (Regier et al. 2015, section 2).

A source of flux l (nanomaggies, 10^(9 - 0.4 mag)) in an exposure of gain iota (electrons a nanomaggie) puts into a pixel

    star:    iota l sum_k alpha_k N(m; u + xi_k, tau_k)
    galaxy:  iota l sum_k sum_i theta_i sum_j alpha_k eta_ij N(m; u + xi_k, tau_k + nu_ij X)

electrons, with the PSF's terms k, the profiles i (de Vaucouleurs and exponential), their terms j, and
X = R(phi) diag(sigma^2, rho^2 sigma^2) R(phi)^T. Each Gaussian is one component of the kernel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from fpga_ml.celeste_design import MONOMIALS
from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste.evaluator import Floats
from fpga_ml.science.celeste.profiles import PROFILES, Profiles, Psf

LN2 = float(np.log(2))
ZERO_POINT_MAG = 22.5
"""Magnitude of one nanomaggie."""

_HALF_LOG2_E = 0.5 / LN2


@dataclass(frozen=True)
class Exposure:
    """How an image was taken. psf: in pixels; gain: electrons a nanomaggie; profiles: the scale of galaxies' radii."""

    psf: Psf
    gain: float
    profiles: Profiles = PROFILES


@dataclass(frozen=True)
class Star:
    """A point. x, y: pixels from the patch's centre; flux: nanomaggies."""

    x: float
    y: float
    flux: float
    PARAMETERS: ClassVar = ("x", "y", "log_flux")

    def __post_init__(self) -> None:
        _in_range(self, flux=np.inf)

    def vector(self) -> Floats:
        """(3,) in the order of PARAMETERS."""
        return np.array([self.x, self.y, np.log(self.flux)])

    @classmethod
    def of(cls, vector: Floats) -> Star:
        """The star of a vector of parameters."""
        x, y, log_flux = map(float, vector)
        return cls(x, y, math.exp(log_flux))


@dataclass(frozen=True)
class Galaxy:
    """A mixture of a de Vaucouleurs and an exponential profile with the same ellipse.

    x, y: pixels from the patch's centre; flux: nanomaggies; de_vaucouleurs: that profile's share of the flux, between 0 and
    1; axis_ratio: minor over major axis; angle: of the major axis from x towards y, radians; radius: along it, pixels.
    """

    x: float
    y: float
    flux: float
    de_vaucouleurs: float
    axis_ratio: float
    angle: float
    radius: float
    PARAMETERS: ClassVar = ("x", "y", "log_flux", "de_vaucouleurs", "log_axis_ratio", "angle", "log_radius")

    def __post_init__(self) -> None:
        _in_range(self, flux=np.inf, de_vaucouleurs=1, axis_ratio=np.inf, radius=np.inf)

    def vector(self) -> Floats:
        """(7,) in the order of PARAMETERS."""
        shape = (self.de_vaucouleurs, np.log(self.axis_ratio), self.angle, np.log(self.radius))
        return np.array([self.x, self.y, np.log(self.flux), *shape])

    @classmethod
    def of(cls, vector: Floats) -> Galaxy:
        """The galaxy of a vector of parameters."""
        x, y, log_flux, share, log_ratio, angle, log_radius = map(float, vector)
        return cls(x, y, math.exp(log_flux), share, math.exp(log_ratio), angle, math.exp(log_radius))


Source = Star | Galaxy


def _in_range(source: Source, **above: float) -> None:
    """Each named value lies between 0 and what is given, neither included; position and angle are finite."""
    for name, value in vars(source).items():
        low, high = (0.0, above[name]) if name in above else (-np.inf, np.inf)
        if not low < value < high:
            raise FpgaMlError(f"{name} is {value}, not between {low:g} and {high:g}", where=type(source).__name__)


def canonical(source: Source) -> Source:
    """The same light; a galaxy's axis ratio at most 1 and its angle from 0 to pi."""
    if isinstance(source, Star):
        return source
    swapped = source.axis_ratio > 1
    angle = (source.angle + np.pi / 2 * swapped) % np.pi
    if not swapped:
        return replace(source, angle=float(angle))
    return replace(source, axis_ratio=1 / source.axis_ratio, angle=float(angle), radius=source.radius * source.axis_ratio)


def magnitude(flux: float) -> float:
    """AB magnitude of nanomaggies."""
    return float(ZERO_POINT_MAG - 2.5 * np.log10(flux))


def flux_of(mag: float) -> float:
    """Nanomaggies of an AB magnitude."""
    return float(10 ** (0.4 * (ZERO_POINT_MAG - mag)))


@dataclass(frozen=True)
class Components:
    """One source as K Gaussians, and the derivatives after each of its P parameters.

    log_weights: (K,) natural logarithm of electrons; means: (K, 2); covariances: (K, 2, 2), pixels; d_...: the same after
    (P,).
    """

    log_weights: Floats
    means: Floats
    covariances: Floats
    d_log_weights: Floats
    d_means: Floats
    d_covariances: Floats


def components(source: Source, exposure: Exposure) -> Components:
    """The Gaussians of a source; a galaxy has each PSF term's de Vaucouleurs terms first, then its exponential ones."""
    psf = exposure.psf
    if isinstance(source, Star):
        shares, d_log_shares = np.ones(1), np.zeros(1)
        ellipses, d_ellipses = np.zeros((1, 2, 2)), np.zeros((0, 1, 2, 2))
    else:
        dev, exp = exposure.profiles.de_vaucouleurs, exposure.profiles.exponential
        share = source.de_vaucouleurs
        shares = np.concatenate([share * dev.weights, (1 - share) * exp.weights])
        d_log_shares = np.concatenate([np.full_like(dev.weights, 1 / share), np.full_like(exp.weights, -1 / (1 - share))])
        scales = np.concatenate([dev.variances, exp.variances])[:, None, None]
        ellipse, d_ellipse = _ellipse(source)
        ellipses, d_ellipses = scales * ellipse, scales * d_ellipse[:, None]
    terms, width = len(shares), len(psf.weights)
    size, parameters = terms * width, len(source.PARAMETERS)
    d_log_weights = np.zeros((parameters, size))
    d_means, d_covariances = np.zeros((parameters, size, 2)), np.zeros((parameters, size, 2, 2))
    d_means[0, :, 0] = d_means[1, :, 1] = d_log_weights[2] = 1
    if parameters > 3:
        d_log_weights[3] = np.tile(d_log_shares, width)
        d_covariances[4:] = np.tile(d_ellipses, (1, width, 1, 1))
    return Components(
        log_weights=np.log(exposure.gain * source.flux * np.outer(psf.weights, shares)).reshape(-1),
        means=np.repeat(psf.means, terms, axis=0) + np.array([source.x, source.y]),
        covariances=(psf.covariances[:, None] + ellipses).reshape(size, 2, 2),
        d_log_weights=d_log_weights,
        d_means=d_means,
        d_covariances=d_covariances,
    )


def _ellipse(galaxy: Galaxy) -> tuple[Floats, Floats]:
    """X (2, 2) and its derivatives (3, 2, 2) after log axis ratio, angle and log radius."""
    cos, sin = np.cos(galaxy.angle), np.sin(galaxy.angle)
    major, minor = np.array([cos, sin]), np.array([-sin, cos])
    major2, minor2 = galaxy.radius**2, (galaxy.axis_ratio * galaxy.radius) ** 2
    along, across, mixed = np.outer(major, major), np.outer(minor, minor), np.outer(major, minor)
    ellipse = major2 * along + minor2 * across
    return ellipse, np.stack([2 * minor2 * across, (major2 - minor2) * (mixed + mixed.T), 2 * ellipse])


def coefficients(source: Source, exposure: Exposure) -> tuple[Floats, Floats]:
    """The kernel's coefficients (K, 6) of a source, and their derivatives (P, K, 6) after its parameters.

    log2 of a Gaussian of covariance S around mu, of P = S^-1: log2 w - log2(2 pi) - log2|S| / 2 - log2(e)/2 (m - mu)' P (m -
    mu).
    """
    found = components(source, exposure)
    inverse: Floats = np.asarray(np.linalg.inv(found.covariances), dtype=np.float64)
    mean = found.means
    pull = np.einsum("kij,kj->ki", inverse, mean)
    log_density = found.log_weights - np.log(2 * np.pi * np.sqrt(np.linalg.det(found.covariances)))
    constants = log_density / LN2 - _HALF_LOG2_E * np.einsum("ki,ki->k", mean, pull)
    table = _assemble(constants, pull, inverse)

    d_inverse = -np.einsum("kab,pkbc,kcd->pkad", inverse, found.d_covariances, inverse)
    d_pull = np.einsum("pkij,kj->pki", d_inverse, mean) + np.einsum("kij,pkj->pki", inverse, found.d_means)
    d_log_density = found.d_log_weights - np.einsum("kij,pkji->pk", inverse, found.d_covariances) / 2
    d_quadratic = 2 * np.einsum("pki,ki->pk", found.d_means, pull) + np.einsum("ki,pkij,kj->pk", mean, d_inverse, mean)
    d_constants: Floats = d_log_density / LN2 - _HALF_LOG2_E * d_quadratic
    return table, _assemble(d_constants, d_pull, d_inverse)


def _assemble(constants: Floats, pull: Floats, inverse: Floats) -> Floats:
    """(..., K, 6) coefficients of 1, x, y, x^2, x y, y^2 from a constant (..., K), P mu (..., K, 2) and P (..., K, 2, 2)."""
    table = np.empty((*constants.shape, MONOMIALS))
    table[..., 0] = constants
    table[..., 1:3] = 2 * _HALF_LOG2_E * pull
    table[..., 3] = -_HALF_LOG2_E * inverse[..., 0, 0]
    table[..., 4] = -2 * _HALF_LOG2_E * inverse[..., 0, 1]
    table[..., 5] = -_HALF_LOG2_E * inverse[..., 1, 1]
    return table


@dataclass(frozen=True)
class Scene:
    """Sources in one exposure: what the kernel and the host need of them."""

    sources: tuple[Source, ...]
    exposure: Exposure

    def vector(self) -> Floats:
        """(P,) all sources' parameters, one after another."""
        return np.concatenate([source.vector() for source in self.sources])

    def at(self, vector: Floats) -> Scene:
        """The same kinds of sources with other parameters."""
        ends = np.cumsum([len(source.PARAMETERS) for source in self.sources])[:-1]
        parts = np.split(vector, ends)
        return Scene(tuple(type(source).of(part) for source, part in zip(self.sources, parts, strict=True)), self.exposure)

    def coefficients(self) -> tuple[Floats, Floats]:
        """(K, 6) of all components, and (P, K, 6) their derivatives."""
        parts = [coefficients(source, self.exposure) for source in self.sources]
        sizes = [d_table.shape[:2] for _, d_table in parts]
        derivatives = np.zeros((sum(p for p, _ in sizes), sum(k for _, k in sizes), MONOMIALS))
        row = column = 0
        for (_, d_table), (p, k) in zip(parts, sizes, strict=True):
            derivatives[row : row + p, column : column + k] = d_table
            row, column = row + p, column + k
        return np.concatenate([table for table, _ in parts]), derivatives

    def names(self) -> tuple[str, ...]:
        """Of the parameters; numbered by source where there are several."""
        if len(self.sources) == 1:
            return self.sources[0].PARAMETERS
        return tuple(f"{name}[{i}]" for i, source in enumerate(self.sources) for name in source.PARAMETERS)


def scene(sources: Source | Sequence[Source], exposure: Exposure) -> Scene:
    """Of one source or several."""
    return Scene((sources,) if isinstance(sources, Star | Galaxy) else tuple(sources), exposure)
