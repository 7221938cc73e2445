"""The kernel as Keras layers: equal to the emulator bit for bit, and in double precision where they have no design."""

from __future__ import annotations

import json
from dataclasses import replace

import keras
import numpy as np
import pytest
from numpy.testing import assert_equal

from fpga_ml.celeste_design import MOMENTS, OUTPUTS, OVERFLOW, VALUE, Design, Table
from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.celeste import CelesteSums, CelesteTerms, kernel_model
from fpga_ml.frontend.floats import to_float
from fpga_ml.science.celeste.emulator import Emulator, inputs_of
from fpga_ml.science.celeste.evaluator import Float64

from .scenes import codes, galaxy, near, patch, star
from .test_kernel import DESIGNS


def outputs(model: keras.Model, given: list[np.ndarray]) -> dict[str, np.ndarray]:
    return dict(zip(OUTPUTS, (np.asarray(o) for o in model(given)), strict=True))


@pytest.mark.parametrize("name", DESIGNS)
def test_equals_the_emulator(name: str) -> None:
    """Wherever a value is, in range or not."""
    d, shape = DESIGNS[name], (5, 7)
    coefficients, pixels = codes(d, shape, 3, 100)
    found = outputs(kernel_model(d, shape, 3), [d.coefficient.real(coefficients), d.rate.real(pixels)])
    known = Emulator(d).raw(coefficients, pixels)
    for output in OUTPUTS:
        assert_equal(found[output].reshape(100, -1), known[output].type.real(known[output].raw))


@pytest.mark.parametrize("name", ["D14", "D16", "D18"])
def test_equals_the_emulator_on_whole_patches(name: str) -> None:
    source = np.concatenate([star(3000), galaxy(20000)])
    given, scene = near(source), patch(source)
    d = Design.of(name)
    codes = {
        k: d.coefficient.quantise(v) if k == "coefficients" else d.rate.quantise(v)
        for k, v in inputs_of(given, scene).items()
    }
    found, want = outputs(kernel_model(name, (51, 51), 30), [v[None] for v in codes.values()]), Emulator(name)(given, scene)
    assert found[VALUE].item() == want.value
    assert_equal(found[MOMENTS][0], want.moments)
    assert found[OVERFLOW].item() == want.overflow == 0


def test_without_a_design_it_is_double_precision() -> None:
    source = star(26000)
    given, scene = near(source), patch(source)
    model = to_float(kernel_model("D14", (51, 51), 2))
    found, want = outputs(model, [v[None] for v in inputs_of(given, scene).values()]), Float64()(given, scene)
    np.testing.assert_allclose(found[VALUE].item(), want.value, rtol=1e-12)
    np.testing.assert_allclose(found[MOMENTS][0], want.moments, atol=1e-8)


def test_double_precision_stays_finite() -> None:
    """Whatever the data: a report holds its errors."""
    d = Design.of("D16")
    coefficients, pixels = codes(d, (5, 7), 3, 100)
    model = to_float(kernel_model(d, (5, 7), 3))
    for found in outputs(model, [d.coefficient.real(coefficients), d.rate.real(pixels)]).values():
        assert np.isfinite(found).all()


def test_layers_are_saved_with_their_design() -> None:
    model = kernel_model(DESIGNS["coarse"], (3, 4), 2)
    again = keras.models.model_from_json(json.dumps(json.loads(model.to_json())))
    assert [layer.design for layer in again.layers[-3:]] == [DESIGNS["coarse"]] * 3
    assert again.output_shape == [(None, 1), (None, 2, 6), (None, 1)]


def test_what_cannot_be_is_told() -> None:
    with pytest.raises(FpgaMlError, match="a sum of 'momenta' is unknown"):
        CelesteSums("momenta")
    with pytest.raises(FpgaMlError, match="not exact in float64"):
        CelesteTerms(design=replace(DESIGNS["D18"], reciprocal=Table(6, 19)))
