"""The wheel, installed where no checkout is: everything that a build needs is in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SMALL = """
import keras
keras.utils.set_random_seed(1)
layers = [keras.Input((4,), name="x"), keras.layers.Dense(3, name="hidden", activation="relu"), keras.layers.Dense(2, name="out")]
keras.Sequential(layers, name="small").save("small.keras")
"""
SHOWN = """
import sys, fpga_ml, fpga_ml.board.tb, fpga_ml.science.celeste
print(fpga_ml.__file__)
print(sorted(fpga_ml.__all__) == sorted(n for n in dir(fpga_ml) if not n.startswith("_")))
"""


@pytest.fixture(scope="module")
def installed(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a wheel that was built from the files of this checkout, as links and all."""
    source, site = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("site")
    for name in ("fpga_ml", "tb"):
        shutil.copytree(repository / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(repository / name, source)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(source / "dist"), str(source)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    wheel = next((source / "dist").glob("fpga_ml-*.whl"))
    subprocess.run([*pip, "install", "--no-deps", "--target", str(site), str(wheel)], check=True)
    shutil.rmtree(source)
    return site


def run(site: Path, folder: Path, *words: str) -> str:
    """What a program says, with the wheel in place of the checkout."""
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=os.environ | {"PYTHONPATH": str(site)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_default_build(installed: Path, tmp_path: Path) -> None:
    file, names = run(installed, tmp_path, "-c", SHOWN).split()
    assert Path(file).is_relative_to(installed)
    assert names == "True"
    run(installed, tmp_path, "-c", SMALL)
    report = json.loads(run(installed, tmp_path, "-m", "fpga_ml", "compile", "small.keras", "--json"))
    assert [stage for stage, how in report["stages"].items() if how != "ran"] == ["synth"]
    assert [run["passed"] for run in report["cosim"]] == [True, True]
    project = tmp_path / "hls_projects" / "small"
    assert (project / "report.html").exists()
    assert (project / "tests" / "tb" / "test_top.py").exists()


def test_what_else_is_in_it(installed: Path) -> None:
    package = installed / "fpga_ml"
    assert (package / "py.typed").exists()
    assert not (package / "tb").is_symlink()
    assert not list(installed.glob("tb*"))
