"""Interleaved sequences: what comes out is, sample by sample, what C-simulation gives, which knows nothing of turns.

Numbers of samples are no multiples of the sequences. Each run has gaps, stalls and resets; latency and interval are those
foretold.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as L
from simulators import USUAL

import fpga_ml
from fpga_ml.config import Config
from fpga_ml.errors import FpgaMlError
from pipeline.test_recurrent import CELLS, FEATURES, STEPS, UNITS, chain, sequences, settings
from pipeline.test_recurrent_states import data_of, handed_on, proven

TURNS = {"qgru": 4, "qlstm": 3, "simple": 2}  # cycles of a step
REST = 11  # vectors besides whole groups: seven corners, and four


def prove(model: Any, folder: Path, interleave: int, **changes: Any) -> dict[str, Any]:
    """The report of a build in which everything agrees."""
    config = settings("stream").replace(interleave=interleave, cosim_vectors=6 * interleave + REST - 7, **changes)
    report = fpga_ml.compile(model, data=sequences(60), output=folder / "p", config=config).report
    assert report["stages"]["rtl"] == "ran", report["stages"]["rtl"]
    assert report["emulator"]["mismatches"] == 0
    rtl = report["rtl"]
    assert rtl["interleave"] == interleave
    assert [run["simulator"] for run in report["cosim"]] == [*USUAL]
    for run in report["cosim"]:
        assert run["passed"], run["texts"]
        assert run["stalls"] > 0
        assert run["vectors"] % interleave == 0
        assert run["vectors"] > 6 * interleave + REST  # with vectors over the whole types
        assert (run["latency_cycles"], run["interval_cycles"]) == (rtl["latency_cycles"], rtl["interval_cycles"])
    return report


CASES = [(name, n) for name, turn in TURNS.items() for n in sorted({2, turn, turn + 3})]


@pytest.mark.parametrize(
    ("name", "interleave"), [c if c == ("qgru", 4) else pytest.param(*c, marks=pytest.mark.slow) for c in CASES]
)
def test_cell(name: str, interleave: int, tmp_path: Path) -> None:
    """Of as many sequences as a step has cycles, one is taken in each cycle; of more, too."""
    report = prove(chain(CELLS[name]), tmp_path, interleave)
    rtl, turn = report["rtl"], TURNS[name]
    group = (STEPS - 1) * max(turn, interleave) + interleave
    between = group / interleave / STEPS
    step = {
        "latency_cycles": turn,
        "latency_ns": 5.0 * turn,
        "interval_cycles": between,
        "interval_ns": round(5 * between, 3),
    }
    assert (rtl["recurrence"]["steps"], rtl["recurrence"]["step"]) == (STEPS, step)
    loops = [row["interval_cycles"] for row in rtl["layers"] if row["kind"] == "loop"]
    assert loops == [max(turn, interleave) / interleave] * 2
    assert rtl["interval_cycles"] == group
    assert rtl["recurrence"]["sequence"]["interval_cycles"] == group / interleave


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes", [{"reuse_factor": 2}, {"interval_cycles": 120}, {"frame_last": True}], ids=["reuse", "interval", "last"]
)
@pytest.mark.parametrize("name", ["lstm", "gru_before"])
def test_with_shared_hardware_and_marked_frames(name: str, changes: dict[str, Any], tmp_path: Path) -> None:
    rtl = prove(chain(CELLS[name]), tmp_path, 3, **changes)["rtl"]
    folds = [row for row in rtl["layers"] if row["area"]["rom_bits"]]
    assert bool(folds) == ("frame_last" not in changes)
    assert rtl["recurrence"]["sequence"]["interval_cycles"] <= changes.get("interval_cycles", 120)


def around() -> Any:
    """What needs several steps before a recurrent layer and behind it: windows, pooling, all steps at once."""
    keras.utils.set_random_seed(4)
    x = inputs = keras.Input((STEPS, FEATURES), name="x")
    x = L.Conv1D(3, 3, padding="same", activation="relu", name="windows")(x)
    x = L.GRU(UNITS, return_sequences=True, name="first")(x)
    x = L.TimeDistributed(L.Dense(3), name="each")(x)
    x = L.MaxPooling1D(2, name="pool")(x)
    x = L.LSTM(UNITS, return_sequences=True, name="second")(x)
    return keras.Model(inputs, L.Dense(2, name="out")(L.Flatten(name="flat")(x)))


@pytest.mark.slow
@pytest.mark.parametrize("interleave", [2, 5])
def test_layers_that_need_several_steps(interleave: int, tmp_path: Path) -> None:
    kinds = {row["kind"] for row in prove(around(), tmp_path, interleave)["rtl"]["layers"]}
    assert kinds == {"map", "loop", "window", "collect"}


@pytest.mark.slow
@pytest.mark.parametrize("whole", [True, False])
def test_two_directions(whole: bool, tmp_path: Path) -> None:
    keras.utils.set_random_seed(4)
    inputs = keras.Input((STEPS, FEATURES), name="x")
    x = L.Bidirectional(L.GRU(UNITS, return_sequences=whole), name="r")(inputs)
    report = prove(keras.Model(inputs, x), tmp_path, 3, layers={})
    assert "split" in {row["kind"] for row in report["rtl"]["layers"]}


@pytest.mark.slow
def test_given_and_returned_states(tmp_path: Path) -> None:
    model = handed_on("lstm")
    config = settings("stream", interleave=3).replace(cosim_vectors=22)
    project = proven(model, data_of(model), config, tmp_path)
    assert project.report["cosim"][0]["vectors"] % 3 == 0


def dense() -> Any:
    inputs = keras.Input((STEPS, FEATURES), name="x")
    return keras.Model(inputs, L.Dense(2, name="d")(inputs))


def image() -> Any:
    inputs = keras.Input((STEPS, 2, FEATURES), name="x")
    return keras.Model(inputs, L.GRU(2, name="r")(L.Reshape((STEPS, 2 * FEATURES), name="flat")(inputs)))


def stateful() -> Any:
    inputs = keras.Input(batch_shape=(1, STEPS, FEATURES), name="x")
    return keras.Model(inputs, L.GRU(2, stateful=True, name="r")(inputs))


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (dense, "there is no recurrent layer"),
        (image, "layer 'x' works on images, 4 x 2 x 3"),
        (stateful, "keeps its state from sample to sample"),
    ],
)
def test_what_has_no_turns_is_refused(model: Any, says: str, tmp_path: Path) -> None:
    built = model()
    x = np.random.default_rng(1).normal(size=(8, *built.inputs[0].shape[1:]))
    with pytest.raises(FpgaMlError, match=says):
        fpga_ml.compile(built, data=x, output=tmp_path / "p", config=Config(arch="stream", interleave=2, vectors=8))
    assert not (tmp_path / "p").exists()


def test_settings_that_clash_are_refused(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("bits = 8\ninterleave = 4\n")
    read, x, built = Config.read(tmp_path / "c.toml"), sequences(8), chain(CELLS["simple"])
    with pytest.raises(FpgaMlError, match=r"interleave = 4, but arch = 'parallel'(.|\n)*c\.toml:2"):
        fpga_ml.compile(built, data=x, output=tmp_path / "p", config=read)
    (tmp_path / "top.v").write_text("module myproject; endmodule\n")
    with pytest.raises(FpgaMlError, match="interleave = 4, but RTL from elsewhere"):
        fpga_ml.compile(built, data=x, output=tmp_path / "p", config=read.replace(arch="stream"), rtl=tmp_path)
    with pytest.raises(FpgaMlError, match="interleave = 0 is below 1"):
        Config().replace(interleave=0)
