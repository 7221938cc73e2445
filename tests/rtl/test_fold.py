"""Reuse factors: a folded layer's network and its RTL in two simulators equal sums of products written here in NumPy."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lint import lint
from numpy.testing import assert_equal

from fpga_ml.ir.network import Fold
from fpga_ml.layers.base import Input
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.layers.linear import Linear
from fpga_ml.lowering import parallel
from fpga_ml.numerics import FixedType
from fpga_ml.rtl import emit_network
from fpga_ml.simulate.cosim import Tensor, Vectors

from .designs import SIMULATORS, run

pytestmark = pytest.mark.usefixtures("in_rounds")

X, Y = FixedType.parse("ap_fixed<6,3>"), FixedType.parse("ap_fixed<9,5,AP_RND_CONV,AP_SAT>")
ACCUM = FixedType.parse("ap_fixed<20,12>")


def dense(inputs: int, outputs: int, reuse: int, **changes: Any) -> tuple[Input, Linear]:
    rng = np.random.default_rng(inputs * 100 + outputs)
    weights = rng.integers(-15, 16, (1, inputs, outputs))
    weights[0, rng.random((inputs, outputs)) < 0.2] = 0
    given: dict[str, Any] = {
        "accum": ACCUM,
        "index": np.arange(inputs).reshape(1, 1, -1),
        "weights": weights,
        "shape": (outputs,),
    } | changes
    bias = rng.integers(-9, 10, given["weights"].shape[0] * outputs)
    one = Linear("y", ("x",), result=Y, weight_fraction=3, bias=bias, bias_fraction=2, reuse=reuse, **given)
    return Input("x", (), (inputs,), X), one


def series(reuse: int) -> tuple[Input, Linear]:
    """A convolution of 7 positions, 3 taps with padding, 2 channels, 4 filters."""
    taps = np.arange(7)[:, None] + np.arange(-1, 2)
    pixels = np.where((taps < 0) | (taps > 6), -1, taps)
    index = np.where(pixels[..., None] < 0, -1, pixels[..., None] * 2 + np.arange(2)).reshape(7, 1, 6)
    weights = np.random.default_rng(4).integers(-15, 16, (1, 6, 4))
    return Input("x", (), (14,), X), dense(14, 4, reuse, index=index, weights=weights, shape=(7, 4))[1]


def depthwise(reuse: int, channels: int, taps: int, filters: int = 1) -> tuple[Input, Linear]:
    """One position: taps of channels that stand side by side, one of them outside the image."""
    index = np.arange(taps * channels).reshape(taps, channels).T[None].copy()
    index[0, 0, -1] = -1
    weights = np.random.default_rng(5).integers(-15, 16, (channels, taps, filters))
    return dense(taps * channels, filters, reuse, index=index, weights=weights, shape=(channels * filters,))


def unused(reuse: int, used: list[int]) -> tuple[Input, Linear]:
    """A dense layer of 12 inputs, of which only some have a weight that is not zero."""
    weights = np.zeros((1, 12, 5), np.int64)
    weights[0, used] = np.random.default_rng(6).integers(1, 16, (len(used), 5))
    return dense(12, 5, reuse, weights=weights)


CASES: dict[str, tuple[tuple[Input, Linear], int]] = {
    "dense_4_of_12": (dense(12, 5, 4), 4),
    "dense_uneven": (dense(11, 3, 4), 4),
    "dense_one_by_one": (dense(9, 4, 9), 9),
    "dense_by_outputs_too": (dense(6, 4, 24), 20),  # one of its inputs has no weights
    "dense_by_some_outputs": (dense(5, 4, 13), 10),
    "dense_of_many_rounds": (dense(50, 3, 50), 50),
    "dense_5_of_12_used": (unused(5, [1, 4, 5, 9, 11]), 5),
    "dense_5_used_2_together": (unused(3, [0, 2, 3, 8, 10]), 3),
    "dense_none_used": (unused(4, []), 3),
    "groups_2_together": (depthwise(3, 6, 4), 3),
    "groups_uneven": (depthwise(3, 5, 3, 2), 3),
    "groups_all_in_turn": (depthwise(7, 5, 4), 5),
    "groups_and_inputs": (depthwise(10, 5, 3, 2), 10),
    "groups_one_by_one": (depthwise(99, 3, 4), 12),
    "conv_2_together": (series(4), 4),
    "conv_all_in_turn": (series(7), 7),
    "conv_more_than_positions": (series(50), 7),
}


def reference(layer: Linear, x: np.ndarray, given: FixedType = X) -> np.ndarray:
    """Raw results (N, elements) of raw x, rounded half to even and saturated: written out, without the layer's code."""
    padded = np.concatenate([x, np.zeros((len(x), 1), np.int64)], axis=1)
    bias = layer.bias.reshape(len(layer.weights), -1) << (given.fraction + 3 - 2)
    sums = [
        padded[:, row] @ weights + start
        for rows in layer.index
        for row, weights, start in zip(rows, layer.weights, bias, strict=True)
    ]
    scaled = np.concatenate(sums, axis=1) / 2.0 ** (given.fraction + 3 - Y.fraction)
    return np.clip(np.rint(scaled), Y.min_raw, Y.max_raw).astype(np.int64)


