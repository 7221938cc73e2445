"""Sums that nothing reads are zero, and every output stays what it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_equal

from fpga_ml.ir.area import area_of
from fpga_ml.ir.network import Network
from fpga_ml.layers.base import Input, Layer
from fpga_ml.layers.elementwise import Relu, RequantiseEach
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.layers.linear import Linear
from fpga_ml.layers.pooling import AveragePool, MaxPool
from fpga_ml.lowering import parallel
from fpga_ml.lowering.stream import stream
from fpga_ml.numerics import FixedType
from fpga_ml.passes.zero_unread import zero_unread
from fpga_ml.simulate.emulate import emulate

X, T = FixedType.parse("ap_fixed<7,4>"), FixedType.parse("ap_ufixed<6,3>")
ACCUM = FixedType.parse("ap_fixed<28,20>")
UNREAD = (1, 3)  # channels


def weights(*shape: int) -> np.ndarray:
    """None of them zero."""
    return np.random.default_rng(sum(shape)).choice([-7, -5, -3, 3, 5, 7], shape)


def linear(name: str, read: str, index: np.ndarray, w: np.ndarray) -> Linear:
    """Weights (K, M) at each position of an index (P, K)."""
    shape = (len(index), w.shape[1]) if len(index) > 1 else (w.shape[1],)
    bias = np.arange(1, w.shape[1] + 1)
    return Linear(name, (read,), shape, X, index[:, None], w[None], 2, bias, 1, ACCUM)


def graph(*last: str) -> LayerGraph:
    """A series of 8 x 2, a convolution of 4 filters, a relu, a pooling in pairs, a mean, and sums of two of the filters."""
    step = np.arange(6)[:, None] * 2 + np.arange(6)
    pairs = np.arange(24).reshape(3, 2, 4).transpose(0, 2, 1).reshape(12, 2)
    end = weights(4, 3)
    end[list(UNREAD)] = 0
    layers: list[Layer] = [
        Input("x", (), (8, 2), X),
        linear("conv", "x", step, weights(6, 4)),
        Relu("relu", ("conv",), (6, 4), T),
        MaxPool("pool", ("relu",), (3, 4), T, pairs, T, 0, T.fraction),
        AveragePool("mean", ("pool",), (4,), T, np.arange(12).reshape(3, 4).T, replace(T, width=9, integer=6)),
        linear("y", "mean", np.arange(4)[None], end),
    ]
    return LayerGraph.of(layers, ["y", *last], "net")


def luts(network: Network) -> int:
    return sum(area_of(p).luts for p in network.processes)


def test_filters_that_nothing_reads() -> None:
    found, given = zero_unread(graph())["conv"], graph()["conv"]
    assert isinstance(found, Linear)
    assert isinstance(given, Linear)
    for channel in range(4):
        is_left = channel not in UNREAD
        assert_equal(found.weights[..., channel], given.weights[..., channel] * is_left)
        assert found.bias[channel] == given.bias[channel] * is_left


def test_what_leaves_the_network_is_read() -> None:
    assert_equal(zero_unread(graph("relu"))["conv"].weights, graph()["conv"].weights)  # type: ignore[attr-defined]


@pytest.mark.parametrize("lower", [parallel, stream])
def test_outputs_stay_and_hardware_goes(lower: object) -> None:
    assert callable(lower)
    network, whole = lower(graph()), lower(graph("mean"))
    x = np.random.default_rng(2).integers(X.min_raw, X.max_raw + 1, (80, 16))
    (wanted,) = emulate(graph(), [x * 2.0**-X.fraction])
    tokens = network.channels["x"].tokens
    assert_equal(network.evaluate({"x": x.reshape(80, tokens, -1)})["y"].reshape(80, -1), wanted * 2**X.fraction)
    assert luts(network) < 0.75 * luts(whole)


def test_an_element_without_a_type_is_not_read() -> None:
    layers = [
        Input("x", (), (3,), X),
        linear("sums", "x", np.arange(3)[None], weights(3, 3)),
        RequantiseEach("each", ("sums",), (3,), X, (X, None, X)),
    ]
    found = zero_unread(LayerGraph.of(layers, ["each"], "net"))["sums"]
    assert isinstance(found, Linear)
    assert not found.weights[..., 1].any()
    assert found.weights[..., [0, 2]].all()


def test_products_that_share_an_input_keep_it() -> None:
    """A sum that is read by one of two layers only is read."""
    one, other = weights(4, 2), weights(4, 2)
    one[0], other[3] = 0, 0
    layers = [
        Input("x", (), (3,), X),
        linear("sums", "x", np.arange(3)[None], weights(3, 4)),
        linear("a", "sums", np.arange(4)[None], one),
        linear("b", "sums", np.arange(4)[None], other),
    ]
    given = LayerGraph.of(layers, ["a", "b"], "net")
    assert_equal(zero_unread(given)["sums"].weights, given["sums"].weights)  # type: ignore[attr-defined]
