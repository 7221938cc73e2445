"""Users' names: identifiers that C++, SystemVerilog and hls4ml take, injective, and shown as the user wrote them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import hls4ml
import keras
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.testing import assert_equal

import fpga_ml
from fpga_ml import Config, FpgaMlError
from fpga_ml.board.build import build as build_board
from fpga_ml.frontend.load import load
from fpga_ml.frontend.quantise import to_qkeras
from fpga_ml.frontend.rebuild import Probe, calls
from fpga_ml.naming import KEYWORDS, Naming, folder_name, identifier, marked
from fpga_ml.rtl.names import identifier as word
from fpga_ml.synthesise.project import write_scripts
from fpga_ml.toolchain.gxx import build_testbench
from fpga_ml.toolchain.links import linked

LAYERS = keras.layers
HEADERS = Path(hls4ml.__file__).parent / "templates" / "vivado"
# Words of C++, SystemVerilog, the C library, hls4ml's projects and our RTL; signs and letters that no identifier has; what
# becomes one after cleaning; what hls4ml and our own stages make of a layer called `dense`.
WORDS = """
    int reg float double short new class template auto std nnet input_t model_default_t result_t x weights EOF NULL main errno assert
    wire logic bit output module do this ap_clk ap_start layer3_out w2 b2 config2 t i p input in size time input1 clk rst token
    a-b a_b a.b Case case CASE größe 日本 2nd _x x_ x__y dense dense_linear dense_softmax dense_relu dense_round dense_1 dense_0
    dense_1_relu clone_dense bn_dense lstm lstm_recurrent #1 -o .. dense_id12345678
