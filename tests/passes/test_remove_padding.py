"""Padding that is left out: the same values, and fewer pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_equal

from fpga_ml.layers.base import Input, Layer, Tensor
from fpga_ml.layers.elementwise import Relu
from fpga_ml.layers.gather import Gather
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.layers.linear import Linear
from fpga_ml.numerics import FixedType
from fpga_ml.passes.remove_padding import remove_padding

T, WIDE = FixedType.parse("ap_fixed<8,4>"), FixedType.parse("ap_fixed<24,12>")
SIDE, CHANNELS, FILTERS, WINDOW = 4, 2, 3, 3
PIXELS = np.arange(SIDE * SIDE * CHANNELS).reshape(SIDE, SIDE, CHANNELS)
PADDED = np.pad(PIXELS, ((1, 1), (1, 1), (0, 0)), constant_values=-1)
PAD = Gather("pad", ("x",), PADDED.shape, T, PADDED.reshape(-1))


def convolution(name: str, reads: str, side: int) -> Linear:
    """Windows of 3 x 3 over an image of that many pixels a side."""
    rng = np.random.default_rng(5)
    image = np.arange(side * side * CHANNELS).reshape(side, side, CHANNELS)
    starts = [(y, x) for y in range(side - WINDOW + 1) for x in range(side - WINDOW + 1)]
    index = np.array([image[y : y + WINDOW, x : x + WINDOW].reshape(1, -1) for y, x in starts])
    weights = rng.integers(-8, 8, (1, index.shape[-1], FILTERS))
    shape = (side - WINDOW + 1, side - WINDOW + 1, FILTERS)
    return Linear(name, (reads,), shape, WIDE, index, weights, 3, rng.integers(-9, 9, FILTERS), 3, WIDE)


def by_loops(image: np.ndarray, conv: Linear) -> np.ndarray:
    """The raw sums of a zero-padded image (N, SIDE, SIDE, CHANNELS), from slices of NumPy's own padding."""
    padded = np.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0)))
    kernel = conv.weights[0].reshape(WINDOW, WINDOW, CHANNELS, FILTERS)
    total = np.zeros((len(image), SIDE, SIDE, FILTERS), np.int64)
    for y in range(WINDOW):
        for x in range(WINDOW):
            total += padded[:, y : y + SIDE, x : x + SIDE] @ kernel[y, x]
    return (total << WIDE.fraction - T.fraction - 3) + (conv.bias << WIDE.fraction - 3)


X = Input("x", (), PIXELS.shape, T)
CONV = convolution("conv", "pad", SIDE + 2)
CASES: dict[str, tuple[list[Layer], list[str], bool]] = {  # layers, outputs, whether the padding goes
    "read_once": ([X, PAD, CONV], ["conv"], True),
    "read_twice": ([X, PAD, CONV, replace(CONV, name="second")], ["conv", "second"], True),
    "an_output": ([X, PAD, CONV], ["conv", "pad"], False),
    "read_by_a_relu_too": ([X, PAD, CONV, Relu("relu", ("pad",), PAD.shape, T)], ["conv", "relu"], False),
    "of_another_type": ([X, replace(PAD, result=FixedType.parse("ap_fixed<6,4>")), CONV], ["conv"], False),
}


@pytest.mark.parametrize("name", CASES)
def test_the_same_function(name: str) -> None:
    layers, outputs, goes = CASES[name]
    graph = LayerGraph.of(layers, outputs)
    found = remove_padding(graph)
    assert ("pad" not in [layer.name for layer in found.layers]) == goes
    x = np.random.default_rng(6).integers(T.min_raw, T.max_raw + 1, (20, X.size))
    values = found.evaluate({"x": Tensor(x, T)})
    before = graph.evaluate({"x": Tensor(x, T)})
    for output in outputs:
        assert_equal(values[output].raw, before[output].raw)
    if name != "of_another_type":
        assert_equal(values["conv"].raw.reshape(20, SIDE, SIDE, FILTERS), by_loops(x.reshape(20, *PIXELS.shape), CONV))
