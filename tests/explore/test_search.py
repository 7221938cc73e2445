"""A search end to end: the same whoever computes, resumed where it was stopped, with trials that fail."""

from __future__ import annotations

import errno
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from click.testing import CliRunner

import fpga_ml
from fpga_ml import cluster
from fpga_ml.cli import main
from fpga_ml.config import Config
from fpga_ml.errors import FpgaMlError
from fpga_ml.explore import points, store, trial
from fpga_ml.explore.knobs import plain
from fpga_ml.explore.search import Search, search
from fpga_ml.explore.subject import Subject, bits
from tests.explore import small
from tests.one_process import here

GOAL = "tests.explore.goals_of_tests:good"
QUICK = {"trials": 12, "generation": 4, "prove": 0, "objective": GOAL, "progress": False}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return small.written(tmp_path_factory.mktemp("small"))


def searched(files: tuple[Path, Path], out: Path, **settings: Any) -> Search:
    """In this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster, "workers", here)
        return search(files[0], data=files[1], output=out, **{**QUICK, **settings})


def trials(found: Search) -> list[tuple[Any, ...]]:
    return [(r["number"], r["origin"], r["state"], r["params"], r["score"], r["costs"]) for r in found.found["trials"]]


@pytest.fixture(scope="module")
def serial(files: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Search:
    return searched(files, tmp_path_factory.mktemp("search") / "serial")


def test_the_front_is_of_the_trials(serial: Search) -> None:
    found = serial.found
    assert [r["number"] for r in found["trials"]] == list(range(12))
    assert [r["origin"] for r in found["trials"]][:4] == ["uniform"] * 4
    assert {k["name"] for k in found["knobs"]} == {"x", "fc-1 weights", "fc-1 results", "out weights", "out results"}
    rows = [(r["score"], -r["costs"]["luts"], -r["costs"]["latency_ns"]) for r in found["trials"]]
    for number in found["front"]:
        better = [r for r in rows if all(a >= b for a, b in zip(r, rows[number], strict=True)) and r != rows[number]]
        assert better == []


def test_wide_bits_are_the_float_model(serial: Search) -> None:
    """Of uniform 12 bits there is next to nothing lost, of 4 bits something."""
    by_bits = {r["params"]["out weights"]: r for r in serial.found["trials"][:4]}
    assert abs(by_bits[12]["loss"]["mean"]) < 2e-3
    assert by_bits[4]["loss"]["mean"] > by_bits[8]["loss"]["mean"]
    assert by_bits[4]["costs"]["luts"] < by_bits[6]["costs"]["luts"] < by_bits[8]["costs"]["luts"]


def test_two_workers_find_the_same(files: tuple[Path, Path], serial: Search, tmp_path: Path) -> None:
    found = search(files[0], data=files[1], output=tmp_path / "two", workers=2, **QUICK)
    assert trials(found) == trials(serial)
    assert found.found["front"] == serial.found["front"]


def test_points_are_proved_and_are_what_their_trials_said(files: tuple[Path, Path], serial: Search) -> None:
    found = searched(files, serial.folder, prove=1)
    (point,) = [p for p in found.found["points"] if p["proved"] is not None]
    assert (point["proved"], found.agrees) == (True, True), point["said"]
    row = next(r for r in found.found["trials"] if r["number"] == point["number"])
    report = json.loads((serial.folder / "points" / str(point["number"]) / "project" / "report.json").read_text())
    assert report["rtl"]["area"]["luts"] == row["costs"]["luts"]
    assert report["rtl"]["latency_cycles"] * 5.0 == row["costs"]["latency_ns"]
    types = {r["tensor"]: r["type"] for r in report["quantisation"]}
    assert f"<{row['params']['out weights']}," in types["out.kernel"]
    assert f"<{row['params']['x']}," in types["x"]


def test_samples_of_a_folder_that_have_arrays_besides(tmp_path: Path) -> None:
    """As models/jet_regression has truths of its jets: the points, which are built from the folder's file, take them too."""
    folder = tmp_path / "model"
    folder.mkdir()
    small.network().save(folder / "float.keras")
    np.savez(folder / "sample.npz", **small.samples(100, 1), truth=np.zeros(100))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster, "workers", here)
        found = search(folder, output=tmp_path / "out", **{**QUICK, "trials": 1, "prove": 1})
    (point,) = found.found["points"]
    assert point["proved"] is True, point["said"]


