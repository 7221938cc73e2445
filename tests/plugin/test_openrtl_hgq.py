"""`backend='OpenRTL'` with HGQ2 models: the bits of hls4ml's own Vitis project, and of HGQ2 where hls4ml has none."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

SUITE = Path(__file__).parent / "hgq_suite.py"
JETS = ("jsc_openml_530", "jsc_openml_2571", "jsc_openml_13285")
LACKING = ("jsc_plf_32x16_64425", "tgc_32445", "mha8part", "lin8part")


def run(repository: Path, folder: Path, names: Mapping[str, Sequence[str]]) -> None:
    """names: what each backend converts, side by side in processes of their own."""
    environment = {**os.environ, "PYTHONPATH": f"{repository}{os.pathsep}{repository / 'tests'}"}
    running = [
        subprocess.Popen(
            [sys.executable, str(SUITE), backend, str(folder), *of],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for backend, of in names.items()
    ]
    said = [process.communicate()[1] for process in running]
    for process, text in zip(running, said, strict=True):
        assert process.returncode == 0, text[-3000:]


def found(folder: Path, name: str, backend: str) -> dict[str, np.ndarray]:
    return dict(np.load(folder / f"{name}.{backend}.npz"))


def given(repository: Path, name: str) -> str:
    file = repository.parent / "shared" / "data" / "hgq2" / f"{name}.keras"
    assert file.exists(), f"{file} is not there"
    return str(file)


def test_small_models(tmp_path: Path, repository: Path) -> None:
    run(repository, tmp_path, {"OpenRTL": ["stock", "lacking"], "Vitis": ["stock"]})
    ours, theirs, lacking = (
        found(tmp_path, *of) for of in (("stock", "OpenRTL"), ("stock", "Vitis"), ("lacking", "OpenRTL"))
    )
    assert_array_equal(ours["y"], theirs["y"])
    assert_array_equal(lacking["y"], lacking["keras"])
    for made in (ours, lacking):
        assert made["passed"].tolist() == [True, True]
        assert len(np.unique(made["y"])) > 50


@pytest.mark.slow
def test_trained_jet_taggers(tmp_path: Path, repository: Path) -> None:
    files = [given(repository, name) for name in JETS]
    run(repository, tmp_path, {"OpenRTL": files, "Vitis": files})
    for name in JETS:
        assert_array_equal(found(tmp_path, name, "OpenRTL")["y"], found(tmp_path, name, "Vitis")["y"], err_msg=name)


@pytest.mark.slow
def test_trained_models_that_hls4ml_does_not_convert(tmp_path: Path, repository: Path) -> None:
    run(repository, tmp_path, {"OpenRTL": [given(repository, name) for name in LACKING]})
    for name in LACKING:
        made = found(tmp_path, name, "OpenRTL")
        assert_array_equal(made["y"], made["keras"], err_msg=name)
