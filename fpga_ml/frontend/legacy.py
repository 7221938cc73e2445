"""Keras-2 and QKeras-0.9 models, rebuilt in Keras 3 without an old TensorFlow.

Keras 3 does not read their configurations as they are: a Sequential may be a bare list, input shapes stand in
`batch_input_shape`, quantizers are plain dictionaries or strings, and some arguments have other names. The translation
keeps what the class of today takes and drops the rest; initialisers, regularisers and constraints matter to training
only.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import qkeras

from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.layers import Steps
from fpga_ml.frontend.listed import LAYERS, QKERAS, QUANTIZERS
from fpga_ml.frontend.rename import SCOPE
from fpga_ml.frontend.screen import parsed
from fpga_ml.naming import Naming, identifier

# Layers that were never Keras' own, of which hls4ml keeps the names (the kernel becomes signs, or -1, 0 and 1, times H); and
# their activations.
_SIGNED: dict[str, Any] = {"BinaryDense": qkeras.binary, "TernaryDense": qkeras.ternary}
_SIGNS: dict[str, Callable[[str], Any]] = {
    "binary_tanh": lambda name: qkeras.QActivation(qkeras.binary(alpha=1), name=name),
    "ternary_tanh": lambda name: Steps([-0.5, 0.5], [True, False], [-1.0, 0.0, 1.0], name=name),  # round to even
}
_RENAMED = {
    "LeakyReLU": {"alpha": "negative_slope"},
    "ReLU": {},
}
_TRAINING_ONLY = ("_initializer", "_regularizer", "_constraint", "_range")


class CannotRebuild(Exception):
    """A layer class that exists neither in Keras 3 nor in qkeras-v3; the message names class and layer."""


def is_legacy(architecture: Mapping[str, Any]) -> bool:
    """True for a model configuration that Keras 2 wrote."""
    version = str(architecture.get("keras_version", "2"))
    return "module" not in architecture and not version.startswith("3")


def read_architecture(path: Path) -> dict[str, Any]:
    """The model configuration in a .json file or inside an .h5 file; raises FpgaMlError where there is none."""
    do = "give a Keras model: model.json with --weights, a full .h5, or a .keras file"
    try:
        if path.suffix == ".json":
            return parsed(path.read_bytes(), path)
        with h5py.File(path) as file:
            text, version = file.attrs.get("model_config"), str(file.attrs.get("keras_version", "2"))
    except (OSError, ValueError, RuntimeError) as error:
        raise FpgaMlError(f"'{path}' is not a model: {error}", do=do) from None
    if not isinstance(text, (str, bytes)):
        raise FpgaMlError(f"'{path}' holds no model architecture", do=do)
    return {"keras_version": version, **parsed(text, path)}


def naming_of(architecture: Mapping[str, Any]) -> Naming:
    """Identifiers for the names of a Keras-2 configuration, among them such with slashes, which Keras 3 does not take."""
    layers = _entries(architecture)
    called = {e["config"]["name"]: len(e.get("inbound_nodes", ())) for e in layers}
    return Naming.of(
        [*called], [name for name, _ in input_ports(architecture)], [n for n, times in called.items() if times > 1]
    )


def identified(architecture: Any, names: Naming) -> Any:
    """The configuration with identifiers: where a layer says its name, and in references (name, node, tensor, ...)."""
    if isinstance(architecture, Mapping):
        return {
            k: names.identifier(v) if k == "name" and isinstance(v, str) else identified(v, names)
            for k, v in architecture.items()
        }
    if isinstance(architecture, list):
        refers = len(architecture) > 2 and [type(v) for v in architecture[:3]] == [str, int, int]
        head = [names.identifier(architecture[0])] if refers else []
        return [*head, *(identified(v, names) for v in architecture[len(head) :])]
    return architecture


def rebuild_legacy(architecture: Mapping[str, Any], weights: Path, names: Naming) -> Any:
    """A Keras 3 model from a Keras-2 configuration and the h5 file of its weights, under the identifiers of `names`.

    Raises CannotRebuild where a layer's class is gone, FpgaMlError where the weights do not fit.
    """
    safe = identified(architecture, names)
    config = safe["config"]
    name = config.get("name", "model") if isinstance(config, dict) else "model"
    name = name if SCOPE.fullmatch(name) else identifier(name)
    model = _sequential(_entries(safe), name) if safe["class_name"] == "Sequential" else _functional(config, name)
    load_weights(model, weights, names)
    for entry in (e for e in _entries(safe) if e["class_name"] == "TernaryDense"):
        kernel = model.get_layer(entry["config"]["name"]).kernel
        values = np.asarray(kernel) / _height(entry["config"])
        kernel.assign(np.where(values > 0.5, 1.0, np.where(values <= -0.5, -1.0, 0.0)))
    return model


def _entries(architecture: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Of the layers."""
    config = architecture["config"]
    found: list[dict[str, Any]] = config if isinstance(config, list) else config["layers"]
    return found


