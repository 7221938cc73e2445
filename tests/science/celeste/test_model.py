"""models/celeste: whole patches of every scene, through all roads."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_equal

import fpga_ml
from fpga_ml.celeste_design import MOMENTS, OUTPUTS, OVERFLOW, VALUE, Design
from fpga_ml.config import Config
from fpga_ml.science.celeste.emulator import COEFFICIENTS, PIXELS, Emulator
from fpga_ml.science.celeste.evaluator import Float64, Patch
from fpga_ml.science.celeste.simulate import SCENES, SDSS


@pytest.fixture(scope="module")
def model(repository: Path) -> dict[str, Any]:
    return runpy.run_path(str(repository / "models" / "celeste" / "model.py"))


def test_files_are_those_that_model_py_writes(model: dict[str, Any], repository: Path, tmp_path: Path) -> None:
    model["write"](tmp_path, "D16", ["star"], 2, 51)
    here = repository / "models" / "celeste"
    assert (tmp_path / "fpga_ml.toml").read_text() == (here / "fpga_ml.toml").read_text()
    with np.load(tmp_path / "sample.npz") as new, np.load(here / "sample.npz") as kept:
        for name in (COEFFICIENTS, PIXELS):
            np.testing.assert_allclose(kept[name], new[name], rtol=1e-12)
    assert Config.read(here / "fpga_ml.toml").layer(PIXELS).precision["result"] == Design.of("D16").rate.cpp()


@pytest.mark.parametrize(
    ("kinds", "components"), [(["star"], 2), (["star", "galaxy"], 30), (["star", "star", "galaxy"], 32)]
)
def test_samples_are_in_range_and_near_the_truth(model: dict[str, Any], kinds: list[str], components: int) -> None:
    """Nothing is flagged, and D18 gives the log-likelihood of a patch that fits within 0.1, of one that does not within
    1e-5."""
    data = model["samples"](kinds, SDSS, 51, 1)
    assert data[COEFFICIENTS].shape == (len(SCENES), components, 6)
    for given, pixels in zip(data[COEFFICIENTS], data[PIXELS], strict=True):
        patch = Patch(pixels[..., 0], pixels[..., 1], pixels[..., 2] > 0)
        found, exact = Emulator("D18")(given, patch), Float64()(given, patch)
        assert not found.overflow
        assert abs(found.value - exact.value) < 0.1 + 1e-5 * abs(exact.value)


@pytest.mark.slow
@pytest.mark.parametrize("kinds", [["star"], ["star", "galaxy"]])
@pytest.mark.parametrize("design", ["D14", "D16", "D18"])
def test_whole_patches_of_every_scene(model: dict[str, Any], design: str, kinds: list[str], tmp_path: Path) -> None:
    """Keras == C-simulation == emulator == Verilator == Icarus, bit for bit, one patch with a source that is too bright."""
    model["write"](tmp_path / "m", design, kinds, 2, 51, each=1)
    with np.load(tmp_path / "m" / "sample.npz") as kept:
        data = {name: kept[name] for name in kept.files}
    order = [0, *range(len(data[PIXELS]))]
    data = {name: values[order] for name, values in data.items()}
    data[COEFFICIENTS][0, 0, 0] += 12  # the first patch again, its source 4,096 times as bright
    config = Config.read(tmp_path / "m" / "fpga_ml.toml").replace(vectors=len(order), cosim_vectors=len(order))
    project = fpga_ml.compile(tmp_path / "m", data=data, config=config, output=tmp_path / "p")
    assert project.report["csim"]["bit_exact_vs_quantised_model"] is True
    assert project.report["emulator"]["mismatches"] == 0
    assert [(run["simulator"], run["passed"]) for run in project.report["cosim"]] == [("verilator", True), ("icarus", True)]
    assert project.report["rtl"]["interval_cycles"] == 51 * 51
    flagged = project.outputs["csim"][OUTPUTS.index(OVERFLOW)][:, 0]
    assert flagged[0] > 0
    assert_equal(flagged[1:], np.zeros(len(order) - 1))
    known = Emulator(design).raw(
        Design.of(design).coefficient.raw(data[COEFFICIENTS]), Design.of(design).rate.raw(data[PIXELS])
    )
    for name in (VALUE, MOMENTS):
        want = known[name].type.real(known[name].raw)
        assert_equal(project.outputs["csim"][OUTPUTS.index(name)].reshape(want.shape), want)
