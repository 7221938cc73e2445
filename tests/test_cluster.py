"""Tasks on workers that fail, hang and are killed, with real processes."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fpga_ml.cluster import Outcome, Run, workers
from fpga_ml.errors import FpgaMlError
from tests import cluster_tasks as tasks


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    with workers(2, None) as found:
        yield found


def outcomes(run: Run, given: list[tuple[object, ...]], limit_s: float | None = None) -> list[Outcome]:
    found = {one.index: one for one in run(tasks.one_of, given, limit_s)}
    assert sorted(found) == list(range(len(given)))
    return [found[i] for i in range(len(given))]


def test_results_and_errors_have_their_places(run: Run) -> None:
    found = outcomes(run, [("double", 3), ("cannot", 7), ("double", 5)])
    assert [found[0].value(), found[2].value()] == [6, 10]
    assert found[1].said == "ValueError: 7 is too much"
    with pytest.raises(ValueError, match="7 is too much"):
        found[1].value()


def test_one_that_hangs_is_given_up_and_others_go_on(run: Run) -> None:
    found = outcomes(run, [("hang", 1), ("double", 4)], limit_s=3.0)
    assert found[0].said == "it did not end within 3 s"
    assert found[1].value() == 8
    assert [one.value() for one in outcomes(run, [("double", n) for n in range(4)], limit_s=20.0)] == [0, 2, 4, 6]


def test_a_killed_worker_is_replaced_and_its_task_runs_again(run: Run, tmp_path: Path) -> None:
    found = outcomes(run, [("killed_once", str(tmp_path / "marker")), ("double", 2)])
    assert found[0].value() != os.getpid()
    assert found[1].value() == 4


def test_a_task_that_kills_every_worker_is_given_up(run: Run) -> None:
    found = outcomes(run, [("always_killed",), ("double", 2)])
    assert found[0].said == "its worker died, again and again"
    assert found[1].value() == 4


def test_no_scheduler_there() -> None:
    with pytest.raises(FpgaMlError, match="no Dask scheduler answers"), workers(0, "no-protocol://nowhere:1"):
        pass


def test_dask_says_nothing_in_the_users_log() -> None:
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.name)  # type: ignore[method-assign]
    root, known, level = logging.getLogger(), logging.getLogger("distributed"), logging.getLogger().level
    passed = known.propagate
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    known.propagate = True
    try:
        with workers(1, None) as run:
            assert [one.result for one in run(abs, [(-3,)])] == [3]
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        known.propagate = passed
    assert [name for name in said if name.startswith("distributed")] == []
