"""Models that were trained with HGQ2: whether a file is one, and the import of HGQ2, which registers its classes with
Keras."""

from __future__ import annotations

import importlib
import re
from types import ModuleType
from typing import Any

from fpga_ml.errors import FpgaMlError
from fpga_ml.toolchain import beside, hgq2

_KEYS = ("module", "registered_name", "class_name")
_THEIRS = re.compile(r"hgq2?([.>]|$)")  # a module hgq.layers, or a name registered as hgq>QDense


def names_hgq(config: Any) -> bool:
    """Whether a model's configuration, as JSON, names a class of HGQ2 at any depth."""
    left = [config]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            if "class_name" in value and any(_THEIRS.match(str(value.get(key))) for key in _KEYS):
                return True
            left += value.values()
        elif isinstance(value, list):
            left += value
    return False


def need_hgq(where: str | None = None) -> ModuleType:
    """HGQ2, imported: its layers are then registered with Keras. Raises FpgaMlError where it is not there. where: the model
    that needs it."""
    try:
        return importlib.import_module("hgq")
    except ModuleNotFoundError as error:
        if error.name != "hgq":
            raise _broken(error) from error
        raise FpgaMlError("a model that uses HGQ2 layers needs HGQ2", where=where, do=f"run {hgq2.INSTALL}") from None
    except Exception as error:  # of whatever kind: another version of Keras lacks what it takes
        raise _broken(error) from error


def is_of_hgq(made: Any) -> bool:
    """Whether HGQ2 defines a class or function."""
    return _THEIRS.match(str(getattr(made, "__module__", None))) is not None


def speeds_of_decay(layer: Any) -> set[int]:
    """The id of each variable that says how fast a quantizer of HGQ2 in the layer forgets the largest value it has seen.
    Only training reads it, and its default is infinite."""
    return {
        id(variable)
        for part in layer._flatten_layers()
        if any(map(is_of_hgq, type(part).__mro__))
        for variable in part._non_trainable_variables
        if variable is getattr(part, "_i_decay_speed", None)
    }


def _broken(error: Exception) -> FpgaMlError:
    return FpgaMlError(
        f"HGQ2 cannot be imported: {type(error).__name__}: {error}",
        where=str(beside.folder()),
        do=f"pip install 'keras>=3.15' 'quantizers>=1.2.2' tqdm, which HGQ2 {beside.PINNED['hgq2']} needs",
    )
