"""The kernel through hls4ml: C-simulation equals Keras layers, emulator and RTL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_equal

import fpga_ml
from fpga_ml.celeste.design import OUTPUTS, OVERFLOW, Design
from fpga_ml.celeste.emulator import Emulator
from fpga_ml.config import Config, LayerConfig
from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.celeste import kernel_model

from .scenes import codes
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


def test_csim_equals_keras(tmp_path: Path) -> None:
    """Half of the patches with values out of range: those are flagged in the same pixels."""
    project = built("coarse", (4, 6), 3, 40, tmp_path / "p", until="emulate")
    assert np.count_nonzero(project.outputs["csim"][OUTPUTS.index(OVERFLOW)]) == 20
    assert {row["layer"] for row in project.report["csim"]["layers"]} == {"exponents", "terms", *OUTPUTS}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["D14", "D16", "D18"])
def test_all_roads_agree(name: str, tmp_path: Path) -> None:
    """Odd and even sides; with gaps, stalls and resets in both simulators, the corners of the inputs' types among the patches."""
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


def test_without_a_design_there_is_no_hardware(tmp_path: Path) -> None:
    with pytest.raises(FpgaMlError, match="has no design"):
        fpga_ml.compile(kernel_model(None, (3, 3), 1), config=config(DESIGNS["coarse"]), output=tmp_path / "p")
