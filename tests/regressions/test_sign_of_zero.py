"""The sign of zero is +1 in QKeras; it was -1 in Quartus' C++."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import qkeras
from fuzzing import built
from numpy.testing import assert_equal

from fpga_ml.config import Config


@pytest.mark.slow
@pytest.mark.parametrize("arch", ["parallel", "stream"])
def test_quartus(arch: str, tmp_path: Path) -> None:
    inputs = keras.Input((3,), name="x")
    model = keras.Model(inputs, qkeras.QActivation(qkeras.binary(alpha=1), name="sign")(inputs))
    x = np.tile([-0.5, 0.0, 0.5], (20, 1))
    project, differences = built(model, x, Config(backend="Quartus", arch=arch, until="csim"), tmp_path / "p")
    assert differences == ""
    assert_equal(project.csim(x), np.tile([-1.0, 1.0, 1.0], (20, 1)))
