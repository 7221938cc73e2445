"""Figures of merit against values computed by hand or by other means."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import ks_2samp, norm

from fpga_ml.science.jets import metrics


@pytest.mark.parametrize(
    ("ns", "nb", "sigma", "expected"),
    [
        # s = 10, b = 10, no uncertainty: sqrt(2 (20 ln 2 - 10)) = sqrt(7.72589)
        (10.0, 10.0, 0.0, 2.779548),
        # s = 12, b = 4, sigma = 2: b0 = (0 + sqrt(4 * 16 * 4)) / 2 = 8; 2 (16 ln 2 - 16 + 8) + 16 / 4 = 10.18071
        (12.0, 4.0, 2.0, 3.190722),
        # s = 6, b = 3, sigma = 1: b0 = (2 + sqrt(4 + 36)) / 2 = 4.162278; 2 (9 ln(9 / 4.162278) - 4.837722) + 1.350889 =
        # 5.556363
        (6.0, 3.0, 1.0, 2.357194),
    ],
)
def test_ams_by_hand(ns: float, nb: float, sigma: float, expected: float) -> None:
    assert metrics.ams(ns, nb, sigma) == pytest.approx(expected, abs=2e-6)


def test_ams_at_its_ends() -> None:
    assert metrics.ams(1e-9, 100.0, 0.0) == pytest.approx(0.0, abs=1e-4)
    assert metrics.ams(3.0, 1e4, 0.0) == pytest.approx(3.0 / 100.0, rel=1e-3)  # s / sqrt(b) for a small signal
    assert metrics.ams(30.0, 1e4, 50.0) == pytest.approx(30.0 / math.hypot(100.0, 50.0), rel=1e-2)
    assert metrics.ams(0.0, 10.0, 1.0) == 0.0
    assert metrics.ams(5.0, 0.0, 0.0) == 0.0
    assert metrics.ams(10.0, 10.0, 5.0) < metrics.ams(10.0, 10.0, 1.0) < metrics.ams(10.0, 10.0, 0.0)


def test_ams_curve_of_a_step() -> None:
    """Half of the signal and a tenth of the background above 0.5, at z = 1 two tenths of it."""
    y = np.repeat([1, 0, 0], 1000)
    z = np.repeat([0, 0, 1], 1000)
    scores = np.concatenate([np.repeat([0.9, 0.1], n) for n in ((500, 500), (100, 900), (200, 800))])
    curve = metrics.ams_curve(scores, y, z)
    at = dict(zip(curve.thresholds.round(2).tolist(), curve.values.tolist(), strict=True))
    assert at[0.5] == pytest.approx(metrics.ams(50.0, 100.0, 100.0))
    assert at[0.05] == pytest.approx(metrics.ams(100.0, 1000.0, math.sqrt(1000.0 + 1000.0)))  # the error of the change
    assert at[0.95] == 0.0
    assert curve.best[0] == max(at.values())


def test_of_classes_by_hand() -> None:
    """Five jets of two classes, ranked by the softmax: 0.12, 0.27; 0.73, 0.88, 0.38. The logits themselves are not."""
    logits = np.array([[2.0, 4.0], [900.0, 901.0], [1.0, 0.0], [3.0, 1.0], [0.0, 0.5]])
    found = metrics.of_classes(logits, np.array([1, 1, 0, 0, 0]), "ab")
    assert [found[name] for name in ("auc", "auc_error", "accuracy", "auc_a", "auc_b")] == [1.0, 0.0, 0.8, 1.0, 1.0]


def test_auc_difference() -> None:
    """The difference of the AUCs, and its spread over resampled sets: far less than the errors of the two."""
    random = np.random.default_rng(2)
    y = np.repeat([1, 0], 400)
    first = random.normal(size=800) + y
    second = first + 0.3 * random.normal(size=800)
    value, error = metrics.auc_difference(first, second, y)
    assert value == pytest.approx(metrics.auc(first, y)[0] - metrics.auc(second, y)[0], abs=1e-12)
    rows = [np.concatenate([random.integers(0, 400, 400), random.integers(400, 800, 400)]) for _ in range(400)]
    spread = np.std([metrics.auc(first[r], y[r])[0] - metrics.auc(second[r], y[r])[0] for r in rows])
    assert error == pytest.approx(spread, rel=0.15)
    assert error < metrics.auc(first, y)[1] / 2
    assert metrics.auc_difference(first, first, y) == (0.0, 0.0)


def test_auc_and_its_error() -> None:
    random = np.random.default_rng(1)
    y = np.repeat([0, 1], 400)
    found = []
    for _ in range(200):
        scores = random.normal(size=800) + y
        value, error = metrics.auc(scores, y)
        assert value == pytest.approx((scores[y == 1][:, None] > scores[y == 0]).mean())  # of all pairs
        found.append((value, error))
    values, errors = np.transpose(found)
    assert values.mean() == pytest.approx(norm.cdf(1 / math.sqrt(2)), abs=0.005)
    assert errors.mean() == pytest.approx(values.std(), rel=0.15)


def test_auc_counts_ties_half() -> None:
    scores, y = np.array([1.0, 1.0, 2.0, 0.0]), np.array([1, 0, 1, 0])
    assert metrics.auc(scores, y)[0] == pytest.approx(3.5 / 4)
    assert metrics.mean_auc(np.stack([-scores, scores], 1), y)[0] == pytest.approx(3.5 / 4)


def test_rejection_at_half_of_the_signal() -> None:
    scores, y = np.arange(2000) / 2000, np.tile([0, 1], 1000)
    efficiency, error = metrics.background_efficiency(scores, y)
    assert efficiency == pytest.approx(0.5, abs=2e-3)
    assert error == pytest.approx(math.sqrt(0.25 / 1000), rel=1e-2)
    assert metrics.rejection(scores, y)[0] == pytest.approx(2.0, abs=0.01)
    half = np.concatenate([np.repeat([0.9, 0.1], 500), np.repeat([0.9, 0.1], (100, 900))])
    assert metrics.rejection(half, np.repeat([1, 0], 1000))[0] == pytest.approx(10.0)
    true, gain = metrics.sic(half, np.repeat([1, 0], 1000))
    assert gain[np.argmin(abs(true - 0.5))] == pytest.approx(0.5 / math.sqrt(0.1))


def test_ks_distance_is_scipys() -> None:
    random = np.random.default_rng(2)
    a, b = random.normal(size=300), random.normal(0.4, 1.0, 500)
    assert metrics.ks_distance(a, b) == pytest.approx(ks_2samp(a, b).statistic)
    assert metrics.ks_distance(a, a) == 0.0
    assert metrics.ks_distance(a, a + 100) == 1.0


def test_width_is_sigma_for_a_gaussian() -> None:
    bias, width = metrics.bias_and_width(np.random.default_rng(3).normal(2.0, 3.0, 100_000))
    assert (bias, width) == (pytest.approx(2.0, abs=0.05), pytest.approx(3.0, rel=0.02))