"""
SIGNS = [
    "two words",
    'it\'s "so"',
    "n" * 300,
    "n" * 299 + "m",
    "a;b$HOME",
    "back\\slash",
    "new\nline",
    "* x",
    "%s {0}",
    "x\\",
    "",
]
HOSTILE = [*WORDS.split(), *SIGNS]
names = st.lists(
    st.sampled_from(HOSTILE) | st.text(max_size=12) | st.from_regex(r"[aA]_?[bB1]?", fullmatch=True), unique=True
)


@given(names, st.sets(st.sampled_from(HOSTILE)))
@example(["0:_0"], set())
def test_every_name_has_an_identifier_of_its_own(found: list[str], repeated: set[str]) -> None:
    naming = Naming.of(found, found[::2], repeated)
    words = [naming.identifier(n) for n in found]
    assert len({w.lower() for w in words}) == len(found)  # hls4ml takes large letters for small ones
    for name, w in zip(found, words, strict=True):
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,60}", w, re.ASCII)
        assert w not in KEYWORDS
        assert "__" not in w
        assert naming.shown(w) == name
        assert naming.shown(f"layer '{w}_relu', {w}.kernel: 1 of {w}") == f"layer '{name}_relu', {name}.kernel: 1 of {name}"


@given(names)
def test_what_is_made_of_a_layer_is_no_other_layer(found: list[str]) -> None:
    naming = Naming.of(found, repeated=found)
    words = {naming.identifier(n).lower() for n in found}
    for w in words:
        for end in (
            "relu",
            "linear",
            "softmax",
            "round",
            "1",
            "0_relu",
            "recurrent",
            "forward_round",
            "ap_vld",
            "tdata",
            "alpha",
        ):
            assert f"{w}_{end}" not in words
        assert not words & {f"clone_{w}", f"bn_{w}_relu", f"clone_repack_{w}"}


@given(st.text(), st.text())
def test_a_name_alone(a: str, b: str) -> None:
    assert (identifier(a) == identifier(b)) == (a == b)
    assert (word(a) == word(b)) == (a == b)
    assert (folder_name(a) == folder_name(b)) == (a == b)


def test_names_that_are_identifiers_stay() -> None:
    plain = [
        "features",
        "fc1",
        "relu1",
        "conv2d",
        "conv2d_1",
        "softmax",
        "Dense3",
        "FC1a",
        "x",
        "y",
        "image",
        "q_dense",
        "bn_1",
    ]
    assert not Naming.of(plain, ["features", "x", "y", "image"]).names
    assert [identifier(n) for n in ("myproject", "jet_tagger", "x")] == ["myproject", "jet_tagger", "x"]


def test_identifiers_do_not_change() -> None:
    """Projects that were built stay comparable: the mark is a hash of the name."""
    assert marked("fc-1.a") == "fc_1_a_idb26012f7"


@pytest.mark.parametrize("name", ["../x", "a/b", "..", ".", "", "-rf", "/etc", "a\0b", ".hidden", "n" * 400])
def test_a_folder_by_a_models_name_lies_where_it_should(name: str, tmp_path: Path) -> None:
    found = tmp_path / folder_name(name)
    assert found.resolve().parent == tmp_path.resolve()
    found.mkdir()
    assert not found.name.startswith(("-", "."))


def test_a_folder_keeps_a_name_that_it_can_have() -> None:
    for name in ("my-model", "jet tagger", "größe", "it's"):
        assert folder_name(name) == name


def test_types_of_the_headers_are_no_layers_names(tmp_path: Path) -> None:
    """A layer's types are called NAME_t and NAME_result_t: no such name may be that of a type which hls4ml's C++ or the C
    library has."""
    text = "".join(
        f.read_text() for f in [*(HEADERS / "nnet_utils").glob("*.h"), *Path(fpga_ml.__file__).parent.glob("bridge/*.h")]
    )
    types = set(re.findall(r"\b([a-z]\w*)_t\b", text))
    source = tmp_path / "all.cpp"
    source.write_text("".join(f"#include <{h}>\n" for h in ("cmath", "cstdio", "cstdlib", "cstdint", "ctime", "string")))
    seen = subprocess.run(["g++", "-E", str(source)], check=True, capture_output=True, text=True).stdout
    types |= set(re.findall(r"^(?:typedef|using) .*\b([a-z]\w*)_t;", seen, re.MULTILINE))
    assert {"size", "accum", "time", "int8", "exp_table"} <= types
    kept = sorted(t for t in types if Naming.of([t]).identifier(t) == t)
    assert kept == []


def test_macros_and_variables_are_no_inputs_names(tmp_path: Path) -> None:
    source = tmp_path / "all.cpp"
    source.write_text(
        "".join(f"#include <{h}>\n" for h in ("ap_fixed.h", "hls_stream.h", "cmath", "cstdio", "cstdlib", "fstream", "map"))
    )
    command = ["g++", "-std=gnu++17", "-dM", "-E", f"-I{HEADERS / 'ap_types'}", str(source)]
    seen = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    macros = set(re.findall(r"^#define (\w+) ", seen, re.MULTILINE))
    assert {"NULL", "EOF", "errno", "stdin", "linux"} <= macros
    assert [m for m in macros if Naming.of([m], [m]).identifier(m) == m] == []


# Builds: a chain of layers whose weights are eighths, so that NumPy's float64 and every stage's types hold all values.


def _chain(layers: list[str], inputs: list[str], model: str = "my-model") -> tuple[Any, dict[str, Any], Any]:
    """(model, data by input, what must come out). Each third layer has a relu; inputs beyond the first are added on the
    way."""
    rng, every = np.random.default_rng(5), [keras.Input((2,), name=n) for n in inputs]
    x = {n: rng.integers(-16, 17, (12, 2)) / 8 for n in inputs}
    tensor, value, waiting = every[0], x[inputs[0]], list(zip(every, inputs, strict=True))[1:]
    for k, name in enumerate(layers):
        w, b = np.eye(2)[rng.permutation(2)] * rng.choice([-1, 1], 2), rng.integers(-4, 5, 2) / 8
        layer = LAYERS.Dense(2, activation="relu" if k % 3 == 0 else None, name=name)
        tensor, value = layer(tensor), value @ w + b
        value = np.maximum(value, 0) if k % 3 == 0 else value
        layer.set_weights([w, b])
        if waiting:
            other, key = waiting.pop()
            tensor, value = LAYERS.Add(name=f"{name} {key}")([tensor, other]), value + x[key]
    return keras.Model(every, tensor, name=model), x, value


def _proven(model: Any, x: Any, expected: Any, output: Path, **settings: Any) -> Any:
    """The build, whose C-simulation, emulator and RTL are what is expected."""
    config = Config(simulators=("icarus",), cosim_vectors=2, **settings)
    project = fpga_ml.compile(model, data=x, config=config, output=output)
    assert set(project.report["stages"].values()) <= {"ran", "not asked for (--until synth runs it)"}
    assert_equal(project.outputs["csim"][0].reshape(expected.shape), expected)
    assert project.report["emulator"]["mismatches"] == 0
    assert project.report["cosim"][0]["passed"]
    return project


PARALLEL = ["int", "a-b", "a_b", "größe", "größe_relu"]
STREAM = ["module", "layer3_out", 'it\'s "so"', "new\nline"]


EVIL = """-it's a "b" ;$HOME \\x 日本 #%[bold]{2}(3)&|<>*?!~=,a:b"""


