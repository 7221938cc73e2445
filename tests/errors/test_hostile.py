"""Files from elsewhere: none of them runs code, writes outside the target or grows beyond bounds, whatever format it is
of."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import marshal
import os
import pickle
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import qkeras
from hostile import Planted, dense, keras_2, model, refused, saved
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fpga_ml
from fpga_ml import archive
from fpga_ml.board.project import interface_of
from fpga_ml.config import Config
from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend import listed, screen
from fpga_ml.frontend.load import load
from fpga_ml.hls.project import _held, fresh_folder
from fpga_ml.report import document, page
from fpga_ml.report.show import show_one
from fpga_ml.samples import load_samples
from fpga_ml.synthesise.project import write_scripts

CONVERT = Config(until="convert", vectors=5)
X = np.random.default_rng(0).normal(size=(5, 4))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["class_name", "config", "name", "layers"]), inner)
    ),
    max_leaves=8,
)


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
        "a Lambda of a package": entry("A>Lambda", None, function=code(canary)),
        "a SavedModel of a package": entry("A>TFSMLayer", None, filepath=str(canary.parent), call_endpoint="serve"),
        "a function by a good name": entry(
            "Activation", "keras.layers", activation={**writes, "module": "os", "config": "relu"}
        ),
        "a registered name that hides another": entry("Lambda", "keras.layers", function=code(canary))
        | {"registered_name": "qkeras>QDense"},
        "a function of Keras' own": entry("clone_model", "keras.models"),
        "an operation that calls functions": entry("Map", "keras.src.ops.core"),
        "a class that nobody knows": entry("Unheard"),
        "what QKeras imports": entry("os"),
        "a quantizer that is a function": entry(
            "QDense", None, units=3, kernel_quantizer={"class_name": "print_qstats", "config": {}}
        ),
        "a quantizer that is a layer": entry("QDense", None, units=3, kernel_quantizer=dense()),
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


def test_only_what_computes_is_listed() -> None:
    """A class that a new Keras brings is not built until it was looked at."""
    for kind, home in ((listed.LAYERS, keras.layers), (listed.QKERAS, qkeras)):
        assert [n for n in kind if not isinstance(getattr(home, n, None), type)] == []
    bases = {"Layer", "Wrapper", "InputSpec"}
    others = {n for n, c in vars(keras.layers).items() if isinstance(c, type) and c.__name__ == n} - listed.LAYERS - bases
    run_code = {"FlaxLayer", "JaxLayer", "Lambda", "TFSMLayer", "TorchModuleWrapper"}
    assert run_code | {"IntegerLookup", "StringLookup", "TextVectorization"} <= others


def test_no_code_of_a_module_beside_the_file(tmp_path: Path, canary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python finds modules where it was started."""
    (tmp_path / "planted.py").write_text(f"import pathlib\npathlib.Path({str(canary)!r}).touch()\ndef relu(x): return x\n")
    monkeypatch.syspath_prepend(tmp_path)
    function = {"module": "planted", "class_name": "function", "config": "relu", "registered_name": "relu"}
    refused(lambda: load(saved(tmp_path, lambda c: c["config"]["layers"][1]["config"].update(activation=function))), canary)
    optimizer = {"optimizer": entry("X", "planted"), "loss": "mse"}
    inner = {"module": "keras", "class_name": "Sequential", "registered_name": None, "compile_config": optimizer}
    config = {"name": "inner", "layers": [entry("Activation", "keras.layers", activation="relu")]}
    path = saved(tmp_path, lambda c: c["config"]["layers"].append({**inner, "config": config}))
    copy_of_it, _ = screen.screened_keras(path, tmp_path)
    with zipfile.ZipFile(copy_of_it) as read:
        assert b"planted" not in read.read("config.json")
    with contextlib.suppress(FpgaMlError):  # a model in the model, which is built without its optimizer
        load(path)
    assert not canary.exists()
    assert "planted" not in sys.modules


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


