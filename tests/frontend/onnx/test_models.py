"""Whole networks: the file, Keras, C-simulation, emulator and RTL are the same in every bit, where the file says all
types."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx_models
import pytest
from onnx_models import NETWORKS, model, node, quant, tagger

import fpga_ml
from fpga_ml.bridge.convert import convert
from fpga_ml.bridge.read_graph import read_graph
from fpga_ml.config import Config
from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.load import Source, load
from fpga_ml.frontend.prepare import Prepared, prepare
from fpga_ml.samples import load_samples
from fpga_ml.simulate.emulate import emulate

Array = np.ndarray


def prepared_of(proto: Any, x: Any, config: Config | None = None) -> tuple[Source, Prepared]:
    source = load(proto)
    return source, prepare(source, load_samples(x, source.inputs, 0), config or Config())


def emulated(proto: Any, x: Any, folder: Path, config: Config | None = None) -> tuple[list[Array], Prepared, Source]:
    """By the emulator, without a compiler."""
    config = config or Config()
    source, prepared = prepared_of(proto, x, config)
    graph = convert(source, prepared, config, folder)
    return emulate(read_graph(graph.hls), prepared.x), prepared, source


@pytest.mark.parametrize("arch", ["parallel", "stream"])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_emulator_is_the_file(name: str, arch: str, tmp_path: Path) -> None:
    proto, x = NETWORKS[name]()
    (found,), prepared, source = emulated(proto, x, tmp_path, Config().replace(arch=arch))
    assert source.onnx is not None
    (wanted,) = source.onnx.folded.evaluate(prepared.x)
    np.testing.assert_array_equal(found.reshape(wanted.shape), wanted)
    assert prepared.calibrated is not None
    assert any("fully quantised: every value is that of the ONNX file" in n for n in prepared.calibrated.notes)
    assert any(n.startswith("qonnx, in single precision") for n in prepared.calibrated.notes)
    assert len(np.unique(wanted)) > 6


def test_against_whole_numbers(tmp_path: Path) -> None:
    """The MLP once more, by hand, in integers and with fractions of whole numbers for scales."""
    from fractions import Fraction

    proto, x = onnx_models.brevitas_mlp()
    (found,), prepared, _ = emulated(proto, x, tmp_path)
    stored = {t.name: np.asarray(onnx_models.numpy_helper.to_array(t), np.float64) for t in proto.graph.initializer}

    def exact(name: str) -> list[Fraction]:
        return [Fraction(float(v)) for v in stored[name].reshape(-1)]

    def rounded(value: Fraction, low: int, high: int) -> int:
        return max(low, min(high, round(value)))  # Python rounds to even

    def layer(values: list[int], scale: Fraction, w: str, by: str, b: str, of_bias: str) -> list[Fraction]:
        made = []
        for row, s, bias, t in zip(stored[w], exact(by), exact(b), exact(of_bias), strict=True):
            sums = sum(v * rounded(Fraction(float(r)) / s, -7, 7) for v, r in zip(values, row, strict=True))
            made.append(scale * s * sums + t * rounded(bias / t, -(2**15), 2**15 - 1))
        return made

    (sx,), (sh,), (sy,) = exact("sx"), exact("sh"), exact("sy")
    for sample, mine in zip(prepared.x[0][:60], found[:60], strict=True):
        q = [rounded(Fraction(float(v)) / sx, -128, 127) for v in sample]
        hidden = [rounded(max(h, Fraction(0)) / sh, 0, 63) for h in layer(q, sx, "w1", "s1", "b1", "t1")]
        wanted = [rounded(g / sy, -128, 127) * sy for g in layer(hidden, sh, "w2", "s2", "b2", "t2")]
        assert [Fraction(float(v)) for v in mine] == wanted


def test_an_image_with_its_channels_last_needs_no_layer_for_that(tmp_path: Path) -> None:
    first, x = onnx_models.cnn()
    last, turned = onnx_models.cnn(order="channels last")
    kinds = [[type(layer).__name__ for layer in load(proto).model.layers] for proto in (first, last)]
    assert [k.count("Permute") for k in kinds] == [1, 0]
    (a,), _, _ = emulated(first, x, tmp_path / "a")
    (b,), _, _ = emulated(last, turned, tmp_path / "b")
    np.testing.assert_array_equal(a, b)


def test_a_float_file(tmp_path: Path) -> None:
    proto, x = tagger()
    (found,), prepared, source = emulated(proto, x, tmp_path, Config().replace(bits=12))
    assert prepared.calibrated is not None
    assert prepared.reference is not None
    notes = prepared.calibrated.notes
    assert any("nodes of the ONNX file are not quantised (fc1_Gemm" in n for n in notes)
    assert any(n.startswith("onnxruntime, in single precision, differs from the exact values by at most") for n in notes)
    assert source.decides
    assert not any(t.saturated for t in prepared.calibrated.tensors)
    np.testing.assert_allclose(found, prepared.reference.float_outputs[0], atol=0.02)
    assert np.mean(found.argmax(1) == prepared.reference.float_outputs[0].argmax(1)) > 0.98


def test_a_fault_is_found() -> None:
    """A weight that is one step off in Keras is not the file's any more."""
    proto, x = onnx_models.brevitas_mlp()
    source, _ = prepared_of(proto, x)
    dense = next(layer for layer in source.model.layers if type(layer).__name__ == "Dense")
    kernel, *rest = dense.get_weights()
    kernel[0, 0] += 1
    dense.set_weights([kernel, *rest])
    with pytest.raises(FpgaMlError, match=r"\d+ of 1024 values of output 1 are not what the ONNX file says"):
        prepare(source, load_samples(x, source.inputs, 0), Config())


