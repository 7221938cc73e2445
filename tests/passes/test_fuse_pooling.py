"""Fused layers against plain loops over Python's integers, and against the layers one by one."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from fpga_ml.layers.base import Input, Layer, Tensor
from fpga_ml.layers.elementwise import Relu
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.layers.linear import Linear
from fpga_ml.layers.pooled import PooledLinear
from fpga_ml.layers.pooling import MaxPool
from fpga_ml.numerics import FixedType, Overflow, Rounding, cast_raw
from fpga_ml.numerics.cast import is_monotonic
from fpga_ml.passes.fuse_pooling import fuse_pooling
from fpga_ml.simulate.emulate import emulate

HEIGHT, WIDTH, CHANNELS, WINDOW, FILTERS = 7, 9, 2, 2, 3
ROWS, COLUMNS = HEIGHT - WINDOW + 1, WIDTH - WINDOW + 1  # 6, 8
DATA = FixedType.parse("ap_fixed<8,2,AP_RND_CONV,AP_SAT>")
WIDE = "ap_fixed<40,20>"
RELU = "ap_ufixed<6,2,AP_RND_CONV,AP_SAT>"
# name -> (accum, linear's result, relu's result, ceiling, whether the largest sums may be taken first)
TYPES = {
    "usual": (WIDE, WIDE, RELU, None, True),
    "rounded": (WIDE, "ap_fixed<20,12,AP_RND_INF>", "ap_ufixed<5,3,AP_RND_MIN_INF,AP_SAT>", None, True),
    "ceiling": (WIDE, WIDE, "ap_ufixed<7,3,AP_TRN,AP_SAT>", 1, True),
    "saturates": (WIDE, "ap_fixed<10,3,AP_RND,AP_SAT>", "ap_fixed<6,2,AP_RND_ZERO,AP_SAT_SYM>", None, True),
    "relu_wraps": (WIDE, WIDE, "ap_ufixed<4,1>", None, False),
    "relu_zeroes": (WIDE, WIDE, "ap_ufixed<4,1,AP_RND,AP_SAT_ZERO>", None, False),
    "accum_wraps": ("ap_fixed<15,3>", WIDE, RELU, None, False),
    "accum_rounds": ("ap_fixed<14,8,AP_RND_CONV>", WIDE, RELU, None, False),
    "result_wraps": (WIDE, "ap_fixed<9,3>", RELU, None, False),
    "beyond_float64": ("ap_fixed<64,4>", WIDE, RELU, None, False),
}


def network(types: tuple[str, str, str, int | None, bool], area: tuple[int, int]) -> tuple[Input, Linear, Relu, MaxPool]:
    """Convolution, relu, and a pool of `area`, whose accumulator and result wrap."""
    rng = np.random.default_rng(3)
    accum, result, positive, ceiling, _ = types
    pixels = np.arange(HEIGHT * WIDTH * CHANNELS).reshape(HEIGHT, WIDTH, CHANNELS)
    index = [pixels[y : y + WINDOW, x : x + WINDOW].reshape(1, -1) for y in range(ROWS) for x in range(COLUMNS)]
    weights = rng.integers(-32, 32, (1, WINDOW * WINDOW * CHANNELS, FILTERS))
    bias, shape = rng.integers(-40, 41, FILTERS), (ROWS, COLUMNS, FILTERS)
    linear = Linear(
        "linear", ("x",), shape, FixedType.parse(result), np.array(index), weights, 5, bias, 6, FixedType.parse(accum)
    )
    relu = Relu("relu", ("linear",), shape, FixedType.parse(positive), ceiling)
    h, w = area
    sums = np.arange(linear.size).reshape(shape)
    corners = itertools.product(range(0, ROWS - h + 1, h), range(0, COLUMNS - w + 1, w), range(FILTERS))
    windows = np.array([sums[y : y + h, x : x + w, m].T.reshape(-1) for y, x, m in corners])
    pool_shape = (ROWS // h, COLUMNS // w, FILTERS)
    narrow = FixedType.parse("ap_ufixed<6,1,AP_RND>"), FixedType.parse("ap_ufixed<5,2>")
    return (
        Input("x", (), pixels.shape, DATA),
        linear,
        relu,
        MaxPool("pool", ("relu",), pool_shape, narrow[1], windows, narrow[0], narrow[1].min_raw, narrow[1].fraction),
    )


def names(layers: Sequence[Layer], *outputs: str) -> list[str]:
    """Of the layers after the pass."""
    return [layer.name for layer in fuse_pooling(LayerGraph.of(layers, outputs)).layers]


def loop(layers: tuple[Input, Linear, Relu, MaxPool], sample: list[int]) -> list[int]:
    """One sample's pooled values: every sum, relu and assignment in the order of the layers."""
    _, linear, relu, pool = layers
    positive = []
    for p, m in itertools.product(range(ROWS * COLUMNS), range(FILTERS)):
        total = cast_raw(int(linear.bias[m]), 6, linear.accum)
        for i, at in enumerate(linear.index[p, 0]):
            product = cast_raw(sample[at] * int(linear.weights[0, i, m]), DATA.fraction + 5, linear.accum)
            total = cast_raw(total + product, linear.accum.fraction, linear.accum)
        value = max(cast_raw(total, linear.accum.fraction, linear.result), 0)
        if relu.ceiling is not None:
            value = min(value, relu.ceiling << linear.result.fraction)
        positive.append(cast_raw(value, linear.result.fraction, relu.result))
    largest = [max(positive[i] for i in window) for window in pool.index]
    accumulated = [cast_raw(v, relu.result.fraction, pool.accum) for v in largest]
    return [cast_raw(v, pool.accum.fraction, pool.result) for v in accumulated]


