"""Labels that fit a model's outputs, and which of them are class numbers; those that do not are in
tests/errors/test_table.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_equal

from fpga_ml.labels import checked_labels

FIT: dict[
    str, tuple[Any, Sequence[tuple[int, ...]], bool, Any]
] = {  # labels, outputs, whether the model decides, class numbers (None: targets)
    "class numbers": ([0, 4, 2], [(5,)], True, [0, 4, 2]),
    "class numbers as floats": ([0.0, 4.0, 2.0], [(5,)], True, [0, 4, 2]),
    "a column": ([[0], [4], [2]], [(5,)], True, [0, 4, 2]),
    "one-hot": (np.eye(3)[[2, 0, 1]], [(3,)], True, [2, 0, 1]),
    "one-hot of a sigmoid": (np.eye(2)[[1, 0, 1]], [(1,)], True, [1, 0, 1]),
    "booleans of a sigmoid": ([True, False, True], [(1,)], True, [1, 0, 1]),
    "logits": ([0, 2, 1], [(3,)], False, [0, 2, 1]),
    "one logit": ([0, 1, 1], [(1,)], False, [0, 1, 1]),
    "a class for each step": ([[0, 1], [2, 2], [1, 0]], [(2, 3)], True, [[0, 1], [2, 2], [1, 0]]),
    "an image's single pixel": ([0, 1, 2], [(1, 1, 3)], True, [0, 1, 2]),
    "counts": ([3, 7, 1], [(1,)], False, None),
    "targets": ([[0.5, 0.5], [1.0, 0.0], [0.0, 1.0]], [(2,)], False, None),
    "whole targets": ([[1, 2], [3, 4], [5, 6]], [(2,)], False, None),
    "of several outputs": (np.ones((3, 5)), [(2,), (3,)], False, None),
    "several labels a sample": ([[1, 1, 0], [0, 0, 0], [1, 0, 1]], [(3,)], False, None),
    "an image": (np.ones((3, 2, 2, 1)), [(2, 2, 1)], False, None),
}


@pytest.mark.parametrize("name", FIT)
def test_labels_that_fit(name: str) -> None:
    given, outputs, decides, classes = FIT[name]
    y = np.asarray(given)
    found = checked_labels(y, outputs, "here", decides=decides)
    assert_equal(found, y if classes is None else classes)
    assert found.dtype == (np.float64 if classes is None else np.int64)
