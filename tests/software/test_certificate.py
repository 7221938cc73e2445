"""A library of a project with its certificate: what `fpga-ml emulator` writes and `fpga-ml verify` finds."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from simulators import USUAL

import fpga_ml
from fpga_ml.__main__ import main
from fpga_ml.errors import FpgaMlError
from fpga_ml.software.build import build_library, seal, verify

from .made import wrapper


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Any:
    keras.utils.set_random_seed(5)
    x = keras.Input((4,), name="jets")
    model = keras.Model(x, keras.layers.Dense(3, activation="relu", name="scores")(x), name="small net")
    data = np.random.default_rng(1).normal(size=(50, 4))
    folder = tmp_path_factory.mktemp("project") / "small"
    return fpga_ml.compile(model, data=data, bits=6, output=folder, simulators=USUAL, progress=False)


@pytest.fixture(scope="module")
def library(project: Any) -> Any:
    return build_library(project.folder, project.folder.parent / "library", name="pulse", version="2.1")


@pytest.fixture(autouse=True)
def one_simulator(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the tests that travel with a project."""
    monkeypatch.setenv("SIM", "icarus")


@pytest.fixture
def copies(project: Any, library: Any, tmp_path: Path) -> tuple[Path, Path]:
    """Project and certificate, to be spoilt."""
    shutil.copytree(project.folder, tmp_path / "small")
    shutil.copytree(library.certificate.parent, tmp_path / "library")
    return tmp_path / "small", tmp_path / "library" / "certificate.json"


def test_folder_and_certificate(project: Any, library: Any) -> None:
    told = json.loads(library.certificate.read_text())
    assert (told["prefix"], told["version"], told["project"]) == ("pulse_v2_1", "2.1", "../small")
    assert [row["by"].split()[0] for row in told["agreed"]] == ["C-simulation", *["RTL"] * len(USUAL), "library"]
    assert told["agreed"][-1]["vectors"] == library.vectors > 50
    assert {"rtl/myproject.sv", "firmware/myproject.cpp", "report.json", "tests/vectors.json"} <= set(
        told["files"]["project"]
    )
    assert "libpulse_v2_1.so" in told["files"]["library"]
    x = np.random.default_rng(2).normal(size=(30, 4))
    found = np.reshape(wrapper(library.library).Model().predict(x.reshape(-1).tolist()), (30, 3))
    np.testing.assert_array_equal(found, project.emulate(x))


@pytest.mark.slow
def test_all_of_it_holds(library: Any) -> None:
    assert verify(library.certificate) == []


def test_a_file_of_the_rtl(copies: tuple[Path, Path]) -> None:
    project, certificate = copies
    file = project / "rtl" / "myproject_scores.sv"
    file.write_text(file.read_text().replace(" + ", " - ", 1))
    assert verify(certificate, simulate=False) == ["rtl/myproject_scores.sv has changed"]
    again = verify(certificate)[1:]
    assert again
    assert all(text.startswith("RTL, icarus, ") and ": expected " in text for text in again[:-1]), again
    assert again[-1].endswith(" more")
    with pytest.raises(FpgaMlError, match=r"is not as it was built: rtl/myproject_scores\.sv has changed"):
        build_library(project, certificate.parent)


def test_another_bit_of_the_library(copies: tuple[Path, Path]) -> None:
    """A sum of its source is another one: the library that is made of it is found by its file, and by what it gives."""
    project, certificate = copies
    source = certificate.with_name("pulse_v2_1.network.inc")
    text = source.read_text()
    at = text.index(" + ")
    source.write_text(f"{text[:at]} - {text[at + 3 :]}")
    command = ["g++", "-std=c++17", "-O1", "-fPIC", "-shared", "pulse_v2_1.cpp", "-o", "libpulse_v2_1.so"]
    subprocess.run(command, cwd=certificate.parent, check=True)
    wrong = verify(certificate, simulate=False)
    assert "libpulse_v2_1.so has changed" in wrong
    assert "layer3_out, element" in wrong[-1]
    (project / "emulator" / "network.inc").write_text(source.read_text())
    seal(project)
    with pytest.raises(FpgaMlError, match="layer3_out, element"):
        build_library(project, certificate.parent)
    assert certificate.exists()


