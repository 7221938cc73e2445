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
from fpga_ml.sizing import network_of


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
    interval, network = fitting(partial(STREAM.lower, project.graph), 90, budget)
    found = STREAM.emit(network, 5.0)
    assert found.area.luts <= 5000
    assert found.area.multipliers <= multipliers
    assert found.interval_cycles <= interval
    faster = [STREAM.lower(project.graph, n) for n in range(90, int(found.interval_cycles * 0.9), 40)]
    assert not any(budget.holds(n) for n in faster)


def test_without_multipliers_nothing_is_shared(project: fpga_ml.Project) -> None:
    """Constants need none; what is shared does, however long the interval is."""
    model = ZOO["conv2d_6bit"]()
    unshared = fpga_ml.estimate(model, data=samples(model, 60), arch="stream")
    found = fpga_ml.estimate(model, data=samples(model, 60), arch="stream", max_dsps=int(unshared.costs["dsps"]))
    assert found.costs["dsps"] <= unshared.costs["dsps"]


def test_what_is_left_of_the_limits_goes_into_an_early_answer(project: fpga_ml.Project) -> None:
    assert project.graph is not None
    roomy = network_of(project.graph, Config(arch="stream", interval_cycles=4000, max_luts=10**6))
    assert roomy.text() == STREAM.lower(project.graph, 4000).text()


def test_what_never_fits(project: fpga_ml.Project, tmp_path: Path) -> None:
    model = ZOO["conv2d_6bit"]()
    config = Config(arch="stream", until="rtl", max_luts=100)
    with pytest.raises(FpgaMlError, match="the network needs about "):
        fpga_ml.compile(model, data=samples(model, 60), config=config, output=tmp_path / "p")
    assert not (tmp_path / "p").exists()
    assert project.graph is not None
    with pytest.raises(FpgaMlError, match="cannot pass in 50 cycles"):
        STREAM.lower(project.graph, 50)
