"""Shared by all tests: quiet TensorFlow, and where projects go."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
sys.path.insert(0, str(Path(__file__).parent))

ROOT = Path(__file__).parent.parent


@pytest.hookimpl(tryfirst=True)  # before slow ones are left out
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Those of slow.txt are slow. A name that no test has any more is an error where its file is collected."""
    # Those of the whole, which take long, come first: no worker is left with one at the end.
    items.sort(key=lambda item: item.path.parent != ROOT / "tests")
    names = {line for line in (ROOT / "tests" / "slow.txt").read_text().splitlines() if line and not line.startswith("#")}
    found = {item.nodeid.removeprefix("tests/") for item in items}
    for item in items:
        if item.nodeid.removeprefix("tests/") in names:
            item.add_marker("slow")
    if not any("::" in word for word in config.args):
        files = {name.split("::")[0] for name in found}
        gone = sorted(name for name in names - found if name.split("::")[0] in files)
        if gone:
            raise pytest.UsageError(f"tests/slow.txt names tests that are not there: {gone}")


@pytest.fixture
def in_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers share hardware whatever it takes: those of small networks are mostly smaller at once."""
    from fpga_ml.lowering import hardware

    monkeypatch.setattr(hardware, "luts_at_once", lambda *_: math.inf)


@pytest.fixture(scope="session")
def repository() -> Path:
    return ROOT


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    where = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert where is not None, "there is no Chromium: bash scripts/system_packages.sh tests"
    with sync_playwright() as play:
        found = play.chromium.launch(executable_path=where, args=["--no-sandbox"])
        yield found
        found.close()


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
