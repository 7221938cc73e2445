"""The classical Kalman filter of a road's tracks (Fruehwirth, Nucl. Instrum. Meth. A 262 (1987) 444): the oracle.

The state is (position, slope, curvature) as differences from the road's centre, to first order in them; scattering is that
of the centre's momentum.
"""

from __future__ import annotations

import numpy as np

from fpga_ml.science.tracks.generate import Array, Detector, Tracks


def filtered(detector: Detector, tracks: Tracks) -> tuple[Array, Array]:
    """States (N, 3) behind the last plane and their uncertainties (N, 3), in metres, 1 and 1/m."""
    n = len(tracks.hits)
    state, covariance = np.zeros((n, 3)), np.broadcast_to(np.diag(detector.widths**2), (n, 3, 3)).copy()
    kick = np.zeros((3, 3))
    slope = 0.0
    for plane in range(detector.planes):
        if plane:
            move, slope = _transport(detector, slope)
            state = state @ move.T
            covariance = move @ covariance @ move.T
        # d(slope)/d(angle) = 1 + slope**2
        kick[1, 1] = (detector.scattering(detector.curvature) * (1 + slope**2)) ** 2
        gain = covariance[:, :, 0] / (covariance[:, 0, 0] + detector.noise_m**2)[:, None]
        gain = np.where(tracks.seen[:, plane, None], gain, 0.0)
        state = state + gain * (tracks.hits[:, plane] - state[:, 0])[:, None]
        covariance = covariance - gain[:, :, None] * covariance[:, None, 0, :] + kick
    return state, np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))


def _transport(detector: Detector, slope: float) -> tuple[Array, float]:
    """Derivatives of (y, slope, curvature) at the next plane by those at this one, along the centre; the slope there."""
    dx, curvature = detector.spacing_m, detector.curvature
    sine = slope / np.sqrt(1 + slope**2)
    ahead = sine + curvature * dx
    cosine, cosine_ahead = np.sqrt(1 - sine**2), np.sqrt(1 - ahead**2)
    # y' = y + (cos a - cos b) / k, sin b = sin a + k dx, slope = tan
    dy_dsine = (ahead / cosine_ahead - sine / cosine) / curvature
    dy_dcurvature = ahead / cosine_ahead * dx / curvature - (cosine - cosine_ahead) / curvature**2
    dsine = cosine**3
    move = np.array(
        [
            [1.0, dy_dsine * dsine, dy_dcurvature],
            [0.0, dsine / cosine_ahead**3, dx / cosine_ahead**3],
            [0.0, 0.0, 1.0],
        ]
    )
    return move, float(ahead / cosine_ahead)
