"""The four softmaxes of hls4ml with its own default tables: emulator and lowered kernel equal C-simulation."""

from __future__ import annotations

from pathlib import Path

import pytest
from ladder import lowered_equals
from zoo import ZOO, samples

import fpga_ml
from fpga_ml.config import Config


@pytest.mark.parametrize("kind", ["latency", "legacy", "argmax", "stable"])
def test_softmax_kind(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "fpga_ml.toml"
    path.write_text(f"until = 'emulate'\n[layers.softmax]\nsoftmax = '{kind}'\n")
    model = ZOO["conv2d_6bit"]()
    x = samples(model, 100)
    project = fpga_ml.compile(model, data=x, config=Config.read(path), output=tmp_path / "p")
    assert project.report["stages"]["emulate"] == "ran"
    assert project.report["emulator"]["mismatches"] == 0
    lowered_equals(project, x)