@pytest.fixture
def evil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder; temporary files lie in one of such a name, too."""
    folder, scratch = tmp_path / EVIL, tmp_path / f"{EVIL} tmp"
    folder.mkdir()
    scratch.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


def test_a_parallel_build_of_hostile_names_and_paths(evil: Path) -> None:
    """From files, through C-simulation, the project's own testbench, and RTL in Icarus."""
    model, x, expected = _chain(PARALLEL, ["t", "NULL", "x_scale"])
    file, data, settings, output = (Path(f"{EVIL}{end}") for end in (".keras", ".npz", ".toml", ""))
    model.save(evil / file)
    np.savez(evil / data, **x)
    settings.write_text(
        'project_name = "my-project"\n[layers."a-b"]\nbits = 12\n[layers."größe"]\nreuse_factor = 1\n'
        '[layers."NULL".precision]\nresult = "fixed<7,3>"\n'
    )
    config = Config.read(settings).replace(simulators=("icarus",), cosim_vectors=2)

    project = fpga_ml.compile(file, data=data, config=config, output=output)

    assert_equal(project.outputs["csim"][0].reshape(expected.shape), expected)
    assert_equal(project.csim(x).reshape(expected.shape), expected)
    report = project.report
    assert report["cosim"][0]["passed"]
    assert [p["name"] for p in report["model"]["inputs"]] == ["t", "NULL", "x_scale"]
    assert report["model"]["inputs"][1]["type"] == "ap_fixed<7,3>"
    rows = {row["tensor"]: row["type"] for row in report["quantisation"]}
    assert {*PARALLEL, "t", "NULL", "x_scale"} - {"a-b"} <= {name.split(".")[0] for name in rows}
    assert rows["a-b.kernel"].startswith("ap_fixed<12,")
    assert set(PARALLEL) <= {row["name"] for row in report["layers"]}
    assert set(PARALLEL) <= {row["name"] for row in report["rtl"]["layers"]}
    assert report["config"]["project_name"] == "my-project"
    assert list(report["config"]["layers"]) == ["a-b", "größe", "NULL"]
    told = {*(report["names"].values())}
    assert told >= {"int", "a-b", "größe", "größe_relu", "t", "NULL"}
    page = (project.folder / "report.html").read_text()
    assert not re.findall(r"_id[0-9a-f]{8}", page.split("project_name")[0])
    for file in (*project.folder.rglob("firmware/my_project*.cpp"), project.folder / report["rtl"]["files"][-1]):
        assert "// Names that are no identifiers:\n" in file.read_text()
        assert '"gr\\u00f6\\u00dfe"' in file.read_text()
    build_testbench(project.folder, identifier("my-project"), project.folder / "tb")
    subprocess.run([project.folder.resolve() / "tb"], cwd=project.folder, check=True)


def test_a_stream_of_hostile_names(tmp_path: Path) -> None:
    model, x, expected = _chain(STREAM, ["signed", "y"], model="..")
    project = _proven(model, x, expected, tmp_path / "p", arch="stream", project_name="y")  # as an input
    assert {c["channel"] for c in project.report["cosim"][0]["timeline"]} >= {"signed", "y"}
    assert {row["name"] for row in project.report["rtl"]["layers"]} >= set(STREAM)


@pytest.mark.slow
@pytest.mark.parametrize("arch", ["parallel", "stream"])
@pytest.mark.parametrize("part", range(4))
def test_all_hostile_names(arch: str, part: int, tmp_path: Path) -> None:
    layers = [n for n in HOSTILE if n and "/" not in n][part::4]
    inputs = [f"{n}" for n in HOSTILE if n and "/" not in n and n not in layers][part::20]
    model, x, expected = _chain(layers, inputs)
    _proven(model, x, expected, tmp_path / "p", arch=arch, project_name=HOSTILE[part])


