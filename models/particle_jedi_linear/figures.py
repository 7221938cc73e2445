"""Figures of merit of a tagger of five classes that answers with logits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fpga_ml.science.jets.metrics import of_classes


def figures(outputs: Sequence[np.ndarray], sample: Mapping[str, np.ndarray]) -> dict[str, float]:
    return of_classes(outputs[0], sample["y"], "gqwzt")
