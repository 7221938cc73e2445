"""Settings of a point: applied to a configuration, written, and read again."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from fpga_ml.config import Config
from fpga_ml.explore.knobs import applied, of_input, plain, results, softmax_table, sparsity, toml, weights

CONFIGS = [
    Config(),
    Config(bits=7, arch="stream", simulators=("icarus",), synth_devices=("xcup",), clock_ns=2.5, max_luts=9),
    Config(
        layers={'a "b"\n': {"bits": 3, "precision": {"result": "ap_fixed<8,2>"}}, "µ": {"reuse_factor": 4, "static": True}}
    ),
    Config(project_name='qu"ote\\', part="xcvu13p-flga2577-2-e", frame_last=True, arch="stream"),
]


@pytest.mark.parametrize("config", CONFIGS)
def test_a_configuration_comes_back(config: Config, tmp_path: Path) -> None:
    (tmp_path / "fpga_ml.toml").write_text(toml(plain(config)))
    assert dataclasses.replace(Config.read(tmp_path / "fpga_ml.toml"), source=None) == config
    assert Config(**plain(config)) == config


def test_knobs_are_settings_of_layers() -> None:
    knobs = [of_input("x", 10), weights("fc"), results("fc"), softmax_table(), sparsity("fc")]
    config = Config(layers={"fc": {"reuse_factor": 2}, "other": {"bits": 9}})
    found = applied(config, knobs, {"x": 6, "fc weights": 3, "fc results": 5, "softmax table": 7, "fc zeros": 30})
    assert (found.layer("fc").weight_bits, found.layer("fc").bits, found.layer("fc").reuse_factor) == (3, 5, 2)
    assert (found.layer("x").bits, found.layer("other").bits, found.softmax_table_bits) == (6, 9, 7)


def test_choices() -> None:
    assert of_input("x", 4).choices == (2, 3, 4)
    assert of_input("x", 1).choices == (1,)
    assert sparsity("fc").choices == (0, 15, 30, 45, 60, 75, 90)
    assert (sparsity("fc").near(50), weights("fc").near(99)) == (45, 12)
