"""What simulates the RTL of a test that is not about simulators: Icarus, which sees X; under `make test-all` both."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import fpga_ml
from fpga_ml import Config
from fpga_ml.project import Project

BOTH = ("verilator", "icarus")
USUAL = BOTH if os.environ.get("EVERY_SIMULATOR") else ("icarus",)


def on_all_roads(model: Any, x: Sequence[np.ndarray], folder: Path, **settings: Any) -> Project:
    """A build in which emulator and RTL gave what C-simulation gave. x: an array for each input."""
    data = {t.name: a for t, a in zip(model.inputs, x, strict=True)}
    config = Config(**{"simulators": ("icarus",), "cosim_vectors": 6} | settings)
    project = fpga_ml.compile(model, data=data, output=folder / "p", config=config)
    report = project.report
    assert report["emulator"]["mismatches"] == 0
    assert [run["passed"] for run in report["cosim"]] == [True], report["stages"]
    return project