def stimuli(layer: Input) -> np.ndarray:
    rows = np.random.default_rng(8).integers(X.min_raw, X.max_raw + 1, (60, layer.size))
    rows[0], rows[1] = X.min_raw, X.max_raw
    return rows


@pytest.mark.parametrize("name", CASES)
def test_network_computes_the_layer(name: str) -> None:
    (inputs, layer), rounds = CASES[name]
    network = parallel(LayerGraph.of((inputs, layer), ["y"], "net"))
    assert [p.rounds for p in network.processes if isinstance(p, Fold)] == [rounds]
    assert network.interval_cycles == rounds
    x = stimuli(inputs)
    assert_equal(network.evaluate({"x": x[:, None]})["y"][:, 0], reference(layer, x))
    assert_equal(parallel(LayerGraph.of((inputs, layer), ["y"], "net")).text(), network.text())


FAST = ("dense_uneven", "dense_of_many_rounds", "conv_2_together")


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("name", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in CASES])
def test_rtl_computes_the_layer(name: str, simulator: Any, tmp_path: Path) -> None:
    (inputs, layer), rounds = CASES[name]
    rtl = emit_network(parallel(LayerGraph.of((inputs, layer), ["y"], "net")), 4.0)
    x = stimuli(inputs)
    y = reference(layer, x).reshape(-1, *layer.shape)
    vectors = Vectors(
        (Tensor.of("x", x, width_bits=X.width, signed=True),), (Tensor.of("y", y, width_bits=Y.width, signed=True),)
    )
    found = run(rtl, vectors, tmp_path, simulator, ("back_to_back", "random_gaps", "reset_mid_run"))
    assert found.texts() == []
    assert (found.latency_cycles, found.interval_cycles) == (rtl.latency_cycles, rounds)


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_long_waits_take_a_counter_and_a_register(simulator: Any, tmp_path: Path) -> None:
    """Two folds in a row, of 40 rounds and of 50, so that two tokens are under way, and the first one's result is an output
    too: a register a cycle would be a hundred valid bits, and fifty of that result."""
    inputs, first = dense(40, 50, 40)
    second = dataclasses.replace(dense(50, 3, 50)[1], name="z", reads=("y",))
    network = parallel(LayerGraph.of((inputs, first, second), ["y", "z"], "net"))
    assert [p.rounds for p in network.processes if isinstance(p, Fold)] == [40, 50]
    rtl = emit_network(network, 4.0)
    (segment,) = (text for name, text in rtl.files.items() if name == "net_pipeline.sv")
    assert re.findall(r"logic \[449:0\] (y_s\d+)", segment) == ["y_s43", "y_s93"]
    assert len(re.findall(r"logic valid_s", segment)) < 20
    x = stimuli(inputs)
    y = reference(first, x)
    wanted = {"y": y, "z": reference(second, y, Y)}
    outputs = tuple(Tensor.of(name, raw, width_bits=Y.width, signed=True) for name, raw in wanted.items())
    vectors = Vectors((Tensor.of("x", x, width_bits=X.width, signed=True),), outputs)
    found = run(rtl, vectors, tmp_path, simulator, ("back_to_back", "random_gaps", "reset_mid_run"))
    assert found.texts() == []
    assert (found.latency_cycles, found.interval_cycles) == (rtl.latency_cycles, 50)
    assert rtl.latency_cycles > 90
    lint(rtl, tmp_path)


def test_verilator_has_no_warning(tmp_path: Path) -> None:
    for name in ("dense_by_outputs_too", "dense_of_many_rounds", "conv_2_together"):
        (inputs, layer), _ = CASES[name]
        lint(emit_network(parallel(LayerGraph.of((inputs, layer), ["y"], "net")), 4.0), tmp_path)


def test_sums_whose_order_matters_are_not_shared() -> None:
    inputs, layer = dense(6, 2, 3, accum=FixedType.parse("ap_fixed<8,6,AP_TRN,AP_SAT>"))
    network = parallel(LayerGraph.of((inputs, layer), ["y"], "net"))
    assert not any(isinstance(p, Fold) for p in network.processes)
    assert network.interval_cycles == 1
