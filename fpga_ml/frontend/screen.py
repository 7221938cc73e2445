"""What a model's file says, looked at before anything of it is built: a file from elsewhere may not run code, nor grow
beyond bounds.

A configuration may name what frontend/listed.py lists, and classes that the user's own program has registered with Keras.
Weights are plain arrays in the file itself. Keras gets a copy that holds what was looked at and nothing else.
"""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import h5py
import keras

from fpga_ml.archive import check_growth, checked_zip
from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.hgq.files import names_hgq, need_hgq
from fpga_ml.frontend.listed import LAYERS, MODELS, is_listed, is_quantizer

# What to do about classes that run code which the file holds, or read files which it names.
_RUN_CODE = {
    **dict.fromkeys(
        ("Lambda", "__lambda__", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "__typespec__"),
        "use layers that do the same, or take it out of the model and apply it to the data",
    ),
    "TFSMLayer": "give the Keras model that it was exported from",
}
_READ_FILES = ("TextVectorization", "StringLookup", "IntegerLookup")
_SIZES = ("units", "filters", "input_dim", "output_dim", "num_heads", "key_dim", "value_dim", "depth_multiplier")
_SHAPES = ("batch_shape", "batch_input_shape", "target_shape")
_TRAINING = ("compile_config", "training_config")  # of a model, at any depth: nothing of it is built
_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"  # in a .keras archive
MOST_CONFIG_BYTES = 64 << 20
MOST_ENTRIES = 50_000  # of a configuration: layers, initialisers, references
MOST_ELEMENTS = 1 << 26  # of a tensor whose size the configuration says
_MOST_DEPTH = 200
_MORE_ELEMENTS = 1 << 20  # that a model may have beside the weights in its file
_DO = "give a file that Keras wrote of a model of its own and QKeras' layers"
_OWN_WEIGHTS = "give a file that holds its own weights"


@dataclass(frozen=True)
class Stored:
    """What a file holds of weights. largest: axis of an array; elements: of all."""

    largest: int
    elements: int


def screened_keras(path: Path, folder: Path) -> tuple[Path, Stored]:
    """A copy in a folder of a .keras archive: its configuration without what belongs to training, and its weights.

    Raises FpgaMlError for one that is not to be read.
    """
    with checked_zip(path, _DO) as archive:
        for member in (_CONFIG, _WEIGHTS):
            if member not in archive.namelist():
                raise FpgaMlError(f"'{path}' is not a model that Keras 3 can read: it holds no {member}", do=_DO)
        config, weights = parsed(archive.read(_CONFIG), path), archive.read(_WEIGHTS)
    stored = _stored(io.BytesIO(weights), path)
    screen(config, path, stored)
    copy = folder / "model.keras"
    with zipfile.ZipFile(copy, "w") as made:
        made.writestr(_CONFIG, json.dumps(without_training(config)))
        made.writestr("metadata.json", "{}")
        made.writestr(_WEIGHTS, weights)
    return copy, stored


def screened_h5(path: Path, folder: Path, config: Mapping[str, Any]) -> Path:
    """A copy in a folder of an .h5 file of Keras 3, with a configuration that was screened."""
    copy = folder / "model.h5"
    shutil.copyfile(path, copy)
    with h5py.File(copy, "r+") as file:
        file.attrs["model_config"] = json.dumps(without_training(config))
        file.attrs.pop("training_config", None)
    return copy


def screened_weights(path: Path) -> Stored:
    """Of an HDF5 file; raises FpgaMlError for one that is not to be read."""
    return _stored(path, path)


def parsed(text: str | bytes, path: Path) -> dict[str, Any]:
    """A model's configuration as JSON."""
    if len(text) > MOST_CONFIG_BYTES:
        raise FpgaMlError(
            f"'{path}' has a configuration of {len(text):,} bytes, at most {MOST_CONFIG_BYTES:,} are read", do=_DO
        )
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FpgaMlError(f"'{path}' is not a model: {type(error).__name__}: {error}", do=_DO) from None
    if not isinstance(found, dict) or not isinstance(found.get("class_name"), str) or "config" not in found:
        raise FpgaMlError(f"'{path}' holds no model architecture", do=_DO)
    return found