def places(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Of every value in JSON."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [above, *(place for key, v in inner for place in places(v, (*above, key)))]


def changed(value: Any, place: tuple[Any, ...], put: Any) -> Any:
    """A copy with another value at a place; None: without it."""
    made = copy.deepcopy(value)
    holder = made
    for key in place[:-1]:
        holder = holder[key]
    if put is None:
        del holder[place[-1]]
    else:
        holder[place[-1]] = put
    return made


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Up to RTL."""
    data = {"x": np.repeat(X, 10, 0), "y": np.arange(50) % 3}
    config = CONVERT.replace(until="rtl", vectors=50)
    return fpga_ml.compile(model(), data=data, config=config, output=tmp_path_factory.mktemp("whole") / "p").folder


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("rtl", "files", 0), "/etc/passwd", "rtl/files/0"),
        (("rtl", "files", 0), "rtl/../../x.sv", "rtl/files/0"),
        (("rtl", "files", 0), "rtl/none.sv", "none.sv' is gone"),
        (("config", "part"), "../../outside", "'../../outside' is no name of a device"),
        (("config", "part"), "/outside", "'/outside' is no name of a device"),
        (("config", "part"), "x; exec touch it_ran", "is no name of a device"),
        (("config", "project_name"), ["x"], "config/project_name"),
        (("config",), {}, "config: 'project_name' is a required property"),
        (("model", "inputs", 0, "name"), "x; exec touch it_ran", "is no identifier"),
        (("rtl", "layers", 0, "name"), "x\nexec touch it_ran", "is no identifier"),
        (("model", "inputs", 0, "type"), "fixed", "fixed"),
    ],
)
def test_a_report_of_other_places(
    place: tuple[Any, ...], value: Any, said: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a report says goes into paths and into scripts of tools."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(project, tmp_path / "p")
    report = json.loads((project / "report.json").read_text())
    (tmp_path / "p" / "report.json").write_text(json.dumps(changed(report, place, value)))
    before = {*tmp_path.rglob("*")}
    attempt = interface_of if place[:2] == ("model", "inputs") else partial(write_scripts, tool="vivado")
    assert said in refused(lambda: attempt(tmp_path / "p"), tmp_path / "it_ran")
    assert {*tmp_path.rglob("*")} == before


class Tags(HTMLParser):
    """Elements and their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[tuple[str, tuple[str, ...]]] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add((tag, tuple(name for name, _ in attrs)))


def test_no_text_of_a_report_is_html(project: Path) -> None:
    report = json.loads((project / "report.json").read_text())
    plain = Tags()
    plain.feed(page.render(report))
    evil = "\"'><script src=x onload=alert(1)></script><img src=x onerror=alert(1)>"
    found, tried = report, 0
    for place in places(report):
        value = report
        for key in place:
            value = value[key]
        if isinstance(value, str) and place[-1] != "arch":
            found = changed(found, place, value + evil)
            tried += 1
    assert tried > 60
    text = page.render(found)
    assert "&lt;script src=x" in text
    tags = Tags()
    tags.feed(text)
    for tag, attributes in tags.found - plain.found:
        assert tag not in ("script", "img")
        assert not {"onload", "onerror", "src"} & {*attributes}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_report_is_shown_or_one_error(data: Any, project: Path, tmp_path: Path) -> None:
    report = json.loads((project / "report.json").read_text())
    place = data.draw(st.sampled_from(places(report)[1:]))
    put = data.draw(JSON | st.sampled_from([1e308, float("nan"), -1, 10**30, "[/b]", "\ud800", [], {}]))
    (tmp_path / "report.json").write_text(json.dumps(changed(report, place, put)))
    with contextlib.suppress(FpgaMlError), contextlib.redirect_stdout(io.StringIO()):
        show_one(tmp_path, output=None, as_json=False)


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


def test_archives_as_large_as_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_BYTES", 1 << 20)
    np.savez(tmp_path / "d.npz", x=np.zeros((1 << 16, 4)))
    with pytest.raises(FpgaMlError, match=r"to 2,097,\d+, at most 1,048,576 are read\n  do:    give less of it"):
        load_samples(tmp_path / "d.npz", [("x", (4,))], 1)


def test_an_archive_that_lies_about_what_is_packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size on disk counts, not what the directory says."""
    monkeypatch.setattr(archive, "RATIO_FROM_BYTES", 1 << 16)
    np.savez_compressed(tmp_path / "d.npz", x=np.zeros((1 << 18, 4)))
    content = bytearray((tmp_path / "d.npz").read_bytes())
    entry_at = content.index(b"PK\x01\x02")
    content[entry_at + 20 : entry_at + 24] = (1 << 30).to_bytes(4, "little")
    (tmp_path / "d.npz").write_bytes(content)
    with pytest.raises(FpgaMlError, match="would grow"):
        load_samples(tmp_path / "d.npz", [("x", (4,))], 1)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_other_ways_of_packing(method: int, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "d.npz", "w", method) as file:
        file.writestr("x.npy", bytes(100))
    with pytest.raises(FpgaMlError, match="is packed in a way that is not read"):
        load_samples(tmp_path / "d.npz", [("x", (4,))], 1)


def test_encrypted_members(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=X)
    content = bytearray((tmp_path / "d.npz").read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "d.npz").write_bytes(content)
    with pytest.raises(FpgaMlError, match="is encrypted"):
        load_samples(tmp_path / "d.npz", [("x", (4,))], 1)


def test_many_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_MEMBERS", 3)
    np.savez(tmp_path / "d.npz", **{f"a{k}": X for k in range(4)})
    with pytest.raises(FpgaMlError, match="has 4 members, at most 3 are read"):
        load_samples(tmp_path / "d.npz", [("x", (4,))], 1)


@pytest.mark.parametrize(
    ("shape", "kind", "said"),
    [
        ((10**12,), "<U0", "holds elements without a size"),
        ((-5, -1), "<f8", "says that it is of shape (-5, -1)"),
        ((10**12, 4), "<f8", "says that it is of shape"),
        ((5, 4), "|O", "holds Python objects"),
    ],
)
def test_headers_of_one_array(shape: tuple[int, ...], kind: str, said: str, tmp_path: Path) -> None:
    made = io.BytesIO()
    np.lib.format.write_array_header_1_0(made, {"descr": kind, "fortran_order": False, "shape": shape})
    (tmp_path / "d.npy").write_bytes(made.getvalue() + bytes(64))
    with pytest.raises(FpgaMlError) as caught:
        load_samples(tmp_path / "d.npy", [("x", (4,))], 1)
    assert said in str(caught.value)


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


def with_a_web(file: h5py.File, _: Path) -> None:
    """Two ways to each of 60 groups: 2^60 paths."""
    group = file["fc"]
    for k in range(60):
        inner = group.create_group(f"a{k}")
        group["again"] = inner
        group = inner


def with_much(file: h5py.File, _: Path) -> None:
    """None of them too large for what it packs, but all of them are."""
    for k in range(40):
        file.create_dataset(f"fc/more{k}", (60 << 20,), "u1")


def with_more_than_can_be_counted(file: h5py.File, _: Path) -> None:
    file.create_dataset("fc/more", (1 << 32, 1 << 32), "f4", chunks=(1, 1))


def with_nothing(file: h5py.File, _: Path) -> None:
    file.create_dataset("fc/more", dtype="f4", shape=None, data=h5py.Empty("f4"))


def with_a_type(file: h5py.File, _: Path) -> None:
    file["fc/more"] = np.dtype("f8")


def with_words(file: h5py.File, _: Path) -> None:
    file.create_dataset("fc/more", data=[b"words"] * 20_000)


@pytest.mark.parametrize(
    "change",
    [
        with_link,
        with_soft_link,
        with_external,
        with_virtual,
        with_loop,
        with_a_web,
        with_much,
        with_more_than_can_be_counted,
        with_nothing,
        with_a_type,
        with_words,
    ],
)
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


@pytest.mark.parametrize(
    ("place", "changes"),
    [
        (0, {"batch_shape": [None, 10**9]}),
        (1, {"kernel_size": [40_000, 40_000]}),
        (2, {"build_config": {"input_shape": [None, 10**9]}}),
    ],
)
def test_no_more_weights_than_the_file_has(
    place: int, changes: dict[str, Any], tmp_path: Path, canary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told before they are allocated."""

    def change(config: dict[str, Any]) -> None:
        layers = config["config"]["layers"]
        if place == 1:
            layers[0]["config"]["batch_shape"] = [None, 4, 4, 1]
            layers[1] = entry("Conv2D", "keras.layers", filters=3, padding="same", **changes)
        else:
            layers[1].pop("build_config")
            (layers[0]["config"] if place == 0 else layers[1]).update(changes)

    monkeypatch.setattr(screen, "MOST_ELEMENTS", 1 << 40)
    assert "but the file holds 15 values in all" in refused(lambda: load(saved(tmp_path, change)), canary)


def test_an_array_that_is_named_often(tmp_path: Path, canary: Path) -> None:
    path, weights = keras_2(tmp_path, dense())
    with h5py.File(weights, "a") as file:
        file["fc"].attrs["weight_names"] = [b"kernel"] * 1000
    assert "do not fit a layer that has [(4, 3), (3,)]" in refused(lambda: load(path, weights), canary)


def test_many_parts(tmp_path: Path, canary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen, "MOST_ENTRIES", 3)
    assert "has a configuration of more than 3 parts" in refused(lambda: load(saved(tmp_path)), canary)


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ([None, None], "input 'x' has shape (None,): hardware needs every size fixed"),
        ([None, -4], "= [None, -4] is not a shape"),
        ([None, 4.5], "= [None, 4.5] is not a shape"),
        ([None, "4"], "= [None, '4'] is not a shape"),
        ("4", "= '4' is not a shape"),
    ],
)
def test_shapes_that_are_none(shape: Any, said: str, tmp_path: Path, canary: Path) -> None:
    path, weights = keras_2(tmp_path, dense())
    path.write_text(path.read_text().replace("[null, 4]", json.dumps(shape)))
    assert said in refused(lambda: load(path, weights), canary)
    changed = saved(tmp_path, lambda config: config["config"]["layers"][0]["config"].update(batch_shape=shape))
    assert said in refused(lambda: load(changed), canary)


