"""Small ONNX and QONNX models, made node by node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

QONNX = "qonnx.custom_op.general"
Shape = tuple[int, ...]


def node(op: str, inputs: str | Sequence[str], output: str | Sequence[str], **attributes: Any) -> Any:
    """inputs: names, apart by spaces."""
    given = inputs.split() if isinstance(inputs, str) else list(inputs)
    return helper.make_node(op, given, output.split() if isinstance(output, str) else list(output), **attributes)


def quant(given: str, made: str, scale: str, bits: str, zero: str = "zero", **attributes: Any) -> Any:
    settings = {"signed": 1, "narrow": 0, "rounding_mode": "ROUND", **attributes}
    return helper.make_node("Quant", [given, scale, zero, bits], [made], domain=QONNX, **settings)


def model(
    nodes: Sequence[Any],
    inputs: Mapping[str, Sequence[Any]],
    constants: Mapping[str, Any],
    outputs: Sequence[str] = ("y",),
    opset: int = 17,
    batch: Any = "N",
    trunc: int = 1,
) -> Any:
    """constants: arrays of integers stay such, others are of single precision; z and 1 ... 32 bits are there as `zero` and
    `b4`."""
    bits = {f"b{n}": float(n) for n in range(1, 33)} | {"zero": 0.0}
    named = {n for entry in nodes for n in entry.input}
    every = {**{k: v for k, v in bits.items() if k in named}, **constants}
    tensors = [numpy_helper.from_array(_stored(v), k) for k, v in every.items()]
    entries = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [batch, *shape]) for n, shape in inputs.items()]
    results = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in outputs]
    graph = helper.make_graph(list(nodes), "net", entries, results, tensors)
    versions = [helper.make_opsetid("", opset), helper.make_opsetid(QONNX, trunc)]
    return helper.make_model(graph, opset_imports=versions, ir_version=9)


def _stored(values: Any) -> Any:
    a = np.asarray(values)
    return a if a.dtype.kind in "iu" else a.astype(np.float32)


def whole(shape: Shape, seed: int = 0, most: int = 4) -> Any:
    """Whole numbers: single precision sums them exactly."""
    return np.random.default_rng(seed).integers(-most, most + 1, shape).astype(np.float64)


def file_of(proto: Any, path: Any) -> Any:
    onnx.save(proto, str(path))
    return path


# Whole networks: (model, samples), all but the first fully quantised.


def tagger(seed: int = 0) -> tuple[Any, Any]:
    """Float, as torch.onnx.export writes an MLP."""
    rng = np.random.default_rng(seed)
    nodes = [
        node("Gemm", "x w1 b1", "h1", transB=1, name="/fc1/Gemm"),
        node("Relu", "h1", "r1", name="/relu/Relu"),
        node("Gemm", "r1 w2 b2", "h2", transB=1, name="/fc2/Gemm"),
        node("Softmax", "h2", "y", axis=-1, name="/softmax/Softmax"),
    ]
    weights = {"w1": rng.normal(size=(12, 8)) / 3, "b1": rng.normal(size=12) / 4, "w2": rng.normal(size=(3, 12)) / 3}
    return model(nodes, {"x": (8,)}, weights | {"b2": rng.normal(size=3)}), rng.normal(size=(400, 8))


def brevitas_mlp(seed: int = 0) -> tuple[Any, Any]:
    """As Brevitas exports it: scales by channel, biases of the scale of the sums, an output that is rounded."""
    rng = np.random.default_rng(seed)
    sx, sh, sy = np.float32(0.0431), np.float32(0.0217), np.float32(0.0113)
    s1, s2 = (rng.uniform(0.01, 0.04, (n, 1)).astype(np.float32) for n in (10, 4))
    nodes = [
        quant("x", "xq", "sx", "b8"),
        quant("w1", "w1q", "s1", "b4", narrow=1),
        quant("b1", "b1q", "t1", "b16"),
        node("Gemm", "xq w1q b1q", "h", transB=1, name="/fc1/Gemm"),
        node("Relu", "h", "r", name="/act/Relu"),
        quant("r", "rq", "sh", "b6", signed=0),
        quant("w2", "w2q", "s2", "b4", narrow=1),
        quant("b2", "b2q", "t2", "b16"),
        node("Gemm", "rq w2q b2q", "g", transB=1, name="/fc2/Gemm"),
        quant("g", "y", "sy", "b8"),
    ]
    weights = {"w1": rng.normal(size=(10, 8)) * 0.1, "w2": rng.normal(size=(4, 10)) * 0.1}
    weights |= {"b1": rng.normal(size=10) * 0.3, "b2": rng.normal(size=4) * 0.3}
    scales = {"sx": sx, "sh": sh, "sy": sy, "s1": s1, "s2": s2, "t1": (sx * s1)[:, 0], "t2": (sh * s2)[:, 0]}
    return model(nodes, {"x": (8,)}, weights | scales), np.round(rng.normal(size=(300, 8)) * 256) / 256


def cnn(seed: int = 0, order: str = "channels first") -> tuple[Any, Any]:
    """Convolutions, poolings and a dense layer behind a Flatten; order: of the input."""
    rng = np.random.default_rng(seed)
    turned = order != "channels first"
    nodes = [
        *([node("Transpose", "image", "x", perm=[0, 3, 1, 2])] if turned else []),
        quant("x", "xq", "sx", "b6"),
        quant("w1", "w1q", "s1", "b4"),
        node("Conv", "xq w1q", "c1", pads=[1, 1, 1, 1], kernel_shape=[3, 3], name="/conv1/Conv"),
        node("BatchNormalization", "c1 g be mu va", "n1", name="/bn1/BatchNormalization"),
        node("Relu", "n1", "r1"),
        quant("r1", "q1", "s2", "b5", signed=0),
        node("MaxPool", "q1", "p1", kernel_shape=[2, 2], strides=[2, 2]),
        quant("w2", "w2q", "s3", "b3", narrow=1),
        node("Conv", "p1 w2q", "c2", kernel_shape=[2, 2], group=1, name="/conv2/Conv"),
        node("Relu", "c2", "r2"),
        quant("r2", "q2", "s2", "b5", signed=0),
        node("Shape", "q2", "shape"),
        node("Gather", "shape first", "batch", axis=0),
        node("Unsqueeze", "batch axis", "batch1"),
        node("Concat", "batch1 rest", "to", axis=0),
        node("Reshape", "q2 to", "flat"),
        quant("w3", "w3q", "s4", "b4"),
        node("MatMul", "flat w3q", "y"),
    ]
    weights = {
        "w1": rng.normal(size=(3, 2, 3, 3)) / 4,
        "w2": rng.normal(size=(4, 3, 2, 2)) / 4,
        "w3": rng.normal(size=(16, 3)) / 4,
    }
    norm = {
        "g": rng.uniform(0.5, 1.5, 3),
        "be": rng.normal(size=3),
        "mu": rng.normal(size=3) / 4,
        "va": rng.uniform(0.5, 2, 3),
    }
    scales = {"sx": 2.0**-3, "s1": rng.uniform(0.03, 0.1, (3, 1, 1, 1)), "s2": 0.0713, "s3": 0.11, "s4": 0.0625}
    whole_ones = {"first": np.array(0), "axis": np.array([0]), "rest": np.array([-1])}
    made = model(
        nodes, {"image" if turned else "x": (6, 6, 2) if turned else (2, 6, 6)}, weights | norm | scales | whole_ones
    )
    x = rng.normal(size=(200, 2, 6, 6))
    return made, x.transpose(0, 2, 3, 1) if turned else x


def residual(seed: int = 0) -> tuple[Any, Any]:
    """A block whose two ways share a scale, as Brevitas has them, and a mean that a Trunc cuts off."""
    rng = np.random.default_rng(seed)
    nodes = [
        quant("x", "xq", "s", "b5"),
        quant("w1", "w1q", "sw", "b4"),
        node("Conv", "xq w1q", "c1", pads=[1, 1], name="/block/conv1/Conv"),
        node("Relu", "c1", "r1"),
        quant("r1", "q1", "s", "b5", signed=0),
        quant("w2", "w2q", "sw", "b4"),
        node("Conv", "q1 w2q", "c2", pads=[1, 1], name="/block/conv2/Conv"),
        quant("c2", "q2", "s", "b5"),
        node("Add", "q2 xq", "sum", name="/block/Add"),
        node("Relu", "sum", "r"),
        node("ReduceSum", "r last", "total", keepdims=0),
        node("Trunc", "total s zero b8 b6", "t", domain=QONNX, rounding_mode="FLOOR"),
        quant("w3", "w3q", "sw", "b4"),
        node("MatMul", "t w3q", "g"),
        quant("g", "y", "sy", "b6"),
    ]
    weights = {"w1": rng.normal(size=(3, 3, 3)) / 4, "w2": rng.normal(size=(3, 3, 3)) / 4, "w3": rng.normal(size=(3, 2)) / 4}
    scales = {"s": 0.0917, "sw": 0.0733, "sy": 0.041, "last": np.array([2])}
    return model(nodes, {"x": (3, 8)}, weights | scales), rng.normal(size=(200, 3, 8))


def binary(seed: int = 0) -> tuple[Any, Any]:
    """Signs for weights and activations."""
    rng = np.random.default_rng(seed)
    nodes = [
        quant("x", "xq", "s", "b4"),
        node("BipolarQuant", "w1 one", "w1q", domain=QONNX),
        node("MatMul", "xq w1q", "m1"),
        node("Add", "m1 b1", "a1"),
        node("BipolarQuant", "a1 t", "h", domain=QONNX),
        node("BipolarQuant", "w2 u", "w2q", domain=QONNX),
        node("MatMul", "h w2q", "m2"),
        node("Mul", "m2 s", "y"),
    ]
    weights = {"w1": rng.normal(size=(8, 6)), "b1": rng.normal(size=6) / 2, "w2": rng.normal(size=(6, 3))}
    return model(nodes, {"x": (8,)}, weights | {"s": 0.25, "one": 1.0, "t": 0.37, "u": 0.71}), rng.normal(size=(300, 8))


NETWORKS = {"brevitas_mlp": brevitas_mlp, "cnn": cnn, "residual": residual, "binary": binary}
