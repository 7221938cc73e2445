"""The plugin refuses layers of which hls4ml's own C++ is known to be another function, or computes them by ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import hls4ml
import keras
import numpy as np
import pytest
import qkeras
from keras import layers as L
from numpy.testing import assert_array_equal

from fpga_ml.errors import FpgaMlError


def around(shape: tuple[int, ...], build: Callable[[Any], Any]) -> Any:
    inputs = keras.Input(shape, name="x")
    return keras.Model(inputs, build(inputs))


def beside(x: Any) -> Any:
    """Two convolutions of one series, the second of them padded."""
    return [L.Conv1D(2, 2, name="first")(x), L.Conv1D(2, 3, padding="same", name="padded")(x)]


FAULTS: dict[str, tuple[str, Any, str, bool]] = {  # stream or not, model, what is said, whether exact=True has it right
    "ternary": (
        "io_parallel",
        ((4,), lambda x: qkeras.QActivation(qkeras.ternary(alpha=1, threshold=0.5))(x)),
        "ternary",
        True,
    ),
    "leaky": ("io_parallel", ((4,), lambda x: qkeras.QActivation("quantized_relu(6,2,0,0.25)")(x)), "leaky", True),
    "merge": ("io_parallel", ((4, 3), lambda x: L.Add()([x, L.Dense(1)(x)])), "repeats", False),
    "rows": ("io_stream", ((5, 5, 1), L.Conv2D(2, (1, 2), strides=2)), "every row", True),
    "in_place": ("io_stream", ((2, 3), lambda x: L.ReLU()(L.Permute((1, 2))(x))), "leaves in place", True),
    "flattened": ("io_stream", ((2, 3), lambda x: L.ReLU()(L.Flatten()(x))), "first beat", True),
    "reshaped": ("io_stream", ((2, 6), lambda x: L.ReLU()(L.Reshape((3, 4))(x))), "drops values", True),
    "padded": ("io_stream", ((6, 2), beside), "pads another layer", True),
}


def convert(name: str, folder: Path, **options: Any) -> Any:
    io_type, (shape, build), _, _ = FAULTS[name]
    model = around(shape, build)
    config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="OpenRTL")
    return hls4ml.converters.convert_from_keras_model(
        model,
        hls_config=config,
        backend="OpenRTL",
        io_type=io_type,
        output_dir=str(folder),
        allow_da_fallback=False,
        **options,
    )


@pytest.mark.parametrize("name", FAULTS)
def test_known_faults_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(FpgaMlError, match=FAULTS[name][2]) as error:
        convert(name, tmp_path)
    assert ("exact=True" in error.value.do) is FAULTS[name][3]


@pytest.mark.parametrize("name", [name for name, (*_, right) in FAULTS.items() if right])
def test_exact_conversions_have_them_right(name: str, tmp_path: Path) -> None:
    graph = convert(name, tmp_path, exact=True)
    if name in ("ternary", "leaky"):
        x = np.random.default_rng(1).integers(-40, 41, size=(50, 4)) / 16
        graph.compile()
        ternary = np.where(np.abs(x) >= 0.5, np.sign(x), 0)
        leaky = np.where(x > 0, np.minimum(np.rint(x * 8), 31), np.maximum(np.rint(x * 2), -8)) / 8
        assert_array_equal(graph.predict(x), ternary if name == "ternary" else leaky)
