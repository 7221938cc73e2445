"""Figures of the deep Kalman filter: resolutions and pull widths, and the resolutions over those of the Kalman filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fpga_ml.science.tracks.metrics import STATES
from fpga_ml.science.tracks.metrics import figures as of_states


def figures(outputs: Sequence[npt.NDArray[np.float64]], sample: Mapping[str, Any]) -> dict[str, float]:
    found = outputs[0]
    own = of_states(found[:, :3], np.exp(found[:, 3:]), sample["truth"])
    oracle = of_states(sample["kalman"], sample["kalman_sigma"], sample["truth"])
    return own | {f"{name}_over_kalman": own[f"{name}_resolution"] / oracle[f"{name}_resolution"] for name in STATES}
