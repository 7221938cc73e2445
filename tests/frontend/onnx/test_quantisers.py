"""Quant, BipolarQuant and Trunc: what the file says equals qonnx's own functions in double precision, and the Keras model
equals both in every bit, whatever the scale."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx_models import QONNX, model, node, quant, whole
from qonnx.custom_op.general.bipolar_quant import binary_quant
from qonnx.custom_op.general.intquant import int_quant
from qonnx.custom_op.general.trunc import trunc_v1, trunc_v2

from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.onnx.apart import Exchanged, as_keras
from fpga_ml.frontend.onnx.graph import graph_of
from fpga_ml.frontend.onnx.steps import fewest_bits
from fpga_ml.frontend.onnx.values import Reach
from fpga_ml.frontend.rebuild import Probe

Array = np.ndarray
RNG = np.random.default_rng(5)
X = np.round(RNG.normal(size=(200, 3, 4, 4)) * 256) / 256
CHANNELS = RNG.uniform(0.01, 0.2, (1, 3, 1, 1)).astype(np.float32)
SCALES = {"power": np.float32(0.125), "any": np.float32(0.0371), "thirds": np.float32(1 / 3), "channels": CHANNELS}


def made_of(nodes: Any, constants: Any, trunc: int = 1, shape: Any = (3, 4, 4)) -> Exchanged:
    return as_keras(graph_of(model(nodes, {"x": shape}, constants, trunc=trunc), "net", "the file"))


def both(made: Exchanged, x: Array) -> tuple[Array, Array]:
    (said,), (ours,) = made.folded.evaluate([x]), Probe(made.model).outputs([x])
    return said, ours


SETTINGS = [
    (8, {}),
    (4, {"narrow": 1}),
    (4, {"signed": 0}),
    (3, {"signed": 0, "narrow": 1}),
    (1, {"signed": 1}),
    (5, {"rounding_mode": "FLOOR"}),
    (5, {"rounding_mode": "DOWN"}),
    (5, {"rounding_mode": "HALF_UP"}),
    (5, {"rounding_mode": "HALF_DOWN"}),
]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("zero", [0.0, 3.0])
@pytest.mark.parametrize(("bits", "settings"), SETTINGS)
def test_quant(bits: int, settings: dict[str, Any], zero: float, scale: str) -> None:
    if bits == 1 and zero:
        zero = 0.0
    own = {"signed": 1, "narrow": 0, "rounding_mode": "ROUND", **settings}
    s = SCALES[scale]
    made = made_of([quant("x", "y", "s", f"b{bits}", "z", **settings)], {"s": s, "z": zero})
    wanted = int_quant(X, np.float64(s), np.float64(zero), np.array(float(bits)), **own)
    said, ours = both(made, X)
    np.testing.assert_array_equal(said, wanted)
    np.testing.assert_array_equal(ours, said)
    assert not made.inexact
    assert not made.rounded
    assert len(np.unique(wanted)) > 1


@pytest.mark.parametrize("scale", SCALES)
def test_quant_behind_sums_and_a_normalisation(scale: str) -> None:
    """What is pending is taken into the steps: by channel, with a relu, and with signs that turn the order round."""
    constants = {
        "s": np.float32(0.0517),
        "w": RNG.normal(size=(3, 3, 3, 3)),
        "sw": RNG.uniform(0.02, 0.2, (3, 1, 1, 1)),
        "g": np.array([1.2, -0.7, 0.3]),
        "b": RNG.normal(size=3),
        "m": RNG.normal(size=3),
        "v": RNG.uniform(0.5, 2, 3),
        "out": SCALES[scale],
    }
    nodes = [
        quant("x", "xq", "s", "b6"),
        quant("w", "wq", "sw", "b4", narrow=1),
        node("Conv", "xq wq", "c", pads=[1, 1, 1, 1]),
        node("BatchNormalization", "c g b m v", "n"),
        node("Relu", "n", "r"),
        quant("r", "y", "out", "b4", signed=0),
    ]
    made = made_of(nodes, constants)
    said, ours = both(made, X)
    np.testing.assert_array_equal(ours, said)
    assert not made.inexact
    assert len(np.unique(said)) > 8
    kinds = [type(layer).__name__ for layer in made.model.layers]
    assert kinds.count("Affine") == 2 + (scale == "any" or scale == "thirds" or scale == "channels")
    assert "ReLU" not in kinds


def test_bipolar() -> None:
    nodes = [
        quant("x", "xq", "s", "b6"),
        node("Add", "xq c", "a"),
        node("BipolarQuant", "a t", "p", domain=QONNX),
        node("BipolarQuant", "w u", "wq", domain=QONNX),
        node("Conv", "p wq", "y"),
    ]
    constants = {
        "s": 0.3,
        "c": np.array([0.1, -0.6, 0.0]).reshape(3, 1, 1),
        "t": 0.75,
        "u": 0.21,
        "w": RNG.normal(size=(4, 3, 2, 2)),
    }
    made = made_of(nodes, constants)
    said, ours = both(made, X)
    f = {k: np.asarray(np.float32(v), np.float64) for k, v in constants.items()}
    p = binary_quant(int_quant(X, f["s"], 0.0, np.array(6.0), True, False, "ROUND") + f["c"], f["t"])
    w = binary_quant(f["w"], f["u"])
    wanted = np.zeros_like(said)
    for r in range(2):
        for c in range(2):
            wanted += np.einsum("oi,nihw->nohw", w[:, :, r, c], p[:, :, r : r + 3, c : c + 3])
    np.testing.assert_allclose(said, wanted, rtol=1e-12)
    np.testing.assert_allclose(ours, said, rtol=1e-12)
    assert not made.inexact


@pytest.mark.parametrize("scale", [0.25, 0.0371])
@pytest.mark.parametrize("zero", [0.0, 2.0])
def test_trunc(scale: float, zero: float) -> None:
    """Of a sum of four, as a Brevitas average pooling has it."""
    nodes = [
        quant("x", "xq", "s", "b6"),
        node("ReduceSum", "xq axes", "sum", keepdims=0),
        node("Trunc", "sum s z b8 b6", "y", domain=QONNX, rounding_mode="FLOOR"),
    ]
    made = made_of(nodes, {"s": scale, "z": zero, "axes": np.array([2])})
    said, ours = both(made, X)
    f = np.float64(np.float32(scale))
    q = int_quant(X, f, 0.0, np.array(6.0), True, False, "ROUND").sum(2)
    np.testing.assert_array_equal(said, trunc_v1(q, f, zero, 8.0, 6.0, "FLOOR"))
    np.testing.assert_array_equal(ours, said)
    assert not made.inexact


@pytest.mark.parametrize("mode", ["FLOOR", "ROUND"])
def test_trunc_of_version_2(mode: str) -> None:
    nodes = [
        quant("x", "xq", "s", "b6"),
        node("ReduceSum", "xq axes", "sum", keepdims=0),
        node("Trunc", "sum s zero b8 t b5", "y", domain=QONNX, rounding_mode=mode, signed=1, narrow=1),
    ]
    s, t = np.float32(0.11), np.float32(0.11) * 4
    made = made_of(nodes, {"s": s, "t": t, "axes": np.array([2])}, trunc=2)
    said, ours = both(made, X)
    s, t = np.float64(s), np.float64(t)
    q = int_quant(X, s, 0.0, np.array(6.0), True, False, "ROUND").sum(2)
    wanted = trunc_v2(q, s, np.float64(0), 8.0, True, True, t, np.array(5.0), mode)
    np.testing.assert_array_equal(said, wanted)
    np.testing.assert_array_equal(ours, said)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("op", ["Sigmoid", "Tanh", "Elu", "HardSwish", "Gelu", "LeakyRelu", "Abs"])
def test_a_function_between_two_quants_is_an_exact_table(op: str, scale: str) -> None:
    nodes = [quant("x", "a", "s", "b6"), node(op, "a", "f"), quant("f", "y", "t", "b5", narrow=1)]
    made = as_keras(graph_of(model(nodes, {"x": (3, 4, 4)}, {"s": SCALES[scale], "t": 0.043}, opset=20), "net", "the file"))
    said, ours = both(made, X)
    np.testing.assert_array_equal(ours, said)
    assert not made.inexact
    assert [type(layer).__name__ for layer in made.model.layers].count("Lookup") == 1
    assert len(np.unique(said)) > 2


def test_a_function_without_a_finite_value() -> None:
    nodes = [quant("x", "a", "s", "b6"), node("Log", "a", "f"), quant("f", "y", "s", "b5")]
    with pytest.raises(FpgaMlError, match=r"'Quant_y' rounds a function that has no finite value"):
        made_of(nodes, {"s": 0.1})


def test_a_residual_of_two_scales() -> None:
    nodes = [
        quant("x", "a", "s", "b6"),
        quant("x", "c", "t", "b4"),
        node("Add", "a c", "d"),
        quant("d", "y", "u", "b6"),
    ]
    made = made_of(nodes, {"s": 0.07, "t": 0.19, "u": 0.11})
    said, ours = both(made, X)
    np.testing.assert_array_equal(ours, said)
    assert not made.inexact
    assert not made.rounded


def test_constants_of_integers() -> None:
    """Weights that a DequantizeLinear makes keep their scale; so do sums behind it."""
    nodes = [
        node("QuantizeLinear", "x s z", "q"),
        node("DequantizeLinear", "q s z", "d"),
        node("DequantizeLinear", "w sw", "v", axis=0),
        node("Gemm", "d v b", "g", transB=1),
        node("QuantizeLinear", "g t z", "h"),
        node("DequantizeLinear", "h t z", "y"),
    ]
    constants = {
        "s": np.float32(0.043),
        "z": np.array(5, np.int8),
        "w": RNG.integers(-127, 128, (4, 6)).astype(np.int8),
        "sw": RNG.uniform(0.001, 0.01, 4),
        "b": RNG.normal(size=4),
        "t": np.float32(0.013),
    }
    x = np.round(RNG.normal(size=(300, 6)) * 512) / 512
    made = made_of(nodes, constants, shape=(6,))
    said, ours = both(made, x)
    np.testing.assert_array_equal(ours, said)
    assert not made.inexact
    assert len(np.unique(said)) > 50


def test_the_fewest_bits_give_every_step() -> None:
    """Against all numbers that there are, and one bit fewer is wrong somewhere."""
    scale, shift, reach = np.array([0.03713, -0.42171]), np.array([3.3, 0.1]), Reach(-900.0, 1100.0, 1)

    def rule(y: Array) -> Array:
        return np.rint(y).clip(-32, 31)

    found = fewest_bits(lambda s: scale * s + shift, scale, shift, np.arange(-33, 33, 0.5), rule, reach)
    assert found is not None
    every = np.arange(-1800, 2201)[:, None] / 2
    np.testing.assert_array_equal(rule(found[0] * every + found[1]), rule(scale * every + shift))
    bits = int(np.log2(np.array(max(float(v).as_integer_ratio()[1] for v in found[0]))))
    coarse = np.rint(scale * 2.0 ** (bits - 1)) / 2.0 ** (bits - 1)
    near = np.rint(shift * 2.0 ** (bits - 1)) / 2.0 ** (bits - 1)
    assert (rule(coarse * every + near) != rule(scale * every + shift)).any()


def test_steps_at_ties_that_no_factor_gives() -> None:
    """A third of whole numbers meets no tie; a sixth meets them at every third, of which half go up and half go down."""
    at, reach = np.arange(-9, 9, 0.5), Reach(-48.0, 47.0, 0)

    def rule(y: Array) -> Array:
        return np.rint(y).clip(-8, 7)

    third, sixth, none = np.array([1 / 3]), np.array([1 / 6]), np.zeros(1)
    assert fewest_bits(lambda s: s / 3, third, none, at, rule, reach) is not None
    assert fewest_bits(lambda s: s / 6, sixth, none, at, rule, reach) is None


def test_whole_number_weights_are_seen() -> None:
    w = whole((4, 6), 3)
    made = made_of([node("Gemm", "x w", "y", transB=1)], {"w": w}, shape=(6,))
    assert not made.inexact
