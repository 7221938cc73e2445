"""C++ of Catapult and Quartus that computed something else, stopped or did not compile, each beside its result by NumPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from fuzzing import built
from keras import layers as L
from numpy.testing import assert_equal

from fpga_ml.config import Config

Array = np.ndarray
SERIES, IMAGE = (4, 3), (3, 3, 2)
KERNEL = np.random.default_rng(2).integers(-8, 9, (2, 2, 2)) / 4


def positive(x: Any) -> Any:
    return L.ReLU()(x)


def halved(x: Any) -> Any:
    return L.ReLU(negative_slope=0.5)(x)


def fixed(layer: Any, kernel: Array) -> Any:
    """The layer with a kernel and no bias."""
    layer.use_bias = False
    return lambda x: [layer(x), layer.set_weights([kernel])][0]


def leaked(x: Array) -> Array:
    return np.where(x > 0, x, x / 2)


def pooled(x: Array) -> Array:
    """Windows of two, every second one, with one step of padding at the end."""
    ends = np.pad(np.maximum(x, 0), ((0, 0), (0, 1), (0, 0)))
    return np.maximum(ends[:, 0:-1:2], ends[:, 1::2])


def depthwise(x: Array) -> Array:
    return sum(x[:, i : i + 2, j : j + 2] * KERNEL[i, j] for i in (0, 1) for j in (0, 1))


def padded_beside(x: Any) -> Sequence[Any]:
    kernels = np.eye(3)[None], np.stack([np.eye(3)] * 3)
    layers = L.Conv1D(3, 1), L.Conv1D(3, 3, padding="same")
    return [fixed(layer, kernel)(x) for layer, kernel in zip(layers, kernels, strict=True)]


def sums_of_three(x: Array) -> Array:
    ends = np.pad(x, ((0, 0), (1, 1), (0, 0)))
    return ends[:, :-2] + ends[:, 1:-1] + ends[:, 2:]


CASES: dict[str, tuple[str, str, tuple[int, ...], Callable[[Any], Any], Callable[[Array], Any]]] = {
    "average": (
        "Catapult",
        "parallel",
        SERIES,
        lambda x: L.Average()([positive(x), halved(x)]),
        lambda x: (np.maximum(x, 0) + leaked(x)) / 2,
    ),
    "maximum": ("Catapult", "stream", SERIES, lambda x: L.Maximum()([x, halved(x)]), leaked),
    "depthwise": ("Catapult", "parallel", IMAGE, fixed(L.DepthwiseConv2D(2), KERNEL[..., None]), depthwise),
    "padding_catapult": (
        "Catapult",
        "parallel",
        (5, 2),
        lambda x: L.MaxPooling1D(2, padding="same")(positive(x)),
        pooled,
    ),
    "padding_quartus": ("Quartus", "parallel", (5, 2), lambda x: L.MaxPooling1D(2, padding="same")(positive(x)), pooled),
    "mean": ("Quartus", "stream", SERIES, lambda x: L.GlobalAveragePooling1D()(x), lambda x: x.mean(1)),
    "padded_beside": ("Catapult", "stream", SERIES, padded_beside, lambda x: (x, sums_of_three(x))),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_values(name: str, tmp_path: Path) -> None:
    backend, arch, shape, build, want = CASES[name]
    inputs = keras.Input(shape, name="x")
    x = np.random.default_rng(1).integers(-40, 40, (30, *shape)) / 8
    model = keras.Model(inputs, build(inputs))
    project, differences = built(model, x, Config(backend=backend, arch=arch, until="csim", bits=20), tmp_path / "p")
    assert differences == ""
    wanted = want(x)
    assert_equal(project.csim(x), list(wanted) if isinstance(wanted, tuple) else wanted)


@pytest.mark.slow
def test_reuse_factor_of_a_pointwise_convolution(tmp_path: Path) -> None:
    kernel = np.random.default_rng(2).integers(-8, 9, (1, 4, 2)) / 4
    inputs = keras.Input((3, 4), name="x")
    model = keras.Model(inputs, fixed(L.Conv1D(2, 1), kernel)(inputs))
    x = np.random.default_rng(1).integers(-40, 40, (30, 3, 4)) / 8
    project, differences = built(model, x, Config(backend="Quartus", reuse_factor=3, bits=20, until="csim"), tmp_path / "p")
    assert differences == ""
    assert_equal(project.csim(x), x @ kernel[0])


@pytest.mark.slow
def test_the_type_before_a_pooling_stays(tmp_path: Path) -> None:
    inputs = keras.Input((5, 1), name="x")
    model = keras.Model(inputs, L.GlobalMaxPooling1D()(L.Multiply()([inputs, halved(inputs)])))
    x = np.random.default_rng(1).integers(-40, 40, (30, 5, 1)) / 8
    project, differences = built(model, x, Config(backend="Catapult", bits=10, until="csim"), tmp_path / "p")
    assert differences == ""
    assert_equal(project.csim(x), (np.rint(x * leaked(x) * 16) / 16).max(1))