def _height(config: Mapping[str, Any]) -> float:
    """What signs are multiplied with; a name stands for a rule that training has forgotten."""
    height = config.get("H", 1)
    if isinstance(height, str):
        raise CannotRebuild(f"H = '{height}' of layer '{config.get('name')}'")
    return float(height)


def input_ports(architecture: Mapping[str, Any]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """(name, shape without batch) of each input of a Keras-2 configuration, named as hls4ml names them."""
    layers = _entries(architecture)
    named = [e for e in layers if e["class_name"] == "InputLayer"] or layers[:1]
    shapes = [e["config"].get("batch_input_shape") or e["config"]["batch_shape"] for e in named]
    names = [e["config"]["name"] if e["class_name"] == "InputLayer" else "input1" for e in named]
    return tuple((name, tuple(shape[1:])) for name, shape in zip(names, shapes, strict=True))


def _sequential(layers: list[dict[str, Any]], name: str) -> Any:
    tensor = None
    inputs = None
    for entry in layers:
        shape = entry["config"].get("batch_input_shape") or entry["config"].get("batch_shape")
        if tensor is None:
            if shape is None:
                raise FpgaMlError(
                    "the first layer has no input shape",
                    where=f"layer '{entry['config'].get('name')}'",
                    do="save the model after it was built",
                )
            is_input = entry["class_name"] == "InputLayer"
            inputs = tensor = keras.Input(batch_shape=shape, name=entry["config"]["name"] if is_input else "input1")
            if is_input:
                continue
        tensor = _layer(entry)(tensor)
    return keras.Model(inputs, tensor, name=name)


def _functional(config: Mapping[str, Any], name: str) -> Any:
    made: dict[tuple[str, int, int], Any] = {}
    layers: dict[str, Any] = {}
    waiting = [(entry, index, node) for entry in config["layers"] for index, node in enumerate(entry["inbound_nodes"])]
    for entry in config["layers"]:
        if entry["class_name"] == "InputLayer":
            c = entry["config"]
            shape = c.get("batch_input_shape") or c.get("batch_shape")
            made[c["name"], 0, 0] = keras.Input(batch_shape=shape, name=c["name"], dtype=c.get("dtype", "float32"))
    while waiting:
        ready = next((w for w in waiting if all((s[0], s[1], s[2]) in made for s in _references(w[2]))), None)
        if ready is None:
            raise FpgaMlError("the model's layers do not connect", where=f"model '{name}'", do="save the model again")
        waiting.remove(ready)
        entry, index, node = ready
        layer = layers.setdefault(entry["config"]["name"], None) or _layer(entry)
        layers[layer.name] = layer
        read = [made[s[0], s[1], s[2]] for s in _references(node)]
        output = layer(read[0] if len(read) == 1 else read)
        for k, tensor in enumerate(output if isinstance(output, (list, tuple)) else [output]):
            made[layer.name, index, k] = tensor
    ends = [[made[r[0], r[1], r[2]] for r in _references(config[k])] for k in ("input_layers", "output_layers")]
    return keras.Model(*(e[0] if len(e) == 1 else e for e in ends), name=name)


def _references(item: Any) -> list[tuple[str, int, int]]:
    """[name, node, tensor, ...] references, one or a list of them, as (name, node, tensor)."""
    if item and isinstance(item[0], str):
        item = [item]
    return [(r[0], int(r[1]), int(r[2])) for r in item]


def _layer(entry: Mapping[str, Any]) -> Any:
    class_name = entry["class_name"].split(">")[-1]
    config = dict(entry["config"])
    if class_name == "ThresholdedReLU":
        return keras.layers.ReLU(threshold=float(config["theta"]), name=config["name"])
    if class_name == "Activation" and config.get("activation") in _SIGNS:
        return _SIGNS[config["activation"]](config["name"])
    if class_name in _SIGNED:
        config["kernel_quantizer"], class_name = _SIGNED[class_name](alpha=_height(config)), "QDense"
    home = qkeras if class_name in QKERAS else keras.layers if class_name in LAYERS else None
    cls = getattr(home, class_name, None)
    if not (inspect.isclass(cls) and issubclass(cls, keras.layers.Layer)):
        raise CannotRebuild(f"class {class_name} of layer '{config.get('name')}'")
    for old, new in _RENAMED.get(class_name, {}).items():
        if old in config:
            config[new] = config.pop(old)
    if isinstance(config.get("layer"), dict):
        config["layer"] = _layer(config["layer"])
    if isinstance(config.get("axis"), (list, tuple)) and len(config["axis"]) == 1:
        config["axis"] = config["axis"][0]
    for key, value in list(config.items()):
        if key.endswith("_quantizer") or (key.endswith("activation") and _is_quantizer(value)):
            config[key] = _quantizer(value)
    return cls(**_accepted(cls, config))


def _accepted(cls: type, config: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a configuration that the class of today takes and that matters to inference."""
    known = {"name", "trainable"}
    for base in cls.__mro__:
        if base.__module__.startswith(("keras", "qkeras")) and "__init__" in vars(base):
            known |= set(inspect.signature(base.__init__).parameters)  # type: ignore[misc]
    dropped = {"self", "kwargs", "args", "dtype", "backward_layer"}
    return {
        k: v for k, v in config.items() if k in known - dropped and not k.endswith(_TRAINING_ONLY) and not _is_empty(k, v)
    }


def _is_empty(key: str, value: Any) -> bool:
    return key == "name" and value is None


def _is_quantizer(value: Any) -> bool:
    if isinstance(value, dict):
        return True
    return isinstance(value, str) and value.split("(")[0] in QUANTIZERS and "(" in value


def _quantizer(value: Any) -> Any:
    """A quantizer of today from a string or an old {class_name, config}."""
    if not isinstance(value, dict):
        return value if value is None else qkeras.get_quantizer(value)
    class_name = value["class_name"].split(">")[-1]
    if class_name not in QUANTIZERS:
        raise CannotRebuild(f"quantizer {class_name}")
    cls = getattr(qkeras, class_name)
    taken = set(inspect.signature(cls.__init__).parameters)
    return cls(**{k: v for k, v in value.get("config", {}).items() if k in taken and v is not None})


def load_weights(model: Any, path: Path, names: Naming) -> None:
    """Weights from a Keras-2 h5 file (of save_weights or of save), layer by layer, in the layers' own order; names: of the
    model."""
    with h5py.File(path) as file:
        root = file.get("model_weights", file)
        if "layer_names" not in root.attrs:
            raise FpgaMlError(f"'{path}' holds no Keras-2 weights", do="give the file that save_weights or save wrote")
        for layer in model.layers:
            if not layer.weights:
                continue
            group = root.get(names.shown(layer.name))
            found = [group[_text(n)] for n in group.attrs["weight_names"]] if group is not None else []
            wanted = [tuple(w.shape) for w in layer.weights]
            if [v.shape for v in found] != wanted:
                raise FpgaMlError(
                    f"weights of shapes {[v.shape for v in found]} do not fit a layer that has {wanted}",
                    where=f"layer '{layer.name}' in {path}",
                    do="give the weights file of this model",
                )
            layer.set_weights([np.asarray(v) for v in found])


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
