"""Every operation: what the file says in double precision, what onnxruntime computes, and what the Keras model computes.

Data and weights are whole numbers, which single precision adds exactly: all three are equal in every bit. Functions such as
exp are compared to the precision of a single float.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from onnx_models import Shape, model, node, whole

from fpga_ml.frontend.onnx.apart import as_keras
from fpga_ml.frontend.onnx.build import KINDS
from fpga_ml.frontend.onnx.check import by_runtime
from fpga_ml.frontend.onnx.graph import graph_of
from fpga_ml.frontend.onnx.meaning.operations import OF_CONSTANTS, OPERATIONS
from fpga_ml.frontend.rebuild import Probe

Case = tuple[Sequence[Any], Mapping[str, Shape], Mapping[str, Any], Mapping[str, Any]]


def one(op: str, shape: Shape, constants: Mapping[str, Any] | None = None, *, opset: int = 17, **attributes: Any) -> Case:
    """A node of the input x, of constants in their order, with one output."""
    given = " ".join(["x", *(constants or {})])
    return [node(op, given, "y", **attributes)], {"x": shape}, constants or {}, {"opset": opset}


def two(op: str, first: Shape, second: Shape, **attributes: Any) -> Case:
    return [node(op, "x z", "y", **attributes)], {"x": first, "z": second}, {}, {}


W = whole
IMAGE = (3, 8, 7)
EXACT: dict[str, Case] = {
    "gemm": one("Gemm", (8,), {"w": W((8, 5)), "b": W((5,), 1)}),
    "gemm_turned": one("Gemm", (8,), {"w": W((5, 8)), "b": W((5,), 1)}, transB=1, alpha=2.0, beta=4.0),
    "matmul": one("MatMul", (8,), {"w": W((8, 5))}),
    "matmul_rows": one("MatMul", (4, 8), {"w": W((8, 5))}),
    "matmul_of_two": two("MatMul", (4, 8), (8, 3)),
    "matmul_of_heads": two("MatMul", (2, 4, 8), (2, 8, 3)),
    "matmul_from_the_left": ([node("MatMul", "w x", "y")], {"x": (4, 8)}, {"w": W((5, 4))}, {}),
    "conv1d": one("Conv", (3, 9), {"w": W((4, 3, 3)), "b": W((4,), 1)}),
    "conv2d": one("Conv", IMAGE, {"w": W((4, 3, 3, 2)), "b": W((4,), 1)}),
    "conv2d_padded": one("Conv", IMAGE, {"w": W((4, 3, 3, 3))}, pads=[1, 1, 1, 1]),
    "conv2d_uneven": one("Conv", IMAGE, {"w": W((4, 3, 3, 3))}, pads=[2, 0, 1, 1], strides=[2, 1]),
    "conv2d_strided": one("Conv", IMAGE, {"w": W((4, 3, 3, 3))}, pads=[1, 1, 1, 1], strides=[2, 2]),
    "conv2d_upper": one("Conv", IMAGE, {"w": W((4, 3, 3, 3))}, auto_pad="SAME_UPPER", strides=[2, 2]),
    "conv2d_lower": one("Conv", IMAGE, {"w": W((4, 3, 2, 2))}, auto_pad="SAME_LOWER"),
    "conv2d_dilated": one("Conv", IMAGE, {"w": W((4, 3, 3, 3))}, dilations=[2, 1], pads=[2, 1, 2, 1]),
    "conv2d_depthwise": one("Conv", IMAGE, {"w": W((6, 1, 3, 3)), "b": W((6,))}, group=3, pads=[1, 1, 1, 1]),
    "conv2d_groups": one("Conv", (4, 6, 6), {"w": W((6, 2, 3, 3)), "b": W((6,))}, group=2),
    "conv2d_depthwise_uneven": one("Conv", IMAGE, {"w": W((3, 1, 3, 3))}, group=3, strides=[2, 1]),
    "conv1d_depthwise": one("Conv", (3, 9), {"w": W((3, 1, 3)), "b": W((3,))}, group=3),
    "maxpool": one("MaxPool", IMAGE, kernel_shape=[2, 2], strides=[2, 2]),
    "maxpool1d": one("MaxPool", (3, 9), kernel_shape=[3], strides=[2]),
    "maxpool_padded": one("MaxPool", IMAGE, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
    "maxpool_ceil": one("MaxPool", IMAGE, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
    "maxpool_dilated": one("MaxPool", IMAGE, kernel_shape=[2, 2], dilations=[2, 2]),
    "maxpool_same": one("MaxPool", IMAGE, kernel_shape=[2, 2], strides=[2, 2], auto_pad="SAME_UPPER"),
    "averagepool": one("AveragePool", IMAGE, kernel_shape=[2, 2], strides=[2, 2]),
    "averagepool_1d": one("AveragePool", (3, 9), kernel_shape=[4], strides=[2]),
    "averagepool_include": one("AveragePool", IMAGE, kernel_shape=[2, 2], pads=[1, 1, 0, 0], count_include_pad=1),
    "averagepool_padded": one("AveragePool", IMAGE, kernel_shape=[2, 2], pads=[1, 1, 1, 1], strides=[2, 1]),
    "averagepool_ceil": one("AveragePool", IMAGE, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
    "globalmax": one("GlobalMaxPool", (5, 2, 3)),
    "globalaverage": one("GlobalAveragePool", (3, 8, 4)),
    "reducesum": one("ReduceSum", IMAGE, {"a": np.array([1, 3])}, keepdims=0),
    "reducemean": one("ReduceMean", (4, 8), axes=[-1]),
    "reducemax": one("ReduceMax", (4, 8), axes=[1], keepdims=0),
    "reducemin": one("ReduceMin", (4, 8), axes=[2]),
    "batchnorm": one(
        "BatchNormalization",
        IMAGE,
        {"s": W((3,)), "b": W((3,), 1), "m": W((3,), 2), "v": np.array([4.0, 1.0, 16.0])},
        epsilon=0.0,
    ),
    "add_constant": one("Add", IMAGE, {"c": W((3, 1, 1))}),
    "add_of_two": two("Add", IMAGE, IMAGE),
    "add_spread": two("Add", IMAGE, (3, 1, 1)),
    "sub": two("Sub", (5,), (5,)),
    "sub_from_constant": ([node("Sub", "c x", "y")], {"x": (5,)}, {"c": W((5,))}, {}),
    "mul_constant": one("Mul", IMAGE, {"c": W((1, 3, 1, 1))}),
    "mul_of_two": two("Mul", (5,), (5,)),
    "mul_spread": two("Mul", IMAGE, (3, 1, 1)),
    "div_constant": one("Div", (5,), {"c": np.array([4.0, 2.0, -8.0, 1.0, 0.5])}),
    "neg": one("Neg", (5,)),
    "sum_of_three": ([node("Sum", "x z x", "y")], {"x": (5,), "z": (5,)}, {}, {}),
    "mean_of_two": two("Mean", (5,), (5,)),
    "max_of_two": two("Max", (5,), (5,)),
    "min_of_two": two("Min", IMAGE, IMAGE),
    "max_constant": one("Max", (5,), {"c": np.array(1.0)}),
    "min_constant": one("Min", (5,), {"c": W((5,))}),
    "clip": one("Clip", IMAGE, {"low": np.array(-1.0), "high": np.array(2.0)}),
    "clip_old": one("Clip", (5,), min=0.0, max=2.0, opset=10),
    "clip_6": one("Clip", (5,), {"low": np.array(0.0), "high": np.array(6.0)}),
    "relu": one("Relu", IMAGE),
    "leaky": one("LeakyRelu", IMAGE, alpha=0.25),
    "prelu": one("PRelu", IMAGE, {"c": np.array([0.5, 0.25, -1.0]).reshape(3, 1, 1)}),
    "abs": one("Abs", (5,)),
    "sign": one("Sign", (5,)),
    "square": one("Pow", (5,), {"c": np.array(2.0)}),
    "reshape": one("Reshape", IMAGE, {"s": np.array([1, -1, 4])}),
    "reshape_kept": one("Reshape", IMAGE, {"s": np.array([0, 7, -1])}),
    "flatten": one("Flatten", IMAGE),
    "transpose": one("Transpose", IMAGE, perm=[0, 2, 3, 1]),
    "squeeze": one("Squeeze", (3, 1, 4), {"a": np.array([2])}),
    "unsqueeze": one("Unsqueeze", (3, 4), {"a": np.array([2])}),
    "slice": one(
        "Slice", IMAGE, {"s": np.array([1, -1]), "e": np.array([7, -9]), "a": np.array([2, 3]), "t": np.array([2, -1])}
    ),
    "gather": one("Gather", IMAGE, {"i": np.array([2, 0])}, axis=1),
    "pad": one("Pad", IMAGE, {"p": np.array([0, 0, 1, 2, 0, 1, 0, 0]), "c": np.array(3.0)}),
    "pad_reflect": one("Pad", IMAGE, {"p": np.array([0, 0, 1, 2, 0, 0, 0, 0])}, mode="reflect"),
    "pad_old": one("Pad", IMAGE, pads=[0, 0, 1, 0, 0, 0, 0, 1], opset=10),
    "expand": one("Expand", (3, 1), {"s": np.array([1, 3, 4])}),
    "tile": one("Tile", (3, 2), {"s": np.array([1, 2, 3])}),
    "depth_to_space": one("DepthToSpace", (8, 2, 3), blocksize=2),
    "depth_to_space_crd": one("DepthToSpace", (8, 2, 3), blocksize=2, mode="CRD"),
    "space_to_depth": one("SpaceToDepth", (2, 4, 6), blocksize=2),
    "resize": one(
        "Resize",
        (2, 3, 4),
        {"r": np.zeros(0), "s": np.array([1.0, 1.0, 2.0, 3.0])},
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    ),
    "upsample": one("Upsample", (2, 3, 4), {"s": np.array([1.0, 1.0, 2.0, 3.0])}, mode="nearest", opset=9),
    "identity": one("Identity", (5,)),
    "dropout": one("Dropout", (5,)),
    "cast": one("Cast", (5,), to=1),
    "concat_flat": two("Concat", (5,), (3,), axis=1),
    "concat_channels": two("Concat", IMAGE, (2, 8, 7), axis=1),
    "concat_rows": two("Concat", IMAGE, (3, 2, 7), axis=-2),
    "quantize": (
        [node("QuantizeLinear", "x s z", "q"), node("DequantizeLinear", "q s z", "y")],
        {"x": (5,)},
        {"s": np.array(0.5), "z": np.array(3, np.int8)},
        {},
    ),
    "split": (
        [node("Split", "x s", "a b", axis=1), node("Relu", "a", "c"), node("Concat", "b c", "y", axis=1)],
        {"x": (7, 2)},
        {"s": np.array([3, 4])},
        {},
    ),
    "split_by_number": (
        [node("Split", "x", "a b", axis=2, num_outputs=2), node("Concat", "b a", "y", axis=2)],
        {"x": (2, 5)},
        {},
        {"opset": 18},
    ),
    "constants_of_shapes": (
        [
            node("Shape", "x", "s"),
            node("Gather", "s zero_", "n"),
            node("Unsqueeze", "n zero_a", "n1"),
            node("Concat", "n1 minus", "to", axis=0),
            node("Conv", "x w", "c"),
            node("Reshape", "c to", "f"),
            node("Gemm", "f v", "y"),
        ],
        {"x": IMAGE},
        {"zero_": np.array(0), "zero_a": np.array([0]), "minus": np.array([-1]), "w": W((2, 3, 3, 3)), "v": W((60, 3))},
        {},
    ),
}
CLOSE: dict[str, Case] = {
    **{
        op.lower(): one(op, (5,)) for op in ("Sigmoid", "Tanh", "Softplus", "Softsign", "Elu", "Selu", "Celu", "HardSigmoid")
    },
    **{op.lower(): one(op, (5,)) for op in ("HardSwish", "ThresholdedRelu", "Exp", "Erf", "Sin", "Cos", "Sinh", "Cosh")},
    **{op.lower(): one(op, (5,)) for op in ("Atan", "Asinh")},
    "mish": one("Mish", (5,), opset=18),
    "gelu": one("Gelu", (5,), opset=20),
    "gelu_tanh": one("Gelu", (5,), approximate="tanh", opset=20),
    "softmax": one("Softmax", (4, 5)),
    "softmax_of_channels": one("Softmax", (4, 5), axis=1),
    "softmax_old": one("Softmax", (5,), opset=11),
    "layer_norm": one("LayerNormalization", (4, 5), {"s": W((5,)), "b": W((5,), 1)}),
    "div_of_two": (
        [node("Abs", "z", "a"), node("Add", "a c", "d"), node("Div", "x d", "y")],
        {"x": (5,), "z": (5,)},
        {"c": np.array(1.0)},
        {},
    ),
    "logarithm": (
        [node("Abs", "x", "a"), node("Add", "a c", "d"), node("Log", "d", "y")],
        {"x": (5,)},
        {"c": np.array(1.0)},
        {},
    ),
    "root": ([node("Abs", "x", "a"), node("Sqrt", "a", "y")], {"x": (5,)}, {}, {}),
    "inverse": (
        [node("Abs", "x", "a"), node("Add", "a c", "d"), node("Reciprocal", "d", "y")],
        {"x": (5,)},
        {"c": np.array(1.0)},
        {},
    ),
    "arcs": (
        [
            node("Div", "x c", "d"),
            node("Asin", "d", "a"),
            node("Acos", "d", "b"),
            node("Add", "a b", "e"),
            node("Mul", "e a", "y"),
        ],
        {"x": (5,)},
        {"c": np.array(8.0)},
        {},
    ),
    "batchnorm_1d": one(
        "BatchNormalization", (5,), {"s": W((5,)), "b": W((5,), 1), "m": W((5,), 2), "v": np.arange(1.0, 6.0)}
    ),
}


def three_ways(case: Case) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    nodes, inputs, constants, settings = case
    graph = graph_of(model(nodes, inputs, constants, **settings), "net", "the file")
    x = [whole((6, *shape), 7 + k) for k, shape in enumerate(inputs.values())]
    made = as_keras(graph)
    (said,), (theirs,), (ours,) = made.folded.evaluate(x), by_runtime(graph, x), Probe(made.model).outputs(x)
    assert said.shape == theirs.shape == ours.shape
    assert len(np.unique(said)) > 1
    return said, theirs, ours


@pytest.mark.parametrize("name", EXACT)
def test_whole_numbers(name: str) -> None:
    said, theirs, ours = three_ways(EXACT[name])
    np.testing.assert_array_equal(said, theirs)
    np.testing.assert_array_equal(ours, said)


@pytest.mark.parametrize("name", CLOSE)
def test_functions(name: str) -> None:
    said, theirs, ours = three_ways(CLOSE[name])
    np.testing.assert_allclose(said, theirs, rtol=2e-6, atol=1e-6)
    np.testing.assert_allclose(ours, said, rtol=1e-12, atol=1e-12)


def test_every_operation_is_tested() -> None:
    tested = {entry.op_type for case in (*EXACT.values(), *CLOSE.values()) for entry in case[0]}
    ours = {"Quant", "IntQuant", "BipolarQuant", "Trunc"}  # test_quantisers.py
    plain = {"Constant", "ConstantOfShape", "Size", "Range", *OF_CONSTANTS}
    assert set(OPERATIONS) - tested - ours == plain
    assert set(KINDS) == set(OPERATIONS) - plain - {"Shape"}


def test_the_page_names_them(repository: Any) -> None:
    table = (repository / "docs" / "onnx.md").read_text().split("## What converts")[1].split("Operations on constants")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| ") and "operations" not in line]
    named = re.findall(r"[A-Z]\w+", " ".join(rows))
    assert sorted(named) == sorted(KINDS)
