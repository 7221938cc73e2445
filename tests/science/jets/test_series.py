"""Constituents as series."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from fpga_ml.science.jets.series import FEATURES, series


def test_series_of_two_constituents() -> None:
    jet = np.array([[[1.0, 0.3, -0.4, 1.0], [np.exp(-4.0), 0.0, 0.1, 0.0], [0.0, 0.0, 0.0, 0.0]]])
    found = series(jet)
    assert found.shape == (1, 3, FEATURES)
    assert_allclose(found[0, 0], [1.0, 0.6, -0.8, 1.0, 1.0])
    assert_allclose(found[0, 1], [0.0, 0.0, 0.2, 0.2, -1.0], atol=1e-12)
    assert_array_equal(found[0, 2], np.zeros(FEATURES))
