"""Files of models that were trained with HGQ2, up to the Keras model with HGQ2's layers in it."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras.src.saving.object_registration import GLOBAL_CUSTOM_OBJECTS

from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend import listed
from fpga_ml.frontend.hgq.files import is_of_hgq, names_hgq, need_hgq
from fpga_ml.frontend.load import _load_archive, check, load
from fpga_ml.toolchain import beside

# What other classes of HGQ2 are made from; no file names them.
BASES = {
    "QBaseConv",
    "QBasePooling",
    "QConvTBase",
    "QLayerBase",
    "QLayerBaseMultiInputs",
    "QLayerBaseSingleInput",
    "QMerge",
} | {
    "QRNN",
    "_QSNN",
}
ENTRY = {"module": "hgq.layers", "class_name": "QDense", "config": {"name": "fc"}, "registered_name": "hgq>QDense"}


@pytest.fixture(scope="module")
def layers() -> Any:
    """hgq.layers; make test has installed it."""
    need_hgq()
    return sys.modules["hgq"].layers


@pytest.fixture
def model(layers: Any) -> Any:
    made = keras.Sequential([keras.Input((4,)), layers.QDense(3, activation="relu", name="fc")], name="small")
    made(np.ones((1, 4), np.float32))
    return made


def changed(file: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """A .keras file whose configuration of the dense layer was changed."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    change(config["config"]["layers"][1])
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in (members | {"config.json": json.dumps(config)}).items():
            archive.writestr(name, content)
    return file


@pytest.mark.parametrize(
    ("entry", "whether"),
    [
        (ENTRY, True),
        ({"class_name": "hgq>QAdd", "config": {}}, True),
        ({"class_name": "QConvT1D", "registered_name": "hgq2>QConvT1D"}, True),
        ({"class_name": "QDense", "module": "qkeras", "registered_name": "qkeras>QDense"}, False),
        ({"class_name": "Mine", "module": "hgq_of_mine.layers", "registered_name": "mine>Mine"}, False),
        ({"name": "hgq>QAdd"}, False),
    ],
)
def test_whether_a_configuration_names_it(entry: dict[str, Any], whether: bool) -> None:
    assert names_hgq({"class_name": "Functional", "config": {"layers": [{"class_name": "Dense"}, [entry]]}}) == whether


@pytest.mark.parametrize("kind", [".keras", ".h5", ".json"])
def test_without_it_a_file_that_names_it_is_refused(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "none"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "none"))
    monkeypatch.delitem(sys.modules, "hgq", raising=False)
    config = json.dumps({"class_name": "Functional", "keras_version": "3.9.0", "config": {"layers": [ENTRY]}})
    path, weights = tmp_path / f"m{kind}", tmp_path / "m.weights.h5"
    with h5py.File(path if kind == ".h5" else weights, "w") as file:
        file.attrs["model_config"], file.attrs["keras_version"] = config, "3.9.0"
    if kind == ".json":
        path.write_text(config)
    if kind == ".keras":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", config)
            archive.write(weights, "model.weights.h5")
    with pytest.raises(FpgaMlError) as refused:
        load(path, weights if kind == ".json" else None)
    do = "run fpga-ml doctor --install hgq2"
    assert str(refused.value) == f"a model that uses HGQ2 layers needs HGQ2\n  where: {path}\n  do:    {do}"


def test_one_that_cannot_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "none"))
    for package, text in (("hgq", "import not_there_at_all"), ("quantizers", "")):
        (beside.folder() / package).mkdir(parents=True)
        (beside.folder() / package / "__init__.py").write_text(text)
    monkeypatch.delitem(sys.modules, "hgq", raising=False)
    with pytest.raises(FpgaMlError, match="cannot be imported: ModuleNotFoundError: No module named 'not_there_at_all'"):
        need_hgq()


def test_a_file_becomes_the_model(model: Any, tmp_path: Path) -> None:
    model.save(tmp_path / "small.keras")
    again = _load_archive(tmp_path / "small.keras")
    assert is_of_hgq(type(again.layers[-1]))
    x = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
    np.testing.assert_array_equal(again(x), model(x))


def test_all_classes_were_looked_at(layers: Any) -> None:
    """A class that a new HGQ2 brings is not built until it was looked at."""
    theirs = {made.__name__ for made in GLOBAL_CUSTOM_OBJECTS.values() if is_of_hgq(made)}
    assert theirs - listed.HGQ2 == BASES
    assert theirs >= listed.HGQ2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"class_name": "QLayerBase", "registered_name": "hgq>QLayerBase"}, "names hgq.layers.core.dense.QLayerBase, which"),
        ({"class_name": "os", "module": "hgq.utils.sugar.pareto", "registered_name": None}, "pareto.os, which is neither"),
        ({"class_name": "Lambda", "registered_name": "hgq>QDense"}, "is a Lambda, which holds code"),
    ],
)
def test_what_a_file_may_not_name(change: dict[str, Any], said: str, model: Any, tmp_path: Path) -> None:
    model.save(tmp_path / "small.keras")
    with pytest.raises(FpgaMlError, match=said):
        _load_archive(changed(tmp_path / "small.keras", lambda layer: layer.update(change)))


@pytest.mark.parametrize(
    "activation",
    [
        {"class_name": "__lambda__", "config": {"code": "", "defaults": None, "closure": None}},
        {"module": "builtins", "class_name": "function", "config": "hgq>QDense", "registered_name": "function"},
        "hgq>QDense",
    ],
)
def test_an_activation_that_is_none(activation: Any, model: Any, tmp_path: Path) -> None:
    model.save(tmp_path / "small.keras")
    file = changed(tmp_path / "small.keras", lambda layer: layer["config"].update(activation=activation))
    with pytest.raises(FpgaMlError, match=r"holds code|neither Keras' nor|is no activation of"):
        _load_archive(file)


def test_what_only_training_reads_may_be_infinite(model: Any) -> None:
    speeds = [v for v in model.layers[-1].weights if v.name == "i_decay_speed"]
    assert speeds
    for value in (np.inf, np.nan):
        for speed in speeds:
            speed.assign(value)
        check(model)


@pytest.mark.parametrize("name", ["kernel", "b", "i"])
def test_what_decides_the_function_may_not(name: str, model: Any) -> None:
    variable = next(v for v in model.layers[-1].weights if v.name == name)
    variable.assign(np.full(variable.shape, np.nan))
    with pytest.raises(FpgaMlError, match=f"NaN or infinite\n  where: layer 'fc', weight '{name}'"):
        check(model)


class Mine(keras.layers.Layer):
    def build(self, _: Any) -> None:
        self._i_decay_speed = self.add_weight(shape=(), name="i_decay_speed", trainable=False)

    def call(self, x: Any) -> Any:
        return x * self._i_decay_speed


def test_a_variable_of_that_name_in_another_layer() -> None:
    made = keras.Sequential([keras.Input((4,)), Mine(name="mine")])
    made.layers[-1]._i_decay_speed.assign(np.nan)
    with pytest.raises(FpgaMlError, match="layer 'mine', weight 'i_decay_speed'"):
        check(made)
