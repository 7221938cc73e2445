"""The models of ../shared/data/hgq2, which others trained, from the command line to proof in both simulators."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from simulators import BOTH

from fpga_ml.__main__ import main

# {file: options}; where these are deep or wide, a particle or an element comes in each cycle.
MODELS: dict[str, list[str]] = {
    "jsc_openml_13285.keras": [],
    "jsc_openml_2571.keras": [],
    "jsc_openml_530.keras": [],
    "lin8part.keras": [],
    "mha8part.keras": [],
    "tgc_32445.keras": [],
    "jsc_plf_32x16_64425.keras": ["--arch", "stream"],
    "mixer_64x16.h5": ["--arch", "stream"],
}


@pytest.fixture
def shared(repository: Path) -> Path:
    folder = repository.parent / "shared" / "data" / "hgq2"
    assert folder.is_dir(), f"{folder} is not there"
    return folder


@pytest.mark.slow
def test_all_files_are_here(shared: Path) -> None:
    assert {f.name for f in shared.iterdir() if f.suffix in (".keras", ".h5")} == set(MODELS)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_is_proved(name: str, shared: Path, tmp_path: Path) -> None:
    words = ["compile", str(shared / name), "-o", str(tmp_path / "p"), *MODELS[name]]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    report = json.loads((tmp_path / "p" / "report.json").read_text())
    assert report["csim"]["bit_exact_vs_quantised_model"] is True, report["csim"]["first_difference"]
    assert report["emulator"]["mismatches"] == 0
    assert [(run["simulator"], run["passed"]) for run in report["cosim"]] == [(simulator, True) for simulator in BOTH]
