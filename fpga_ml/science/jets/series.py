"""Jets as series of their leading constituents, for recurrent networks."""

from __future__ import annotations

import numpy as np

from fpga_ml.science.jets.constituents import Array

FEATURES = 5
_LOG_SCALE, _ANGLE_SCALE = 0.25, 2.0  # bring what is there to about -1 to 1
_LEAST = 1e-4


def series(constituents: Array) -> Array:
    """(N, n, 4) = pT fraction, d eta, d phi, charged, hardest first, zeros behind, to (N, n, 5): 1 + log(pT fraction) / 4,
    2 d eta, 2 d phi, 2 * distance from the axis, +-1 for charged and neutral; zeros where there is no constituent."""
    z, eta, phi, charged = np.moveaxis(np.asarray(constituents, np.float64), -1, 0)
    features = [
        1 + _LOG_SCALE * np.log(np.maximum(z, _LEAST)),
        _ANGLE_SCALE * eta,
        _ANGLE_SCALE * phi,
        _ANGLE_SCALE * np.hypot(eta, phi),
        np.where(charged != 0, 1.0, -1.0),
    ]
    found: Array = np.where((z > 0)[..., None], np.stack(features, axis=-1), 0.0)
    return found
