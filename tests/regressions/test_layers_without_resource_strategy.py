"""strategy = 'resource' in parallel: hls4ml wrote depthwise convolutions that stop at an assertion, and refused
EinsumDense."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from fuzzing import built
from keras import layers as L

from fpga_ml.config import Config

LAYERS: dict[str, tuple[tuple[int, ...], Callable[[], Any]]] = {
    "depthwise1d": ((4, 3), lambda: L.DepthwiseConv1D(2)),
    "separable2d": ((4, 4, 2), lambda: L.SeparableConv2D(2, 2)),
    "einsum": ((4, 3), lambda: L.EinsumDense("abc,cd->abd", output_shape=(4, 2))),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYERS)
def test_they_take_the_latency_strategy(name: str, tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    shape, layer = LAYERS[name]
    model = keras.Sequential([keras.Input(shape, name="x"), layer()])
    x = np.random.default_rng(1).normal(size=(30, *shape))
    project, differences = built(model, x, Config(strategy="resource", reuse_factor=2, until="emulate"), tmp_path / "p")
    assert differences == ""
    assert project.report["csim"]["bit_exact_vs_quantised_model"] is True
    assert [n for n in project.report["notes"] if "takes the latency strategy" in n]