def test_an_input_beyond_all_bounds(tmp_path: Path, canary: Path) -> None:
    changed = saved(tmp_path, lambda config: config["config"]["layers"][0]["config"].update(batch_shape=[None, 10**12]))
    assert "batch_shape = [None, 1000000000000] has more than" in refused(lambda: load(changed), canary)


@pytest.mark.parametrize(
    "values",
    [
        np.full((4, 3), np.nan),
        np.full((4, 3), -np.inf),
        np.full((4, 3), 1e300),
        np.ones((3, 4)),
        np.ones(()),
        np.ones((4, 3), "c8"),
        np.full((4, 3), b"a"),
        np.zeros((4, 3), [("a", "f4")]),
    ],
)
def test_weights_that_are_none(values: Any, tmp_path: Path, canary: Path) -> None:
    path, weights = keras_2(tmp_path, dense())
    with h5py.File(weights, "a") as file:
        del file["fc/kernel"]
        file["fc/kernel"] = values
    refused(lambda: load(path, weights), canary)


@pytest.mark.parametrize("change", ["missing", "surplus", "none", "integers"])
def test_weights_of_a_keras_file(change: str, tmp_path: Path, canary: Path) -> None:
    model().save(tmp_path / "good.keras")
    with zipfile.ZipFile(tmp_path / "good.keras") as good:
        held = io.BytesIO(good.read("model.weights.h5"))
    with h5py.File(held, "a") as file:
        group = file["layers/dense/vars"] if "layers/dense/vars" in file else file["layers/fc/vars"]
        if change == "surplus":
            group["2"] = np.ones(3)
        elif change == "integers":
            del group["1"]
            group["1"] = np.array([1, 2, 3])
        else:
            del group["1"]
            if change == "none":
                del file[group.parent.name]
    path = saved(tmp_path, **{"model.weights.h5": held.getvalue()})
    if change == "integers":
        assert np.asarray(load(path).model.layers[-1].bias).tolist() == [1, 2, 3]
    else:
        assert str(path) in refused(lambda: load(path), canary)


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