def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    nodes = [
        quant("a", "aq", "s", "b6"),
        quant("b", "bq", "s", "b6"),
        node("Add", "aq bq", "c"),
        quant("c", "y", "t", "b5"),
        node("Mul", "aq bq", "d"),
        node("Transpose", "d", "z", perm=[0, 2, 1]),
    ]
    proto = model(nodes, {"a": (3, 4), "b": (3, 4)}, {"s": 0.125, "t": 0.3}, outputs=("y", "z"))
    rng = np.random.default_rng(3)
    x = {"a": rng.normal(size=(50, 3, 4)), "b": rng.normal(size=(50, 3, 4))}
    found, prepared, source = emulated(proto, x, tmp_path)
    assert source.onnx is not None
    for ours, wanted in zip(found, source.onnx.folded.evaluate(prepared.x), strict=True):
        np.testing.assert_array_equal(ours.reshape(wanted.shape), wanted)


def built(proto: Any, x: Any, folder: Path, **settings: Any) -> Any:
    project = fpga_ml.compile(proto, data=x, output=folder, progress=False, **settings)
    assert project.report["model"]["kind"] == "onnx"
    assert project.agrees
    assert [run["passed"] for run in project.report["cosim"]] == [True, True]
    return project


def test_a_build(tmp_path: Path) -> None:
    """From a file, through both simulators."""
    proto, x = onnx_models.brevitas_mlp()
    path = onnx_models.file_of(proto, tmp_path / "mlp.onnx")
    project = built(path, x, tmp_path / "p", cosim_vectors=20)
    assert project.report["csim"]["bit_exact_vs_quantised_model"] is True
    source = load(path)
    assert source.onnx is not None
    (wanted,) = source.onnx.folded.evaluate(project.x)
    np.testing.assert_array_equal(project.csim(x), wanted)


@pytest.mark.slow
@pytest.mark.parametrize("arch", ["parallel", "stream"])
@pytest.mark.parametrize("name", [*NETWORKS, "tagger"])
def test_builds(name: str, arch: str, tmp_path: Path) -> None:
    proto, x = {**NETWORKS, "tagger": tagger}[name]()
    project = built(proto, x, tmp_path / "p", arch=arch, cosim_vectors=20)
    if name != "tagger":
        assert project.report["csim"]["bit_exact_vs_quantised_model"] is True
