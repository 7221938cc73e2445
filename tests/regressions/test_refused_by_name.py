"""Networks that were built into C++ that does not compile, crashes or computes something else, and are refused by name
now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest
from keras import layers as L

import fpga_ml
from fpga_ml.config import Config
from fpga_ml.errors import FpgaMlError

SERIES = (4, 3)
CASES: dict[str, tuple[Callable[[Any], Any], dict[str, str], str]] = {
    "output_is_input": (
        lambda x: L.Reshape((3, 4))(x),
        {},
        "output 1 of the model is its input 'x', with nothing that computes in between",
    ),
    "output_twice": (
        lambda x: [y := L.ReLU(name="positive")(x), L.Dropout(0.5, name="dropped")(y)],
        {},
        "output 2 of the model is another output, with nothing that computes in between",
    ),
    "quartus_depthwise": (
        lambda x: L.DepthwiseConv1D(2, name="depthwise")(x),
        {"backend": "Quartus"},
        "hls4ml 1.3.0 has no C++ of a DepthwiseConv1D for Quartus that works in parallel projects",
    ),
    "catapult_einsum": (
        lambda x: L.EinsumDense("abc,bcd->abd", output_shape=(4, 2), name="einsum")(x),
        {"backend": "Catapult"},
        "hls4ml 1.3.0 has no C++ of a EinsumDense for Catapult that works in parallel projects",
    ),
    "moved_output_twice": (
        lambda x: [y := L.ReLU(name="positive")(x), L.Flatten(name="flat")(y)],
        {},
        "the output of layer 'flat' is another output of the model, with nothing that computes in between",
    ),
    "catapult_windows": (
        lambda x: L.MaxPooling1D(2, strides=1, name="pool")(x),
        {"backend": "Catapult", "arch": "stream"},
        "hls4ml 1.3.0 has no C++ of a MaxPooling1D whose windows overlap, leave values out or are padded for Catapult that "
        "works in stream projects",
    ),
    "quartus_means": (
        lambda x: L.GlobalAveragePooling1D(name="mean")(x),
        {"backend": "Quartus"},
        "hls4ml 1.3.0 has no C++ of a GlobalAveragePooling1D for Quartus that works in parallel projects",
    ),
    "catapult_permute": (
        lambda x: L.Permute((2, 1), name="swapped")(x),
        {"backend": "Catapult", "arch": "stream"},
        "hls4ml 1.3.0 has no C++ of a Permute for Catapult that works in stream projects",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_error(name: str, tmp_path: Path) -> None:
    build, settings, message = CASES[name]
    inputs = keras.Input(SERIES, name="x")
    with pytest.raises(FpgaMlError) as caught:
        fpga_ml.compile(
            keras.Model(inputs, build(inputs)), output=tmp_path / "p", config=Config(**settings, until="convert")
        )
    assert caught.value.what == message
