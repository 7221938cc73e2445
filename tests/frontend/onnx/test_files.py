"""Files and graphs that are refused: one error each, with the place and what to do."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx_models import file_of, model, node, whole

import fpga_ml
from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.load import load
from fpga_ml.frontend.onnx import graph

DENSE = node("Gemm", "x w", "y", name="/net/fc/Gemm")
W = {"w": whole((8, 3))}


def refused(given: Any) -> FpgaMlError:
    with pytest.raises(FpgaMlError) as raised:
        load(given)
    assert raised.value.do
    return raised.value


def test_a_file_is_read_with_its_names(tmp_path: Path) -> None:
    source = load(file_of(model([DENSE], {"x": (8,)}, W), tmp_path / "net.onnx"))
    assert (source.kind, source.name, source.inputs) == ("onnx", "net", (("x", (8,)),))
    assert len(source.sha256) == 64
    assert [source.names.shown(layer.name) for layer in source.model.layers][1] == "net_fc_Gemm"


def test_a_model_in_memory() -> None:
    assert load(model([DENSE], {"x": (8,)}, W, batch=1)).inputs == (("x", (8,)),)


@pytest.mark.parametrize("content", [b"", b"PK\3\4 this is a zip", b"\xff" * 400])
def test_no_onnx(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    assert "net.onnx' is not an ONNX model" in refused(path).what


def test_weights_in_another_file(tmp_path: Path) -> None:
    big = model([DENSE], {"x": (8,)}, {"w": whole((8, 300))})
    path = tmp_path / "net.onnx"
    onnx.save(big, str(path), save_as_external_data=True, size_threshold=100, location="net.data")
    error = refused(path)
    assert "keeps its weights in another file" in error.what
    assert "onnx.save" in str(error.do)


def test_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = file_of(model([DENSE], {"x": (8,)}, W), tmp_path / "net.onnx")
    monkeypatch.setattr(graph, "_MOST_BYTES", 100)
    assert "more than" in refused(path).what


@pytest.mark.parametrize("lacking", ["onnx", "onnxruntime"])
def test_the_extra_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacking: str) -> None:
    path = file_of(model([DENSE], {"x": (8,)}, W), tmp_path / "net.onnx")
    real = importlib.import_module

    def without(name: str, *more: Any) -> Any:
        if name == lacking:
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
        return real(name, *more)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(FpgaMlError, match=f"needs the package {lacking}") as raised:
        fpga_ml.compile(path, data=whole((20, 8)), output=tmp_path / "p", until="convert", progress=False)
    assert raised.value.do == "pip install 'fpga_ml[onnx]'"


@pytest.mark.parametrize("name", ["net.pt", "net.pth"])
def test_files_of_pytorch(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PK\3\4")
    error = refused(tmp_path / name)
    assert "a file of PyTorch" in error.what
    assert "torch.onnx.export" in str(error.do)


def test_a_network_of_pytorch() -> None:
    made = type("Net", (), {"__module__": "torch.nn.modules.container"})
    assert "torch.onnx.export" in str(refused(made()).do)


def test_an_axis_without_a_size() -> None:
    error = refused(model([node("Relu", "x", "y")], {"x": (3, "height", 8)}, {}))
    assert "axis 2 of input 'x' is dynamic (height)" in error.what
    assert error.where == "input 'x'"


def test_several_samples_in_the_file() -> None:
    assert "has 16 samples in its first axis" in refused(model([DENSE], {"x": (8,)}, W, batch=16)).what


def test_an_input_without_a_shape() -> None:
    made = model([DENSE], {"x": (8,)}, W)
    made.graph.input[0].type.tensor_type.ClearField("shape")
    assert "input 'x' has no shape" in refused(made).what


@pytest.mark.parametrize(
    ("nodes", "shape", "constants", "what"),
    [
        ([node("LSTM", "x w w", "y", name="rnn")], (8,), W, r"node 'rnn' \(LSTM\) is not an operation that converts"),
        (
            [node("Gelu", "x", "y", domain="com.microsoft")],
            (8,),
            {},
            r"node 'Gelu_y' \(Gelu\) is of the domain 'com.microsoft'",
        ),
        ([node("Conv", "x w", "y")], (2, 4, 4, 4), {"w": whole((2, 2, 2, 2, 2))}, r"node 'Conv_y' \(Conv\) is of 3 axes"),
        ([node("Conv", "x w", "y")], (2, 4, 4), {"w": whole((2, 3, 2, 2))}, r"\(Conv\) does not fit what it reads"),
        ([node("Gather", "w x", "y")], (8,), W, r"\(Gather\) moves values to places that depend on data"),
        ([node("Transpose", "x", "y", perm=[1, 0])], (8,), {}, "output .y. has 8 rows for one sample"),
        ([node("Concat", "x x", "y", axis=0)], (8,), {}, "output .y. has 2 rows for one sample"),
        ([node("ReduceSum", "x", "y", keepdims=0)], (8,), {}, "reduces over the samples"),
        ([node("Softmax", "x", "y", axis=0)], (8,), {}, "is over the samples"),
        ([node("Pow", "x e", "y")], (8,), {"e": np.array(3.0)}, r"\(Pow\) is a power that has no layer"),
        ([node("Relu", "nothing", "y")], (8,), {}, "reads 'nothing', which nothing before it makes"),
        ([node("Gemm", "x w", "y")], (8,), {"w": np.full((8, 2), np.nan)}, "16 of 16 values are NaN or infinite"),
        ([node("Add", "x x", "z"), node("Relu", "w", "y")], (8,), W, "output 'y' depends on no input"),
    ],
)
def test_nodes_that_are_refused(nodes: Any, shape: Any, constants: Any, what: str) -> None:
    error = refused(model(nodes, {"x": shape}, constants))
    assert re.search(what, error.what)
    assert error.where


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"rounding_mode": "CEIL"}, "rounding_mode 'CEIL', which does not become hardware"),
        ({"rounding_mode": "NONE"}, "has rounding_mode 'NONE'"),
    ],
)
def test_quantisers_that_are_refused(settings: Any, what: str) -> None:
    from onnx_models import quant

    assert what in refused(model([quant("x", "y", "s", "b4", **settings)], {"x": (8,)}, {"s": 0.5})).what


def test_functions_of_the_file_are_put_in_their_places() -> None:
    """torch.onnx.export with dynamo writes such."""
    opset = [helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)]
    twice = helper.make_function("mine", "Twice", ["a"], ["b"], [node("Add", "a a", "b")], opset[:1])
    made = model([node("Twice", "x", "y", domain="mine")], {"x": (8,)}, {})
    made.functions.append(twice)
    made.opset_import.append(opset[1])
    source = load(made)
    assert source.onnx is not None
    np.testing.assert_array_equal(source.onnx.folded.evaluate([np.ones((1, 8))])[0], np.full((1, 8), 2.0))


def test_types_of_numbers() -> None:
    """Half precision in the file, and whole numbers as the input."""
    made = model([DENSE], {"x": (8,)}, {})
    made.graph.initializer.append(onnx.numpy_helper.from_array(whole((8, 3)).astype(np.float16), "w"))
    made.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
    source = load(made)
    assert source.onnx is not None
    assert not source.onnx.inexact
