"""A project to synthesise."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from fpga_ml.report import document


@pytest.fixture
def project(repository: Path, tmp_path: Path) -> Path:
    """The pinned reference project, as a build leaves it."""
    folder = tmp_path / "reference"
    shutil.copytree(repository / "hls_projects" / "reference", folder)
    report = json.loads((folder / "report.json").read_text())
    report |= {"command": "", "versions": {}, "timings_s": {}, "fpga_ml": ""}
    for stage in ("csim", "emulator"):
        report[stage]["samples_per_s"] = 1.0
    document.write(report, folder / "report.json")
    return folder
