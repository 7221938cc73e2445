"""A search by the levels of a resource weight: a front whose points are proved, resumed where it was stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from keras import layers

from fpga_ml import cluster
from fpga_ml.cli import main
from fpga_ml.errors import FpgaMlError
from fpga_ml.explore import levels, show
from fpga_ml.explore.search import Search, search
from fpga_ml.frontend.save import read_back
from tests.explore import small
from tests.one_process import here

LEVELS = 3


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    folder = tmp_path_factory.mktemp("small")
    np.savez(folder / "train.npz", **small.samples(2000, 2))
    return *small.written(folder), folder / "train.npz"


def searched(files: tuple[Path, Path, Path], out: Path, **settings: Any) -> Search:
    """In this process."""
    usual = {"hgq": True, "train": files[2], "epochs": 4, "trials": LEVELS, "prove": 0, "progress": False}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster, "workers", here)
        return search(files[0], data=files[1], output=out, **{**usual, **settings})


@pytest.fixture(scope="module")
def whole(files: tuple[Path, Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Search:
    return searched(files, tmp_path_factory.mktemp("levels") / "out", prove=1)


def figures(found: Search) -> list[tuple[Any, ...]]:
    return [(r["number"], r["params"], r["state"], r["score"], r["loss"], r["costs"]) for r in found.found["trials"]]


def test_hardware_shrinks_from_level_to_level(whole: Search) -> None:
    rows = whole.found["trials"]
    assert [r["params"] for r in rows] == [{"resource weight": k} for k in range(LEVELS)]
    luts = [r["costs"]["luts"] for r in rows]
    assert luts[0] > luts[1] > luts[2] >= 0  # at the greatest weight so small a network is not worth its operations
    assert rows[0]["score"] > rows[0]["score_test"] - 0.1 > 0.5
    assert abs(rows[0]["loss"]["mean"]) < 0.02


def test_a_point_is_proved_and_has_its_files(whole: Search) -> None:
    (point,) = [p for p in whole.found["points"] if p["proved"] is not None]
    assert point["proved"] is True, point["said"]
    folder = Path(point["folder"])
    report = json.loads((folder / "project" / "report.json").read_text())
    row = next(r for r in whole.found["trials"] if r["number"] == point["number"])
    assert report["rtl"]["area"]["luts"] == row["costs"]["luts"]
    assert report["csim"]["bit_exact_vs_quantised_model"] is True
    assert (folder / "float.keras").exists()
    kinds = [type(layer).__name__ for layer in read_back(folder / "quantised.keras").layers]
    assert kinds == ["InputLayer", "QDense", "QDense"]


def test_page_and_report_show_it(whole: Search) -> None:
    assert whole.found["how"] == "hgq"
    assert "--hgq" in whole.found["command"]
    page = (whole.folder / "search.html").read_text()
    assert "bits that training finds by itself" in page
    assert "resource weight" in page
    shown = CliRunner().invoke(main, ["report", str(whole.folder)])
    assert shown.exit_code == 0
    assert "3 trials" in shown.output
    assert show._read(whole.folder) == whole.found


def test_stopped_in_the_midst_it_goes_on(
    files: tuple[Path, Path, Path], whole: Search, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in the last level: no other is trained again, and the result is the same."""
    trained, begun = levels.trained, []

    def stopping(subject: Any, level: int, before: str | None) -> bytes:
        begun.append(level)
        if begun == [0, 1, 2]:
            raise KeyboardInterrupt
        return trained(subject, level, before)

    monkeypatch.setattr(levels, "trained", stopping)
    with pytest.raises(KeyboardInterrupt):
        searched(files, tmp_path)
    assert len(json.loads((tmp_path / "search.json").read_text())["trials"]) == 2
    assert figures(searched(files, tmp_path)) == figures(whole)
    assert begun == [0, 1, 2, 2]
    searched(files, tmp_path)
    assert begun == [0, 1, 2, 2]


def test_a_level_that_cannot_be_judged_is_told_and_the_next_one_trained(
    files: tuple[Path, Path, Path], whole: Search, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged, asked = levels.judged, []

    def failing(subject: Any, file: str) -> Any:
        asked.append(file)
        if len(asked) == 1:
            raise FpgaMlError("it is too large")
        return judged(subject, file)

    monkeypatch.setattr(levels, "judged", failing)
    found = searched(files, tmp_path, trials=LEVELS)
    assert [r["state"] for r in found.found["trials"]] == ["failed", "done", "done"]
    assert found.found["trials"][0]["why"] == "it is too large"
    assert figures(found)[1:] == figures(whole)[1:]


def test_a_level_that_cannot_be_trained_is_the_last(
    files: tuple[Path, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = levels.trained

    def failing(subject: Any, level: int, before: str | None) -> bytes:
        if level == 1:
            raise FpgaMlError("the loss became NaN in training")
        return trained(subject, level, before)

    monkeypatch.setattr(levels, "trained", failing)
    found = searched(files, tmp_path)
    assert [r["state"] for r in found.found["trials"]] == ["done", "failed"]
    assert found.found["front"] == [0]


def test_other_levels_are_another_search(files: tuple[Path, Path, Path], whole: Search) -> None:
    with pytest.raises(FpgaMlError, match=r"another levels \(3, not \d+\)"):
        searched(files, whole.folder, trials=LEVELS + 1)


def test_errors_before_any_work(files: tuple[Path, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError("trained")

    monkeypatch.setattr(levels, "trained", never)
    with pytest.raises(FpgaMlError, match="there are no data to train on"):
        searched(files, tmp_path / "a", train=None)
    with pytest.raises(FpgaMlError, match="epochs = 0"):
        searched(files, tmp_path / "b", epochs=0)
    x = keras.Input((3,), name="x")
    keras.Model(x, layers.Dense(1)(layers.Reshape((3,))(layers.GRU(3, name="gru-1")(layers.Reshape((1, 3))(x))))).save(
        tmp_path / "gru.keras"
    )
    with pytest.raises(FpgaMlError, match="layer 'gru-1' is a GRU"):
        searched((tmp_path / "gru.keras", *files[1:]), tmp_path / "c")
    keras.Model(x, [layers.Dense(1, name="a")(x), layers.Dense(1, name="b")(x)]).save(tmp_path / "two.keras")
    with pytest.raises(FpgaMlError, match="the model has 2 outputs"):
        searched((tmp_path / "two.keras", *files[1:]), tmp_path / "d")
