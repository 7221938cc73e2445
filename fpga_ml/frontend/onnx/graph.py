"""An ONNX file as a graph of nodes and numbers, with what cannot be built refused."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from fpga_ml.errors import FpgaMlError

INSTALL = "pip install 'fpga_ml[onnx]'"
_MOST_BYTES = 1 << 29
_DOMAINS = ("", "ai.onnx", "qonnx.custom_op.general", "finn.custom_op.general", "onnx.brevitas")
_ONE_FILE = (
    "write one file: onnx.save(onnx.load('model.onnx'), 'one_file.onnx'), or torch.onnx.export(..., external_data=False)"
)


@dataclass(frozen=True)
class Node:
    """name: the file's, made unique; opset: the version of the domain that the operation is of; attributes: as Python
    values, tensors as arrays."""

    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    opset: int

    @property
    def where(self) -> str:
        return f"node '{self.name}' ({self.op})"

    def refused(self, what: str, do: str) -> FpgaMlError:
        return FpgaMlError(f"node '{self.name}' ({self.op}) {what}", where=self.where, do=do)


@dataclass(frozen=True)
class Graph:
    """inputs: (name, shape without the batch) of each; constants: the file's, real numbers as float64; model: the
    ModelProto, its batch set to 1."""

    name: str
    inputs: tuple[tuple[str, tuple[int, ...]], ...]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    constants: Mapping[str, np.ndarray]
    model: Any


def need(package: str) -> ModuleType:
    """The package, imported. Raises FpgaMlError where it is not there."""
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package.partition(".")[0]:
            raise
        raise FpgaMlError(f"an ONNX model needs the package {error.name}", do=INSTALL) from None


def is_proto(model: Any) -> bool:
    """Whether an object is an onnx.ModelProto; does not need the package."""
    return type(model).__name__ == "ModelProto" and type(model).__module__.startswith("onnx")


def read_file(path: Path) -> Graph:
    onnx = need("onnx")
    size = path.stat().st_size
    if size > _MOST_BYTES:
        raise FpgaMlError(
            f"'{path}' has {size >> 20:,} MiB, more than {_MOST_BYTES >> 20}",
            do="give a smaller network: no FPGA holds so many weights",
        )
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:  # of several kinds, by what stands in the file
        said = next(iter(str(error).splitlines()), "")
        raise _not_onnx(f"'{path}'", f"{type(error).__name__}: {said}") from error
    return graph_of(model, path.stem, f"'{path}'")


def _not_onnx(file: str, why: str) -> FpgaMlError:
    return FpgaMlError(f"{file} is not an ONNX model ({why})", do="export it again, such as by torch.onnx.export")


def graph_of(model: Any, name: str, file: str) -> Graph:
    """file: as errors call it."""
    onnx = need("onnx")
    if not model.HasField("graph") or not model.graph.output:
        raise _not_onnx(file, "it holds no graph with an output")
    _check_data(model, file)
    if model.functions:
        from onnx import inliner

        model = inliner.inline_local_functions(model)
    one = onnx.ModelProto()
    one.CopyFrom(model)
    given = {t.name for t in one.graph.initializer}
    entries = [v for v in one.graph.input if v.name not in given]
    if not entries:
        raise FpgaMlError(f"{file} has no input", do="export it with an input whose first axis is that of the samples")
    inputs = tuple((v.name, _shape(v)) for v in entries)
    for values in (one.graph.value_info, one.graph.output):
        for v in values:  # shapes of the batch that the file had
            v.type.tensor_type.ClearField("shape")
    del one.graph.value_info[:]
    constants = {t.name: _real(onnx.numpy_helper.to_array(t)) for t in one.graph.initializer}
    outputs = tuple(v.name for v in one.graph.output)
    nodes = tuple(_nodes(one, {o.domain: o.version for o in one.opset_import}))
    return Graph(name, inputs, outputs, nodes, constants, one)


def _check_data(model: Any, file: str) -> None:
    onnx = need("onnx")
    for tensor in _tensors(model.graph):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            raise FpgaMlError(f"{file} keeps its weights in another file ('{tensor.name}')", do=_ONE_FILE)
    if model.graph.sparse_initializer:
        raise FpgaMlError(f"{file} holds sparse weights", do="export it with dense ones")


def _tensors(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t


def _shape(value: Any) -> tuple[int, ...]:
    """Of an input without the batch, which becomes 1."""
    where, kind = f"input '{value.name}'", value.type.tensor_type
    if not kind.HasField("shape") or not kind.shape.dim:
        raise FpgaMlError(f"input '{value.name}' has no shape", where=where, do="export it with a shape (N, ...)")
    batch, *rest = kind.shape.dim
    if batch.dim_value > 1:
        raise FpgaMlError(
            f"input '{value.name}' has {batch.dim_value} samples in its first axis",
            where=where,
            do="export it with one sample, or with a dynamic first axis",
        )
    for axis, d in enumerate(rest, 1):
        if d.dim_value <= 0:
            raise FpgaMlError(
                f"axis {axis} of input '{value.name}' is dynamic ({d.dim_param or 'no size'}); hardware needs a size",
                where=where,
                do="export it with this axis fixed; only the first one, that of the samples, may be dynamic",
            )
    if not rest:
        raise FpgaMlError(f"input '{value.name}' has no axis but that of the samples", where=where, do="use (N, 1)")
    batch.dim_value = 1
    return tuple(d.dim_value for d in rest)


def _nodes(model: Any, opsets: Mapping[str, int]) -> Iterator[Node]:
    seen: Counter[str] = Counter()
    for n in model.graph.node:
        name = (n.name or f"{n.op_type}_{n.output[0] if n.output else ''}").strip("/").replace("/", "_")
        seen[name] += 1
        name = name if seen[name] == 1 else f"{name}_{seen[name]}"
        opset = opsets.get(n.domain, opsets.get("" if n.domain == "ai.onnx" else "ai.onnx", 1))
        node = Node(name, n.op_type, tuple(n.input), tuple(n.output), {a.name: _attribute(a) for a in n.attribute}, opset)
        if n.domain not in _DOMAINS:
            raise node.refused(f"is of the domain '{n.domain}'", "use operations of ONNX and QONNX")
        yield node


def _attribute(attribute: Any) -> Any:
    onnx = need("onnx")
    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, onnx.TensorProto):
        return _real(onnx.numpy_helper.to_array(value))
    return value


def _real(values: np.ndarray) -> np.ndarray:
    """Real numbers in double precision."""
    return values.astype(np.float64) if values.dtype.kind not in "iub" else values
