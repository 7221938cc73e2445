"""Figures of merit of the W classifier: AUC without and with pile-up, AMS, and how much the background moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fpga_ml.science.jets.metrics import ams_curve, auc, ks_distance


def figures(outputs: Sequence[np.ndarray], sample: Mapping[str, np.ndarray]) -> dict[str, float]:
    """auc (no pile-up, z = 0) with its error, auc_z1 (pile-up), ams_max and the threshold where it is, ks: the distance
    of the background's scores between z = 0 and 1. sample: y (N,), z (N,)."""
    scores, y, z = np.asarray(outputs[0], np.float64).reshape(-1), sample["y"], sample["z"]
    value, error = auc(scores[z == 0], y[z == 0])
    highest, threshold = ams_curve(scores, y, z).best
    background = y == 0
    return {
        "auc": value,
        "auc_error": error,
        "auc_z1": auc(scores[z == 1], y[z == 1])[0],
        "ams_max": highest,
        "ams_threshold": threshold,
        "ks": ks_distance(scores[background & (z == 0)], scores[background & (z == 1)]),
    }
