"""Figures of merit of a classifier or a regression, the same for every stage."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata
from sklearn.metrics import accuracy_score

Array = npt.NDArray[np.float64]


def auc(scores: Array, signal: npt.NDArray[np.bool_]) -> float:
    """Area under the ROC curve of scores (N,) that grow towards the signal; ties count half (H. B. Mann, D. R. Whitney, Ann.
    Math. Stat. 18, 1947)."""
    ranks = rankdata(scores)
    pairs = np.count_nonzero(signal) * np.count_nonzero(~signal)
    least = np.count_nonzero(signal) * (np.count_nonzero(signal) + 1) / 2
    return float((ranks[signal].sum() - least) / pairs)


def classifier(scores: Array, y: npt.NDArray[Any]) -> dict[str, float | None]:
    """AUC (one against the rest, unweighted mean, for more than two classes) and accuracy of scores (N, classes).

    One score a sample is the probability of class 1. AUC is None where the labels hold a single class.
    """
    one = scores.shape[-1] == 1
    chosen = (scores[:, 0] > 0.5).astype(int) if one else scores.argmax(-1)
    classes = np.unique(y)
    area = None
    if len(classes) == 2 and (one or scores.shape[-1] == 2):
        area = auc(scores[:, -1], y == classes[-1])
    elif len(classes) > 1:
        present = [c for c in range(scores.shape[-1]) if c in classes]
        area = float(np.mean([auc(scores[:, c], y == c) for c in present]))
    return {"auc": area, "accuracy": float(accuracy_score(y, chosen))}


def regression(outputs: Array, y: npt.NDArray[Any]) -> dict[str, float]:
    """Mean and width (standard deviation) of output - target."""
    d = outputs.reshape(len(y), -1) - np.asarray(y, np.float64).reshape(len(y), -1)
    return {"bias": float(d.mean()), "width": float(d.std())}
