"""Whatever a user calls a model, as one `Source`: a Keras model with what is known about it."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import qkeras  # noqa: F401  (registers the QKeras layers that a saved model names)

import fpga_ml.frontend.celeste
import fpga_ml.frontend.layers  # noqa: F401  (registers their layers)
from fpga_ml.config import CONFIG_FILE, Config
from fpga_ml.errors import FpgaMlError, suggest
from fpga_ml.frontend.floats import to_float
from fpga_ml.frontend.hgq.apart import without_hgq
from fpga_ml.frontend.hgq.files import speeds_of_decay
from fpga_ml.frontend.kinds import function_name
from fpga_ml.frontend.legacy import CannotRebuild, input_ports, is_legacy, naming_of, read_architecture, rebuild_legacy
from fpga_ml.frontend.onnx.apart import Exchanged, as_keras
from fpga_ml.frontend.onnx.graph import Graph, graph_of, is_proto, read_file
from fpga_ml.frontend.rebuild import as_functional, calls, inputs_of
from fpga_ml.frontend.rename import renamed
from fpga_ml.frontend.rewrites import rewritten
from fpga_ml.frontend.rewrites.opened import opened
from fpga_ml.frontend.screen import bounded, screen, screened_h5, screened_keras, screened_weights, without_training
from fpga_ml.naming import Naming

_MODELS = (".keras", ".h5", ".hdf5", ".json", ".onnx")
_OF_TORCH = (".pt", ".pth", ".ckpt", ".pt2")
_EXPORT = "export it: torch.onnx.export(model.eval(), example, 'model.onnx'), or Brevitas' export_qonnx; and give the .onnx"
QUANTISED_FILE, FLOAT_FILE, SAMPLE_FILE = "quantised.keras", "float.keras", "sample.npz"


@dataclass(frozen=True)
class LegacyFiles:
    """A Keras-2 model as it lies on disk."""

    architecture: Path
    weights: Path
    reason: str = ""


@dataclass(frozen=True)
class Source:
    """A model that was read.

    model: the Keras model to be built, None where its classes exist no longer (then `legacy` says which files hold it and
    why); float_model: what quantisation is measured against; sha256: of the model's file, '' for a model in memory; inputs:
    (the user's name, shape without batch) of each; names: what the identifiers in the model stand for; data, config: files
    that a model folder brings.
    """

    name: str
    model: Any
    float_model: Any
    origin: str
    sha256: str
    kind: str
    inputs: tuple[tuple[str, tuple[int, ...]], ...]
    legacy: LegacyFiles | None = None
    names: Naming = field(default_factory=Naming)
    data: Path | None = None
    config: Path | None = None
    onnx: Exchanged | None = None

    def identified(self, config: Config) -> Config:
        """With identifiers in the place of the user's names."""
        return config.identified(self.names, [name for name, _ in self.inputs])

    @property
    def decides(self) -> bool:
        """True if the (first) output is a class decision: a softmax, or a sigmoid of one unit."""
        if self.model is None:
            return False
        last = next(c for c in calls(self.model) if any(t is self.model.outputs[0] for t in c.outputs)).layer
        kind = function_name(last)
        return kind == "softmax" or (kind == "sigmoid" and self.model.outputs[0].shape[-1] == 1)


def load(model: Any, weights: Path | None = None) -> Source:
    """A Keras model, a path to one, or a folder under models/, as a Source; checked for what cannot be built."""
    if is_proto(model):
        source = _onnx(graph_of(model, model.graph.name or "model", "the model"), "in memory", model.SerializeToString())
    elif isinstance(model, keras.Model):
        source = _in_memory(model)
    elif isinstance(model, (str, Path)):
        source = _from_path(Path(model), weights)
    else:
        of_torch = any(kind.__module__.startswith("torch.") for kind in type(model).__mro__)
        files = ".keras, .h5, .json or .onnx file or to a model's folder"
        raise FpgaMlError(
            f"the model is of type {type(model).__name__}",
            do=_EXPORT if of_torch else f"give a Keras model, an onnx.ModelProto, or a path to a {files}",
        )
    if source.model is not None:
        with source.names.errors():
            check(source.model)
    return source


def _in_memory(model: Any) -> Source:
    return _source(as_functional(model), model.name, "in memory", "", "keras-3")


def _source(model: Any, name: str, origin: str, sha256: str, kind: str, given: Naming | None = None) -> Source:
    """Of a Functional model: what can be built of it, under identifiers, where these are not given."""
    model = _of_layers(model)
    safe, names = renamed(model) if given is None else (model, given)
    with names.errors():
        whole = rewritten(safe)
    inputs = tuple((names.shown(n), shape) for n, shape in inputs_of(whole))
    return Source(name, whole, to_float(whole), origin, sha256, kind, inputs, names=names)


def _of_layers(model: Any) -> Any:
    """A Functional model, nothing but layers of Keras and QKeras, and ours, in it."""
    return without_hgq(opened(model))


def _from_path(path: Path, weights: Path | None) -> Source:
    if path.is_dir():
        return _folder(path)
    if not path.exists():
        beside = [*path.parent.iterdir()] if path.parent.is_dir() else []
        near = [p.name for p in beside if p.suffix in _MODELS]
        raise FpgaMlError(f"model '{path}' not found", do=suggest(path.name, near) if near else "check the path")
    if weights is not None and not weights.exists():
        raise FpgaMlError(f"weights file '{weights}' not found", do="check --weights")
    if path.suffix == ".keras":
        return _keras_3(path)
    if path.suffix in (".h5", ".hdf5", ".json"):
        return _json_or_h5(path, weights)
    if path.suffix == ".onnx":
        return _onnx(read_file(path), str(path), path.read_bytes())
    if path.suffix in _OF_TORCH:
        raise FpgaMlError(f"'{path}' is a file of PyTorch, which does not say how the network computes", do=_EXPORT)
    raise FpgaMlError(
        f"'{path}' is not a model: unknown kind of file '{path.suffix}'",
        do="give a .keras, .h5, .onnx or .json file (with --weights), or a folder under models/",
    )


def _onnx(graph: Graph, origin: str, content: bytes) -> Source:
    made = as_keras(graph)
    found = _source(made.model, graph.name, origin, hashlib.sha256(content).hexdigest(), "onnx")
    return replace(found, onnx=made)


def _folder(path: Path) -> Source:
    file = next((path / n for n in (QUANTISED_FILE, FLOAT_FILE) if (path / n).exists()), None)
    if file is None:
        raise FpgaMlError(
            f"folder '{path}' holds neither {QUANTISED_FILE} nor {FLOAT_FILE}",
            do="train it (train.py in a folder under models/), or give the model's file",
        )
    found = _keras_3(file)
    beside = path / FLOAT_FILE
    return replace(
        found,
        name=path.resolve().name,
        float_model=rewritten(renamed(_of_layers(_load_archive(beside)))[0]) if beside.exists() else found.float_model,
        origin=str(path),
        data=path / SAMPLE_FILE if (path / SAMPLE_FILE).exists() else None,
        config=path / CONFIG_FILE if (path / CONFIG_FILE).exists() else None,
    )


def _load_archive(path: Path) -> Any:
    """The Functional model in a .keras file."""
    with tempfile.TemporaryDirectory() as scratch:
        copy, stored = screened_keras(path, Path(scratch))
        with _understood(path, 3), bounded(stored, path):
            return as_functional(keras.models.load_model(copy, compile=False))


def _keras_3(path: Path) -> Source:
    model = _load_archive(path)
    with _understood(path, 3):
        return _source(model, path.stem, str(path), _sha256(path), "keras-3")


def _json_or_h5(path: Path, weights: Path | None) -> Source:
    architecture = read_architecture(path)
    if path.suffix == ".json" and weights is None:
        raise FpgaMlError(f"'{path}' holds an architecture without weights", do="add --weights w.h5")
    holder = weights or path
    stored = screened_weights(holder)
    screen(architecture, path, stored)
    if not is_legacy(architecture):
        with bounded(stored, path):
            model = (
                _keras_3_json(architecture, path, holder)
                if path.suffix == ".json"
                else _keras_3_h5(architecture, path, weights)
            )
        with _understood(path, 3):
            return _source(model, path.stem, str(path), _sha256(holder), "keras-3")
    with _understood(path, 2):
        names, ports = naming_of(architecture), input_ports(architecture)
        try:
            with names.errors(), bounded(stored, path):
                model = as_functional(rebuild_legacy(architecture, holder, names))
        except CannotRebuild as error:
            reason = f"{names.shown(str(error))} is in neither Keras 3 nor qkeras-v3"
            files = LegacyFiles(path, holder, reason)
            return Source(path.stem, None, None, str(path), _sha256(holder), "keras-2", ports, files, names)
        found = _source(model, path.stem, str(path), _sha256(holder), "keras-2", names)
    return replace(found, legacy=LegacyFiles(path, holder))


@contextmanager
def _understood(path: Path, version: int) -> Iterator[None]:
    """What is raised, of whatever kind, for a file that Keras did not write, as one error. version: of Keras."""
    try:
        yield
    except FpgaMlError:
        raise
    except Exception as error:
        said = next((line for line in str(error).splitlines() if line.strip()), "")
        raise FpgaMlError(
            f"'{path}' is not a model that Keras {version} {'can read' if version == 3 else 'wrote'}:"
            f" {type(error).__name__}: {said}",
            do=(
                "save it again with model.save('name.keras'); a custom layer must be registered with Keras"
                if version == 3
                else "save it again, as .keras or .h5"
            ),
        ) from error


def _keras_3_h5(architecture: Mapping[str, Any], path: Path, weights: Path | None) -> Any:
    if weights is not None:
        screened_weights(path)
    with tempfile.TemporaryDirectory() as scratch, _understood(path, 3):
        model = keras.models.load_model(screened_h5(path, Path(scratch), architecture), compile=False)
    return as_functional(model if weights is None else _weighted(model, path, weights))


def _keras_3_json(architecture: Mapping[str, Any], path: Path, weights: Path) -> Any:
    with _understood(path, 3):
        model = keras.models.model_from_json(json.dumps(without_training(architecture)))
    return as_functional(_weighted(model, path, weights))


def _weighted(model: Any, path: Path, weights: Path) -> Any:
    try:
        model.load_weights(weights)
    except Exception as error:  # Keras raises of every kind for a file that it did not write
        said = next(iter(str(error).splitlines()), type(error).__name__)
        raise FpgaMlError(f"weights '{weights}' do not fit '{path}': {said}", do="give the model's own weights") from error
    return model


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check(model: Any) -> None:
    """What no later stage can make good: weights that are no numbers, shapes that are not fixed."""
    for c in calls(model):
        unread = speeds_of_decay(c.layer)
        for weight in (w for w in c.layer.weights if id(w) not in unread):
            values = np.asarray(weight)
            if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
                bad = int(np.size(values) - np.isfinite(values).sum())
                raise FpgaMlError(
                    f"{bad} of {values.size} values are NaN or infinite",
                    where=f"layer '{c.layer.name}', weight '{weight.name}'",
                    do="train again, or load other weights",
                )
    for tensor in model.inputs:
        if any(d is None for d in tensor.shape[1:]):
            raise FpgaMlError(
                f"input '{tensor.name}' has shape {tuple(tensor.shape[1:])}: hardware needs every size fixed",
                where=f"model '{model.name}'",
                do="build the model with a fixed input shape",
            )
