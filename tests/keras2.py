"""Writes models the way Keras 2.11 with QKeras 0.9 did: model.json and weights.h5, or one full .h5.

The format is the one that `tf.keras.Model.to_json` and `save_weights` of those versions wrote: no `module` keys, input
shapes in `batch_input_shape`, quantizers as plain {class_name, config}, weights by layer under `weight_names`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

_INITIALIZER = {"class_name": "VarianceScaling", "config": {"scale": 1.0, "mode": "fan_in", "seed": None}}


def architecture(model: Any) -> dict[str, Any]:
    sequential = isinstance(model, keras.Sequential)
    layers = [_input(t) for t in model.inputs] if sequential else []
    layers += [_layer(layer, model, functional=not sequential) for layer in model.layers]
    config: dict[str, Any] = {"name": model.name, "layers": layers}
    if not sequential:
        config["input_layers"] = [[t.name, 0, 0] for t in model.inputs]
        config["output_layers"] = [[t._keras_history.operation.name, 0, 0] for t in model.outputs]
    kind = "Sequential" if sequential else "Functional"
    return {"class_name": kind, "config": config, "keras_version": "2.11.0", "backend": "tensorflow"}


def _input(tensor: Any) -> dict[str, Any]:
    config = {"batch_input_shape": list(tensor.shape), "dtype": "float32", "sparse": False, "ragged": False}
    return {"class_name": "InputLayer", "config": {**config, "name": tensor.name}}


def _layer(layer: Any, model: Any, *, functional: bool) -> dict[str, Any]:
    if isinstance(layer, keras.layers.InputLayer):
        entry = _input(layer.output)
        nodes: list[Any] = []
    else:
        entry = {"class_name": type(layer).__name__, "config": _config(layer)}
        sources = [t._keras_history for n in layer._inbound_nodes for t in n.input_tensors]
        nodes = [[[s.operation.name, s.node_index, s.tensor_index, {}] for s in sources]]
    return {**entry, "name": layer.name, "inbound_nodes": nodes} if functional else entry


def _config(layer: Any) -> dict[str, Any]:
    config = {}
    for key, value in layer.get_config().items():
        if key == "dtype":
            value = "float32"
        elif key.endswith("_initializer"):
            value = _INITIALIZER
        elif key.endswith(("_regularizer", "_constraint")):
            value = None
        elif key.endswith("_quantizer") or key == "activation":
            value = _old_object(getattr(layer, key, value))
        elif key == "axis" and type(layer).__name__ == "BatchNormalization":
            value = [value]
        config[key] = value
    return config


def _old_object(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    if hasattr(value, "get_config"):
        plain = {k: (v.item() if hasattr(v, "item") else v) for k, v in value.get_config().items()}
        return {"class_name": type(value).__name__, "config": plain}
    return value.__name__


def write_json(model: Any, path: Path) -> None:
    path.write_text(json.dumps(architecture(model)))


def write_weights(model: Any, path: Path) -> None:
    with h5py.File(path, "w") as file:
        _weights(model, file)


def write_h5(model: Any, path: Path) -> None:
    """As model.save('m.h5') did: the architecture in an attribute, the weights in a group."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(architecture(model))
        file.attrs["keras_version"] = "2.11.0"
        _weights(model, file.create_group("model_weights"))


def _weights(model: Any, root: Any) -> None:
    root.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
    root.attrs["backend"], root.attrs["keras_version"] = b"tensorflow", b"2.11.0"
    for layer in model.layers:
        group = root.create_group(layer.name)
        names = [f"{layer.name}/{_old_name(layer, w.name)}:0" for w in layer.weights]
        group.attrs["weight_names"] = [n.encode() for n in names]
        for name, weight in zip(names, layer.weights, strict=True):
            group[name] = np.asarray(weight)


def _old_name(layer: Any, name: str) -> str:
    return "depthwise_kernel" if "DepthwiseConv" in type(layer).__name__ and name == "kernel" else name