def without_training(value: Any) -> Any:
    """A configuration without optimizers, losses and metrics, of which Keras would build those of a model in the model."""
    if isinstance(value, dict):
        return {key: without_training(inner) for key, inner in value.items() if key not in _TRAINING}
    return [without_training(inner) for inner in value] if isinstance(value, list) else value


def screen(config: Mapping[str, Any], path: Path, stored: Stored) -> None:
    """Raise FpgaMlError for a configuration that names what may not be built, or what is not here. stored: of the weights in
    its file."""
    if names_hgq(config):
        need_hgq(str(path))
    for count, entry in enumerate(_entries(config, path)):
        if count >= MOST_ENTRIES:
            raise FpgaMlError(f"'{path}' has a configuration of more than {MOST_ENTRIES:,} parts", do="give a smaller model")
        _check_class(entry, path)
        own = entry.get("config")
        if isinstance(own, dict):
            where = f"layer '{own.get('name')}' of '{path}'"
            _check_sizes(own, stored.largest, where)
            _check_shapes(own, where)
            _check_quantizers(own, where)
    _check_open(config)


def _entries(value: Any, path: Path, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """Everything that names a class, at any depth; what belongs to training is never built."""
    if depth > _MOST_DEPTH:
        raise FpgaMlError(f"'{path}' is not a model: its configuration is nested more than {_MOST_DEPTH} deep", do=_DO)
    if isinstance(value, dict):
        if "class_name" in value:
            yield value
        for key, inner in value.items():
            if key not in _TRAINING:
                yield from _entries(inner, path, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _entries(inner, path, depth + 1)


def _check_class(entry: Mapping[str, Any], path: Path) -> None:
    if is_listed(entry):
        return
    name, module, own = str(entry["class_name"]), entry.get("module"), entry.get("config")
    called = own.get("name") if isinstance(own, dict) else None
    what = f"layer '{called}' of '{path}' is a {name}" if isinstance(called, str) else f"'{path}' names a {name}"
    short = name.split(">")[-1]
    if short in _RUN_CODE:
        raise FpgaMlError(f"{what}, which holds code: it is not read from a file", where=str(path), do=_RUN_CODE[short])
    if short in _READ_FILES:
        raise FpgaMlError(
            f"{what}, which reads other files", where=str(path), do="do this to the data before they reach the model"
        )
    full = f"{module}.{own if name == 'function' else name}" if module else name
    raise FpgaMlError(
        f"'{path}' names {full}, which is neither Keras' nor QKeras' nor HGQ2's nor registered with Keras",
        where=f"layer '{called}'" if isinstance(called, str) else str(path),
        do=(
            "use their layers, or import the module that registers the class (keras.saving.register_keras_serializable)"
            " first"
        ),
    )


def _check_sizes(own: Mapping[str, Any], largest: int, where: str) -> None:
    """Raise for a layer with more of anything than its weights in the file have."""
    for key in _SIZES:
        value = own.get(key)
        if value is None:
            continue
        if not _is_size(value):
            raise FpgaMlError(f"{key} = {value!r} is not a positive whole number", where=where, do=_DO)
        if value > largest:
            raise FpgaMlError(
                f"{key} = {value}, but the largest axis of the weights in the file is {largest}",
                where=where,
                do="give the weights of this model",
            )


def _check_shapes(own: Mapping[str, Any], where: str) -> None:
    """Raise for a tensor of no size, or beyond all bounds."""
    for key in _SHAPES:
        shape = own.get(key)
        if shape is None:
            continue
        rest = (None, -1) if key == "target_shape" else (None,)
        if not isinstance(shape, list) or not all(d in rest or _is_size(d) for d in shape):
            raise FpgaMlError(f"{key} = {shape!r} is not a shape", where=where, do=_DO)
        if prod(d for d in shape if _is_size(d)) > MOST_ELEMENTS:
            raise FpgaMlError(
                f"{key} = {shape} has more than {MOST_ELEMENTS} elements", where=where, do="give a smaller model"
            )


def _check_open(config: Mapping[str, Any]) -> None:
    """Raise for an input of the model one of whose sizes is open, which Keras may not even build."""
    own = config["config"]
    layers = own.get("layers") if isinstance(own, dict) else own
    for entry in layers if isinstance(layers, list) else ():
        inner = entry.get("config") if isinstance(entry, dict) else None
        if not isinstance(inner, dict):
            continue
        shape = inner.get("batch_shape") or inner.get("batch_input_shape") or ()
        if None in shape[1:]:
            raise FpgaMlError(
                f"input '{inner.get('name')}' has shape {tuple(shape[1:])}: hardware needs every size fixed",
                where=f"model '{own.get('name')}'" if isinstance(own, dict) else None,
                do="build the model with a fixed input shape",
            )


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _check_quantizers(own: Mapping[str, Any], where: str) -> None:
    """Raise for a quantizer or activation that is none."""
    for key, value in own.items():
        if ("quantizer" in key or "activation" in key) and isinstance(value, (str, dict)) and not _is_quantizer(value):
            said = value if isinstance(value, str) else value.get("class_name")
            kind = "quantizer" if "quantizer" in key or isinstance(value, dict) or "(" in value else "activation"
            raise FpgaMlError(
                f"{key} = '{said}' is no {kind} of QKeras or Keras",
                where=where,
                do="name one as they do: relu, or quantized_bits(8, 2)",
            )


def _is_quantizer(value: str | Mapping[str, Any]) -> bool:
    """value: a text, or an entry that was checked."""
    if isinstance(value, str):
        return is_quantizer(value)
    return value.get("class_name") not in (None, *LAYERS, *MODELS)


@contextmanager
def bounded(stored: Stored, path: Path) -> Iterator[None]:
    """Models that are built in here have no more weights than their file: FpgaMlError before more are allocated."""
    add = keras.layers.Layer.add_weight
    left = stored.elements + _MORE_ELEMENTS

    def counted(layer: Any, shape: Any = None, *rest: Any, **options: Any) -> Any:
        nonlocal left
        left -= prod(int(d) for d in shape or ())
        if left < 0:
            raise FpgaMlError(
                f"a weight of shape {tuple(shape)}, but the file holds {stored.elements:,} values in all",
                where=f"layer '{layer.name}' of '{path}'",
                do="give the weights of this model",
            )
        return add(layer, shape, *rest, **options)

    keras.layers.Layer.add_weight = counted
    try:
        yield
    finally:
        keras.layers.Layer.add_weight = add


def _stored(file: Any, path: Path) -> Stored:
    try:
        with h5py.File(file, "r") as opened:
            arrays = [*_arrays(opened, path, set())]
    except FpgaMlError:
        raise
    except Exception as error:  # h5py raises of every kind for a file that is cut or changed
        raise FpgaMlError(
            f"'{path}' holds no weights that can be read: {error}", do="give the file that Keras saved"
        ) from None
    size, packed = sum(prod(a.shape) * a.itemsize for a in arrays), sum(a.packed for a in arrays)
    check_growth(path, size, packed)
    return Stored(max((axis for a in arrays for axis in a.shape), default=0), sum(prod(a.shape) for a in arrays))


@dataclass(frozen=True)
class _Array:
    """Of an HDF5 file. packed: bytes that it has there."""

    shape: tuple[int, ...]
    itemsize: int
    packed: int


def _arrays(group: Any, path: Path, met: set[Any], depth: int = 0) -> Iterator[_Array]:
    """Every array below a group, once."""
    if depth > _MOST_DEPTH:
        raise FpgaMlError(f"'{path}' holds groups nested more than {_MOST_DEPTH} deep", do=_DO)
    for key in group:
        link = group.get(key, getlink=True)
        if not isinstance(link, h5py.HardLink):
            raise FpgaMlError(f"'{key}' in '{path}' is a link to elsewhere", do=_OWN_WEIGHTS)
        item = group[key]
        place = h5py.h5o.get_info(item.id).addr
        if place in met:
            raise FpgaMlError(f"'{item.name}' in '{path}' is there twice", do=_OWN_WEIGHTS)
        met.add(place)
        if isinstance(item, h5py.Group):
            yield from _arrays(item, path, met, depth + 1)
        else:
            yield _array(item, path)


def _array(item: Any, path: Path) -> _Array:
    name = f"'{item.name}' in '{path}'"
    if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "biuf" or item.shape is None:
        raise FpgaMlError(
            f"{name} is of type {getattr(item, 'dtype', 'none')}, no weights", do="give weights of real numbers"
        )
    if item.is_virtual or item.external:
        raise FpgaMlError(f"{name} keeps its values in another file", do=_OWN_WEIGHTS)
    return _Array(item.shape, item.dtype.itemsize, item.id.get_storage_size())
