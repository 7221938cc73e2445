"""The command line: what it prints, where, and its exit code."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner
from zoo import ZOO, samples

from fpga_ml.__main__ import main
from fpga_ml.config import Config
from fpga_ml.report.document import read, schema


def run(*words: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fpga_ml", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


def here(*words: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """As `run`, in this process, which has imported TensorFlow already."""
    with contextlib.chdir(cwd or Path.cwd()):
        done = CliRunner().invoke(main, list(map(str, words)))
    return subprocess.CompletedProcess(words, done.exit_code, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    model = ZOO["tagger_6bit"]()
    model.save(folder / "tagger.keras")
    x = samples(model)[0]
    np.savez(folder / "jets.npz", x=x, y=model.predict(x, verbose=0).argmax(1))
    return folder


def test_the_package_runs_as_the_command() -> None:
    said = run("--version").stdout
    assert said.startswith("fpga-ml, version ")
    assert (
        said == subprocess.run([Path(sys.executable).parent / "fpga-ml", "--version"], capture_output=True, text=True).stdout
    )


def test_compile_prints_json_and_nothing_else(files: Path) -> None:
    done = run(
        "compile", files / "tagger.keras", "--data", files / "jets.npz", "-o", files / "p", "--json", "--until", "emulate"
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    jsonschema.validate(report, schema())
    assert report == read(files / "p")
    assert report["csim"]["bit_exact_vs_quantised_model"] is True
    assert report["metrics"]["csim"]["accuracy"] == 1.0
    assert list(report["metrics"]) == ["float", "quantised", "csim"]
    assert "Traceback" not in done.stderr


def test_convert_then_report(files: Path) -> None:
    assert here("convert", files / "tagger.keras", "--data", files / "jets.npz", "-o", files / "q").returncode == 0
    shown = here("report", files / "q")
    assert shown.returncode == 0
    assert "not asked for (--until csim runs it)" in shown.stdout


def test_an_error_is_one_message(files: Path) -> None:
    done = run("compile", files / "tagger.keras", "--backend", "Quatus")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "error: unknown backend 'Quatus'\n  do:    did you mean 'Quartus'?\n"
    assert "Traceback" in run("--debug", "compile", files / "tagger.keras", "--backend", "Quatus").stderr


def test_a_difference_ends_in_exit_code_1(files: Path) -> None:
    (files / "narrow.toml").write_text("[layers.fc2.precision]\naccum = 'ap_fixed<8,2>'\n")
    done = here(
        "csim", files / "tagger.keras", "--data", files / "jets.npz", "--config", files / "narrow.toml", "-o", files / "n"
    )
    assert done.returncode == 1
    assert "tagger: DIFFERENT: C-simulation is not the quantised model: layer fc2" in done.stdout


def test_doctor_lists_tools_and_layers() -> None:
    done = here("doctor")
    assert done.returncode == 0
    for tool in ("g++", "hls4ml", "keras", "vivado"):
        assert tool in done.stdout
    assert "missing: spidev, for talking to a board over SPI; to get it: pip install 'fpga_ml[spi]'" in " ".join(
        done.stdout.split()
    )
    layers = here("doctor", "--layers").stdout.split()
    assert {"Dense", "QDense", "QConv2D", "LSTM", "Concatenate"} <= set(layers)
    assert "GarNet" not in layers


def test_models_are_listed(repository: Path) -> None:
    done = here("models", cwd=repository)
    assert done.returncode == 0
    figures = json.loads((repository / "models" / "jet_cnn" / "figures.json").read_text())
    (row,) = (line for line in done.stdout.splitlines() if line.startswith(" jet_cnn "))
    assert row.split()[-3:] == ["auc", *(f"{figures[stage]['auc']:.4g}" for stage in ("float", "emulator"))]
    assert "there are no trained models" in here("models", cwd=repository / "tests").stderr
    assert here("models", "--folder", repository / "models", cwd=repository / "tests").stdout == done.stdout


def test_new_settings_are_the_defaults(tmp_path: Path) -> None:
    """With every line taken in they are a configuration, and what has a default stands there with it."""
    done = here("new", tmp_path / "a")
    assert done.returncode == 0
    text = (tmp_path / "a" / "fpga_ml.toml").read_text()
    assert dataclasses.replace(Config.read(tmp_path / "a" / "fpga_ml.toml"), source=None) == Config()
    lines = [line.removeprefix("# ") if re.match(r"# (\w+ = |\[)", line) else line for line in text.splitlines()]
    (tmp_path / "all.toml").write_text("\n".join(lines))
    written, default = Config.read(tmp_path / "all.toml"), Config()
    for setting in dataclasses.fields(Config):
        if setting.name in ("source", "layers"):
            continue
        assert re.search(rf"^# {setting.name} = ", text, re.MULTILINE), setting.name
        if getattr(default, setting.name) not in (None, ()) and setting.name not in ("until",):
            assert getattr(written, setting.name) == getattr(default, setting.name), setting.name
    assert "there is a file already" in here("new", tmp_path / "a").stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script(shell: str) -> None:
    done = here("completion", shell)
    assert done.returncode == 0
    assert "_FPGA_ML_COMPLETE" in done.stdout


def test_report_of_no_project(tmp_path: Path) -> None:
    assert "holds no report.json" in here("report", tmp_path).stderr
    (tmp_path / "report.json").write_text('{"schema_version": 99}')
    assert "the report is of version 99" in here("report", tmp_path).stderr


def test_demo_is_the_jets_of_the_checkout(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole of it is the test below."""
    monkeypatch.chdir(repository)
    asked: list[Any] = []
    monkeypatch.setattr("fpga_ml.cli._build", lambda *given, **settings: asked.append((given, settings["output"])))
    assert CliRunner().invoke(main, ["demo", "-o", str(tmp_path / "p")]).exit_code == 0
    assert asked == [((Path("models/jet_cnn"),), tmp_path / "p")]


