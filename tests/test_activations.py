"""The one table of activations against the Keras and QKeras that are installed, and against what is made of it."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import qkeras
from keras.src.activations import ALL_OBJECTS_DICT

from fpga_ml.activations import ACTIVATIONS, BY_TABLE, CONVERTIBLE, CURVES, FUNCTIONS, GATES, ONLY_OURS, OPERATIONS, curve
from fpga_ml.frontend.layers import Function
from fpga_ml.frontend.rebuild import float64
from fpga_ml.numerics import FixedType

OF_QKERAS = {"binary_tanh", "ternary_tanh", "binary_sigmoid", "smooth_sigmoid", "smooth_tanh"}


def test_every_activation_of_keras_is_there() -> None:
    assert set(ACTIVATIONS) == set(ALL_OBJECTS_DICT) | OF_QKERAS


def test_those_of_qkeras_are_there() -> None:
    known = dir(qkeras.quantizers)
    assert {"binary_sigmoid", "smooth_sigmoid", "smooth_tanh"} <= {n.strip("_") for n in known}


def test_what_does_not_convert_has_no_part_in_a_build() -> None:
    assert CONVERTIBLE >= GATES
    assert BY_TABLE - set(OPERATIONS) <= CONVERTIBLE
    assert not [name for name in CONVERTIBLE if ACTIVATIONS[name].instead]
    assert set(CURVES) | {"softmax"} == BY_TABLE


def test_the_rest_of_keras_is_refused_with_a_reason() -> None:
    refused = set(ALL_OBJECTS_DICT) - CONVERTIBLE
    assert refused == {"glu", "log_softmax", "sparsemax", "threshold"}
    assert all(ACTIVATIONS[name].instead for name in refused)


PARAMETERS = {"threshold": (0.5, -1.0)}


@pytest.mark.parametrize("name", sorted(set(CURVES) - {"hard_sigmoid", "hard_tanh"}))
def test_curves_are_those_of_keras(name: str) -> None:
    low, high = FUNCTIONS[name].domain
    x = np.linspace(-9.0, 9.0, 1002)
    x = x[(x > low) & (x < high)]
    of_keras = ALL_OBJECTS_DICT.get(name) or getattr(keras.ops, name)
    want = np.asarray(of_keras(keras.ops.convert_to_tensor(x, "float64"), *PARAMETERS.get(name, ())))
    rtol = 1e-6 if name == "gelu" else 1e-12  # TensorFlow's has constants of float32
    np.testing.assert_allclose(curve(name, *PARAMETERS.get(name, ()))(x), want, rtol=rtol, atol=3e-15)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("gelu", (1.0,)), ("celu", (0.5,)), ("squareplus", (1.0,)), ("hard_shrink", (1.0,)), ("soft_shrink", (0.25,))],
)
def test_curves_with_parameters(name: str, parameters: tuple[float, ...]) -> None:
    x = np.linspace(-5.0, 5.0, 1001)
    want = np.asarray(ALL_OBJECTS_DICT[name](keras.ops.convert_to_tensor(x, "float64"), *parameters))
    rtol = 1e-6 if name == "gelu" else 1e-12
    np.testing.assert_allclose(curve(name, *parameters)(x), want, rtol=rtol, atol=3e-15)


@pytest.mark.parametrize("name", sorted(ONLY_OURS))
def test_the_layer_of_a_function_rounds_as_its_curve(name: str) -> None:
    """On the values of a type, and rounded to one: bit for bit, also outside the domain and at a pole."""
    given, result, parameters = (
        FixedType(True, 12, 4),
        FixedType.parse("ap_fixed<9,4,AP_RND_CONV,AP_SAT>"),
        PARAMETERS.get(name, ()),
    )
    x = given.real(np.arange(given.min_raw, given.max_raw + 1))
    with float64():
        got = np.asarray(Function(name, parameters)(keras.ops.convert_to_tensor(x, "float64")))
    np.testing.assert_array_equal(result.raw(got), result.raw(curve(name, *parameters)(x)))


def test_hard_curves_with_the_slopes_of_keras() -> None:
    x = np.linspace(-5.0, 5.0, 1001)
    for name, slope in (("hard_sigmoid", 1 / 6), ("hard_tanh", 1.0)):
        want = np.asarray(ALL_OBJECTS_DICT[name](keras.ops.convert_to_tensor(x, "float64")))
        np.testing.assert_allclose(curve(name, slope)(x), want, rtol=1e-6, atol=1e-7)