def test_what_another_container_works_in_stays(tmp_path: Path) -> None:
    """Its process has a number that here is nobody's, and holds the folder."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    left, target = tmp_path / f".p.{ended.pid}.new", tmp_path / "p"
    left.mkdir()
    with _held(left), fresh_folder(target):
        assert left.exists()
    with fresh_folder(target):
        assert not left.exists()


def test_a_link_by_the_name_of_what_is_left(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "work").write_text("of years")
    (tmp_path / f".p.{ended.pid}.new").symlink_to(tmp_path / "mine")
    (tmp_path / f".p.{ended.pid}.old").symlink_to(tmp_path / "mine")
    with fresh_folder(tmp_path / "p"):
        pass
    assert (tmp_path / "mine" / "work").read_text() == "of years"
    assert not (tmp_path / "p").is_symlink()


def test_what_a_killed_run_had_taken_away_comes_back(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    old = tmp_path / f".p.{ended.pid}.old"
    old.mkdir()
    (old / "report.json").write_text("old")
    with pytest.raises(RuntimeError), fresh_folder(tmp_path / "p"):
        raise RuntimeError
    assert (tmp_path / "p" / "report.json").read_text() == "old"


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


def configured(folder: Path) -> dict[str, tuple[Any, Callable[[Any], tuple[Path, Path | None]]]]:
    """{format: configuration, what writes a file with another}."""
    model().save(folder / "good.keras")
    with zipfile.ZipFile(folder / "good.keras") as good:
        modern = json.loads(good.read("config.json"))
    quantizer = {"class_name": "quantized_bits", "config": {"bits": 6, "integer": 1, "alpha": 1}}
    path, weights = keras_2(
        folder, {"class_name": "QDense", **{k: v for k, v in dense(kernel_quantizer=quantizer).items() if k == "config"}}
    )
    old = json.loads(path.read_text())

    def write_old(config: Any) -> tuple[Path, Path | None]:
        path.write_text(json.dumps(config))
        return path, weights

    return {
        "keras": (modern, lambda config: (saved(folder, lambda c: (c.clear(), c.update(config))[0]), None)),
        "json": (old, write_old),
    }


WORDS = ("Dense", "LSTM", "Lambda", "QActivation", "os", "function", "relu", "quantized_bits(4)", "x", "fc", "\ud800", "\0")
CONFIGURED = st.sampled_from(
    ["", None, True, 0, -1, 2, 1.5, 10**30, float("nan"), [], {}, [1, 1], {"class_name": "Dense"}, *WORDS]
)


@pytest.mark.parametrize(
    ("kind", "tries"),
    [("keras", 40), ("json", 40), *(pytest.param(k, 600, marks=pytest.mark.slow) for k in ("keras", "json"))],
)
def test_any_configuration_is_a_model_or_one_error(kind: str, tries: int, tmp_path: Path) -> None:
    """A good one, one or two values of which are others, or missing, or of another place."""
    config, write = configured(tmp_path)[kind]

    @settings(max_examples=tries, deadline=None, database=None)
    @given(data=st.data())
    def attempt(data: Any) -> None:
        made = config
        for _ in range(data.draw(st.integers(1, 2))):
            made = changed(made, data.draw(st.sampled_from(places(made)[1:])), data.draw(CONFIGURED))
        if isinstance(made, dict):
            path, weights = write(made)
            with contextlib.suppress(FpgaMlError):
                load(path, weights)

    attempt()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["keras", "npz", "h5"])
def test_memory_that_hostile_files_take(kind: str, tmp_path: Path) -> None:
    """What unpacks to 800 MB is refused in a few MB."""
    if kind == "h5":
        path, weights = keras_2(tmp_path, dense())
        with h5py.File(weights, "a") as file:
            file.create_dataset("fc/more", data=np.zeros(100 << 20), compression="gzip")
        call = f"load(Path({str(path)!r}), Path({str(weights)!r}))"
    else:
        path = tmp_path / f"m.{kind}"
        with (
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made,
            made.open("config.json" if kind == "keras" else "x.npy", "w") as member,
        ):
            for _ in range(800):
                member.write(bytes(1 << 20))
        call = f"load(Path({str(path)!r}))" if kind == "keras" else f"load_samples(Path({str(path)!r}), [('x', (4,))], 1)"
    program = (
        "import resource; from pathlib import Path; from fpga_ml.errors import FpgaMlError\n"
        "from fpga_ml.frontend.load import load; from fpga_ml.samples import load_samples\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10\n"
        f"before = peak()\ntry:\n    {call}\nexcept FpgaMlError as error:\n    print(peak() - before, error)\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    grown, _, text = said.partition(" ")
    assert "would grow" in text
    assert int(grown) < 100
