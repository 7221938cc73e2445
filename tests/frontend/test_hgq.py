"""HGQ2's layers taken apart: in every bit what HGQ2 computes itself, in single precision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hgq_models import CASES, STYLES, data, made

from fpga_ml.frontend.hgq import without_hgq
from fpga_ml.frontend.operations import of_layers
from fpga_ml.frontend.rebuild import Probe, as_functional


def apart(model: Any) -> Any:
    return without_hgq(of_layers(as_functional(model)))


def differences(model: Any, x: Sequence[np.ndarray]) -> tuple[int, int]:
    """(results that differ, different results that there are)"""
    theirs = np.asarray(model(list(x) if len(x) > 1 else x[0], training=False), np.float64)
    ours = Probe(apart(model), batch=len(x[0])).outputs([a.astype(np.float64) for a in x])[0]
    assert theirs.shape == ours.shape
    return int((theirs != ours).sum()), len(np.unique(theirs))


ROTATION = [(name, list(STYLES)[n % len(STYLES)]) for n, name in enumerate(CASES)]
EVERYTHING = [(name, style) for name in CASES for style in STYLES if (name, style) not in ROTATION]


@pytest.mark.parametrize(
    ("name", "style"), [*ROTATION, *(pytest.param(*case, marks=pytest.mark.slow) for case in EVERYTHING)]
)
def test_equals_hgq2(name: str, style: str) -> None:
    model = made(name, style, 1)
    wrong, different = differences(model, data(model, np.random.default_rng(2)))
    assert wrong == 0
    assert different > 1
