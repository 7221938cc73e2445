"""Files that PyTorch and Brevitas wrote (files/README.md): the Keras model computes what they say. `prepare` compares both
on samples, and raises where they are not the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fpga_ml
from fpga_ml.config import Config
from fpga_ml.frontend.load import load
from fpga_ml.frontend.onnx.check import by_runtime
from fpga_ml.frontend.prepare import prepare
from fpga_ml.samples import load_samples

FILES = Path(__file__).parent / "files"
FULLY = (
    "brevitas_mlp_qonnx",
    "brevitas_residual_qonnx",
    "brevitas_resmax_qcdq",
    "brevitas_binary_qonnx",
    "brevitas_po2_qcdq",
)
OTHERS = ("attention", "resnet_dyn", "mlp_acts", "brevitas_acts_qonnx")


def data(path: Path) -> Any:
    rng = np.random.default_rng(0)
    return {name: np.round(rng.normal(size=(100, *shape)) * 64) / 64 for name, shape in load(path).inputs}


@pytest.mark.parametrize("name", [*FULLY, *OTHERS])
def test_what_the_file_says(name: str) -> None:
    path = FILES / f"{name}.onnx"
    source, x = load(path), data(path)
    prepared = prepare(source, load_samples(x, source.inputs, 0), Config())
    assert prepared.calibrated is not None
    assert source.onnx is not None
    said, some = prepared.calibrated.notes, [a[:4] for a in prepared.x]
    assert any(note.startswith("fully quantised") for note in said) == (name in FULLY)
    for ours, theirs in zip(source.onnx.folded.evaluate(some), by_runtime(source.onnx.folded.graph, some), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("arch", ["parallel", "stream"])
@pytest.mark.parametrize("name", FULLY)
def test_builds(name: str, arch: str, tmp_path: Path) -> None:
    path = FILES / f"{name}.onnx"
    project = fpga_ml.compile(path, data=data(path), output=tmp_path, arch=arch, cosim_vectors=10, progress=False)
    assert project.agrees
    assert project.report["csim"]["bit_exact_vs_quantised_model"] is True
    assert [run["passed"] for run in project.report["cosim"]] == [True, True]
