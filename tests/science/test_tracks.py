"""Simulated tracks and the Kalman filter, against what can be known without either."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.testing import assert_array_equal

from fpga_ml.science.tracks.generate import Detector, generate, reach
from fpga_ml.science.tracks.kalman import filtered
from fpga_ml.science.tracks.metrics import figures, width

PLAIN = replace(Detector(), thickness=1e-14, efficiency=1.0)


def test_tracks_are_circles_without_material() -> None:
    """Three points of a circle give its curvature, whatever the three are."""
    detector = replace(PLAIN, noise_m=0.0, field_t=3.0)
    tracks = generate(detector, 50, 1)
    x = np.arange(detector.planes) * detector.spacing_m
    centre = _circle(x, detector.curvature)
    for hits, state in zip(tracks.hits + centre, tracks.states[:, 0], strict=True):
        (ax, ay), (bx, by), (cx, cy) = ((x[k], hits[k]) for k in (0, 3, 7))
        twice_area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        sides = np.prod([np.hypot(p, q) for p, q in ((bx - ax, by - ay), (cx - bx, cy - by), (cx - ax, cy - ay))])
        np.testing.assert_allclose(2 * twice_area / sides, detector.curvature + state[2], rtol=1e-5)


def _circle(x: np.ndarray, curvature: float) -> np.ndarray:
    """y of the circle through the origin that begins along the x axis."""
    found: np.ndarray = (1 - np.sqrt(1 - (curvature * x) ** 2)) / curvature
    return found


def test_same_seed_same_tracks_and_missing_hits_are_zero() -> None:
    one, two = (generate(Detector(), 2000, 7) for _ in range(2))
    assert_array_equal(one.hits, two.hits)
    assert 0.93 < one.seen.mean() < 0.97
    assert not one.hits[~one.seen].any()
    np.testing.assert_allclose(one.hits[:, 0][one.seen[:, 0]].std(), reach(Detector())[0], rtol=0.1)


def test_filter_is_a_least_squares_fit_where_nothing_scatters() -> None:
    """Of a parabola, with the road as three more measurements."""
    tracks = generate(PLAIN, 200, 2)
    state, sigma = filtered(PLAIN, tracks)
    x = np.arange(PLAIN.planes) * PLAIN.spacing_m
    design = np.stack([np.ones_like(x), x, x**2 / 2], axis=1) / PLAIN.noise_m
    whole = np.concatenate([design, np.diag(1 / PLAIN.widths)])
    covariance = np.linalg.inv(whole.T @ whole)
    start = tracks.hits / PLAIN.noise_m @ design @ covariance
    move = np.array([[1, x[-1], x[-1] ** 2 / 2], [0, 1, x[-1]], [0, 0, 1]])
    np.testing.assert_allclose(
        state / PLAIN.widths, start @ move.T / PLAIN.widths, atol=0.01
    )  # arcs are not quite parabolas
    np.testing.assert_allclose(sigma[0], np.sqrt(np.diag(move @ covariance @ move.T)), rtol=0.02)


def test_filter_has_unit_pulls_with_material_and_missing_hits() -> None:
    tracks = generate(Detector(), 20_000, 3)
    state, sigma = filtered(Detector(), tracks)
    found = figures(state, sigma, tracks.states[:, -1])
    assert all(abs(found[f"{k}_pull_width"] - 1) < 0.03 for k in ("position", "slope", "curvature")), found
    seen_last = tracks.seen[:, -1]
    assert sigma[seen_last, 0].mean() < sigma[~seen_last, 0].mean()


def test_width_of_a_gaussian_is_its_sigma_and_deaf_to_tails() -> None:
    values = np.random.default_rng(4).normal(size=200_000) * 3
    assert abs(width(values) - 3) < 0.03
    values[::100] *= 1000
    assert abs(width(values) - 3) < 0.1
