"""Objectives, against sums written out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fpga_ml.errors import FpgaMlError
from fpga_ml.explore.objective import KNOWN, Objective, objective
from fpga_ml.samples import Samples

RNG = np.random.default_rng(3)
Y = RNG.integers(0, 2, 300)
SCORES = (Y + RNG.normal(0, 1, 300))[:, None]


def samples(y: np.ndarray | None) -> Samples:
    return Samples((SCORES,), y, "here", True)


def test_auc_is_the_share_of_pairs_in_order() -> None:
    signal, background = SCORES[Y == 1, 0], SCORES[Y == 0, 0]
    pairs = np.mean(signal[:, None] > background[None, :])
    assert KNOWN["auc"].score([SCORES], Y) == pytest.approx(pairs, abs=1e-12)


def test_regression() -> None:
    target = RNG.normal(size=(50, 2))
    found = target + np.array([0.5, -0.5])
    assert KNOWN["mse"].score([found], target) == pytest.approx(0.25)
    assert KNOWN["width"].score([found], target) == pytest.approx(0.5)
    assert KNOWN["mse"].better == KNOWN["width"].better == "lower"


def test_loss_is_that_of_pairs() -> None:
    """The same noise on both sides is no loss, and its error is none: samples are drawn together."""
    auc, mse = KNOWN["auc"], KNOWN["mse"]
    drawn = auc.drawn([SCORES], Y)
    assert auc.loss(drawn, drawn) == (0.0, 0.0)
    mean, error = auc.loss(auc.drawn([SCORES + RNG.normal(0, 1, SCORES.shape)], Y), drawn)
    assert mean > 0
    assert 0 < error < 0.1
    zeros = np.zeros((2, 1))
    assert mse.loss(mse.drawn([zeros + 2.0], zeros), mse.drawn([zeros], zeros))[0] == 4.0


def test_error_of_a_mean_is_that_of_statistics() -> None:
    """Of independent errors of width 0.3 around the target, the mean square's error is 0.3**2 sqrt(2 / N)."""
    target = RNG.normal(size=(4000, 1))
    mse = KNOWN["mse"]
    drawn = mse.drawn([target + RNG.normal(0, 0.3, target.shape)], target)
    _, error = mse.loss(drawn, mse.drawn([target], target))
    assert error == pytest.approx(0.09 * np.sqrt(2 / 4000), rel=0.35)


def test_default_follows_the_labels() -> None:
    assert objective(None, samples(Y), Path()).name == "auc"
    assert objective(None, samples(SCORES), Path()).name == "mse"


def test_a_users_function(tmp_path: Path) -> None:
    (tmp_path / "my_goal_of_tests.py").write_text("def best(outputs, y):\n    return float(outputs[0][0, 0]) + len(y)\n")
    found = objective("my_goal_of_tests:best", samples(Y), tmp_path)
    assert found.score([SCORES], Y) == SCORES[0, 0] + 300
    assert found.better == "higher"


@pytest.mark.parametrize(
    ("name", "y", "said"),
    [
        ("auc", None, "there are no labels to judge a model by"),
        ("auk", Y, "unknown objective 'auk'"),
        ("mse", Y, "the objective 'mse' does not suit labels that are class numbers"),
        ("auc", SCORES, "the objective 'auc' does not suit labels that are targets"),
        ("no_such_module:f", Y, "the objective 'no_such_module:f' cannot be imported"),
    ],
)
def test_refused(name: str, y: np.ndarray | None, said: str) -> None:
    with pytest.raises(FpgaMlError, match=said):
        objective(name, samples(y), Path())


def test_no_number() -> None:
    with pytest.raises(FpgaMlError, match="the objective 'mine' is nan"):
        Objective("mine", "higher", lambda outputs, y: float("nan")).score([SCORES], Y)