@pytest.mark.slow
def test_demo_shows_the_jets(repository: Path, tmp_path: Path) -> None:
    done = here("demo", "-o", tmp_path / "p", cwd=repository)
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())  # lines are as long as the terminal is wide
    assert "jet_cnn: PROVED: Keras (quantised), C-simulation, emulator and RTL agree bit for bit" in said
    for stage in ("float", "quantised", "hardware"):
        assert stage in done.stdout


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that is synthesised in a moment."""
    import keras

    folder = tmp_path_factory.mktemp("small")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="relu")])
    model.save(folder / "small.keras")
    np.savez(folder / "x.npz", x=np.random.default_rng(1).uniform(-1, 1, (20, 3)))
    return folder


SMALL = ("--bits", 6, "--simulator", "icarus", "--until", "synth", "--device", "ecp5-85k")


@pytest.mark.slow
def test_compile_until_synth_with_the_clock_that_answers_soonest(small: Path) -> None:
    words = ("--clock-ns", "auto", "--synth-device", "xcup", "--synth-device", "ecp5-25k", "--json")
    done = here("compile", small / "small.keras", "--data", small / "x.npz", "-o", small / "s", *SMALL, *words)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report == read(small / "s")
    assert [(row["device"], row["effort"]) for row in report["synth"]] == [("xcup", "estimate"), ("ecp5-25k", "estimate")]
    assert report["config"]["auto_clock"] is True
    assert 1 < report["rtl"]["clock_ns"] < 25
    assert f"set clock_period {report['rtl']['clock_ns']}" in (small / "s" / "project.tcl").read_text()


@pytest.mark.slow
def test_a_synthesis_that_fails_leaves_the_build(small: Path) -> None:
    words = ("--effort", "place", "--time-limit", "1", "--clock-ns")
    made = ("compile", small / "small.keras", "--data", small / "x.npz", "-o", small / "t", *SMALL)
    assert "--clock-ns fast is no number" in here(*made, *words, "fast").stderr
    done = here(*made, *words, 14)
    assert done.returncode == 1
    for said in (done.stderr, read(small / "t")["stages"]["synth"]):
        assert re.search("no end after [01] s", said)  # Yosys leaves the placer a part of the second
    assert (small / "t" / "rtl").is_dir()
