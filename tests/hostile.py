"""Models' files with something planted in them, for the tests of hostile files."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras import layers as L

from fpga_ml.errors import FpgaMlError


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


def refused(attempt: Callable[[], Any], canary: Path) -> str:
    with pytest.raises(FpgaMlError) as caught:
        attempt()
    assert not canary.exists()
    return str(caught.value)
