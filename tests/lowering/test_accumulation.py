"""Sums, means and extremes of all pixels of a frame, made pixel by pixel in a stream; and several pixels at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_equal

from fpga_ml.errors import FpgaMlError
from fpga_ml.ir.network import Collect, Loop, Network
from fpga_ml.layers.base import Input, Layer
from fpga_ml.layers.elementwise import Relu
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.layers.linear import Linear
from fpga_ml.layers.pooling import AveragePool, MaxPool
from fpga_ml.lowering.stream import stream
from fpga_ml.numerics import FixedType

PIXELS, CHANNELS = 6, 3
T = FixedType.parse("ap_fixed<6,3>")
MEAN = FixedType.parse("ap_fixed<12,4>")
RNG = np.random.default_rng(3)
EVERY = np.arange(PIXELS * CHANNELS).reshape(PIXELS, CHANNELS)


def linear(index: np.ndarray, weights: np.ndarray, bias: np.ndarray, shape: tuple[int, ...], name: str = "y") -> Linear:
    wide = FixedType.parse("ap_fixed<24,18>")
    return Linear(name, ("x",), shape, wide, index, weights, 1, bias, 2, wide)


def weighed(weights: np.ndarray) -> Linear:
    """(pixels, channels, outputs)"""
    return linear(EVERY.reshape(1, 1, -1), weights.reshape(1, -1, weights.shape[-1]), np.array([3, -2]), (2,))


SAME = np.repeat(RNG.integers(-8, 8, (1, CHANNELS, 2)), PIXELS, axis=0)
BY_CHANNEL = EVERY.T
LAYERS: dict[str, Layer] = {
    "sum": linear(BY_CHANNEL[None], np.full((CHANNELS, PIXELS, 1), 2), np.zeros(CHANNELS, np.int64), (CHANNELS,)),
    "weights": weighed(SAME),
    "largest": MaxPool("y", ("x",), (CHANNELS,), T, BY_CHANNEL, T, T.min_raw, T.fraction),
    "mean": AveragePool(
        "y", ("x",), (CHANNELS,), FixedType.parse("ap_fixed<12,4>"), BY_CHANNEL, FixedType.parse("ap_fixed<20,8>")
    ),
}


def meaning(name: str, x: np.ndarray) -> np.ndarray:
    """Of raw images (N, pixels, channels), independently of the layers."""
    if name == "sum":
        return x.sum(1) * 8
    if name == "weights":
        return np.einsum("npc,pco->no", x, SAME) * 4 + np.array([3, -2]) * 16
    if name == "largest":
        return x.max(1)
    total = x.sum(1) * 2**9  # twelve fraction bits
    mean = np.sign(total) * (abs(total) // PIXELS)
    return mean >> 4


def network(layer: Layer, lanes: int = 1) -> Network:
    return stream(LayerGraph.of((Input("x", (), (PIXELS, CHANNELS), T), layer), ["y"]), lanes=lanes)


def images(count: int) -> np.ndarray:
    x = RNG.integers(T.min_raw, T.max_raw + 1, (count, PIXELS, CHANNELS))
    x[0], x[1], x[2] = T.min_raw, T.max_raw, -1  # nothing above zero is the largest of the last
    return x


def result(made: Network, x: np.ndarray, lanes: int = 1) -> np.ndarray:
    found = made.evaluate({"x": x.reshape(len(x), PIXELS // lanes, lanes * CHANNELS)})["y"]
    return np.asarray(found.reshape(len(x), -1))


@pytest.mark.parametrize("lanes", [1, 2, 3, 6])
@pytest.mark.parametrize("name", LAYERS)
def test_totals_pixel_by_pixel(name: str, lanes: int) -> None:
    made, x = network(LAYERS[name], lanes), images(50)
    assert_equal(result(made, x, lanes), meaning(name, x))
    assert not any(isinstance(p, Collect) for p in made.processes)
    assert any(isinstance(p, Loop) for p in made.processes) == (lanes < PIXELS)


def test_pixels_of_other_weights_are_collected() -> None:
    weights = RNG.integers(-8, 8, (PIXELS, CHANNELS, 2))
    made, x = network(weighed(weights)), images(50)
    assert any(isinstance(p, Collect) for p in made.processes)
    assert_equal(result(made, x), np.einsum("npc,pco->no", x, weights) * 4 + np.array([3, -2]) * 16)


def test_sums_that_round_on_the_way_are_collected() -> None:
    coarse = replace(weighed(SAME), accum=FixedType.parse("ap_fixed<14,12>"))
    assert any(isinstance(p, Collect) for p in network(coarse).processes)


@pytest.mark.parametrize("lanes", [1, 2, 3])
def test_layers_of_each_pixel_in_lanes(lanes: int) -> None:
    """A dense layer on each pixel and a relu behind it."""
    weights, bias = RNG.integers(-8, 8, (1, CHANNELS, 2)), np.array([1, -5])
    dense = linear(EVERY[:, None], weights, bias, (PIXELS, 2), "dense")
    relu = Relu("y", ("dense",), (PIXELS, 2), FixedType.parse("ap_ufixed<23,17>"))
    made = stream(LayerGraph.of((Input("x", (), (PIXELS, CHANNELS), T), dense, relu), ["y"]), lanes=lanes)
    x = images(20)
    wanted = np.maximum(np.einsum("npc,co->npo", x, weights[0]) * 4 + bias * 16, 0)
    assert_equal(result(made, x, lanes), wanted.reshape(len(x), -1))
    assert made.interval_cycles == PIXELS // lanes


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"lanes": 4}, "6 pixels, which are not a whole number of 4"),
        ({"lanes": 2, "interval_cycles": 2}, "2 pixels a cycle"),
    ],
)
def test_lanes_that_do_not_fit(options: dict[str, Any], what: str) -> None:
    with pytest.raises(FpgaMlError, match=what):
        stream(LayerGraph.of((Input("x", (), (PIXELS, CHANNELS), T), LAYERS["sum"]), ["y"]), **options)


def test_windows_have_no_lanes() -> None:
    window = np.stack([EVERY[p : p + 2].reshape(-1) for p in range(PIXELS - 1)])[:, None]
    layer = linear(window, np.ones((1, 2 * CHANNELS, 1), np.int64), np.zeros(1, np.int64), (PIXELS - 1, 1))
    with pytest.raises(FpgaMlError, match="windows of pixels"):
        network(layer, 2)
