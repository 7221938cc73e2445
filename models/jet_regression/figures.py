"""Bias and width of the regressed pT and mass; width: half the interval from the 16th to the 84th percentile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fpga_ml.science.jets.metrics import bias_and_width

MASS_UNIT_GEV = 80.0


def figures(outputs: Sequence[np.ndarray], sample: Mapping[str, np.ndarray]) -> dict[str, float]:
    """pt_bias, pt_width: of regressed / true - 1; mass_bias_gev, mass_width_gev: of regressed - true. sample: reco (N, 2)
    and truth (N, 2), pT and mass in GeV."""
    ratio, mass = (np.asarray(o, np.float64).reshape(-1) for o in outputs)
    reco, truth = np.asarray(sample["reco"], np.float64), np.asarray(sample["truth"], np.float64)
    return of(np.stack([ratio * reco[:, 0], mass * MASS_UNIT_GEV], 1), truth)


def of(found: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """The same of pT and mass in GeV, (N, 2) each."""
    pt_bias, pt_width = bias_and_width(found[:, 0] / truth[:, 0] - 1)
    mass_bias, mass_width = bias_and_width(found[:, 1] - truth[:, 1])
    return {"pt_bias": pt_bias, "pt_width": pt_width, "mass_bias_gev": mass_bias, "mass_width_gev": mass_width}
