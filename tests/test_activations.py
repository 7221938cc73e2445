"""The one table of activations against the Keras and QKeras that are installed, and against what is made of it."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import qkeras
from keras.src.activations import ALL_OBJECTS_DICT

from fpga_ml.activations import ACTIVATIONS, BY_TABLE, CONVERTIBLE, CURVES, GATES, curve

OF_QKERAS = {"binary_tanh", "ternary_tanh", "binary_sigmoid", "smooth_sigmoid", "smooth_tanh"}


def test_every_activation_of_keras_is_there() -> None:
    assert set(ACTIVATIONS) == set(ALL_OBJECTS_DICT) | OF_QKERAS


def test_those_of_qkeras_are_there() -> None:
    known = dir(qkeras.quantizers)
    assert {"binary_sigmoid", "smooth_sigmoid", "smooth_tanh"} <= {n.strip("_") for n in known}


def test_what_does_not_convert_has_no_part_in_a_build() -> None:
    assert CONVERTIBLE >= GATES
    assert CONVERTIBLE >= BY_TABLE
    assert all(not ACTIVATIONS[name].instead for name in CONVERTIBLE)
    assert (set(CURVES) & CONVERTIBLE) | {"softmax"} == BY_TABLE


@pytest.mark.parametrize("name", sorted(set(CURVES) - {"hard_sigmoid", "hard_tanh"}))
def test_curves_are_those_of_keras(name: str) -> None:
    x = np.linspace(-9.0, 9.0, 1001)
    want = np.asarray(ALL_OBJECTS_DICT[name](keras.ops.convert_to_tensor(x, "float64")))
    np.testing.assert_allclose(curve(name)(x), want, rtol=1e-12, atol=1e-15)


def test_hard_curves_with_the_slopes_of_keras() -> None:
    x = np.linspace(-5.0, 5.0, 1001)
    for name, slope in (("hard_sigmoid", 1 / 6), ("hard_tanh", 1.0)):
        want = np.asarray(ALL_OBJECTS_DICT[name](keras.ops.convert_to_tensor(x, "float64")))
        np.testing.assert_allclose(curve(name, slope)(x), want, rtol=1e-6, atol=1e-7)
