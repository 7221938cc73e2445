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
