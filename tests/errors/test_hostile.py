"""Files from elsewhere: none of them runs code, writes outside the target or grows beyond bounds, whatever format it is of."""

from __future__ import annotations

import contextlib
import io
import json
import marshal
import os
import pickle
import subprocess
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keras import layers as L

import fpga_ml
from fpga_ml import archive
from fpga_ml.config import Config
from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend import screen
from fpga_ml.frontend.load import load
from fpga_ml.hls.project import fresh_folder
from fpga_ml.report import document
from fpga_ml.simulate.vectors import load_samples

CONVERT = Config(until="convert", vectors=5)
X = np.random.default_rng(0).normal(size=(5, 4))


class Planted:
    """Runs a command when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.canary}",)


def model(name: str = "net", layer: str = "fc") -> Any:
    keras.utils.set_random_seed(1)
    return keras.Sequential([keras.Input((4,), name="x"), L.Dense(3, name=layer)], name=name)


def saved(folder: Path, change: Callable[[dict[str, Any]], None] = lambda _: None, **members: bytes) -> Path:
    """A .keras file with another configuration, or with other members."""
    model().save(folder / "good.keras")
    with zipfile.ZipFile(folder / "good.keras") as good, zipfile.ZipFile(folder / "m.keras", "w") as bad:
        for name in good.namelist():
            content = good.read(name)
            if name == "config.json":
                config = json.loads(content)
                change(config)
                content = json.dumps(config).encode()
            bad.writestr(name, members.pop(name, content))
        for name, content in members.items():
            bad.writestr(name, content)
    return folder / "m.keras"


def keras_2(folder: Path, *layers: Mapping[str, Any], kind: str = "json") -> tuple[Path, Path]:
    """A model as Keras 2 wrote it, and its weights."""
    first = {"class_name": "InputLayer", "config": {"name": "x", "batch_input_shape": [None, 4]}}
    architecture = {
        "class_name": "Sequential",
        "keras_version": "2.9.0",
        "config": {"name": "net", "layers": [first, *layers]},
    }
    with h5py.File(folder / "w.h5", "w") as file:
        file.attrs["layer_names"] = [b"fc"]
        group = file.create_group("fc")
        group.attrs["weight_names"] = [b"kernel", b"bias"]
        group["kernel"], group["bias"] = np.ones((4, 3)), np.zeros(3)
        if kind == "h5":
            file.attrs["model_config"] = json.dumps(architecture)
            file.attrs["keras_version"] = "2.9.0"
    (folder / "m.json").write_text(json.dumps(architecture))
    return (folder / "w.h5" if kind == "h5" else folder / "m.json"), folder / "w.h5"


def dense(**changes: Any) -> dict[str, Any]:
    return {"class_name": "Dense", "config": {"name": "fc", "units": 3, "activation": "linear", **changes}}


def entry(class_name: str, home: str | None = None, /, **config: Any) -> dict[str, Any]:
    return {"module": home, "class_name": class_name, "config": {"name": "evil", **config}, "registered_name": None}


def code(canary: Path) -> list[Any]:
    """A Python function as old Keras kept it."""
    made = compile(f"__import__('pathlib').Path({str(canary)!r}).touch()", "planted", "exec")
    return [marshal.dumps(made).hex(), None, None]


def evil_layers(canary: Path) -> dict[str, dict[str, Any]]:
    pickled = pickle.dumps(Planted(canary)).hex()
    lambda_3 = {"class_name": "__lambda__", "config": {"code": code(canary)[0], "defaults": None, "closure": None}}
    writes = {"module": "keras.utils", "class_name": "function", "config": "get_file", "registered_name": "get_file"}
    return {
        "a SavedModel's code": entry("TFSMLayer", "keras.layers", filepath=str(canary.parent), call_endpoint="serve"),
        "a Lambda": entry("Lambda", "keras.layers", function=lambda_3),
        "an old Lambda": entry("Lambda", None, function=code(canary), function_type="lambda"),
        "a Lambda of a function that writes": entry("Lambda", "keras.layers", function=writes),
        "a pickled module": entry("TorchModuleWrapper", "keras.layers", module=pickled),
        "a module of Python's": entry("system", "os", command=f"touch {canary}"),
        "a module of ours": entry("Path", "pathlib"),
        "a type from elsewhere": entry("__typespec__", "os"),
        "a function from elsewhere": entry("Activation", "keras.layers", activation=writes),
        "a class from elsewhere, deep down": entry(
            "Dense", "keras.layers", units=3, kernel_initializer=entry("system", "os")
        ),
        "a file of words": entry("StringLookup", "keras.layers", vocabulary="/etc/passwd"),
    }


EVIL = tuple(evil_layers(Path("/none/canary")))


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "it_ran"


def refused(attempt: Callable[[], Any], canary: Path) -> str:
    with pytest.raises(FpgaMlError) as caught:
        attempt()
    assert not canary.exists()
    return str(caught.value)


@pytest.mark.parametrize("name", EVIL)
def test_nothing_of_a_keras_file_runs(name: str, tmp_path: Path, canary: Path) -> None:
    evil = evil_layers(canary)[name]
    path = saved(tmp_path, lambda config: config["config"]["layers"].append(evil))
    assert str(path) in refused(lambda: load(path), canary)
    nested = {"module": "keras", "class_name": "Sequential", "config": {"name": "inner", "layers": [evil]}}
    path = saved(tmp_path, lambda config: config["config"]["layers"].append(nested))
    assert str(path) in refused(lambda: load(path), canary)


@pytest.mark.parametrize("kind", ["json", "h5"])
@pytest.mark.parametrize("name", EVIL)
def test_nothing_of_a_keras_2_file_runs(name: str, kind: str, tmp_path: Path, canary: Path) -> None:
    path, weights = keras_2(tmp_path, dense(), evil_layers(canary)[name], kind=kind)
    assert str(path) in refused(lambda: load(path, weights), canary)


@pytest.mark.parametrize("name", EVIL)
def test_nothing_of_keras_3_json_runs(name: str, tmp_path: Path, canary: Path) -> None:
    _, weights = keras_2(tmp_path, dense())
    made = model().to_json()
    config = json.loads(made)
    config["config"]["layers"].append(evil_layers(canary)[name])
    (tmp_path / "m3.json").write_text(json.dumps(config))
    refused(lambda: load(tmp_path / "m3.json", weights), canary)


def test_what_belongs_to_training_is_not_built(tmp_path: Path, canary: Path) -> None:
    def change(config: dict[str, Any]) -> None:
        config["compile_config"] = {"optimizer": evil_layers(canary)["a module of Python's"]}

    assert load(saved(tmp_path, change)).name == "m"
    assert not canary.exists()


@pytest.mark.parametrize(
    "text", ["__import__('os')", "safe_eval('x', {})", "get_params('x')", "K.print_tensor(1)", "np.load('x')"]
)
def test_a_quantizer_that_is_none(text: str, tmp_path: Path, canary: Path) -> None:
    path, weights = keras_2(
        tmp_path, {"class_name": "QDense", "config": {"name": "fc", "units": 3, "kernel_quantizer": text}}
    )
    assert "is no quantizer of QKeras" in refused(lambda: load(path, weights), canary)


def test_samples_do_not_run(tmp_path: Path, canary: Path) -> None:
    planted = np.array([Planted(canary)], object)
    np.savez(tmp_path / "d.npz", x=planted)
    np.save(tmp_path / "d.npy", planted)
    (tmp_path / "p.npz").write_bytes(pickle.dumps(Planted(canary)))
    for name in ("d.npz", "d.npy", "p.npz"):
        assert "is no file of NumPy arrays" in refused(
            lambda name=name: load_samples(tmp_path / name, [("x", (4,))], 1), canary
        )


def test_configurations_and_reports_do_not_run(tmp_path: Path, canary: Path) -> None:
    for text in (f'bits = \'__import__("os").system("touch {canary}")\'', "project_name = '../../evil'\nbits = 0"):
        (tmp_path / "c.toml").write_text(text)
        refused(lambda: Config.read(tmp_path / "c.toml"), canary)
    for text in ("[" * 100_000, "{}", "[]", "\xff", '{"schema_version": 1e999}', pickle.dumps(Planted(canary)).hex()):
        (tmp_path / "report.json").write_text(text, encoding="latin-1")
        refused(lambda: document.read(tmp_path), canary)


def test_names_that_are_html_or_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They come out as text, and no file lies outside of the target."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    script = "<script>alert(1)"
    for made in (model(script, script), model(".."), model("...")):
        project = fpga_ml.compile(made, data=X, config=CONVERT.replace(project_name="../x"))
        page = (project.folder / "report.html").read_text()
        assert "<script>alert" not in page
        assert project.folder.resolve().parent == tmp_path / "here" / "hls_projects"
        if made.name == script:
            assert "&lt;script&gt;alert" in page
    assert [p.name for p in tmp_path.iterdir()] == ["here"]
    assert [p.name for p in Path.cwd().iterdir()] == ["hls_projects"]


def test_archives_that_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "RATIO_FROM_BYTES", 1 << 16)
    np.savez_compressed(tmp_path / "d.npz", x=np.zeros((1 << 18, 4)))
    with pytest.raises(FpgaMlError, match=r"would grow from [\d,]+ bytes to 8,38\d,\d+"):
        load_samples(tmp_path / "d.npz", [("x", (4,))], 1)
    with zipfile.ZipFile(tmp_path / "m.keras", "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("config.json", " " * (1 << 24))
    with pytest.raises(FpgaMlError, match="would grow"):
        load(tmp_path / "m.keras")
    for options in ({"compression": "gzip", "data": np.zeros((1 << 18,))}, {"shape": (1 << 40,), "dtype": "f4"}):
        path, weights = keras_2(tmp_path, dense())
        with h5py.File(weights, "a") as file:
            file.create_dataset("more", **options)
        with pytest.raises(FpgaMlError, match="would grow from"):
            load(path, weights)


def test_a_header_that_says_more_than_there_is(tmp_path: Path) -> None:
    made = io.BytesIO()
    np.lib.format.write_array_header_1_0(made, {"descr": "<f8", "fortran_order": False, "shape": (10**12, 4)})
    with zipfile.ZipFile(tmp_path / "d.npz", "w") as file:
        file.writestr("x.npy", made.getvalue() + bytes(64))
    with pytest.raises(FpgaMlError, match="says that it is of shape"):
        load_samples(tmp_path / "d.npz", [("x", (4,))], 1)


@pytest.mark.parametrize("name", ["../x.npy", "/etc/x.npy", "a/../../x.npy", "..\\x.npy"])
def test_members_outside_of_the_archive(name: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "d.npz", "w") as file:
        file.writestr(name, b"")
    with pytest.raises(FpgaMlError, match="lies outside of it"):
        load_samples(tmp_path / "d.npz", [("x", (4,))], 1)


def test_members_that_are_there_twice(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "d.npz", "w") as file:
        for _ in range(2):
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr("warnings.warn", lambda *_, **__: None)
                file.writestr("x.npy", b"")
    with pytest.raises(FpgaMlError, match="is there twice"):
        load_samples(tmp_path / "d.npz", [("x", (4,))], 1)


def with_link(file: h5py.File, folder: Path) -> None:
    file["fc/more"] = h5py.ExternalLink(str(folder / "other.h5"), "/secret")


def with_soft_link(file: h5py.File, _: Path) -> None:
    file["fc/more"] = h5py.SoftLink("/fc/more")


def with_external(file: h5py.File, _: Path) -> None:
    file.create_dataset("fc/more", (10,), "u1", external=[("/etc/passwd", 0, 10)])


def with_virtual(file: h5py.File, folder: Path) -> None:
    layout = h5py.VirtualLayout((3,), "f4")
    layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "secret", (3,))
    file.create_virtual_dataset("fc/more", layout)


def with_loop(file: h5py.File, _: Path) -> None:
    file["fc/more"] = file["/"]


def with_words(file: h5py.File, _: Path) -> None:
    file.create_dataset("fc/more", data=[b"words"] * 20_000)


@pytest.mark.parametrize("change", [with_link, with_soft_link, with_external, with_virtual, with_loop, with_words])
def test_weights_that_are_elsewhere(change: Callable[[h5py.File, Path], None], tmp_path: Path, canary: Path) -> None:
    path, weights = keras_2(tmp_path, dense())
    with h5py.File(weights, "a") as file:
        change(file, tmp_path)
    assert str(weights) in refused(lambda: load(path, weights), canary)


@pytest.mark.parametrize(
    ("units", "said"),
    [
        (10**12, "units = 1000000000000, but the largest axis of the weights in the file is 4"),
        (-3, "units = -3 is not a positive whole number"),
        (2.5, "units = 2.5 is not a positive whole number"),
        (True, "units = True is not a positive whole number"),
        ("3", "units = '3' is not a positive whole number"),
    ],
)
def test_sizes_that_are_none(units: Any, said: str, tmp_path: Path, canary: Path) -> None:
    path, weights = keras_2(tmp_path, dense(units=units))
    assert said in refused(lambda: load(path, weights), canary)
    changed = saved(tmp_path, lambda config: config["config"]["layers"][1]["config"].update(units=units))
    assert said in refused(lambda: load(changed), canary)


def test_an_input_beyond_all_bounds(tmp_path: Path, canary: Path) -> None:
    changed = saved(tmp_path, lambda config: config["config"]["layers"][0]["config"].update(batch_shape=[None, 10**12]))
    assert "batch_shape = [None, 1000000000000] has more than" in refused(lambda: load(changed), canary)


@pytest.mark.parametrize("values", [np.full((4, 3), np.nan), np.ones((3, 4)), np.ones((4, 3), "c8"), np.full((4, 3), b"a")])
def test_weights_that_are_none(values: Any, tmp_path: Path, canary: Path) -> None:
    path, weights = keras_2(tmp_path, dense())
    with h5py.File(weights, "a") as file:
        del file["fc/kernel"]
        file["fc/kernel"] = values
    refused(lambda: load(path, weights), canary)


def test_denormals_are_numbers(tmp_path: Path) -> None:
    path, weights = keras_2(tmp_path, dense())
    with h5py.File(weights, "a") as file:
        file["fc/kernel"][0] = 1e-40
    samples = X.copy()
    samples[0] = 1e-310
    project = fpga_ml.compile(path, weights=weights, data=samples, config=CONVERT, output=tmp_path / "p")
    assert project.report["stages"]["convert"] == "ran"


def test_deep_configurations(tmp_path: Path, canary: Path) -> None:
    deep: dict[str, Any] = {"class_name": "Dense", "config": {"name": "fc"}}
    for _ in range(400):
        deep = {"class_name": "TimeDistributed", "config": {"name": "t", "layer": deep}}
    path, weights = keras_2(tmp_path, deep)
    assert "is nested more than 200 deep" in refused(lambda: load(path, weights), canary)
    path.write_text('{"class_name":' * 50_000)
    assert "is not a model" in refused(lambda: load(path, weights), canary)


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    for name in (f".p.{ended.pid}.new", f".p.{os.getppid()}.new", f".q.{ended.pid}.new"):
        (tmp_path / name).mkdir()
    with fresh_folder(tmp_path / "p"):
        pass
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([f".p.{os.getppid()}.new", f".q.{ended.pid}.new", "p"])


def test_what_a_killed_run_had_taken_away_comes_back(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    old = tmp_path / f".p.{ended.pid}.old"
    old.mkdir()
    (old / "report.json").write_text("old")
    with pytest.raises(RuntimeError), fresh_folder(tmp_path / "p"):
        raise RuntimeError
    assert (tmp_path / "p" / "report.json").read_text() == "old"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["class_name", "config", "name", "layers"]), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.dictionaries(
        st.sampled_from(["class_name", "config", "keras_version", "module"]), JSON | st.just("Sequential")
    )
)
def test_any_json_is_a_model_or_one_error(content: Any, tmp_path: Path) -> None:
    path, weights = keras_2(tmp_path, dense())
    path.write_text(json.dumps(content))
    with pytest.raises(FpgaMlError):
        load(path, weights)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), kind=st.sampled_from(["keras", "h5", "npz"]))
def test_any_bytes_are_a_file_or_one_error(data: Any, kind: str, tmp_path: Path) -> None:
    """A good file with some bytes changed, and cut."""
    path = tmp_path / f"m.{kind}"
    if not (tmp_path / kind).exists():
        if kind == "npz":
            np.savez(path, x=X)
        else:
            model().save(path)
        path.rename(tmp_path / kind)
    content = bytearray((tmp_path / kind).read_bytes())
    for place, value in data.draw(st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=6)):
        content[place] = value
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content)
    with contextlib.suppress(FpgaMlError):
        load_samples(path, [("x", (4,))], 1) if kind == "npz" else load(path)
