"""Linear, and the casts on floats behind it, against a plain loop over Python's integers."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from fpga_ml.layers.base import Input, Tensor
from fpga_ml.layers.elementwise import Relu
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.layers.linear import Linear
from fpga_ml.layers.pooling import MaxPool
from fpga_ml.numerics import FixedType, Overflow, Rounding, cast_raw
from fpga_ml.numerics.cast import cast_held, cast_real
from fpga_ml.simulate.emulate import emulate, emulate_raw

WIDE = "ap_fixed<40,20>"
ACCUMULATORS = {
    "wide": WIDE,
    "finer": "ap_fixed<44,20>",
    "wraps": "ap_fixed<15,3>",
    "wraps_to_one_bit": "ap_ufixed<1,-11>",
    "beyond_float64": "ap_fixed<64,4>",
    "too_coarse": "ap_fixed<14,8>",
    "rounds": "ap_fixed<14,8,AP_RND_CONV>",
    "saturates": "ap_fixed<15,3,AP_TRN,AP_SAT>",
    "saturates_to_zero": "ap_fixed<15,3,AP_RND,AP_SAT_ZERO>",
    "saturates_evenly": "ap_fixed<13,3,AP_RND_INF,AP_SAT_SYM>",
}
# name -> (height, width, channels, window, stride, padding, groups, filters)
SHAPES = {
    "dense": (1, 1, 37, 1, 1, 0, 1, 9),
    "one_filter": (6, 6, 1, 3, 1, 0, 1, 1),
    "conv": (6, 8, 3, 3, 1, 0, 1, 2),
    "strided": (7, 10, 2, 3, 2, 0, 1, 3),
    "far_strided": (9, 13, 2, 2, 4, 0, 1, 3),
    "padded": (4, 5, 2, 3, 1, 1, 1, 3),
    "pointwise": (4, 5, 6, 1, 1, 0, 1, 5),
    "depthwise": (4, 5, 3, 3, 1, 1, 3, 2),
}


def windows(height: int, width: int, channels: int, window: int, stride: int, padding: int, groups: int) -> np.ndarray:
    """(P, G, K), written as loops."""
    rows = range(-padding, height + padding - window + 1, stride)
    columns = range(-padding, width + padding - window + 1, stride)
    index = []
    for y, x, g in itertools.product(rows, columns, range(groups)):
        for dy, dx, c in itertools.product(range(window), range(window), range(g, channels, groups)):
            inside = 0 <= y + dy < height and 0 <= x + dx < width
            index.append(((y + dy) * width + x + dx) * channels + c if inside else -1)
    return np.array(index).reshape(len(rows) * len(columns), groups, -1)


def loop(layer: Linear, raw: np.ndarray, t: FixedType) -> list[int]:
    """One sample, product by product, as nnet_dense_latency.h does."""
    fraction = t.fraction + layer.weight_fraction
    positions, groups, k = layer.index.shape
    outputs = layer.weights.shape[2]
    found = []
    for p, g, m in itertools.product(range(positions), range(groups), range(outputs)):
        total = cast_raw(int(layer.bias[g * outputs + m]), layer.bias_fraction, layer.accum)
        for i in range(k):
            at = int(layer.index[p, g, i])
            product = (int(raw[at]) if at >= 0 else 0) * int(layer.weights[g, i, m])
            total = cast_raw(total + cast_raw(product, fraction, layer.accum), layer.accum.fraction, layer.accum)
        found.append(cast_raw(total, layer.accum.fraction, layer.result))
    return found


def linear(index: np.ndarray, weights: np.ndarray, rng: np.random.Generator, accum: str, result: str) -> Linear:
    bias = rng.integers(-40, 41, weights.shape[0] * weights.shape[2])
    size = (len(index) * bias.size,)
    return Linear("layer", ("x",), size, FixedType.parse(result), index, weights, 5, bias, 6, FixedType.parse(accum))


def drawn(rng: np.random.Generator, t: FixedType, shape: tuple[int, ...]) -> np.ndarray:
    """Any values of the type; the first sample all least, the second all greatest."""
    raw = rng.integers(t.min_raw, t.max_raw, shape, endpoint=True)
    raw[0], raw[1] = t.min_raw, t.max_raw
    return raw


@pytest.mark.parametrize("accum", ACCUMULATORS.values(), ids=ACCUMULATORS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("data", ["ap_fixed<8,2>", "ap_ufixed<6,0>", "ap_fixed<24,17>"])
def test_equals_the_loop(shape: tuple[int, ...], accum: str, data: str) -> None:
    *geometry, filters = shape
    rng, t = np.random.default_rng(4), FixedType.parse(data)
    index = windows(*geometry)
    weights = rng.integers(-32, 32, (index.shape[1], index.shape[2], filters))
    layer = linear(index, weights, rng, accum, "ap_fixed<9,4,AP_RND_CONV,AP_SAT>")
    rows = len(range(-shape[5], shape[0] + shape[5] - shape[3] + 1, shape[4]))
    layer = replace(layer, shape=(rows, len(index) // rows, len(layer.bias)))
    raw = drawn(rng, t, (3, shape[0] * shape[1] * shape[2]))
    want = [loop(layer, row, t) for row in raw]
    assert_array_equal(layer.evaluate(Tensor(raw, t)).raw, want)
    floats = np.asfortranarray(raw, np.float64)
    assert_array_equal(layer.evaluate(Tensor(floats, t)).raw, want)


@pytest.mark.parametrize("positions", [1, 7, 12])
def test_any_index(positions: int) -> None:
    """Elements read twice, in no order, and windows that are no copies of each other."""
    rng, t = np.random.default_rng(positions), FixedType.parse("ap_fixed<8,2>")
    index = rng.integers(-1, 20, (positions, 1, 15))
    shifted = rng.integers(0, 6, (1, 1, 15)) + np.arange(positions)[:, None, None]
    uneven = np.array([0, 1, 3, 7, 7, 8]).repeat(3)[:15] + np.arange(positions)[:, None, None]
    for chosen in (index, shifted, uneven):
        layer = linear(chosen, rng.integers(-32, 32, (1, 15, 3)), rng, WIDE, "ap_fixed<12,5>")
        raw = drawn(rng, t, (4, 20))
        assert_array_equal(layer.evaluate(Tensor(raw, t)).raw, [loop(layer, row, t) for row in raw])


MODES = list(itertools.product(Rounding, Overflow))


@pytest.mark.parametrize(("rounding", "overflow"), MODES, ids=lambda mode: mode.value)
@pytest.mark.parametrize("width", [1, 5, 12, 23, 24, 40])
def test_cast_of_floats(width: int, rounding: Rounding, overflow: Overflow) -> None:
    """Every value of a few bits, and the ends of floats' exact range, as int64 would be cast."""
    for signed, integer, fraction in itertools.product((False, True), (-3, 3, 9), (0, 4, 11)):
        target = FixedType(signed, width, integer, rounding, overflow)
        for bits, kind in ((7, np.float32), (24, np.float32), (53, np.float64)):
            reach = 1 << bits
            ends = [-reach, -reach + 1, reach - 1, reach]
            values = [*range(-reach, reach + 1)] if bits == 7 else [*ends, *(e // 3 for e in ends), -3, -2, -1, 0, 1, 2, 3]
            found = cast_held(np.array(values, kind), -reach, reach, fraction, target)
            assert [int(v) for v in found] == [cast_raw(v, fraction, target) for v in values], target


@pytest.mark.parametrize("text", ["ap_fixed<8,5,AP_RND_CONV,AP_SAT>", "ap_ufixed<24,3,AP_RND_CONV,AP_SAT>", "ap_fixed<8,5>"])
def test_cast_of_real_values(text: str) -> None:
    t = FixedType.parse(text)
    grid = np.arange(-4000, 4000) * (t.lsb / 4)
    values = np.concatenate([grid, [np.inf, -np.inf, 1e308, -1e308, 5e-324, -5e-324, -0.0]])
    assert_array_equal(cast_real(values, t).astype(np.int64), t.raw(values))
    with pytest.raises(Exception, match="NaN has no fixed-point value"):
        cast_real(np.array([1.0, np.nan, np.inf]), t)


def test_chunks_and_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small network in many chunks equals its layers one by one on the whole batch."""
    rng, t = np.random.default_rng(9), FixedType.parse("ap_fixed<8,2,AP_RND_CONV,AP_SAT>")
    narrow = FixedType.parse("ap_ufixed<6,2,AP_RND_CONV,AP_SAT>")
    index = windows(9, 8, 3, 3, 1, 0, 1)
    conv = linear(index, rng.integers(-32, 32, (1, 27, 4)), rng, WIDE, WIDE)
    pool = np.array([[a, -1, a + 4] for a in range(0, 160, 4)])
    layers = (
        Input("x", (), (9, 8, 3), t),
        conv,
        Relu("relu", ("layer",), conv.shape, narrow),
        MaxPool("pool", ("relu",), (40,), narrow, pool, narrow, 0, 0),
    )
    graph = LayerGraph.of(layers, ["relu", "pool"])
    x = rng.normal(size=(77, 9, 8, 3))
    known = emulate_raw(graph, {"x": t.raw(x)})
    monkeypatch.setattr("fpga_ml.simulate.emulate._MOST", 16)
    relu, pooled = emulate(graph, [x])
    assert_array_equal(relu, narrow.real(known["relu"].raw))
    want = [cast_raw(max(v, 0), conv.result.fraction, narrow) for v in known["layer"].raw.reshape(-1).tolist()]
    assert_array_equal(known["relu"].raw.reshape(-1), want)
    assert_array_equal(
        pooled, narrow.real(known["relu"].raw[:, [p[0] for p in pool]].clip(known["relu"].raw[:, pool[:, 2]]))
    )