def test_a_point_that_is_not_what_its_trial_said(files: tuple[Path, Path], serial: Search, tmp_path: Path) -> None:
    """A fault planted in a trial's result is found by the build."""
    found = searched(files, tmp_path, trials=1)
    path = next((tmp_path / "trials").glob("*.json"))
    kept = json.loads(path.read_text())
    path.write_text(json.dumps(kept | {"costs": kept["costs"] | {"luts": kept["costs"]["luts"] + 1}}))
    found = searched(files, tmp_path, trials=1, prove=1)
    assert not found.agrees
    assert "the build has luts" in found.found["points"][0]["said"]


def test_nothing_is_done_twice(files: tuple[Path, Path], serial: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError("done again")

    monkeypatch.setattr(trial, "tried", never)
    monkeypatch.setattr(trial, "noise", never)
    assert trials(searched(files, serial.folder)) == trials(serial)


def test_stopped_in_the_midst_it_goes_on(
    files: tuple[Path, Path], serial: Search, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in the second generation, when one of its trials was computed."""
    tried, count = trial.tried, 0

    def stopping(*given: Any) -> Any:
        nonlocal count
        count += 1
        if count == 6:
            raise KeyboardInterrupt
        return tried(*given)

    monkeypatch.setattr(trial, "tried", stopping)
    with pytest.raises(KeyboardInterrupt):
        searched(files, tmp_path)
    assert trials(searched(files, tmp_path)) == trials(serial)
    assert count == 6 + 7  # each of the twelve once, but for the one that was stopped


def test_a_full_disk_loses_nothing(
    files: tuple[Path, Path], serial: Search, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, count = store.put, 0

    def full(path: Path, content: str | bytes) -> None:
        nonlocal count
        count += path.parent.name == "trials"
        if count == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        put(path, content)

    monkeypatch.setattr(store, "put", full)
    with pytest.raises(FpgaMlError, match="the disk is full") as told:
        searched(files, tmp_path)
    assert "what is done is kept" in str(told.value)
    monkeypatch.setattr(store, "put", put)
    assert trials(searched(files, tmp_path)) == trials(serial)


@pytest.mark.parametrize(
    ("goal", "why"),
    [("raises", "RuntimeError: too narrow for me"), ("is_nan", "is nan"), ("hangs", "it did not end within 4 s")],
)
def test_trials_that_fail_are_told_and_the_others_stand(
    goal: str, why: str, files: tuple[Path, Path], tmp_path: Path
) -> None:
    how = {
        "objective": f"tests.explore.goals_of_tests:{goal}",
        "trials": 4,
        "trial_limit_s": 4.0 if goal == "hangs" else 60.0,
    }
    if goal == "hangs":
        found = search(files[0], data=files[1], output=tmp_path, workers=1, **{**QUICK, **how})
    else:
        found = searched(files, tmp_path, **how)
    states = {r["params"]["out weights"]: (r["state"], r["why"]) for r in found.found["trials"]}
    assert states[12] == ("done", "")
    assert states[4][0] == "failed"
    assert why in states[4][1]
    assert all(r["state"] == "done" for r in found.front)


def test_where_no_trial_can_be_built(files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot(*_: Any) -> Any:
        raise FpgaMlError("this will never do")

    monkeypatch.setattr(trial, "tried", cannot)
    with pytest.raises(FpgaMlError, match="no trial could be built: this will never do"):
        searched(files, tmp_path)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"costs": ["lut"]}, "unknown cost 'lut'"),
        ({"costs": []}, "costs = none"),
        ({"trials": 0}, "trials = 0"),
        ({"time_s": -1.0}, "the time is -1.0 s"),
        ({"sampler": "nsga"}, "unknown sampler 'nsga'"),
        ({"generation": 1}, "generation = 1"),
        ({"bits": 30}, "bits = 30"),
        ({"model": [1]}, "the model is of type list"),
        ({"objective": "auk"}, "unknown objective 'auk'"),
    ],
)
def test_refused_before_any_work(
    settings: Mapping[str, Any], said: str, files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "workers", None)
    with pytest.raises(FpgaMlError, match=said):
        search(**{"model": files[0], "data": files[1], "output": tmp_path / "out", **QUICK, **settings})


def test_a_folder_of_another_search(files: tuple[Path, Path], serial: Search) -> None:
    with pytest.raises(FpgaMlError, match="the folder holds a search with another seed"):
        searched(files, serial.folder, seed=2)


def test_a_model_with_quantizers_everywhere(tmp_path: Path) -> None:
    model = fpga_ml.to_qkeras(small.network(), bits=6, data=small.samples(100, 1)["x"])
    model.save(tmp_path / "q.keras")
    np.savez(tmp_path / "d.npz", **small.samples(100, 1))
    types = {"out": {"precision": {"result": "ap_fixed<8,4>"}}}
    with pytest.raises(FpgaMlError, match="there are no bits to choose"):
        searched((tmp_path / "q.keras", tmp_path / "d.npz"), tmp_path / "out", layers=types)


def test_models_and_samples_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "workers", here)
    found = fpga_ml.search(small.network(), data=small.samples(200, 1), output=tmp_path, **{**QUICK, "trials": 4})
    assert len(found.front) >= 1
    assert found.cheapest(1.0)["costs"]["luts"] == min(r["costs"]["luts"] for r in found.front)
    with pytest.raises(FpgaMlError, match="no point loses -5 or less"):
        found.cheapest(-5)


def test_a_search_in_memory_goes_on_and_its_files_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same model and samples are known again by what they are; others are refused, and what is there stays."""
    monkeypatch.setattr(cluster, "workers", here)
    how = {**QUICK, "output": tmp_path}
    first = fpga_ml.search(small.network(), data=small.samples(200, 1), **{**how, "trials": 2})
    assert first.found["model"] == "small"
    kept = {path: path.read_bytes() for path in (tmp_path / "given").iterdir()}
    more = fpga_ml.search(small.network(), data=small.samples(200, 1), **{**how, "trials": 3})
    assert trials(more)[:2] == trials(first)
    other = small.network()
    other.set_weights([2 * w for w in other.get_weights()])
    with pytest.raises(FpgaMlError, match="another model"):
        fpga_ml.search(other, data=small.samples(200, 1), **how)
    assert all(path.read_bytes() == content for path, content in kept.items())


def test_an_objective_that_was_changed_is_another(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    goal = tmp_path / "goal_that_changes.py"
    goal.write_text("def f(outputs, y):\n    return float(outputs[0].mean())\n")
    searched(files, tmp_path / "out", trials=1, objective="goal_that_changes:f")
    goal.write_text("def f(outputs, y):\n    return -float(outputs[0].mean())\n")
    with pytest.raises(FpgaMlError, match="another objective"):
        searched(files, tmp_path / "out", trials=2, objective="goal_that_changes:f")


def test_bits_of_the_configuration_stay(files: tuple[Path, Path], tmp_path: Path) -> None:
    layers = {"fc-1": {"weight_bits": 3}, "x": {"bits": 7}}
    found = searched(files, tmp_path, trials=1, layers=layers)
    assert {k["name"] for k in found.found["knobs"]} == {"fc-1 results", "out weights", "out results"}
    settings = Config.read(tmp_path / "points" / "0" / "fpga_ml.toml")
    assert (settings.layer("fc-1").weight_bits, settings.layer("x").bits) == (3, 7)


def test_what_a_machine_lacked_is_tried_again(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot(*_: Any) -> Any:
        raise FpgaMlError("'g++' was not found")

    with monkeypatch.context() as patch:
        patch.setattr(points, "proved", cannot)
        found = searched(files, tmp_path, trials=1, prove=1)
    assert (found.agrees, found.found["points"][0]["said"]) == (False, "'g++' was not found")
    assert searched(files, tmp_path, trials=1, prove=1).found["points"][0]["proved"] is True


def test_the_command_searches_the_same_again(
    files: tuple[Path, Path], serial: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "workers", here)
    words = shlex.split(serial.found["command"])
    done = CliRunner().invoke(main, [*words[1:], "--json"])
    assert done.exit_code == 0, done.output
    assert trials(Search(serial.folder, json.loads(done.stdout))) == trials(serial)


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (small.samples(5, 1), "5 samples are too few"),
        ({**small.samples(50, 1), "y": np.ones(50, np.int64)}, "all labels are of one class"),
    ],
)
def test_samples_that_tell_nothing(samples: dict[str, np.ndarray], said: str, tmp_path: Path) -> None:
    with pytest.raises(FpgaMlError, match=said):
        search(small.network(), data=samples, output=tmp_path, progress=False)


def test_a_script_without_a_guard(tmp_path: Path) -> None:
    """Workers do not run the user's script again."""
    script = tmp_path / "script.py"
    script.write_text(
        "import fpga_ml\nfrom tests.explore import small\nprint('begins')\n"
        "found = fpga_ml.search(small.network(), data=small.samples(100, 1), trials=2, prove=0, workers=1,"
        f" output={str(tmp_path / 'out')!r})\nprint(len(found.found['trials']))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.stdout.splitlines() == ["begins", "2"], done.stderr


def test_training_wins_back_what_few_bits_lose(files: tuple[Path, Path], tmp_path: Path) -> None:
    """The same point, trained and not; the trained one is a model folder that a build takes."""
    np.savez(tmp_path / "train.npz", **small.samples(4000, 7))
    how = {"objective": "auc", "trials": 1, "prove": 1}
    found = searched(files, tmp_path / "out", train=tmp_path / "train.npz", epochs=6, **how)
    (row,) = found.found["trials"]
    assert row["params"]["fc-1 weights"] == 3
    assert found.found["points"][0]["proved"] is True, found.found["points"][0]["said"]
    assert sorted(p.name for p in (tmp_path / "out" / "points" / "0").iterdir())[:4] == [
        "float.keras",
        "fpga_ml.toml",
        "project",
        "proof.json",
    ]
    knobs = [k["name"] for k in found.found["knobs"]]
    assert "fc-1 zeros" in knobs
    assert "out results" not in knobs  # an output is not rounded in training
    subject = Subject("small", str(files[0]), str(files[1]), json.dumps(plain(Config(saturate=True))), "auc", ".")
    untrained = bits(subject)
    rounded, _ = trial.tried(subject, untrained, {knob.name: knob.near(3) for knob in untrained})
    assert row["loss"]["mean"] < rounded.loss[0]


def test_command_line(files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "workers", here)
    (tmp_path / "marks.json").write_text('[{"name": "theirs", "costs": {"luts": 3}, "score": 0.9}]')
    words = ["search", str(files[0]), "--data", str(files[1]), "--trials", "4", "--prove", "0", "-o", str(tmp_path / "out")]
    done = CliRunner().invoke(main, [*words, "--marks", str(tmp_path / "marks.json"), "--cost", "luts, dsps"])
    assert done.exit_code == 0, done.output
    assert "4 trials; the float model: auc" in done.output
    assert "theirs" in (tmp_path / "out" / "search.html").read_text()
    (tmp_path / "marks.json").write_text('[{"name": "theirs"}]')
    done = CliRunner().invoke(main, [*words, "--marks", str(tmp_path / "marks.json")])
    assert (done.exit_code, "these are no published points" in done.output) == (1, True)


def test_two_searches_on_one_page(files: tuple[Path, Path], serial: Search, tmp_path: Path) -> None:
    other = searched(files, tmp_path / "other", seed=2, trials=4)
    done = CliRunner().invoke(main, ["report", str(serial.folder), str(other.folder), "-o", str(tmp_path / "both.html")])
    assert done.exit_code == 0, done.output
    assert "12 trials" in done.output
    assert "4 trials" in done.output
    assert "serial" in (tmp_path / "both.html").read_text()
    done = CliRunner().invoke(main, ["report", str(other.folder), "--json"])
    assert json.loads(done.output) == json.loads(json.dumps(other.found))


def command(files: tuple[Path, Path], out: Path, trials: int) -> list[str]:
    options = ["--data", str(files[1]), "--trials", str(trials), "--generation", "4", "--prove", "0", "--objective", GOAL]
    return [sys.executable, "-m", "fpga_ml", "search", str(files[0]), *options, "-o", str(out)]


def computed(out: Path) -> int:
    return len(list((out / "trials").glob("*.json"))) if (out / "trials").exists() else 0


def until(out: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    """So many trials are there."""
    for _ in range(6000):
        if computed(out) >= count or process.poll() is not None:
            return
        time.sleep(0.02)
    raise AssertionError("too slow")


def test_killed_it_goes_on_to_the_same_front(files: tuple[Path, Path], serial: Search, tmp_path: Path) -> None:
    """kill -9 of a worker, then of the process that drives them (and of its workers, as a machine that fails)."""
    repository = Path(__file__).parents[2]
    process = subprocess.Popen(command(files, tmp_path, 12), cwd=repository)
    until(tmp_path, 1, process)
    worker = next(c for c in psutil.Process(process.pid).children(True) if "spawn_main" in " ".join(c.cmdline()))
    worker.kill()
    until(tmp_path, 6, process)
    every = [psutil.Process(process.pid), *psutil.Process(process.pid).children(True)]
    os.kill(process.pid, signal.SIGKILL)
    for one in every:
        with pytest.MonkeyPatch.context():
            if one.is_running():
                one.kill()
    process.wait()
    before = computed(tmp_path)
    assert before < 12
    subprocess.run(command(files, tmp_path, 12), cwd=repository, check=True, capture_output=True)
    found = json.loads((tmp_path / "search.json").read_text())
    assert trials(Search(tmp_path, found)) == trials(serial)
    assert found["front"] == serial.found["front"]


def test_two_at_once_share_their_trials(files: tuple[Path, Path], tmp_path: Path) -> None:
    repository = Path(__file__).parents[2]
    both = [subprocess.Popen(command(files, tmp_path, 12), cwd=repository, stdout=subprocess.PIPE) for _ in range(2)]
    told = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert all(b"12 trials" in text for text in told)
    found = json.loads((tmp_path / "search.json").read_text())
    assert [row["state"] for row in found["trials"]] == ["done"] * 12
