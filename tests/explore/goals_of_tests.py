"""Objectives that go wrong."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np


def _narrow(outputs: Sequence[np.ndarray]) -> bool:
    """Whether they have few values, as of few bits; the float model's have many."""
    return len(np.unique(outputs[0])) < 30


def good(outputs: Sequence[np.ndarray], y: np.ndarray) -> float:
    """The share of pairs that are in order, ties counting half."""
    signal, background = outputs[0][y == 1], outputs[0][y == 0]
    return float(np.mean((signal > background.T) + 0.5 * (signal == background.T)))


def raises(outputs: Sequence[np.ndarray], y: np.ndarray) -> float:
    if _narrow(outputs):
        raise RuntimeError("too narrow for me")
    return good(outputs, y)


def is_nan(outputs: Sequence[np.ndarray], y: np.ndarray) -> float:
    return float("nan") if _narrow(outputs) else good(outputs, y)


def hangs(outputs: Sequence[np.ndarray], y: np.ndarray) -> float:
    while _narrow(outputs):
        time.sleep(0.01)
    return good(outputs, y)
