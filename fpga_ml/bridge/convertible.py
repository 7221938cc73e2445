"""What hls4ml converts, looked at in the Keras model and the settings before anything is converted."""

from __future__ import annotations

from typing import Any

import hls4ml
from hls4ml.converters.keras_v2_to_hls import layer_handlers
from hls4ml.converters.keras_v3._base import registry

from fpga_ml.activations import CONVERTIBLE
from fpga_ml.backends import BACKENDS
from fpga_ml.bridge import instead
from fpga_ml.bridge.mended import mended
from fpga_ml.config import Config
from fpga_ml.errors import FpgaMlError, suggest
from fpga_ml.frontend.layers import has_name_of_keras
from fpga_ml.frontend.normalise import NORMALISATIONS
from fpga_ml.frontend.rebuild import calls
from fpga_ml.frontend.recurrent import is_hard_gate
from fpga_ml.frontend.support import check_rewritten, is_supported, record_of
from fpga_ml.frontend.tensors import TENSORS

QUANTIZERS = frozenset(
    [
        "quantized_bits",
        "quantized_relu",
        "quantized_tanh",
        "quantized_sigmoid",
        "binary",
        "ternary",
        "binary_tanh",
        "ternary_tanh",
    ]
)
# Our own layers, that a user's layers become.
_OWN = frozenset(
    [
        *("Affine", "Bounded", "Clipped", "Function", "Kept", "Normalise", "Pick", "Steps", "Walk"),
        *(kind.__name__ for kind in TENSORS),
    ]
)


def converted_by_hls4ml() -> frozenset[str]:
    """Names of the classes that it reads, with ours."""
    with mended():
        modern = {k.rsplit(".", 1)[-1] for k in registry if not k.startswith("hgq.")}
    return frozenset(modern | set(layer_handlers) | NORMALISATIONS | _OWN)


def check_model(model: Any | None) -> None:
    """One error for the first layer or activation that hls4ml does not convert, of a model after all rewrites."""
    if model is None:
        return  # hls4ml's own reader checks a Keras-2 model
    known = converted_by_hls4ml()
    for call in calls(model):
        layer = call.layer
        name = type(layer).__name__
        where = f"layer '{layer.name}' of model '{model.name}'"
        if name not in known:
            raise FpgaMlError(_unknown(layer, name), where=where, do=_instead(layer, name))
        check_rewritten(call, where)
        for attribute in ("activation", "recurrent_activation"):
            function = getattr(layer, attribute, None)
            if function is None:
                continue
            used = type(function).__name__ if hasattr(function, "get_config") else function.__name__
            allowed = QUANTIZERS if hasattr(function, "get_config") else CONVERTIBLE
            if has_name_of_keras(function) and not is_hard_gate(layer, function):
                raise FpgaMlError(
                    f"activation '{used}' of layer '{layer.name}' is a function of your own, which has the name of one of"
                    " Keras'",
                    where=where,
                    do=f"use keras.activations.{used} if it computes the same",
                )
            if used not in allowed:
                raise FpgaMlError(
                    f"activation '{used}' of layer '{layer.name}' is not one that hls4ml computes",
                    where=where,
                    do=instead.for_activation(used, allowed),
                )


def _unknown(layer: Any, name: str) -> str:
    """name: of the layer's class."""
    if record_of(type(layer)) is not None:
        return f"layer '{layer.name}' is a {name}, which hls4ml {hls4ml.__version__} does not convert as it is used here"
    return f"layer '{layer.name}' is of a class of your own, {name}, of which no tool knows what it computes"


def _instead(layer: Any, name: str) -> str:
    ours = record_of(type(layer)) is not None  # then no base computes the same
    base = next((k.__name__ for k in type(layer).__mro__[1:] if is_supported(k) and not ours), None)
    if base:
        return f"use a {base}, from which it is derived, if it computes the same"
    return "replace it by layers that convert: `fpga-ml doctor --layers` lists them"


def check_target(config: Config) -> None:
    """Unknown backends and parts, before any work is done."""
    if config.backend not in BACKENDS:
        raise FpgaMlError(
            f"unknown backend '{config.backend}'", where=config.where("backend"), do=suggest(config.backend, BACKENDS)
        )
    backend = BACKENDS[config.backend]
    if config.part is not None and not backend.parts.match(config.part):
        raise FpgaMlError(
            f"'{config.part}' is no part that backend {config.backend} knows",
            where=config.where("part"),
            do=f"name the part as the vendor does, for example {backend.example}",
        )
