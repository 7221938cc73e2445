"""The command in a report builds the same thing again."""

from __future__ import annotations

import dataclasses
import pathlib
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import fpga_ml
import fpga_ml.simulate.foreign
from fpga_ml.cli import main
from fpga_ml.config import Config, LayerConfig
from fpga_ml.report.document import WITHOUT_OPTION, command
from fpga_ml.simulate.foreign import Foreign

CHANGES: dict[str, Any] = {
    "backend": "Quartus",
    "part": "Arria10",
    "clock_ns": 2.5,
    "device": "ecp5-85k",
    "arch": "stream",
    "strategy": "resource",
    "reuse_factor": 4,
    "bits": 8,
    "saturate": True,
    "vectors": 11,
    "jobs": 1,
    "simulators": ("icarus",),
    "interval_cycles": 7,
    "interleave": 3,
    "lanes": 2,
    "frame_last": True,
    "max_luts": 100,
    "max_dsps": 5,
    "until": "rtl",
    "auto_clock": True,
    "synth_devices": ("xcup", "ecp5-25k"),
    "effort": "place",
    "time_limit_s": 30.0,
    "force": True,
}


def given(line: str) -> tuple[Path, dict[str, Any], Config]:
    """Model, files and configuration that the command line understands."""
    program, name, *words = shlex.split(line)
    assert (program, name) == ("fpga-ml", "compile")
    settings = dict(main.commands["compile"].make_context("compile", list(words)).params)
    files = {k: settings.pop(k) for k in ("weights", "data", "output", "config_path", "as_json", "verbose")}
    settings |= {name: settings[name] or None for name in ("simulators", "synth_devices")}
    if settings["clock_ns"] == "auto":
        settings |= {"clock_ns": None, "auto_clock": True}
    elif settings["clock_ns"] is not None:
        settings |= {"clock_ns": float(settings["clock_ns"]), "auto_clock": False}
    path = files["config_path"]
    return settings.pop("model"), files, (Config.read(path) if path else Config()).replace(**settings)


def test_every_setting_is_an_option_or_known_to_be_none() -> None:
    assert {f.name for f in dataclasses.fields(Config)} == CHANGES.keys() | WITHOUT_OPTION | {"source"}


@pytest.mark.parametrize("name", CHANGES)
def test_each_setting_comes_back(name: str) -> None:
    config = Config().replace(**{name: CHANGES[name]})
    model, _, back = given(command("a folder/model.keras", None, "", config))
    assert (str(model), back) == ("a folder/model.keras", config)


def test_a_file_and_what_overrides_it_come_back(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("weight_bits = 7\narch = 'stream'\nbits = 9\n[layers.fc1]\nbits = 5\n")
    config = Config.read(tmp_path / "c.toml").replace(bits=16, clock_ns=3.0)
    line = command("m.json", Path("w.h5"), "x y.npz", config)
    _, files, back = given(line)
    assert back == config
    assert (str(files["weights"]), str(files["data"])) == ("w.h5", "x y.npz")
    assert "--arch" not in line  # the file says it


def test_a_clock_that_was_searched_is_searched_again(tmp_path: Path) -> None:
    found = Config(auto_clock=True, clock_ns=3.25)  # as the build leaves it
    assert given(command("m.keras", None, "", found))[2] == Config(auto_clock=True)
    (tmp_path / "c.toml").write_text("auto_clock = true\n")
    fixed = Config.read(tmp_path / "c.toml").replace(auto_clock=False)
    assert given(command("m.keras", None, "", fixed))[2] == fixed


def test_what_is_in_memory_is_a_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "c.toml").write_text("bits = 9\n")
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    monkeypatch.setattr(fpga_ml, "compile", lambda *a, **k: calls.append((a, k)), raising=False)
    names = {"fpga_ml": fpga_ml, "pathlib": pathlib, "model": "the model", "data": "the data"}

    def called(line: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
        eval(line, names)
        return calls.pop()

    assert called(command("in memory", None, "", Config())) == (("the model",), {})
    config = Config().replace(seed=4)
    assert called(command("m.keras", None, "d.npz", config)) == (("m.keras",), {"data": "d.npz", "config": config})
    config = Config.read(tmp_path / "c.toml").replace(weight_bits=5)
    arguments = called(command("m.json", Path("w.h5"), "in memory", config))
    assert arguments == (("m.json",), {"weights": "w.h5", "data": "the data", "config": config})
    layers = Config(layers={"fc1": LayerConfig(bits=4)})
    assert "LayerConfig(bits=4" in command("m.keras", None, "", layers)


def test_rtl_from_elsewhere_comes_back(tmp_path: Path) -> None:
    (tmp_path / "top.v").write_text("module a; endmodule\n")
    foreign = Foreign.of(tmp_path, {"x": "in", "y": "out"}, ("resets", "idle"), 2, "a")
    line = command("m.keras", None, "", Config(bits=9), foreign)
    program, name, *words = shlex.split(line)
    assert (program, name) == ("fpga-ml", "cosim")
    back = main.commands["cosim"].make_context("cosim", list(words)).params
    assert (str(back["rtl"]), back["rtl_top"], back["flush"], back["bits"]) == (str(tmp_path), "a", 2, 9)
    assert (back["ports"], back["skip"]) == (("x=in", "y=out"), ("resets", "idle"))
    for config, given in ((Config(until="rtl"), foreign), (Config(), Foreign(foreign.files, top="a"))):
        call = command("m.keras", None, "", config, given)
        names = {"compile": lambda *_, **known: known["rtl"], "Config": Config, "simulate": fpga_ml.simulate}
        assert eval(call, {"fpga_ml": SimpleNamespace(**names), "pathlib": pathlib}) == given
