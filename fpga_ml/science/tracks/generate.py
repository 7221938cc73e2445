"""Tracks through planes in a magnetic field, as a road of a trigger hands them on: simulated hits and true states.

Planes stand across the x axis, the field along z bends in x and y. Between planes a track is an arc of a circle; each plane
scatters it by a Gaussian angle (Highland's formula, Particle Data Group, "Passage of particles through matter") and
measures y with Gaussian noise, or misses it. A road is a bin of pattern recognition: its centre is known, and what is
simulated, given and estimated is the difference from it, in the natural units of `Detector`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
_CURVATURE_PER_TESLA = 0.299792458  # 1/m of 1 GeV in 1 T


@dataclass(frozen=True)
class Detector:
    """planes: how many; spacing_m: between them; field_t: tesla; noise_m: of a hit; thickness: of a plane in radiation
    lengths; efficiency: of a plane; momentum_gev, spread: of the road's centre, and the relative width of 1/p in it;
    position_m, slope: widths of the road at the first plane (Gaussian)."""

    planes: int = 8
    spacing_m: float = 0.1
    field_t: float = 1.0
    noise_m: float = 1e-4
    thickness: float = 0.02
    efficiency: float = 0.95
    momentum_gev: float = 5.0
    spread: float = 0.1
    position_m: float = 1e-3
    slope: float = 2e-3

    @property
    def curvature(self) -> float:
        """Of the road's centre, in 1/m."""
        return _CURVATURE_PER_TESLA * self.field_t / self.momentum_gev

    @property
    def widths(self) -> Array:
        """Of the road in position (m), slope and curvature (1/m): the units of all states."""
        return np.array([self.position_m, self.slope, self.spread * self.curvature])

    def scattering(self, curvature: Array | float) -> Array:
        """Width of a plane's scattering angle, radians, for a track of this curvature."""
        momentum = _CURVATURE_PER_TESLA * self.field_t / np.abs(curvature)
        width: Array = 0.0136 / momentum * np.sqrt(self.thickness) * (1 + 0.038 * np.log(self.thickness))
        return width


@dataclass(frozen=True)
class Tracks:
    """hits (N, planes) in metres, differences from the road's centre, 0 where missed; seen (N, planes) bool; states (N,
    planes, 3): true position (m), slope and curvature (1/m) behind each plane's scattering, differences as well."""

    hits: Array
    seen: npt.NDArray[np.bool_]
    states: Array

    def features(self, detector: Detector) -> Array:
        """(N, planes, 3): hit in widths of the road at its plane, whether it was seen (+-1), and the plane from -1 to 1."""
        n, planes = self.hits.shape
        plane = np.broadcast_to(np.linspace(-1, 1, planes), (n, planes))
        return np.stack([self.hits / reach(detector), np.where(self.seen, 1.0, -1.0), plane], axis=-1)


def reach(detector: Detector) -> Array:
    """(planes,): width of the road in y at each plane, in metres."""
    x = np.arange(detector.planes) * detector.spacing_m
    position, slope, curvature = detector.widths
    width: Array = np.sqrt(position**2 + (slope * x) ** 2 + (curvature * x**2 / 2) ** 2)
    return width


def generate(detector: Detector, count: int, seed: int) -> Tracks:
    """As many tracks; the same seed gives the same tracks."""
    rng = np.random.default_rng(seed)
    centre = _walk(detector, np.zeros(1), np.zeros(1), np.full(1, detector.curvature), None)
    start = rng.normal(size=(3, count)) * detector.widths[:, None]
    curvature = detector.curvature + start[2]
    own = _walk(detector, start[0], start[1], curvature, rng)
    noise = rng.normal(size=(count, detector.planes)) * detector.noise_m
    seen = rng.random((count, detector.planes)) < detector.efficiency
    states = own - centre
    return Tracks(np.where(seen, states[..., 0] + noise, 0.0), seen, states)


def _walk(detector: Detector, y: Array, slope: Array, curvature: Array, rng: np.random.Generator | None) -> Array:
    """States (N, planes, 3) behind each plane; without a generator, without scattering."""
    angle, states = np.arctan(slope), []
    for plane in range(detector.planes):
        if plane:
            ahead = np.arcsin(np.sin(angle) + curvature * detector.spacing_m)
            y = y + (np.cos(angle) - np.cos(ahead)) / curvature
            angle = ahead
        if rng is not None:
            angle = angle + rng.normal(size=len(angle)) * detector.scattering(curvature)
        states.append(np.stack([y, np.tan(angle), curvature], axis=-1))
    return np.stack(states, axis=1)
