"""Figures of merit of jet physics, each with its error where it has one; scores (N,) grow towards the signal, y = 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_curve

from fpga_ml.report.metrics import auc as area

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[Any]


def auc(scores: Array, y: Labels) -> tuple[float, float]:
    """Area under the ROC curve and its standard error (DeLong, DeLong, Clarke-Pearson 1988)."""
    signal, background = scores[y == 1], scores[y != 1]
    of_signal, of_background = _below(signal, background), 1.0 - _below(background, signal)
    variance = of_signal.var(ddof=1) / len(signal) + of_background.var(ddof=1) / len(background)
    return area(scores, y == 1), float(np.sqrt(variance))


def auc_difference(scores: Array, others: Array, y: Labels) -> tuple[float, float]:
    """AUC of the one score less that of the other on the same samples, and the standard error of the difference, in which
    what the two have in common cancels (DeLong, DeLong, Clarke-Pearson 1988)."""
    signal, background = y == 1, y != 1
    ours, theirs = ((_below(s[signal], s[background]), 1.0 - _below(s[background], s[signal])) for s in (scores, others))
    of_signal, of_background = ours[0] - theirs[0], ours[1] - theirs[1]
    variance = of_signal.var(ddof=1) / len(of_signal) + of_background.var(ddof=1) / len(of_background)
    return float(of_signal.mean()), float(np.sqrt(variance))


def _below(values: Array, others: Array) -> Array:
    """For each value the fraction of the others below it, equals counted half."""
    ranked = np.sort(others)
    below: Array = (np.searchsorted(ranked, values, "left") + np.searchsorted(ranked, values, "right")) / (2.0 * len(others))
    return below


def mean_auc(scores: Array, y: Labels) -> tuple[float, float]:
    """Unweighted mean over classes of one against the rest, (N, classes), with the errors added as if independent."""
    each = [auc(scores[:, c], (y == c).astype(int)) for c in range(scores.shape[1])]
    return float(np.mean([a for a, _ in each])), float(np.sqrt(sum(e**2 for _, e in each)) / len(each))


def of_classes(logits: Array, y: Labels, classes: Sequence[str]) -> dict[str, float]:
    """Of logits (N, classes): mean AUC with its error, accuracy, and auc_CLASS, by the softmax, one against the rest."""
    shifted = np.asarray(logits, np.float64)
    powers = np.exp(shifted - shifted.max(1, keepdims=True))
    scores = powers / powers.sum(1, keepdims=True)
    value, error = mean_auc(scores, y)
    each = {f"auc_{name}": auc(scores[:, c], (y == c).astype(int))[0] for c, name in enumerate(classes)}
    return {"auc": value, "auc_error": error, "accuracy": float((shifted.argmax(1) == y).mean()), **each}


def background_efficiency(scores: Array, y: Labels, signal_efficiency: float = 0.5) -> tuple[float, float]:
    """Background efficiency at a signal efficiency, interpolated, and its binomial error."""
    false, true, _ = roc_curve(y, scores, drop_intermediate=False)
    efficiency = float(np.interp(signal_efficiency, true, false))
    n = int(np.count_nonzero(y != 1))
    return efficiency, float(np.sqrt(max(efficiency * (1 - efficiency), 1 / n) / n))


def rejection(scores: Array, y: Labels, signal_efficiency: float = 0.5) -> tuple[float, float]:
    """1 / background efficiency, and its error by propagation; infinite where no background is left."""
    efficiency, error = background_efficiency(scores, y, signal_efficiency)
    return (1 / efficiency, error / efficiency**2) if efficiency else (float("inf"), float("inf"))


def sic(scores: Array, y: Labels, least_background: int = 10) -> tuple[Array, Array]:
    """Significance improvement: (signal efficiencies, efficiency / sqrt(background efficiency)), where at least so many
    background samples are left."""
    false, true, _ = roc_curve(y, scores)
    kept = false * np.count_nonzero(y != 1) >= least_background
    return true[kept], true[kept] / np.sqrt(false[kept])


def ams(ns: float, nb: float, sigma: float) -> float:
    """Approximate median significance with a background uncertainty sigma (Louppe, Kagan, Cranmer, arXiv:1611.01046).

    b0 = (nb - sigma^2 + sqrt((nb - sigma^2)^2 + 4 (ns + nb) sigma^2)) / 2; without uncertainty b0 = nb. 0 where there is
    no background to compare with.
    """
    variance = sigma**2
    b0 = (nb - variance + np.sqrt((nb - variance) ** 2 + 4 * (ns + nb) * variance)) / 2
    if b0 <= 0 or ns <= 0:
        return 0.0
    pull = (nb - b0) ** 2 / variance if variance else 0.0
    return float(np.sqrt(max(2 * ((ns + nb) * np.log((ns + nb) / b0) - ns - nb + b0) + pull, 0.0)))


@dataclass(frozen=True)
class AmsCurve:
    """AMS at each threshold on the score; both (T,)."""

    thresholds: Array
    values: Array

    @property
    def best(self) -> tuple[float, float]:
        """(highest AMS, its threshold)."""
        k = int(self.values.argmax())
        return float(self.values[k]), float(self.thresholds[k])


@dataclass(frozen=True)
class Expected:
    """Events before the threshold; fewer background events than `least` behind it are not trusted: AMS 0 there."""

    signal: float = 100.0
    background: float = 1000.0
    least: float = 2.0


def ams_curve(scores: Array, y: Labels, z: Labels, expected: Expected = Expected(), steps: int = 100) -> AmsCurve:
    """AMS against the threshold. Efficiencies at z = 0; sigma is the change of the background from z = 0 to z = 1, but no
    less than that change's own statistical error in these samples (without this floor a chance crossing peaks)."""
    thresholds = np.linspace(0.0, 1.0, steps, endpoint=False)
    signal, nominal, shifted = (np.sort(scores[k]) for k in ((y == 1) & (z == 0), (y != 1) & (z == 0), (y != 1) & (z == 1)))
    es, e0, e1 = (1 - np.searchsorted(s, thresholds, "right") / len(s) for s in (signal, nominal, shifted))
    floor = np.sqrt(e0 / len(nominal) + e1 / len(shifted))
    sigma = expected.background * np.maximum(np.abs(e0 - e1), floor)
    ns, nb = expected.signal * es, expected.background * e0
    values = [ams(*row) if row[1] >= expected.least else 0.0 for row in zip(ns, nb, sigma, strict=True)]
    return AmsCurve(thresholds, np.array(values))


def ks_distance(a: Array, b: Array) -> float:
    """Kolmogorov-Smirnov distance: the largest difference of the two cumulative distributions."""
    at = np.concatenate([a, b])
    cumulative = [np.searchsorted(np.sort(s), at, "right") / len(s) for s in (a, b)]
    return float(np.abs(cumulative[0] - cumulative[1]).max())


def bias_and_width(residuals: Array) -> tuple[float, float]:
    """Median, and half of the interval from the 16th to the 84th percentile."""
    low, middle, high = np.percentile(residuals, (16, 50, 84))
    return float(middle), float(high - low) / 2
