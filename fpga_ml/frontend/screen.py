"""What a model's file says, looked at before anything of it is built: a file from elsewhere may not run code, nor grow beyond bounds.

A configuration may name the layers of Keras and QKeras, their quantizers, initialisers and activations, and classes that the user's own
program has registered with Keras. Weights are plain arrays in the file itself.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import qkeras

from fpga_ml.archive import MOST_BYTES, MOST_RATIO, RATIO_FROM_BYTES, checked_zip
from fpga_ml.errors import FpgaMlError

# Classes of Keras that run code which their configuration holds, or read files which it names.
_RUN_CODE = ("TFSMLayer", "Lambda", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "__lambda__", "__typespec__")
_READ_FILES = ("TextVectorization", "StringLookup", "IntegerLookup")
_PLAIN = (
    "__keras_tensor__",
    "__tensor__",
    "__numpy__",
    "__tuple__",
    "__ellipsis__",
    "__bytes__",
    "slice",
    "set",
    "TensorShape",
)
# Modules of Keras whose classes are numbers and shapes: those that belong to a model's configuration.
_KERAS = (
    "layers",
    "models",
    "initializers",
    "regularizers",
    "constraints",
    "activations",
    "dtype_policies",
    "ops",
    "quantizers",
)
_SIZES = ("units", "filters", "input_dim", "output_dim", "num_heads", "key_dim", "value_dim", "depth_multiplier")
_MOST_CONFIG_BYTES = 64 << 20
_MOST_ELEMENTS = 1 << 26  # of a tensor whose size the configuration says
_MOST_DEPTH = 200
_DO = "give a file that Keras wrote of a model of its own and QKeras' layers"


def screened_keras(path: Path) -> None:
    """Raise FpgaMlError for a .keras archive that is not to be read."""
    with checked_zip(path, _DO) as archive:
        if "config.json" not in archive.namelist():
            raise FpgaMlError(f"'{path}' is not a model that Keras 3 can read: it holds no config.json", do=_DO)
        config = parsed(archive.read("config.json"), path)
        weights = [name for name in archive.namelist() if name.endswith(".h5")]
        largest = max((_largest(io.BytesIO(archive.read(name)), path) for name in weights), default=0)
    screen(config, path, largest)


def screened_weights(path: Path) -> int:
    """The largest axis of an array in an HDF5 file; raises FpgaMlError for a file that is not to be read."""
    return _largest(path, path)


def parsed(text: str | bytes, path: Path) -> dict[str, Any]:
    """A model's configuration as JSON."""
    if len(text) > _MOST_CONFIG_BYTES:
        raise FpgaMlError(f"'{path}' has a configuration of {len(text) / 1e6:.0f} MB", do=_DO)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FpgaMlError(f"'{path}' is not a model: {type(error).__name__}: {error}", do=_DO) from None
    if not isinstance(found, dict) or not isinstance(found.get("class_name"), str) or "config" not in found:
        raise FpgaMlError(f"'{path}' holds no model architecture", do=_DO)
    return found


def screen(config: Mapping[str, Any], path: Path, largest: int) -> None:
    """Raise FpgaMlError for a configuration that names what may not be built. largest: axis of the weights in its file."""
    for entry in _entries(config, path):
        _check_class(entry, path)
        own = entry.get("config")
        if isinstance(own, dict):
            _check_sizes(own, largest, path)
            _check_quantizers(own, path)


