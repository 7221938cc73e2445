"""The HLS project: all backends, a testbench that can fail, a folder that is old or whole."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_equal
from zoo import ZOO, quick, samples

import fpga_ml
from fpga_ml.config import Config
from fpga_ml.toolchain.gxx import build_testbench


@pytest.mark.parametrize("backend", ["Vitis", "Vivado", "Quartus", "oneAPI", "Catapult", "Libero"])
def test_every_backend_writes_its_project(backend: str, tmp_path: Path) -> None:
    model = ZOO["skip_6bit"]()
    config = Config(backend=backend, until="convert")
    project = fpga_ml.compile(model, data=samples(model), config=config, output=tmp_path / "p")
    assert list((tmp_path / "p").rglob("myproject.cpp"))
    assert project.report["config"]["backend"] == backend
    assert project.report["stages"]["csim"] == "not asked for (--until csim runs it)"


@pytest.mark.parametrize("backend", ["Quartus", "Catapult"])
def test_csim_of_other_vendors(backend: str, tmp_path: Path) -> None:
    model = ZOO["skip_6bit"]()
    project = fpga_ml.compile(model, data=samples(model), config=quick(backend=backend), output=tmp_path / "p")
    assert project.report["csim"]["bit_exact_vs_quantised_model"] is True, project.report["csim"]["first_difference"]


def test_backend_without_open_compiler_says_so(tmp_path: Path) -> None:
    model = ZOO["conv1d_6bit"]()
    project = fpga_ml.compile(model, data=samples(model), config=quick(backend="oneAPI"), output=tmp_path / "p")
    assert project.report["stages"]["csim"] == "a oneAPI project compiles only with its vendor's compiler"
    assert project.report["csim"] is None


@pytest.mark.parametrize("arch", ["parallel", "stream"])
def test_testbench_compares_exactly(arch: str, tmp_path: Path) -> None:
    """The vendor's csim runs this program: right vectors pass, one wrong digit or none at all fails."""
    model = ZOO["conv2d_6bit"]()
    fpga_ml.compile(model, data=samples(model), config=quick(arch=arch), output=tmp_path / "p")
    folder = tmp_path / "p"
    build_testbench(folder, "myproject", tmp_path / "tb")

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run([tmp_path / "tb"], cwd=folder, capture_output=True, text=True, check=False)

    good = run()
    assert good.returncode == 0, good.stderr
    assert "100 samples, 0 wrong values" in good.stdout
    expected = folder / "tb_data" / "tb_output_predictions.dat"
    values = np.loadtxt(expected)
    assert_equal(np.loadtxt(folder / "tb_data" / "csim_results.log"), values)

    values[7, 1] += 2.0**-17
    np.savetxt(expected, values, fmt="%.17g")
    bad = run()
    assert bad.returncode == 1
    assert "FAIL: sample 7, output 1: expected" in bad.stderr
    expected.write_text("")
    assert run().returncode == 1


def test_settings_reach_hls4ml(tmp_path: Path) -> None:
    path = tmp_path / "fpga_ml.toml"
    path.write_text(
        'backend = "Vivado"\npart = "xc7z020clg400-1"\nclock_ns = 8.0\nstrategy = "resource"\nreuse_factor = 4\n'
        "[layers.fc2]\nreuse_factor = 16\n[layers.logits]\nstrategy = 'latency'\n"
    )
    model = ZOO["tagger_6bit"]()
    project = fpga_ml.compile(
        model, data=samples(model), config=Config.read(path).replace(until="emulate"), output=tmp_path / "p"
    )
    layers = {row["name"]: row for row in project.report["layers"]}
    assert (layers["fc1"]["reuse_factor"], layers["fc1"]["strategy"]) == (4, "resource")
    assert layers["fc2"]["reuse_factor"] == 16
    assert layers["logits"]["strategy"] == "latency"
    script = (tmp_path / "p" / "project.tcl").read_text()
    assert 'set part "xc7z020clg400-1"' in script
    assert "set clock_period 8.0" in script
    assert project.report["csim"]["bit_exact_vs_quantised_model"] is True


def test_project_can_be_moved_and_run_again(tmp_path: Path) -> None:
    model = ZOO["conv1d_6bit"]()
    x = samples(model)
    project = fpga_ml.compile(model, data=x, output=tmp_path / "p", config=quick())
    again = project.csim(x)
    assert_equal(again.shape, (200, 3))
    assert_equal(again[:100], np.loadtxt(tmp_path / "p" / "tb_data" / "tb_output_predictions.dat"))
    for file in (f for f in (tmp_path / "p").rglob("*") if f.is_file() and f.suffix not in (".so", ".keras")):
        assert ".new" not in file.read_text(errors="replace") or "build_prj" in file.name, file


def test_report_is_the_one_on_disk(tmp_path: Path) -> None:
    model = ZOO["conv1d_6bit"]()
    project = fpga_ml.compile(model, data=samples(model), config=quick(until="convert"), output=tmp_path / "p")
    assert json.loads((tmp_path / "p" / "report.json").read_text()) == project.report
