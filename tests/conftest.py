"""Shared by all tests: quiet TensorFlow, and where projects go."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
sys.path.insert(0, str(Path(__file__).parent))

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    return ROOT


@pytest.fixture
def project(repository: Path, tmp_path: Path) -> Path:
    """The pinned reference project, as a build leaves it."""
    from fpga_ml.report import document

    folder = tmp_path / "reference"
    shutil.copytree(repository / "hls_projects" / "reference", folder)
    report = json.loads((folder / "report.json").read_text())
    report |= {"command": "", "versions": {}, "timings_s": {}, "fpga_ml": ""}
    for stage in ("csim", "emulator"):
        report[stage]["samples_per_s"] = 1.0
    document.write(report, folder / "report.json")
    return folder
