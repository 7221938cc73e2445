"""The kernel through hls4ml: C-simulation equals Keras layers, emulator and RTL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_equal

import fpga_ml
from fpga_ml.celeste_design import OUTPUTS, OVERFLOW, Design
from fpga_ml.config import Config, LayerConfig
from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.celeste import kernel_model
from fpga_ml.science.celeste.emulator import Emulator
from fpga_ml.science.celeste.evaluator import Patch
from fpga_ml.science.celeste.hardware import Compiled

from .scenes import codes, gaussian
from .test_kernel import DESIGNS


def config(design: Design, **settings: Any) -> Config:
    types = {"coefficients": design.coefficient, "pixels": design.rate}
    layers = {name: LayerConfig(precision={"result": t.cpp()}) for name, t in types.items()}
    return Config(**{"arch": "stream", "layers": layers, **settings})


def built(name: str, shape: tuple[int, int], components: int, frames: int, folder: Path, **settings: Any) -> fpga_ml.Project:
    """A project on codes of every size; its C-simulation equals the emulator."""
    design = DESIGNS[name]
    coefficients, pixels = codes(design, shape, components, frames)
    data = {"coefficients": design.coefficient.real(coefficients), "pixels": design.rate.real(pixels)}
    model = kernel_model(design, shape, components)
    project = fpga_ml.compile(model, data=data, config=config(design, **settings), output=folder)
    known = Emulator(design).raw(coefficients, pixels)
    for output, found in zip(OUTPUTS, project.outputs["csim"], strict=True):
        assert_equal(found.reshape(frames, -1), known[output].type.real(known[output].raw))
    assert project.report["csim"]["bit_exact_vs_quantised_model"] is True
    assert project.report["emulator"]["mismatches"] == 0
    return project


@pytest.fixture(scope="module")
def coarse(tmp_path_factory: pytest.TempPathFactory) -> fpga_ml.Project:
    return built("coarse", (4, 6), 3, 40, tmp_path_factory.mktemp("coarse") / "p", until="emulate")


def test_csim_is_an_evaluator(coarse: fpga_ml.Project) -> None:
    """Of fewer components than it has."""
    source = np.array([gaussian(60, (0.2, -0.3), 2.0), [-np.inf, 0, 0, 0, 0, 0]])
    patch = Patch(np.full((4, 6), 90), np.full((4, 6), 64.0))
    found, want = Compiled(coarse)(source, patch), Emulator(DESIGNS["coarse"])(source, patch)
    assert (found.value, found.overflow) == (want.value, False)
    assert_equal(found.moments, want.moments)
    assert Compiled(coarse)(source + np.eye(1, 6) * 9, patch).overflow
    with pytest.raises(FpgaMlError, match=r"a patch of \(4, 5\), the kernel is built for \(4, 6\)"):
        Compiled(coarse)(source, Patch(patch.counts[:, 1:], patch.background[:, 1:]))


def test_csim_equals_keras(coarse: fpga_ml.Project) -> None:
    """Half of the patches with values out of range: those are flagged in the same pixels."""
    assert np.count_nonzero(coarse.outputs["csim"][OUTPUTS.index(OVERFLOW)]) == 20
    assert {row["layer"] for row in coarse.report["csim"]["layers"]} == {"exponents", "terms", *OUTPUTS}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["D14", "D16", "D18"])
def test_all_roads_agree(name: str, tmp_path: Path) -> None:
    """Odd and even sides; with gaps, stalls and resets in both simulators, corners of the inputs' types among the
    patches."""
    project = built(name, (6, 5), 2, 40, tmp_path / "p", cosim_vectors=40)
    assert [(run["simulator"], run["passed"]) for run in project.report["cosim"]] == [("verilator", True), ("icarus", True)]


def test_types_of_inputs_are_those_of_the_design(tmp_path: Path) -> None:
    design = DESIGNS["coarse"]
    with pytest.raises(
        FpgaMlError, match=r"is given 'pixels' as .* its design needs ap_ufixed<12,9,AP_RND_CONV,AP_SAT>"
    ) as told:
        fpga_ml.compile(
            kernel_model(design, (3, 3), 1),
            config=Config(
                arch="stream", layers={"coefficients": LayerConfig(precision={"result": design.coefficient.cpp()})}
            ),
            output=tmp_path / "p",
        )
    assert told.value.do is not None
    assert "[layers.pixels]" in told.value.do


def test_streams_only(tmp_path: Path) -> None:
    design = DESIGNS["coarse"]
    with pytest.raises(FpgaMlError, match="is for streams only"):
        fpga_ml.compile(kernel_model(design, (3, 3), 1), config=config(design, arch="parallel"), output=tmp_path / "p")


def test_vitis_and_vivado_only(tmp_path: Path) -> None:
    design = DESIGNS["coarse"]
    with pytest.raises(FpgaMlError, match=r"has no C\+\+ for backend Quartus"):
        fpga_ml.compile(kernel_model(design, (3, 3), 1), config=config(design, backend="Quartus"), output=tmp_path / "p")


def test_without_a_design_there_is_no_hardware(tmp_path: Path) -> None:
    with pytest.raises(FpgaMlError, match="has no design"):
        fpga_ml.compile(kernel_model(None, (3, 3), 1), config=config(DESIGNS["coarse"]), output=tmp_path / "p")
