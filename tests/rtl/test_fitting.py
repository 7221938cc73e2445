"""A budget of hardware: the interval that comes of it is the shortest, and what does not fit is said."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from zoo import ZOO, samples

import fpga_ml
from fpga_ml.config import Config
from fpga_ml.errors import FpgaMlError
from fpga_ml.ir.area import Area, area_of, only_luts
from fpga_ml.rtl.architecture import STREAM, Rtl
from fpga_ml.schedule.fitting import Budget, fitting


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> fpga_ml.Project:
    model, config = ZOO["conv2d_6bit"](), Config(arch="stream", until="emulate")
    return fpga_ml.compile(model, data=samples(model, 60), config=config, output=tmp_path_factory.mktemp("fit") / "p")


def made(project: fpga_ml.Project, interval: int) -> Rtl:
    assert project.graph is not None
    return STREAM.emit(STREAM.lower(project.graph, interval), 5.0)


def test_more_cycles_take_less(project: fpga_ml.Project) -> None:
    assert project.graph is not None
    builds = {n: made(project, n) for n in (90, 300, 1000, 4000)}
    networks = [STREAM.lower(project.graph, n) for n in builds]
    luts = [only_luts(sum(map(area_of, n.processes), Area()), [k for p in n.processes for k in p.kernels]) for n in networks]
    assert luts == sorted(luts, reverse=True)
    assert luts[0] > luts[-1]
    assert all(b.interval_cycles <= n for n, b in builds.items())


@pytest.mark.parametrize("multipliers", [10, 18, 30])
def test_the_shortest_interval_that_fits(project: fpga_ml.Project, multipliers: int) -> None:
    assert project.graph is not None
    budget = Budget(luts=5000, multipliers=multipliers)
    found = STREAM.emit(fitting(partial(STREAM.lower, project.graph), 90, budget), 5.0)
    assert budget.holds(found.area)
    faster = [made(project, n) for n in range(90, int(found.interval_cycles * 0.9), 40)]
    assert not any(budget.holds(b.area) for b in faster)


def test_what_never_fits(project: fpga_ml.Project, tmp_path: Path) -> None:
    model = ZOO["conv2d_6bit"]()
    config = Config(arch="stream", until="rtl", max_luts=100)
    with pytest.raises(FpgaMlError, match="the network needs about "):
        fpga_ml.compile(model, data=samples(model, 60), config=config, output=tmp_path / "p")
    assert not (tmp_path / "p").exists()
    assert project.graph is not None
    with pytest.raises(FpgaMlError, match="cannot pass in 50 cycles"):
        STREAM.lower(project.graph, 50)
