"""Bad input, one error each: its text says what, where and what to do, and the old project is untouched."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as L
from zoo import quick

import fpga_ml
from fpga_ml.config import Config
from fpga_ml.errors import FpgaMlError
from fpga_ml.hls import project as hls_project
from fpga_ml.quantise import to_qkeras
from fpga_ml.samples import load_samples


def small() -> Any:
    keras.utils.set_random_seed(1)
    return keras.Sequential([keras.Input((4,), name="x"), L.Dense(2, name="fc")], name="small")


X = np.random.default_rng(0).normal(size=(8, 4))


def message(call: Any) -> str:
    with pytest.raises(FpgaMlError) as caught:
        call()
    return str(caught.value)


def test_model_not_found(tmp_path: Path) -> None:
    small().save(tmp_path / "tagger.keras")
    assert message(lambda: fpga_ml.compile(tmp_path / "tager.keras", config=quick())) == (
        f"model '{tmp_path}/tager.keras' not found\n  do:    did you mean 'tagger.keras'?"
    )


def test_not_a_model(tmp_path: Path) -> None:
    for name, start in (
        ("m.keras", "is no archive"),
        ("m.h5", "is not a model"),
        ("m.json", "is not a model"),
    ):
        (tmp_path / name).write_text("nonsense")
        text = message(lambda name=name: fpga_ml.compile(tmp_path / name, weights=tmp_path / name, config=quick()))
        assert text.startswith(f"'{tmp_path / name}' {start}")
        assert "do:" in text


def test_unknown_kind_of_file(tmp_path: Path) -> None:
    (tmp_path / "m.png").write_text("")
    assert "unknown kind of file '.png'" in message(lambda: fpga_ml.compile(tmp_path / "m.png", config=quick()))


def test_json_without_weights(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text('{"class_name": "Sequential", "config": []}')
    assert "holds an architecture without weights\n  do:    add --weights w.h5" in message(
        lambda: fpga_ml.compile(tmp_path / "m.json", config=quick())
    )


def test_folder_without_a_model(tmp_path: Path) -> None:
    assert "holds neither quantised.keras nor float.keras" in message(lambda: fpga_ml.compile(tmp_path, config=quick()))


def test_unsupported_layer() -> None:
    model = keras.Sequential([keras.Input((4, 4, 4, 2)), L.Conv3D(2, 2, name="volume")], name="net")
    assert message(lambda: fpga_ml.compile(model, config=quick())) == (
        "layer 'volume' is a Conv3D: hls4ml has no C++ for volumes\n"
        "  where: layer 'volume' of model 'net'\n"
        "  do:    use layers of one or two dimensions: Conv1D, Conv2D and their poolings convert"
    )


def test_unsupported_activation() -> None:
    model = keras.Sequential([keras.Input((4,)), L.Dense(2, activation="glu", name="fc")], name="net")
    text = message(lambda: fpga_ml.compile(model, config=quick()))
    assert text.startswith("activation 'glu' of layer 'fc' is not one that hls4ml computes")
    assert "layer 'fc' of model 'net'" in text


def test_lambda() -> None:
    model = keras.Sequential([keras.Input((4,)), L.Lambda(lambda t: 2 * t, name="twice")])
    assert message(lambda: fpga_ml.compile(model, config=quick())).startswith("layer 'twice' is a Lambda")


def test_bare_operation() -> None:
    x = keras.Input((4,))
    model = keras.Model(x, keras.ops.cumsum(L.Dense(2)(x), axis=1))
    assert "is a bare operation (Cumsum), and, used so, no layer stands for it" in message(
        lambda: fpga_ml.compile(model, config=quick())
    )


def test_wrong_input_shape() -> None:
    assert message(lambda: fpga_ml.compile(small(), data=X[:, :3], config=quick())) == (
        "samples of shape (3,), but the model's input 'x' is (4,)\n"
        "  where: array 'x', in memory\n"
        "  do:    give an array of shape (N, 4)"
    )


def test_wrong_number_of_arrays() -> None:
    assert message(lambda: fpga_ml.compile(small(), data=[X, X], config=quick())).startswith(
        "the list has 2 arrays, and the model the inputs x\n"
    )


def test_samples_of_a_finished_project(tmp_path: Path) -> None:
    """C++ would read beyond an array that is too small."""
    project = fpga_ml.compile(small(), data=X, output=tmp_path / "p", config=quick().replace(until="emulate"))
    for call in (project.csim, project.emulate):
        assert message(lambda call=call: call(X[:, :3])).startswith(
            "samples of shape (3,), but the model's input 'x' is (4,)"
        )
        assert message(lambda call=call: call([X, X])).startswith("the list has 2 arrays")
        assert message(lambda call=call: call(X * np.nan)).startswith("32 values are NaN or infinite")
    assert message(lambda: project.cosim(X)).startswith("there is no RTL")


def test_twin_of_wrong_samples_or_bits() -> None:
    assert message(lambda: to_qkeras(small(), data=X[:, :3])).startswith(
        "samples of shape (3,), but the model's input 'x' is (4,)"
    )
    assert message(lambda: to_qkeras(small(), data=X * np.inf)).startswith("32 values are NaN or infinite")
    assert message(lambda: to_qkeras(small(), 1, data=X)).startswith("bits = 1 is outside 2..24")


def test_wrong_dtype() -> None:
    assert "data of type <U1 are no numbers" in message(
        lambda: fpga_ml.compile(small(), data=np.full((3, 4), "a"), config=quick())
    )


def test_missing_array_names_what_there_is(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", jets=X)
    text = message(lambda: fpga_ml.compile(small(), data=tmp_path / "d.npz", config=quick()))
    assert text.startswith("no array for input 'x'")
    assert "there are: jets" in text


@pytest.mark.parametrize(
    ("data", "do"),
    [
        (X[0], "this is one sample without its first axis: array[None]"),
        ({"x": np.arange(8)}, "labels have the name 'y'"),
    ],
)
def test_data_of_another_shape_say_what_they_may_be(data: Any, do: str) -> None:
    assert do in message(lambda: fpga_ml.compile(small(), data=data, config=quick()))


def test_one_array_for_two_inputs() -> None:
    text = message(lambda: load_samples(X, [("jets", (4,)), ("tracks", (3,))], 0))
    assert text.startswith("one array for a model with the inputs jets, tracks")
    assert "{'jets': ..., 'tracks': ...}" in text


def test_nan_in_data() -> None:
    bad = X.copy()
    bad[3, 2] = np.nan
    assert "1 values are NaN or infinite, the first at index (3, 2)" in message(
        lambda: fpga_ml.compile(small(), data=bad, config=quick())
    )


def test_nan_in_weights() -> None:
    model = small()
    model.get_layer("fc").kernel.assign(np.full((4, 2), np.inf))
    assert message(lambda: fpga_ml.compile(model, data=X, config=quick())).startswith(
        "8 of 8 values are NaN or infinite\n  where: layer 'fc', weight 'kernel'"
    )


def test_empty_data() -> None:
    assert "no samples: the array is empty" in message(lambda: fpga_ml.compile(small(), data=X[:0], config=quick()))


def test_labels_that_do_not_match() -> None:
    assert "8 samples but 3 labels" in message(
        lambda: fpga_ml.compile(small(), data={"x": X, "y": np.zeros(3)}, config=quick())
    )


def test_data_that_are_no_arrays(tmp_path: Path) -> None:
    (tmp_path / "d.npz").write_text("x")
    assert "is no file of NumPy arrays" in message(lambda: fpga_ml.compile(small(), data=tmp_path / "d.npz", config=quick()))
    assert "not found" in message(lambda: fpga_ml.compile(small(), data=tmp_path / "none.npz", config=quick()))


def test_inputs_that_are_too_wide() -> None:
    assert message(lambda: fpga_ml.compile(small(), data=X, config=quick(input_type="ap_fixed<101,8>"))).endswith(
        "is 101 bits wide: hls4ml 1.3.0 takes a type of more than 100 for one that is still to be found\n"
        "  where: input 'x'\n"
        "  do:    choose an input_type of at most 100 bits"
    )
    assert "a width of 130 bits is outside 1..128" in message(
        lambda: fpga_ml.compile(small(), data=X, config=quick(input_type="ap_fixed<130,8>"))
    )


def test_unknown_backend_and_part() -> None:
    assert message(lambda: fpga_ml.compile(small(), data=X, config=quick(backend="Vitus"))) == (
        "unknown backend 'Vitus'\n  do:    did you mean 'Vitis'?"
    )
    text = message(lambda: fpga_ml.compile(small(), data=X, config=quick(part="Agilex7")))
    assert text.startswith("'Agilex7' is no part that backend Vitis knows")


def test_missing_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert message(lambda: fpga_ml.compile(small(), data=X, output=tmp_path / "p", config=quick())) == (
        "C-simulation needs a C++ compiler, and 'no-such-compiler' was not found\n"
        "  do:    apt-get install g++, or set CXX to a compiler"
    )
    assert not (tmp_path / "p").exists()


def test_failing_compiler_shows_its_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "cxx"
    fake.write_text("#!/bin/sh\necho 'fatal error: out of pixie dust' >&2\nexit 3\n")
    fake.chmod(0o755)
    monkeypatch.setenv("CXX", str(fake))
    text = message(lambda: fpga_ml.compile(small(), data=X, output=tmp_path / "p", config=quick()))
    assert "failed with exit code 3:\n    fatal error: out of pixie dust" in text
    assert not (tmp_path / "p").exists()


def test_unwritable_target() -> None:
    text = message(lambda: fpga_ml.compile(small(), data=X, output="/dev/null/p", config=quick()))
    assert text.startswith("'/dev/null' is no folder\n  where: /dev/null/p")


def test_target_that_is_no_project(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    assert "exists and is no HLS project" in message(
        lambda: fpga_ml.compile(small(), data=X, output=tmp_path, config=quick())
    )
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_full_disk_leaves_the_old_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "p"
    fpga_ml.compile(small(), data=X, output=target, config=quick(until="convert"))
    before = {p: p.read_bytes() for p in sorted(target.rglob("*")) if p.is_file()}

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(hls_project.np, "savetxt", full)
    text = message(lambda: fpga_ml.compile(small(), data=X, output=target, config=quick(until="convert", bits=8)))
    assert text.startswith(f"the disk is full\n  where: {target}")
    assert {p: p.read_bytes() for p in sorted(target.rglob("*")) if p.is_file()} == before
    assert [p.name for p in tmp_path.iterdir()] == ["p"]


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_leaves_the_old_project(tmp_path: Path, sent: signal.Signals) -> None:
    """Ctrl-C or kill while the C++ compiles: exit code 130, one line, nothing left over and nothing left running."""
    model, target = tmp_path / "m.keras", tmp_path / "p"
    small().save(model)
    slow = tmp_path / "cxx"
    slow.write_text(f"#!/bin/sh\necho $$ >> {tmp_path}/compiling\nexec sleep 600\n")
    slow.chmod(0o755)
    target.mkdir()
    (target / "report.json").write_text("old")
    command = [sys.executable, "-m", "fpga_ml", "compile", str(model), "-o", str(target)]
    process = subprocess.Popen(
        command,
        env={**os.environ, "CXX": str(slow)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # which shells ignore for what runs behind them
    )
    for _ in range(3000):
        if (tmp_path / "compiling").exists():
            break
        time.sleep(0.1)
    process.send_signal(sent)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    for compiler in (tmp_path / "compiling").read_text().split():
        with pytest.raises(ProcessLookupError):
            os.kill(int(compiler), 0)
    assert "interrupted; the previous project is untouched" in errors
    assert (target / "report.json").read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["compiling", "cxx", "m.keras", "p"]


def test_crash_in_generated_code_is_an_error(tmp_path: Path) -> None:
    project = fpga_ml.compile(small(), data=X, output=tmp_path / "p", config=quick())
    assert project.simulator is not None
    project.simulator.library.write_bytes(b"no library")
    assert "C-simulation: " in message(lambda: project.csim(X))
    project.simulator.library.unlink()
    assert "is gone" in message(lambda: project.csim(X))


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ("reuse_facto = 2\n", "unknown setting 'reuse_facto'\n  where: {path}:1\n  do:    did you mean 'reuse_factor'?"),
        ("arch = 'serial'\n", "unknown arch 'serial'\n  where: {path}:1\n  do:    known: parallel, stream"),
        ("arch = 'Steam'\n", "unknown arch 'Steam'\n  where: {path}:1\n  do:    did you mean 'stream'?"),
        ("\nclock_ns = 'fast'\n", "clock_ns = 'fast' is not a number\n  where: {path}:2\n  do:    write a number"),
        ("bits = 40\n", "bits = 40 is outside 2..24"),
        (
            "[layers.fc]\nreuse = 2\n",
            "unknown setting 'reuse'\n  where: {path}:2\n  do:    known: bits, parallelization_factor,",
        ),
        (
            "[layers.fc.precision]\nresult = 'float'\n",
            "precision.result: 'float' is not a fixed-point type\n  where: {path}:2",
        ),
        ("bits = \n", "not valid TOML"),
    ],
)
def test_configuration(toml: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "fpga_ml.toml"
    path.write_text(toml)
    assert message(lambda: Config.read(path)).startswith(expected.format(path=path))


def test_section_for_a_layer_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "fpga_ml.toml"
    path.write_text("bits = 12\n[layers.fcc]\nreuse_factor = 2\n")
    text = message(
        lambda: fpga_ml.compile(small(), data=X, config=Config.read(path).replace(until="emulate"), output=tmp_path / "p")
    )
    assert text == (
        "the configuration has a section for layer 'fcc', which the model does not have\n"
        f"  where: {path}:2\n  do:    did you mean 'fc'?"
    )
