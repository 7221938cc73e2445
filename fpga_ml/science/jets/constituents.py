"""The particles of one jet, and the moves that take them to a common frame: centre, rotate."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Constituents:
    """pt in GeV, eta (pseudorapidity) and phi (radians), each (n,); charged: (n,) bool."""

    pt: Array
    eta: Array
    phi: Array
    charged: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, p: Array, charge: Array) -> Constituents:
        """From momenta (n, 4) = px, py, pz, E in GeV and charges (n,)."""
        pt, eta, phi = polar(p)
        return cls(pt, eta, phi, charge != 0)

    @property
    def z(self) -> Array:
        """pT fractions (n,), which sum to 1."""
        fractions: Array = self.pt / self.pt.sum()
        return fractions

    def around(self, eta: float, phi: float) -> Constituents:
        """Seen from a direction: eta and phi become differences, phi in [-pi, pi)."""
        return replace(self, eta=self.eta - eta, phi=wrap(self.phi - phi))

    def centred(self) -> Constituents:
        """Seen from the pT-weighted centroid. The jet must not straddle phi = pi: call `around` its axis first."""
        return replace(self, eta=self.eta - float(self.z @ self.eta), phi=self.phi - float(self.z @ self.phi))

    def rotated(self, angle: float) -> Constituents:
        """Turned about the origin by -angle (radians): a point at that angle comes to lie on the eta axis."""
        c, s = np.cos(angle), np.sin(angle)
        return replace(self, eta=self.eta * c + self.phi * s, phi=self.phi * c - self.eta * s)


def polar(p: Array) -> tuple[Array, Array, Array]:
    """pT (GeV), pseudorapidity and azimuth of momenta (n, 4) = px, py, pz, E."""
    pt = np.hypot(p[:, 0], p[:, 1])
    return pt, np.arcsinh(p[:, 2] / np.maximum(pt, 1e-12)), np.arctan2(p[:, 1], p[:, 0])


def wrap(phi: Array) -> Array:
    """Angles to [-pi, pi)."""
    folded: Array = (phi + np.pi) % (2 * np.pi) - np.pi
    return folded


def mass(p: Array) -> float:
    """Invariant mass in GeV of the sum of momenta (n, 4); 0 where rounding makes it imaginary."""
    total = p.sum(0)
    return float(np.sqrt(max(total[3] ** 2 - (total[:3] ** 2).sum(), 0.0)))
