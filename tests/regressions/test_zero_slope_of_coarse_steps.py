"""A slope of zero where the last bit is worth more than 1: a constant zero had fraction bits that the type has not, and
there was no RTL. A batch normalisation with a scale of zero, likewise."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from fuzzing import built
from keras import layers as L
from numpy.testing import assert_equal

from fpga_ml.config import Config
from fpga_ml.ir.kernel import Builder

SLOPES = (0.0, 0.5, 0.0)


def test_zero_has_no_more_fraction_bits_than_asked_for() -> None:
    builder = Builder("zero")
    assert [builder.wire(builder.const(0, f)).fraction for f in (-3, 0, 5)] == [-3, 0, 0]


@pytest.mark.slow
@pytest.mark.parametrize("until", ["rtl", "cosim"])
def test_prelu(until: str, tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((3,), name="x"), L.PReLU(name="leaky")])
    model.get_layer("leaky").alpha.assign(SLOPES)
    x = np.random.default_rng(1).integers(-8, 8, (40, 3)) * 4.0
    config = Config(bits=5, until=until, input_type="ap_fixed<5,7>", simulators=("icarus",), cosim_vectors=20)
    project, differences = built(model, x, config, tmp_path / "p")
    assert (project.report["stages"]["rtl"], differences) == ("ran", "")
    got = project.emulate(x)
    step = 2.0 ** -project.graph.layers[-1].result.fraction
    assert step > 1
    assert_equal(got, np.rint(np.where(x > 0, x, x * SLOPES) / step) * step)