@pytest.mark.parametrize("types", TYPES.values(), ids=TYPES)
@pytest.mark.parametrize("area", [(1, 1), (2, 1), (1, 8), (2, 2), (2, 4), (4, 1), (2, 3)], ids=str)
def test_equals_the_loop(types: tuple[str, str, str, int | None, bool], area: tuple[int, int]) -> None:
    """Also where values do not keep their order, and for windows that leave out some rows or columns (4x1, 2x3)."""
    layers = network(types, area)
    raw = np.random.default_rng(8).integers(DATA.min_raw, DATA.max_raw, (4, layers[0].size), endpoint=True)
    raw[0], raw[1] = DATA.min_raw, DATA.max_raw
    (found,) = emulate(LayerGraph.of(layers, ["pool"]), [DATA.real(raw).reshape(4, *layers[0].shape)])
    pool = layers[3]
    want = pool.result.real(np.array([loop(layers, row) for row in raw.tolist()]))
    assert_array_equal(found.reshape(4, -1), want)
    tiled = ROWS % area[0] == 0 and COLUMNS % area[1] == 0
    assert names(layers, "pool") == (["x", "pool"] if tiled else ["x", "linear", "relu", "pool"])


@pytest.mark.parametrize("types", TYPES.values(), ids=TYPES)
def test_the_largest_sums_are_taken_first_only_where_order_is_kept(types: tuple[str, str, str, int | None, bool]) -> None:
    layers = network(types, (2, 1))
    (step,) = (s for s in fuse_pooling(LayerGraph.of(layers, ["pool"])).layers if isinstance(s, PooledLinear))
    raw = np.zeros((2, layers[0].size), np.int64)
    short = step.relu.is_monotonic(step.linear.result) and step.linear.largest(Tensor(raw, DATA), 2, 1) is not None
    assert short == types[-1]


@pytest.mark.parametrize("kept", ["linear", "relu"])
def test_what_is_asked_for_is_not_fused_away(kept: str) -> None:
    layers: tuple[Layer, ...] = network(TYPES["usual"], (2, 1))
    assert names(layers, "pool", kept) == ["x", "linear", "relu", "pool"]
    second = Relu("second", (kept,), layers[1].shape, layers[2].result)
    assert len(names([*layers, second], "pool", "second")) == 5


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("overflow", Overflow)
def test_is_monotonic(rounding: Rounding, overflow: Overflow) -> None:
    """Claimed only of assignments that keep the order of every value between the ends, and always of those that saturate."""
    for signed, width, integer, fraction in itertools.product((False, True), (1, 3, 5), (-1, 2, 4), (0, 2, 5)):
        target = FixedType(signed, width, integer, rounding, overflow)
        for low, high in ((-40, 40), (0, 40), (-3, 3), (0, 7), (-70, -1)):
            values = [cast_raw(v, fraction, target) for v in range(low, high + 1)]
            kept = values == sorted(values)
            assert kept or not is_monotonic(low, high, fraction, target), target
            assert is_monotonic(low, high, fraction, target) or overflow in (Overflow.WRAP, Overflow.SAT_ZERO)
