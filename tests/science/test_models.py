"""The committed models keep the figures that their cards claim."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_equal

import fpga_ml
from fpga_ml.config import Config
from fpga_ml.science.jets.images import Standardise
from fpga_ml.science.models import Model, classifier


@pytest.fixture(scope="module")
def project(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> fpga_ml.Project:
    """On all images, in both simulators."""
    return fpga_ml.compile(repository / "models" / "jet_cnn", output=tmp_path_factory.mktemp("jet") / "p")


@pytest.mark.slow
def test_jet_cnn_equals_csim_on_2000_real_images(project: fpga_ml.Project) -> None:
    assert project.report["csim"]["samples"] >= 2000
    assert_equal_on_real_images(project)


def test_jet_cnn_equals_csim_on_some_real_images(repository: Path, tmp_path: Path) -> None:
    folder = repository / "models" / "jet_cnn"
    config = Config.read(folder / "fpga_ml.toml").replace(vectors=100, cosim_vectors=3, simulators=("verilator",))
    project = fpga_ml.compile(folder, config=config, output=tmp_path / "p")
    assert project.report["csim"]["samples"] == 100
    assert [run["passed"] for run in project.report["cosim"]] == [True]
    assert_equal_on_real_images(project)


def assert_equal_on_real_images(project: fpga_ml.Project) -> None:
    csim = project.report["csim"]
    assert csim["bit_exact_vs_quantised_model"] is True
    assert csim["compared_at"] == ["logits"]
    assert csim["argmax_flips"] == 0
    assert project.report["emulator"]["mismatches"] == 0
    exact = [row for row in csim["layers"] if row["layer"] != "softmax"]
    assert {row["layer"] for row in exact} >= {"conv1", "relu1", "pool1", "conv2", "conv3", "pool3", "dense", "logits"}
    assert all(row["different"] == 0 for row in exact)


@pytest.mark.slow
def test_jet_cnn_figures_are_those_committed(project: fpga_ml.Project, repository: Path) -> None:
    model = Model(repository / "models" / "jet_cnn")
    with np.load(model.folder / "sample.npz") as sample:
        y = sample["y"]
    for stage, outputs in project.outputs.items():
        assert project.report["metrics"][stage]["auc"] == pytest.approx(model.figures[stage]["auc"], abs=1e-5)
        assert classifier(outputs, {"y": y}) == pytest.approx(model.figures[stage], rel=2e-3), stage
    assert list(project.outputs) == ["float", "quantised", "csim"]
    assert abs(model.figures["float"]["auc"] - model.figures["csim"]["auc"]) < 0.005


def test_sample_is_what_the_preprocessing_makes(repository: Path) -> None:
    """Codes decode to the input type's values, and images are what standardising raw images gives."""
    folder = repository / "models" / "jet_cnn"
    prepare = Standardise.load(folder / "standardise.npz")
    with np.load(folder / "sample.npz") as sample:
        values = sample["x"] * float(sample["x_scale"]) + float(sample["x_offset"])
        assert_equal(values, prepare.decode(sample["x"]).astype(np.float64))
        assert sorted(np.unique(sample["y"])) == [0, 1]
    assert_equal((values.min() >= -16, values.max() <= 15.875), (True, True))


def test_standardise_by_hand() -> None:
    images = np.zeros((3, 1, 1, 1), np.float32)
    images[:, 0, 0, 0] = (0.0, 1.0, 2.0)
    prepare = Standardise.fit(images, r=0.25)
    sigma = np.sqrt(2 / 3)
    np.testing.assert_allclose(prepare.real(images)[:, 0, 0, 0], np.array([-1.0, 0.0, 1.0]) / (sigma + 0.25), rtol=1e-6)
    assert_equal(prepare.codes(images)[:, 0, 0, 0], [128 - 8, 128, 128 + 8])  # 0.938 / 0.125 rounds to 8 (7.5 to even)
    assert prepare.saturated(images * 1000) == 2
