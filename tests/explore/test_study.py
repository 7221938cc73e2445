"""Optuna behind a journal: the same trials however often it is stopped, and whoever computes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fpga_ml.explore.knobs import Knob
from fpga_ml.explore.study import Asked, Study, front

KNOBS = [Knob("a", "a", "weights", 2, 12), Knob("b", "b", "weights", 2, 12), Knob("z", "z", "sparsity", 0, 90, 15)]
STARTS = [({"a": 4, "b": 4, "z": 0}, "uniform"), ({"a": 8, "b": 8, "z": 60}, "exchange")]


def values(params: dict[str, int]) -> tuple[float, float]:
    return 1.0 - 2.0 ** -params["a"] - 3.0 ** -params["b"], params["a"] * params["b"] * (100 - params["z"])


def opened(folder: Path, sampler: str = "nsga2") -> Study:
    return Study(folder, KNOBS, ["maximize", "minimize"], 5, sampler, 4)


def tell(study: Study, asked: list[Asked]) -> None:
    for one in asked:
        study.tell(one.number, values(dict(one.params)))


def history(study: Study) -> list[tuple[int, dict[str, int], str]]:
    return [(number, dict(one.params), one.origin) for number, (one, _) in sorted(study.finished().items())]


def whole(folder: Path, sampler: str = "nsga2") -> list[tuple[int, dict[str, int], str]]:
    folder.mkdir()
    study = opened(folder, sampler)
    study.begin(STARTS)
    for _ in range(5):
        tell(study, study.ask(20))
    study.close()
    return history(study)


@pytest.mark.parametrize("sampler", ["nsga2", "tpe"])
def test_the_same_trials_twice(sampler: str, tmp_path: Path) -> None:
    first = whole(tmp_path / "1", sampler)
    assert first == whole(tmp_path / "2", sampler)
    assert [origin for _, _, origin in first[:3]] == ["uniform", "exchange", "sampler"]
    assert all(knob.low <= p[knob.name] <= knob.high for _, p, _ in first for knob in KNOBS)


def test_a_search_that_was_stopped_goes_on_the_same_way(tmp_path: Path) -> None:
    """Killed after three of the second generation's four were asked for, none of them told."""
    expected = whole(tmp_path / "whole")
    (tmp_path / "cut").mkdir()
    study = opened(tmp_path / "cut")
    study.begin(STARTS)
    tell(study, study.ask(20))
    assert len(study.ask(7)) == 3
    study.close()
    again = opened(tmp_path / "cut")
    again.begin(STARTS)
    left = again.orphans()
    assert len(left) == 3
    tell(again, [*left, *again.ask(20)])
    for _ in range(3):
        tell(again, again.ask(20))
    assert history(again) == expected
    again.close()


def test_trials_of_one_that_lives_are_left_alone(tmp_path: Path) -> None:
    one, other = opened(tmp_path), opened(tmp_path)
    asked = one.ask(2)
    assert other.orphans() == []
    assert other.running
    one.close()
    assert [o.number for o in other.orphans()] == [a.number for a in asked]
    assert other.orphans() == []  # they are its own now
    other.close()


def test_half_a_line_in_the_journal_goes(tmp_path: Path) -> None:
    study = opened(tmp_path)
    tell(study, study.ask(4))
    known = history(study)
    study.close()
    with (tmp_path / "journal.log").open("a") as journal:
        journal.write('{"op_code": 4, "worker')
    again = opened(tmp_path)
    assert history(again) == known
    tell(again, again.ask(6))
    assert len(history(again)) == 6
    again.close()


def test_two_together_ask_for_no_more_than_was_wanted(tmp_path: Path) -> None:
    one, other = opened(tmp_path), opened(tmp_path)
    asked = [*one.ask(10), *other.ask(10), *one.ask(10), *other.ask(10)]
    assert [a.number for a in asked] == list(range(10))
    one.close()
    other.close()


def test_why_a_trial_failed_is_kept(tmp_path: Path) -> None:
    study = opened(tmp_path)
    (asked,) = study.ask(1)
    study.tell(asked.number, None, "no reason to live")
    study.tell(asked.number, (1.0, 1.0))  # too late
    assert study.finished()[asked.number][1] == "no reason to live"
    study.close()


def test_front_is_what_nothing_beats() -> None:
    rng = np.random.default_rng(1)
    rows = [(n, tuple(v)) for n, v in enumerate(rng.integers(0, 6, (60, 3)).astype(float))]
    distinct = {values: number for number, values in reversed(rows)}  # of equal ones the first
    expected = {
        number
        for values, number in distinct.items()
        if not any(all(a <= b for a, b in zip(o, values, strict=True)) for o in distinct if o != values)
    }
    found = front(rows)
    assert set(found) == expected
    firsts = [dict(rows)[n] for n in found]
    assert firsts == sorted(firsts)
    assert front([(0, (1.0,)), (1, (0.5,)), (2, (0.5,))]) == [1]