@pytest.mark.parametrize(
    ("edit", "finding"),
    [
        (lambda t: t["files"]["project"].pop("rtl/myproject.sv"), "the certificate does not name rtl/myproject.sv"),
        (lambda t: t["files"]["library"].clear(), "the certificate does not name libpulse_v2_1.so"),
        (lambda t: t["agreed"][0].update(samples=10**9), "the certificate says otherwise than the project's report"),
    ],
)
def test_an_edited_certificate(edit: Any, finding: str, copies: tuple[Path, Path]) -> None:
    _, certificate = copies
    told = json.loads(certificate.read_text())
    edit(told)
    certificate.write_text(json.dumps(told))
    assert any(finding in text for text in verify(certificate, simulate=False))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda t: t.update(network="0" * 64), "is the project of another network"),
        (lambda t: t.update(project=5), "project is no text"),
        (lambda t: t.update(agreed=[]), "nobody who agreed"),
        (lambda t: t.pop("files"), "no certificate: 'files'"),
    ],
)
def test_what_is_no_certificate_of_the_project(edit: Any, message: str, copies: tuple[Path, Path]) -> None:
    _, certificate = copies
    told = json.loads(certificate.read_text())
    edit(told)
    certificate.write_text(json.dumps(told))
    with pytest.raises(FpgaMlError, match=message):
        verify(certificate, simulate=False)


def test_a_lost_file_and_another_place(copies: tuple[Path, Path]) -> None:
    project, certificate = copies
    (project / "rtl" / "myproject.sv").unlink()
    moved = project.rename(project.with_name("elsewhere"))
    with pytest.raises(FpgaMlError, match="there is no project"):
        verify(certificate)
    assert verify(certificate, project=moved, simulate=False) == ["rtl/myproject.sv is missing"]


def test_one_file_by_the_command(project: Any, tmp_path: Path) -> None:
    run = CliRunner().invoke(main, ["emulator", str(project.folder), "-o", str(tmp_path / "trigger.so"), "--version", "7"])
    assert run.exit_code == 0, run.output
    assert "are equal in every bit" in run.output
    assert {f.name.rpartition("_v7")[2] or f.name for f in tmp_path.iterdir()} == {
        ".h",
        "trigger.so",
        "trigger.certificate.json",
    }
    checked = CliRunner().invoke(main, ["verify", str(tmp_path / "trigger.certificate.json"), "--quick"])
    assert (checked.exit_code, checked.output) == (0, f"{tmp_path / 'trigger.certificate.json'}: holds\n")


def test_what_is_refused(project: Any, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(FpgaMlError, match="exists and is no library"):
        build_library(project.folder, tmp_path / "mine")
    with pytest.raises(FpgaMlError, match="cannot begin the names of symbols"):
        build_library(project.folder, tmp_path / "x", name="jet-tagger")
    (tmp_path / "d.so").mkdir()
    with pytest.raises(FpgaMlError, match="is a folder"):
        build_library(project.folder, tmp_path / "d.so")
    with pytest.raises(FpgaMlError, match="is no version"):
        build_library(project.folder, tmp_path / "x", version="one two")
    with pytest.raises(FpgaMlError, match="holds no report"):
        build_library(tmp_path, tmp_path / "x")
    (tmp_path / "broken.json").write_text("{}")
    with pytest.raises(FpgaMlError, match="no certificate"):
        verify(tmp_path / "broken.json")
    shutil.copytree(project.folder, tmp_path / "old", ignore=shutil.ignore_patterns("emulator"))
    with pytest.raises(FpgaMlError, match="has no sources of a C\\+\\+ library"):
        build_library(tmp_path / "old", tmp_path / "x")