def _entries(value: Any, path: Path, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """Everything that names a class, at any depth; what belongs to training is never built."""
    if depth > _MOST_DEPTH:
        raise FpgaMlError(f"'{path}' is not a model: its configuration is nested more than {_MOST_DEPTH} deep", do=_DO)
    if isinstance(value, dict):
        if "class_name" in value:
            yield value
        for key, inner in value.items():
            if key not in ("compile_config", "build_config"):
                yield from _entries(inner, path, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _entries(inner, path, depth + 1)


def _check_class(entry: Mapping[str, Any], path: Path) -> None:
    name, module, registered = entry["class_name"], entry.get("module"), entry.get("registered_name")
    own = entry.get("config")
    called = own.get("name") if isinstance(own, dict) else None
    what = f"layer '{called}' of '{path}' is a {name}" if isinstance(called, str) else f"'{path}' names a {name}"
    if name in _RUN_CODE:
        raise FpgaMlError(f"{what}, which holds code: it is not read from a file", where=str(path), do=_instead(name))
    if name in _READ_FILES:
        raise FpgaMlError(
            f"{what}, which reads other files", where=str(path), do="do this to the data before they reach the model"
        )
    if not isinstance(name, str) or not _is_known(name, module, registered, own):
        full = f"{module}.{name}" if module else name
        raise FpgaMlError(
            f"'{path}' names {full}, which is neither Keras' nor QKeras' nor registered with Keras",
            where=f"layer '{called}'" if isinstance(called, str) else str(path),
            do="use their layers, or import the module that registers the class (keras.saving.register_keras_serializable) first",
        )


def _instead(name: str) -> str:
    if name == "TFSMLayer":
        return "give the Keras model that it was exported from"
    return "use layers that do the same, or take it out of the model and apply it to the data"


def _is_known(name: str, module: Any, registered: Any, own: Any) -> bool:
    """module: None in Keras 2's files, of which only layers of Keras and QKeras are built; registered: with Keras, PACKAGE>NAME."""
    if name in _PLAIN:
        return True
    if name == "function":
        called = own if isinstance(own, str) else str(registered)
        return hasattr(keras.activations, called) or _is_registered(called) or _is_registered(registered)
    if _is_registered(registered) or _is_registered(name):
        return True
    if isinstance(registered, str) and ">" in registered:
        return False
    if not module:
        return True
    parts = [part for part in str(module).split(".") if part != "src"]
    if parts[0] == "keras":
        return len(parts) == 1 or parts[1] in _KERAS
    return parts[0] == "qkeras" and _is_class(getattr(qkeras, name.split(">")[-1], None))


def _is_class(found: Any) -> bool:
    return isinstance(found, type)


def _is_registered(name: Any) -> bool:
    return isinstance(name, str) and keras.saving.get_registered_object(name) is not None


def _check_sizes(own: Mapping[str, Any], largest: int, path: Path) -> None:
    """Raise for a layer that would allocate more than its weights in the file are, or a tensor beyond all bounds."""
    where = f"layer '{own.get('name')}' of '{path}'"
    for key in _SIZES:
        value = own.get(key)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise FpgaMlError(f"{key} = {value!r} is not a positive whole number", where=where, do=_DO)
        if value > largest:
            raise FpgaMlError(
                f"{key} = {value}, but the largest axis of the weights in the file is {largest}",
                where=where,
                do="give the weights of this model",
            )
    for key in ("batch_shape", "batch_input_shape", "target_shape"):
        shape = own.get(key)
        sizes = [d for d in shape if isinstance(d, int)] if isinstance(shape, list) else []
        if np.prod([float(d) for d in sizes]) > _MOST_ELEMENTS:
            raise FpgaMlError(
                f"{key} = {shape} has more than {_MOST_ELEMENTS} elements", where=where, do="give a smaller model"
            )


def _check_quantizers(own: Mapping[str, Any], path: Path) -> None:
    """Raise for the name of a quantizer that is none: QKeras looks it up among all that its module has."""
    for key, value in own.items():
        if isinstance(value, str) and "(" in value and (key.endswith("_quantizer") or "activation" in key):
            name = value.split("(")[0].strip()
            found = getattr(qkeras, name, None)
            if not _is_class(found) or not hasattr(found, "max"):
                raise FpgaMlError(
                    f"{key} = '{value}' is no quantizer of QKeras",
                    where=f"layer '{own.get('name')}' of '{path}'",
                    do="name one as QKeras does: quantized_bits(8, 2)",
                )


def _largest(file: Any, path: Path) -> int:
    try:
        with h5py.File(file, "r") as opened:
            sizes = [*_arrays(opened, path)]
    except FpgaMlError:
        raise
    except Exception as error:  # h5py raises of every kind for a file that is cut or changed
        raise FpgaMlError(
            f"'{path}' holds no weights that can be read: {error}", do="give the file that Keras saved"
        ) from None
    if sum(size for _, size in sizes) > MOST_BYTES:
        raise FpgaMlError(f"'{path}' holds weights of more than {MOST_BYTES >> 30} GB", do="give a smaller model")
    return max((axis for axis, _ in sizes), default=0)


def _arrays(group: Any, path: Path, depth: int = 0) -> Iterator[tuple[int, int]]:
    """(largest axis, bytes) of every array below a group."""
    if depth > _MOST_DEPTH:
        raise FpgaMlError(f"'{path}' holds groups nested more than {_MOST_DEPTH} deep", do=_DO)
    for key in group:
        link = group.get(key, getlink=True)
        if not isinstance(link, h5py.HardLink):
            raise FpgaMlError(f"'{key}' in '{path}' is a link to elsewhere", do="give a file that holds its own weights")
        item = group[key]
        if isinstance(item, h5py.Group):
            yield from _arrays(item, path, depth + 1)
        else:
            yield _array(item, path)


def _array(item: Any, path: Path) -> tuple[int, int]:
    name = f"'{item.name}' in '{path}'"
    if item.is_virtual or item.external:
        raise FpgaMlError(f"{name} keeps its values in another file", do="give a file that holds its own weights")
    if item.dtype.kind not in "biuf":
        raise FpgaMlError(f"{name} is of type {item.dtype}, no weights", do="give weights of real numbers")
    stored, size = item.id.get_storage_size(), item.size * item.dtype.itemsize
    if size > RATIO_FROM_BYTES and size > MOST_RATIO * max(stored, 1):
        raise FpgaMlError(f"{name} grows from {stored:,} bytes to {size:,}", do="give a file that Keras wrote")
    return max(item.shape, default=1), size
