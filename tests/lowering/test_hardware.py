"""A layer that shares hardware is never larger than the same layer that does not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_equal

from fpga_ml.ir.kernel import Kernel, Wire
from fpga_ml.ir.kernel.ops import Add, Mul, Sub
from fpga_ml.ir.network import Channel, Fold
from fpga_ml.layers.base import Input
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.layers.linear import Linear
from fpga_ml.lowering import parallel
from fpga_ml.lowering.folding import Folded
from fpga_ml.lowering.hardware import smaller
from fpga_ml.lowering.made import Made
from fpga_ml.numerics import FixedType, Interval
from fpga_ml.rtl.architecture import STREAM, Rtl

X, Y = FixedType.parse("ap_fixed<8,4>"), FixedType.parse("ap_fixed<10,6>")
ACCUM = FixedType.parse("ap_fixed<28,20>")


def dense(inputs: int, outputs: int, bits: int, reuse: int) -> Linear:
    """With random weights of so many bits."""
    weights = np.random.default_rng(3).integers(-(1 << bits - 1), 1 << bits - 1, (1, inputs, outputs))
    index = np.arange(inputs).reshape(1, 1, inputs)
    return Linear("y", ("x",), (outputs,), Y, index, weights, 3, np.zeros(outputs, np.int64), 0, ACCUM, reuse=reuse)


def convolution(channels: int, filters: int, reuse: int) -> Linear:
    """Along a series of 12, with a kernel of 3."""
    weights = np.random.default_rng(4).integers(-8, 8, (1, 3 * channels, filters))
    index = (np.arange(10)[:, None] * channels + np.arange(3 * channels)).reshape(10, 1, -1)
    return Linear("y", ("x",), (10, filters), Y, index, weights, 3, np.zeros(filters, np.int64), 0, ACCUM, reuse=reuse)


def bits_of(made: Folded | Kernel) -> int:
    """Counted here: bits of adders, partial products of multipliers, and a LUT for 64 bits of weights."""
    found = 0
    for kernel in [made] if isinstance(made, Kernel) else [made.process.step, made.finish]:
        for number, value in enumerate(kernel.values):
            widths = [w.type.width for w in kernel.wires(number) if w.interval.low != w.interval.high]
            if isinstance(value.op, (Add, Sub)):
                found += value.wire.type.width
            elif isinstance(value.op, Mul):
                found += int(np.prod(widths)) if len(widths) == 2 else value.wire.type.width
    if isinstance(made, Folded):
        fold = made.process
        found += sum(w.type.width for w in fold.sums) + sum(t.width for t in fold.word_types) * fold.rounds // 64
    return found


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("reuse", [2, 4, 16, 64])
def test_a_dense_layer(bits: int, reuse: int) -> None:
    channel = Channel("x", (X,) * 16)
    made, at_once = (smaller(dense(16, 8, bits, n), [Made(channel, channel.wires)]) for n in (reuse, 1))
    assert isinstance(at_once, Kernel)
    assert bits_of(made) <= 1.1 * bits_of(at_once)


def test_few_rounds_of_short_weights_are_done_at_once_and_many_of_long_ones_are_not() -> None:
    channel = Channel("x", (X,) * 16)
    assert isinstance(smaller(dense(16, 8, 4, 2), [Made(channel, channel.wires)]), Kernel)
    many = smaller(dense(16, 8, 8, 64), [Made(channel, channel.wires)])
    assert isinstance(many, Folded)
    assert bits_of(many) < bits_of(smaller(dense(16, 8, 8, 1), [Made(channel, channel.wires)])) / 4


@pytest.mark.parametrize("reuse", [2, 5, 10])
def test_a_convolution_shares_its_adders_over_positions(reuse: int) -> None:
    """It has no multipliers of two variables, in however many rounds."""
    channel = Channel("x", (X,) * 48)
    made = smaller(convolution(4, 6, reuse), [Made(channel, channel.wires)])
    assert isinstance(made, Folded)
    for kernel in (made.process.step, made.finish):
        products = [kernel.wires(n) for n, v in enumerate(kernel.values) if isinstance(v.op, Mul)]
        assert all(any(w.interval.low == w.interval.high for w in pair) for pair in products)
    assert bits_of(made) < bits_of(smaller(convolution(4, 6, 1), [Made(channel, channel.wires)]))


@pytest.mark.parametrize("reuse", [1, 2, 64])
def test_the_function_is_the_same(reuse: int) -> None:
    layer, x = dense(16, 8, 8, reuse), np.random.default_rng(5).integers(-128, 128, (50, 16))
    network = parallel(LayerGraph.of((Input("x", (), (16,), X), layer), ["y"], "net"))
    assert any(isinstance(p, Fold) for p in network.processes) == (reuse == 64)
    sums = x @ layer.weights[0] >> X.fraction + 3 - Y.fraction
    wrapped = (sums + 512) % 1024 - 512
    assert_equal(network.evaluate({"x": x[:, None]})["y"][:, 0], wrapped)


@pytest.mark.parametrize("reuse", [2, 64])
def test_products_with_constants_are_not_shared(reuse: int) -> None:
    """Inputs that are always the same, as those behind weights that are all zero, make sums that are, too."""
    channel = Channel("x", (X,) * 16)
    made = smaller(dense(16, 8, 8, reuse), [Made(channel, tuple(Wire(4, Interval(k, k)) for k in range(16)))])
    assert isinstance(made, Kernel)
    assert bits_of(made) == 0


def image(interval: int, *, least: bool = False) -> Rtl:
    """A convolution of an image of 12 x 12 pixels, a dense layer of 6,400 weights, and one of 40."""
    rng, t = np.random.default_rng(6), FixedType.parse("ap_fixed<8,4>")
    grid = np.arange(144).reshape(12, 12)
    index = np.stack([grid[y : y + 10, x : x + 10].reshape(-1) for y in range(3) for x in range(3)], axis=1)
    layers = [
        Input("x", (), (12, 12, 1), X),
        Linear("c", ("x",), (10, 10, 4), t, index[:, None], rng.integers(-8, 8, (1, 9, 4)), 3, np.zeros(4), 0, ACCUM),
        Linear(
            "d", ("c",), (16,), t, np.arange(400)[None, None], rng.integers(-8, 8, (1, 400, 16)), 3, np.zeros(16), 0, ACCUM
        ),
        Linear("y", ("d",), (3,), t, np.arange(16)[None, None], rng.integers(-8, 8, (1, 16, 3)), 3, np.zeros(3), 0, ACCUM),
    ]
    return STREAM.emit(STREAM.lower(LayerGraph.of(layers, ["y"], "net"), interval, least=least), 5.0)


def test_the_last_answer_does_not_come_late_for_little() -> None:
    """Layers behind the last pixel share no more hardware than makes LUTs times cycles small; asked for the least hardware,
    they share all that the interval allows."""
    balanced, least = image(6400), image(6400, least=True)
    assert balanced.interval_cycles <= least.interval_cycles == 6400
    assert balanced.latency_cycles < 0.75 * least.latency_cycles
    assert least.area.multipliers <= balanced.area.multipliers
    assert balanced.area.luts * balanced.latency_cycles < least.area.luts * least.latency_cycles