def test_a_shared_layer_beside_names_of_its_calls(tmp_path: Path) -> None:
    """hls4ml calls the second use of `fc` `fc_0`, our rewrite calls what it rounds `fc_1_round`."""
    x = keras.Input((2,), name="x")
    shared = LAYERS.Dense(2, name="fc")
    tensor = LAYERS.Dense(2, name="fc_1")(LAYERS.Dense(2, name="fc_0")(shared(LAYERS.ReLU(name="between")(shared(x)))))
    model, data = keras.Model(x, tensor), np.random.default_rng(3).integers(-8, 9, (12, 2)) / 8
    value, relu = data, lambda v: np.maximum(v, 0)
    for name in ("fc", "fc_0", "fc_1"):
        model.get_layer(name).set_weights([np.array([[0.5, -1.0], [1.0, 0.25]]), np.array([0.5, -0.25])])
    w, b = model.get_layer("fc").get_weights()
    value = relu(value @ w + b)
    for _ in range(3):
        value = value @ w + b
    project = _proven(model, data, value, tmp_path / "p", bits=24)
    assert {"fc", "fc_0", "fc_1"} <= {row["name"] for row in project.report["layers"]}


def test_layers_in_several_beside_names_of_their_parts() -> None:
    def model(*names: str) -> Any:
        keras.utils.set_random_seed(1)
        i = keras.Input((4, 3), name=names[0])
        y = LAYERS.TimeDistributed(LAYERS.Dense(3), name=names[1])(i)
        y = LAYERS.Bidirectional(LAYERS.LSTM(2, return_sequences=True), name=names[2])(y)
        return keras.Model(i, LAYERS.Dense(2, name=names[4])(LAYERS.Dense(2, name=names[3])(y)))

    x = [np.random.default_rng(2).normal(size=(5, 4, 3))]
    hostile, plain = load(model("input", "t", "b", "b_forward", "b_turned")), load(model("a", "c", "d", "e", "f"))
    assert_equal(Probe(hostile.model).outputs(x), Probe(plain.model).outputs(x))
    assert hostile.inputs == (("input", (4, 3)),)
    assert hostile.names.shown([c.key for c in calls(hostile.model)])[-2:] == ["b_forward", "b_turned"]


def test_an_input_without_a_name_before_a_recurrent_layer() -> None:
    i = keras.Input((5, 3))
    model = keras.Model(i, LAYERS.Dense(2)(LAYERS.GRU(4, reset_after=False)(i)))
    x = np.random.default_rng(2).normal(size=(8, 5, 3))
    assert to_qkeras(model, 8, data=x).count_params() == model.count_params()
    assert load(model).inputs == ((i.name, (5, 3)),)
    assert next(c.key for c in calls(load(model).model)) == i.name


def test_to_qkeras_beside_names_of_its_own() -> None:
    i = keras.Input((3,), name="x")
    y = LAYERS.Dense(3, name="fc_relu")(LAYERS.Dense(3, activation="relu", name="fc")(i))
    twin = to_qkeras(keras.Model(i, y), 8)
    assert [layer.name for layer in twin.layers] == ["x", "fc", "fc_relu_", "fc_relu"]


@pytest.mark.parametrize("arch", ["parallel", "stream"])
def test_errors_tell_the_users_names(arch: str, tmp_path: Path) -> None:
    i = keras.Input((4,), name="int")
    wrong = keras.Model(i, LAYERS.Dense(2, activation="log_softmax", name="fc-1.a")(i), name="m")
    with pytest.raises(FpgaMlError, match=r"activation 'log_softmax' of layer 'fc-1\.a'"):
        fpga_ml.compile(wrong, config=Config(arch=arch), output=tmp_path / "p")
    settings = tmp_path / "fpga_ml.toml"
    settings.write_text('[layers."fc-1.b"]\nbits = 8\n')
    right = keras.Model(i, LAYERS.Dense(2, name="fc-1.a")(i), name="m")
    with pytest.raises(FpgaMlError) as caught:
        fpga_ml.compile(right, config=Config.read(settings), output=tmp_path / "p")
    assert "section for layer 'fc-1.b'" in caught.value.what
    assert caught.value.where == f"{settings}:1"
    assert caught.value.do == "did you mean 'fc-1.a'?"


