"""Distributions, ROC curves and decisions in report.json, against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from fpga_ml.project import Project
from fpga_ml.report.metrics import classifier
from fpga_ml.report.outputs import confusion, decisions, distributions, roc


def scores(n: int, classes: int, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, classes)).round(1)  # with many ties


@pytest.mark.parametrize("classes", [1, 2, 4])
def test_roc_is_the_best_cut(classes: int) -> None:
    s, y = scores(200, classes), np.random.default_rng(4).integers(0, max(classes, 2), 200)
    found = roc({"float": (s,)}, y)
    assert [row["class"] for row in found] == ([1] if classes < 3 else list(range(classes)))
    for row in found:
        column = s[:, min(row["class"], classes - 1)]
        signal = y == row["class"]
        assert (row["signal"], row["background"]) == (signal.sum(), (~signal).sum())
        for wanted, background in zip(row["signal_efficiency"], row["background_efficiency"]["float"], strict=True):
            kept = [(column >= cut) for cut in np.unique(column)]
            best = min(k[~signal].mean() for k in kept if k[signal].mean() >= wanted - 1e-9)
            assert background == pytest.approx(best, abs=1e-12)
    areas = [row["auc"]["float"] for row in found]
    assert np.mean(areas) == pytest.approx(classifier(s, y)["auc"])


def test_the_band_of_a_roc_curve() -> None:
    """By its definition: at each end, counts as extreme as those seen have a probability of half of what is left out."""
    s, y = scores(200, 3), np.random.default_rng(4).integers(0, 3, 200)
    tail = (1 - 0.6827) / 2
    for row in roc({"float": (s,)}, y):
        count, band = row["background"], row["band"]["float"]
        shares = zip(row["background_efficiency"]["float"], band["low"], band["high"], strict=True)
        for share, low, high in shares:
            kept = round(share * count)
            assert low <= share <= high
            assert binom.cdf(kept, count, high) == pytest.approx(tail) or (kept == count and high == 1)
            assert binom.sf(kept - 1, count, low) == pytest.approx(tail) or (kept == 0 and low == 0)
    apart = roc({"float": (np.eye(2)[[0, 0, 1, 1]],)}, np.array([0, 0, 1, 1]))[0]
    assert apart["background_efficiency"]["float"][0] == 0
    assert apart["band"]["float"]["high"][0] == pytest.approx(1 - tail ** (1 / 2))  # nothing of two


def test_roc_of_one_class_alone() -> None:
    assert roc({"float": (scores(20, 2),)}, np.ones(20, int)) == []
    assert [r["class"] for r in roc({"float": (scores(20, 3),)}, np.arange(20) % 2)] == [0, 1]


def test_decisions_are_counted() -> None:
    a, b = scores(100, 3, 1), scores(100, 3, 2)
    table = np.array(decisions({"float": (a,), "csim": (b,)}))
    assert table.sum() == 100
    assert table[2, 0] == sum(p == 2 and q == 0 for p, q in zip(a.argmax(1), b.argmax(1), strict=True))
    one = decisions({"float": (np.array([[0.4], [0.6], [0.9]]),), "csim": (np.array([[0.6], [0.7], [0.1]]),)})
    assert one == [[0, 1], [1, 1]]
    assert decisions({"csim": (a,)}) is None


def test_histograms_by_class_and_of_errors() -> None:
    a, b, y = scores(300, 2, 1), scores(300, 2, 2), np.arange(300) % 2
    rows = distributions({"float": (a,), "csim": (b,)}, ["out"], y, classes=True)
    assert [(r["element"], r["quantity"], r["samples"]) for r in rows[:3]] == [
        (0, "value", "class 0"),
        (0, "value", "the rest"),
        (0, "error against float", "all"),
    ]
    own, rest, error = rows[3:]
    for row, values in ((own, b[y == 1, 1]), (rest, b[y == 0, 1]), (error, (b - a)[:, 1])):
        edges = np.array(row["edges"])
        bins = np.clip(np.searchsorted(edges, values, "right") - 1, 0, len(edges) - 2)
        assert row["counts"]["csim"] == np.bincount(bins, minlength=len(edges) - 1).tolist()
    assert own["edges"] == rest["edges"]
    assert "float" not in error["counts"]


def test_a_regression_has_residuals() -> None:
    out, y = scores(50, 3), scores(50, 3, 9)
    rows = distributions({"float": (out[:, :1], out[:, 1:])}, ["a", "b"], y, classes=False)
    found = [(r["output"], r["element"]) for r in rows if r["quantity"] == "output - target"]
    assert found == [("a", 0), ("b", 0), ("b", 1)]
    last, residual = rows[-1], (out - y)[:, 2]
    assert (last["edges"][0], last["edges"][-1]) == pytest.approx((residual.min(), residual.max()))
    unfit = distributions({"float": (out,)}, ["a"], y[:, :2], classes=False)
    assert {r["quantity"] for r in unfit} == {"value"}


def test_many_elements_are_shown_together_and_constants_have_a_width() -> None:
    rows = distributions({"float": (np.full((6, 4, 5), 2.0),)}, ["image"], None, classes=False)
    assert [r["element"] for r in rows] == [None]
    assert sum(rows[0]["counts"]["float"]) == 6 * 20
    assert rows[0]["edges"][0] < 2 < rows[0]["edges"][-1]
    assert distributions({}, ["image"], None, classes=False) == []


def test_a_build_reports_them(parallel: Project) -> None:
    report = parallel.report
    rows = report["distributions"]
    assert [r["element"] for r in rows if r["quantity"] == "error against float"] == [0, 1, 2, 3, 4]
    for stage, arrays in parallel.outputs.items():
        for k in range(5):
            counted = sum(
                sum(r["counts"][stage])
                for r in rows
                if r["element"] == k and r["quantity"] == "value" and stage in r["counts"]
            )
            assert counted == len(arrays[0])
    table = np.array(report["decisions"])
    assert table.sum() - table.trace() == report["csim"]["argmax_flips_vs_float"]
    assert np.mean([r["auc"]["csim"] for r in report["roc"]]) == pytest.approx(report["metrics"]["csim"]["auc"])


def test_truth_against_decisions() -> None:
    """Against counting by hand, with scores of a softmax and of one sigmoid."""
    y = np.array([0, 0, 1, 2, 2, 2])
    scores = np.eye(3)[[0, 1, 1, 2, 2, 0]]
    assert confusion({"csim": (scores,)}, y) == {"csim": [[1, 1, 0], [0, 1, 0], [1, 0, 2]]}
    one = np.array([0.1, 0.9, 0.6, 0.5])[:, None]
    assert confusion({"csim": (one,)}, np.array([0, 0, 1, 1])) == {"csim": [[1, 1], [1, 1]]}
    assert confusion({"csim": (scores,)}, y[:3]) is None
    assert confusion({}, y) is None
