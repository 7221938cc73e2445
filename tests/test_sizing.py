"""The estimate of a model's hardware: the figures of a build's plan, without the build."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from keras import layers as L
from zoo import quick

import fpga_ml
from fpga_ml.cli import main
from fpga_ml.config import Config
from fpga_ml.errors import FpgaMlError
from fpga_ml.toolchain import run as programs

X = np.random.default_rng(7).normal(size=(60, 6, 6, 1))


def model() -> Any:
    keras.utils.set_random_seed(2)
    return keras.Sequential(
        [keras.Input((6, 6, 1), name="x"), L.Conv2D(2, 3, activation="relu"), L.Flatten(), L.Dense(3, activation="softmax")],
        name="net",
    )


SETTINGS: dict[str, dict[str, Any]] = {
    "parallel": {},
    "stream": {"arch": "stream"},
    "shared": {"arch": "stream", "interval_cycles": 144},
    "limited": {"arch": "stream", "max_dsps": 8},
    "fastest": {"auto_clock": True},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_the_figures_are_those_of_a_build(name: str, tmp_path: Path) -> None:
    settings = {"bits": 5, "vectors": 60} | SETTINGS[name]
    found = fpga_ml.estimate(model(), data=X, config=Config(**settings))
    project = fpga_ml.compile(model(), data=X, config=quick(until="rtl", **settings), output=tmp_path / "p", progress=False)
    rtl = project.report["rtl"]
    assert found.clock_ns == project.report["config"]["clock_ns"]
    assert found.costs == {
        "luts": rtl["area"]["luts"],
        "ffs": rtl["register_bits"],
        "dsps": rtl["area"]["multipliers"],
        "rom_bits": rtl["area"]["rom_bits"],
        "memory_bits": rtl["area"]["memory_bits"],
        "latency_cycles": rtl["latency_cycles"],
        "latency_ns": round(rtl["latency_cycles"] * found.clock_ns, 3),
        "interval_cycles": rtl["interval_cycles"],
    }
    assert sum(stage["luts"] for stage in found.stages.values()) == found.costs["luts"]


def test_no_other_program_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def started(*given: Any, **named: Any) -> Any:
        raise AssertionError(f"{given} was started")

    monkeypatch.setattr(programs.subprocess, "Popen", started)
    assert fpga_ml.estimate(model(), data=X, bits=5).costs["luts"] > 0


def test_on_the_command_line(tmp_path: Path) -> None:
    keras.models.save_model(model(), tmp_path / "net.keras")
    np.savez(tmp_path / "x.npz", x=X)
    given = ["estimate", str(tmp_path / "net.keras"), "--data", str(tmp_path / "x.npz"), "--bits", "5"]
    told = CliRunner().invoke(main, given)
    assert told.exit_code == 0, told.output
    assert "by estimate for generic-16nm" in told.output
    found = json.loads(CliRunner().invoke(main, [*given, "--json"]).stdout)
    assert f"{found['costs']['luts']:,}" in told.output
    assert not list(Path.cwd().glob("hls_projects/net*"))


@pytest.mark.parametrize("name", ["parallel", "shared"])
def test_the_rtl_is_that_of_a_build(name: str, tmp_path: Path) -> None:
    settings = {"bits": 5, "vectors": 60} | SETTINGS[name]
    net = model()
    fpga_ml.estimate(net, data=X, config=Config(**settings), rtl=tmp_path / "some" / "rtl")
    project = fpga_ml.compile(net, data=X, config=quick(until="rtl", **settings), output=tmp_path / "p", progress=False)
    folders = project.folder / "rtl", tmp_path / "some" / "rtl"
    built, written = ({f.name: f.read_text() for f in folder.glob("*.sv")} for folder in folders)
    assert "myproject.sv" in written
    assert written == built
    with pytest.raises(FpgaMlError, match="is there already"):
        fpga_ml.estimate(model(), data=X, rtl=tmp_path / "some")


def test_what_has_no_estimate_says_why() -> None:
    with pytest.raises(FpgaMlError, match="layer 'thin'"):
        fpga_ml.estimate(
            keras.Sequential([keras.Input((4,)), L.Dense(2), L.Lambda(lambda x: x, name="thin")]), data=X[:, 0, :4, 0]
        )
    with pytest.raises(FpgaMlError, match="would take about"):
        fpga_ml.estimate(keras.Sequential([keras.Input((4096,)), L.Dense(4096)]), data=np.zeros((9, 4096)))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"config": "here.toml"}, "config is a str"),
        ({"backend": "Quartus"}, "the emulator follows the C.. of Vitis and Vivado"),
    ],
)
def test_settings_without_an_estimate(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(FpgaMlError, match=said):
        fpga_ml.estimate(model(), data=X, **settings)


def test_without_data_it_says_so(tmp_path: Path) -> None:
    keras.models.save_model(model(), tmp_path / "net.keras")
    told = CliRunner().invoke(main, ["estimate", str(tmp_path / "net.keras"), "--bits", "5"])
    assert "no data given" in told.output


def test_an_interval_that_cannot_be_reached_is_told(tmp_path: Path) -> None:
    """A recurrent layer's time steps wait for one another."""
    keras.utils.set_random_seed(2)
    net = keras.Sequential([keras.Input((8, 3), name="x"), L.GRU(4), L.Dense(2)], name="net")
    x = np.random.default_rng(7).normal(size=(60, 8, 3))
    found = fpga_ml.estimate(net, data=x, arch="stream", interval_cycles=8)
    reached = int(found.costs["interval_cycles"])
    assert reached > 8
    (note,) = found.notes
    assert note.startswith(f"an inference every {reached} cycles, and not every 8")
    config = quick(until="rtl", arch="stream", interval_cycles=8)
    project = fpga_ml.compile(net, data=x, config=config, output=tmp_path / "p", progress=False)
    assert note in project.report["notes"]
    assert fpga_ml.estimate(net, data=x, arch="stream", interval_cycles=reached).notes == ()
