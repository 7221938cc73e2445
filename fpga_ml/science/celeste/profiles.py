"""What light looks like on the detector, as mixtures of Gaussians: galaxy profiles and the point-spread function (PSF).

The mixtures of the de Vaucouleurs and exponential profiles are those of Hogg & Lang 2013 (PASP 125, 719), which
Regier et al. 2015 (arXiv:1506.01351, section 2) convolve with a mixture for the PSF.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq

from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste.evaluator import Floats


@dataclass(frozen=True)
class Profile:
    """A round galaxy of unit flux: weights (J,) that sum to 1, variances (J,) in units of its radius squared."""

    weights: Floats
    variances: Floats

    def flux_within(self, radius: float) -> float:
        """Share of the light within a radius, in units of the galaxy's radius."""
        return float(self.weights @ -np.expm1(-(radius**2) / (2 * self.variances)))

    def half_light(self) -> float:
        """The radius that holds half of the light."""
        return float(brentq(lambda radius: self.flux_within(radius) - 0.5, 1e-3, 1e3, xtol=1e-12))

    def scaled(self, half_light: float) -> Profile:
        """The same shape with half of its light within that radius."""
        return replace(self, variances=self.variances * (half_light / self.half_light()) ** 2)


def _profile(*terms: tuple[float, float]) -> Profile:
    amplitudes, variances = np.array(terms).T
    return Profile(amplitudes / amplitudes.sum(), variances)


_DE_VAUCOULEURS = _profile(
    (4.26347652e-2, 2.23759216e-4),
    (2.40127183e-1, 1.00220099e-3),
    (6.85907632e-1, 4.18731126e-3),
    (1.51937350, 1.69432589e-2),
    (2.83627243, 6.84850479e-2),
    (4.46467501, 2.87207080e-1),
    (5.72440830, 1.33320254),
    (5.60989349, 8.40215071),
)
_EXPONENTIAL = _profile(
    (2.34853813e-3, 1.20078965e-3),
    (3.07995260e-2, 8.84526493e-3),
    (2.23364214e-1, 3.91463084e-2),
    (1.17949102, 1.39976817e-1),
    (4.33873750, 4.60962500e-1),
    (5.99820770, 1.50159566),
)


@dataclass(frozen=True)
class Profiles:
    """The two profiles that a galaxy is mixed of."""

    de_vaucouleurs: Profile
    exponential: Profile

    @classmethod
    def with_half_light(cls, half_light: float) -> Profiles:
        """Whose half-light radius is so many times a galaxy's radius."""
        return cls(_DE_VAUCOULEURS.scaled(half_light), _EXPONENTIAL.scaled(half_light))

    @classmethod
    def as_published(cls) -> Profiles:
        """The scale of the published Celeste code, where half-light lies at 0.849 and 1.062 of the radius."""
        return cls(
            replace(_DE_VAUCOULEURS, variances=_DE_VAUCOULEURS.variances / 1.078031**2),
            replace(_EXPONENTIAL, variances=_EXPONENTIAL.variances / 0.928896**2),
        )


PROFILES = Profiles.with_half_light(1.0)
"""A galaxy's radius is its half-light radius along the major axis."""


@dataclass(frozen=True)
class Psf:
    """The image of a point of unit flux: weights (K,), means (K, 2) as x and y in pixels, covariances (K, 2, 2) in
    pixels^2."""

    weights: Floats
    means: Floats
    covariances: Floats

    def __post_init__(self) -> None:
        k = self.weights.shape[0]
        if (self.weights.shape, self.means.shape, self.covariances.shape) != ((k,), (k, 2), (k, 2, 2)):
            raise FpgaMlError(
                f"weights {self.weights.shape}, means {self.means.shape}, covariances {self.covariances.shape} do not fit",
                where="Psf",
                do="give (K,), (K, 2) and (K, 2, 2)",
            )
        if self.weights.min() <= 0 or np.linalg.eigvalsh(self.covariances).min() <= 0:
            raise FpgaMlError(
                "a term has no positive weight or width",
                where="Psf",
                do="the kernel adds powers of two: fit the PSF with positive Gaussians",
            )

    def at(self, x: Floats, y: Floats) -> Floats:
        """Its density at offsets in pixels from the source, one value for each."""
        away = np.stack([x, y], axis=-1)[..., None, :] - self.means
        distance = np.einsum("...ki,kij,...kj->...k", away, np.linalg.inv(self.covariances), away)
        density: Floats = np.exp(-distance / 2) @ (self.weights / (2 * np.pi * np.sqrt(np.linalg.det(self.covariances))))
        return density

    def second_moment(self) -> float:
        """Mean square of the distance along an axis, pixels^2."""
        spread = self.means - self.weights @ self.means / self.weights.sum()
        traces = np.trace(self.covariances, axis1=1, axis2=2) + (spread**2).sum(axis=1)
        return float(self.weights @ traces / self.weights.sum() / 2)


def _psf(*terms: tuple[float, tuple[float, float], tuple[float, float, float]]) -> Psf:
    weights, means, shapes = zip(*terms, strict=True)
    return Psf(np.array(weights), np.array(means), np.array([[[xx, xy], [xy, yy]] for xx, xy, yy in shapes]))


SDSS_PSF = {
    2: _psf((0.82, (0.02, -0.03), (1.75, 0.05, 1.85)), (0.18, (-0.05, 0.04), (7.5, -0.2, 7.0))),
    3: _psf(
        (0.70, (0.02, -0.03), (1.55, 0.05, 1.65)),
        (0.26, (-0.05, 0.04), (4.6, -0.2, 4.4)),
        (0.04, (0.0, 0.0), (28.0, 0.0, 28.0)),
    ),
}
"""PSFs like those of SDSS, full width at half maximum 1.3 arc seconds or 3.3 pixels, by their number of Gaussians."""
