"""A search of networks that a user's function makes."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

import fpga_ml
from fpga_ml import cluster
from fpga_ml.errors import FpgaMlError
from fpga_ml.explore import trial
from fpga_ml.explore.architecture import Given, architecture, knobs, starts
from fpga_ml.explore.search import Search, search
from tests.explore import small
from tests.explore.test_search import GOAL
from tests.one_process import here

NETS = "tests.explore.nets_of_tests"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("data")
    for name, count in (("data", 400), ("train", 1000)):
        np.savez(folder / f"{name}.npz", **small.samples(count, count))
    return {name: folder / f"{name}.npz" for name in ("data", "train")}


def searched(files: dict[str, Path], out: Path, function: str = "build", **settings: object) -> Search:
    how = {"objective": GOAL, "epochs": 2, "trials": 10, "prove": 1, "progress": False, **files, **settings}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster, "workers", here)
        return search(f"{NETS}:{function}", output=out, **how)


@pytest.fixture(scope="module")
def found(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Search:
    return searched(files, tmp_path_factory.mktemp("search") / "out")


def test_what_build_asks_for() -> None:
    own, model = architecture(f"{NETS}:build", Path.cwd(), 1).asked()
    assert {k.name: k.choices for k in own} == {"width": (2, 4, 6), "activation": (0, 1), "depth": (0, 1, 2)}
    assert [k.names for k in own] == [(), ("relu", "tanh"), ()]
    assert [layer.units for layer in model.layers[1:]] == [6, 6, 1]


def test_it_gets_what_was_chosen() -> None:
    model = architecture(f"{NETS}:build", Path.cwd(), 1).made({"width": 4, "activation": 1, "depth": 1})
    assert [layer.units for layer in model.layers[1:]] == [4, 1]
    assert model.layers[1].activation is keras.activations.tanh


def test_a_file_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "mine.py").write_text("from tests.explore.nets_of_tests import build\n")
    found = architecture("nets/mine.py:build", tmp_path, 1)
    assert len(found.asked()[0]) == 3
    with pytest.raises(FpgaMlError, match=r"none.py:build' cannot be imported: FileNotFoundError"):
        architecture("none.py:build", tmp_path, 1)


def test_the_same_seed_gives_the_same_weights() -> None:
    chosen = {"width": 4, "activation": 1, "depth": 1}
    one, again, other = (architecture(f"{NETS}:build", Path.cwd(), s).made(chosen).get_weights()[0] for s in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_the_first_trials_are_the_greatest_the_middle_and_the_least() -> None:
    own, _ = architecture(f"{NETS}:build", Path.cwd(), 1).asked()
    sizes = [(p["width"], p["depth"]) for p, _ in starts(knobs(own))]
    assert sizes[:3] == [(6, 2), (4, 1), (2, 0)]
    assert len({tuple(p.items()) for p, _ in starts(knobs(own))}) == 9


def test_the_front_is_of_networks_of_several_sizes(found: Search) -> None:
    rows = found.found["trials"]
    assert [r["state"] for r in rows] == ["done"] * 10, [r["why"] for r in rows]
    luts = {tuple(r["params"][n] for n in ("width", "depth")): r["costs"]["luts"] for r in rows[:3]}
    assert luts[6, 2] > luts[4, 1] > luts[2, 0]
    assert rows[-1]["origin"] == "sampler"


def test_a_point_is_the_network_that_its_trial_trained(found: Search) -> None:
    (point,) = [p for p in found.found["points"] if p["proved"] is not None]
    assert point["proved"] is True, point["said"]
    params = {r["number"]: r["params"] for r in found.found["trials"]}[point["number"]]
    for name in ("float", "quantised"):
        model = fpga_ml.frontend.load.load(Path(point["folder"]) / f"{name}.keras").model
        dense = [layer for layer in model.layers if "kernel" in {w.name for w in layer.weights}]
        assert [layer.units for layer in dense] == [params["width"]] * params["depth"] + [1]


def test_zeros_are_in_every_layer(found: Search) -> None:
    rows = [r for r in found.found["trials"] if r["params"]["zeros"] == 60 and r["params"]["depth"] == 2]
    store = found.folder / "trials"
    models = [keras.saving.load_model(p, compile=False) for p in store.glob("*.quantised.keras")]
    shares = [
        [float((np.asarray(layer.kernel) == 0).mean()) for layer in m.layers if hasattr(layer, "kernel")] for m in models
    ]
    assert rows
    assert any(len(each) == 3 and min(each) >= 0.5 for each in shares)


def test_the_page_names_the_choices(found: Search) -> None:
    page = (found.folder / "search.html").read_text()
    assert "sizes of layers and their bits" in page
    names = {"relu", "tanh"} & {w for w in ("relu", "tanh") if f">{w}</td>" in page}
    assert names


def test_it_goes_on_without_training_again(files: dict[str, Path], found: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("a trial was made again")

    monkeypatch.setattr(trial, "tried", never)
    monkeypatch.setattr("fpga_ml.explore.search.trained", never)
    again = searched(files, found.folder)
    assert again.found["trials"] == found.found["trials"]


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("depends", "asks for 'more'.*some choices only.*nets_of_tests.*at the beginning"),
        ("twice", "'width' is asked for twice"),
        ("takes_a_float", "trial.suggest_float.*suggest_int"),
        ("steps_past", "'n' goes from 1 to 4 in steps of 2"),
        ("of_the_search", "'zeros' is a number of the search"),
        ("no_choice", "'kind' has no choices"),
        ("raises", "build raises ValueError: no layers today"),
        ("makes_nothing", "build returns a NoneType"),
        ("misfits", "build returns a NoneType"),
        ("missing", "the model .*missing' cannot be imported: AttributeError"),
    ],
)
def test_refused_before_any_training(
    function: str, said: str, files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fpga_ml.explore.search.trained", None)
    with pytest.raises(FpgaMlError, match=f"(?s){said}"):
        searched(files, tmp_path, function)


def test_it_has_to_be_trained(files: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(FpgaMlError, match=r"have to be trained\n.*build\n.*--train"):
        search(f"{NETS}:build", data=files["data"], output=tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()


def test_what_a_trial_was_not_asked_for_at_first() -> None:
    given = Given({"width": 2})
    with pytest.raises(FpgaMlError, match="'depth' is asked for with some choices only"):
        given.suggest_int("depth", 1, 2)
