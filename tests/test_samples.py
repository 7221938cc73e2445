"""Samples: what a file may hold, and what becomes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_equal

from fpga_ml.errors import FpgaMlError
from fpga_ml.samples import load_samples

ONE = [("x", (3,))]


def test_codes_become_values(tmp_path: Path) -> None:
    codes = np.arange(12, dtype=np.uint8).reshape(4, 3)
    np.savez(tmp_path / "d.npz", x=codes, x_scale=0.125, x_offset=-16.0, y=np.array([0, 1, 1, 0]))
    found = load_samples(tmp_path / "d.npz", ONE, seed=1)
    assert_equal(found.x[0], codes * 0.125 - 16.0)
    assert_equal(found.y, [0, 1, 1, 0])


def test_inputs_by_name_in_the_models_order() -> None:
    a, b = np.ones((2, 3)), np.zeros((2, 1))
    found = load_samples({"b": b, "a": a}, [("a", (3,)), ("b", (1,))], seed=1)
    assert_equal(found.x[0], a)
    assert_equal(found.x[1], b)


def test_without_data_random_and_said_so() -> None:
    first, again, other = (load_samples(None, ONE, seed=s) for s in (1, 1, 2))
    assert not first.measured
    assert "no data given" in first.origin
    assert_equal(first.x[0], again.x[0])
    assert (first.x[0] != other.x[0]).any()


def test_names_of_classes() -> None:
    x, y = np.zeros((4, 2)), np.array([0, 1, 2, 0])
    found = load_samples({"x": x, "y": y, "class_names": ["quark", "gluon", "top"]}, [("x", (2,))], 1)
    assert found.class_names == ("quark", "gluon", "top")
    assert found.labelled([(3,)], decides=True).class_names == ("quark", "gluon", "top")
    with pytest.raises(FpgaMlError, match="3 names of classes, and the model tells 2 apart"):
        found.labelled([(1,)], decides=True)
    with pytest.raises(FpgaMlError, match="names of classes are text, and these are int64"):
        load_samples({"x": x, "class_names": [1, 2]}, [("x", (2,))], 1)
    assert load_samples({"class_names": x}, [("class_names", (2,))], 1).class_names == ()


def test_named_classes_need_labels_of_classes() -> None:
    x, names = np.zeros((4, 2)), ["quark", "gluon"]
    for y, why in ((None, "there are no labels"), (np.array([0.1, 0.2, 0.3, 0.4]), "the labels are targets")):
        given = load_samples({"x": x, "y": y, "class_names": names}, [("x", (2,))], 1)
        with pytest.raises(FpgaMlError, match=f"classes are named, but {why}"):
            given.labelled([(1,)], decides=False)
    twice = load_samples({"x": x, "y": np.array([0, 1, 0, 1]), "class_names": ["a", "a"]}, [("x", (2,))], 1)
    with pytest.raises(FpgaMlError, match="two classes have one name"):
        twice.labelled([(1,)], decides=True)