def test_files_are_linked_under_plain_names(tmp_path: Path) -> None:
    for folder, name in (("a b", "x.sv"), ("$HOME", "x.sv"), ("$HOME", "-y;.v")):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).write_text(f"{folder}{name}")
    files = [tmp_path / "a b" / "x.sv", tmp_path / "$HOME" / "x.sv", tmp_path / "$HOME" / "-y;.v"]
    with linked(files, tmp_path) as links:
        assert links.files == ("sources/x.sv", "sources/file_1.sv", "sources/file_2.v")
        assert [(tmp_path / f).read_text() for f in links.files] == ["a bx.sv", "$HOMEx.sv", "$HOME-y;.v"]
        assert (tmp_path / links.folders[1] / "-y;.v").exists()
    assert not (tmp_path / "sources").exists()


def test_slashes_in_names_of_keras_2(tmp_path: Path) -> None:
    """Keras 2 took them."""
    tf_keras = pytest.importorskip("tf_keras", reason="the dev extra brings it")
    i = tf_keras.Input((3,), name="int")
    shared = tf_keras.layers.Dense(3, activation="relu", name="block/fc")
    old = tf_keras.Model(i, tf_keras.layers.Dense(2, name="block_fc_1")(shared(shared(i))), name="a/b")
    (tmp_path / "model.json").write_text(old.to_json())
    old.save_weights(tmp_path / "w.h5")
    source = load(tmp_path / "model.json", tmp_path / "w.h5")
    assert source.inputs == (("int", (3,)),)
    assert source.names.shown([c.key for c in calls(source.model)]) == ["int", "block/fc", "block/fc#1", "block_fc_1"]
    x = np.random.default_rng(0).normal(size=(8, 3))
    np.testing.assert_allclose(source.model.predict(x, verbose=0), old.predict(x, verbose=0), rtol=1e-6)
    for theirs, ours in zip(old.weights, source.model.weights, strict=True):
        assert_equal(np.asarray(ours), theirs.numpy())


@pytest.mark.slow
def test_every_tool_in_any_folder(evil: Path) -> None:
    """Verilator, Yosys, nextpnr and the board's bitstream; names that are no identifiers, told of cells."""
    model, x, expected = _chain(["int", "größe"], ["t"])
    project = fpga_ml.compile(model, data=x, config=Config(cosim_vectors=2), output=EVIL)
    assert_equal(project.outputs["csim"][0].reshape(expected.shape), expected)
    assert [run["passed"] for run in project.report["cosim"]] == [True, True]
    found = project.synth("ice40-up5k", effort="route")
    assert {"int", "größe"} <= {name.removesuffix("_relu").removesuffix("_round") for name in found.layers}
    assert sum(cells.luts for name, cells in found.layers.items() if name.startswith("int")) > 0
    assert set(project.report["synth"][0]["layers"][0]) >= {"layer"}
    assert build_board(project.folder, "ulx3s-85f").file.stat().st_size > 1000


@pytest.mark.parametrize("tool", ["vivado", "vitis", "quartus"])
def test_vendors_scripts_in_any_folder(tool: str, evil: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a person copies into a shell runs the vendor's program where its script lies."""
    shutil.copytree(project, evil / EVIL)
    program, script = {
        "vivado": ("vivado", "vivado.tcl"),
        "vitis": ("vitis-run", "build_prj.tcl"),
        "quartus": ("quartus_sh", "quartus.tcl"),
    }[tool]
    stub = evil.parent / "bin" / program
    stub.parent.mkdir()
    stub.write_text(f"#!/bin/sh\ntest -f {script} && pwd > ran\n")
    stub.chmod(0o755)
    monkeypatch.setenv("PATH", f"{stub.parent}{os.pathsep}{os.environ['PATH']}")
    device = "10AX115N2F45E1SG" if tool == "quartus" else None
    by_hand = write_scripts(Path(EVIL), tool=tool, device=device)
    subprocess.run(["sh", "-c", by_hand], check=True)
    (ran,) = (evil / EVIL).rglob("ran")
    assert ran.read_text().strip() == str(ran.parent)
