"""What hls4ml converts, looked at in the Keras model and the settings before anything is converted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
from fpga_ml.frontend.rebuild import Call, calls, over_last_axis
from fpga_ml.frontend.recurrent import is_hard_gate
from fpga_ml.frontend.rewrites.attention import ATTENTION
from fpga_ml.frontend.rewrites.composed import ADAPTIVE
from fpga_ml.frontend.rewrites.folded_norms import FOLDED
from fpga_ml.frontend.rewrites.plain_qkeras import PLAIN_QKERAS
from fpga_ml.frontend.rewrites.reversible import REVERSIBLE
from fpga_ml.frontend.rewrites.unit import UNIT
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
# Registered with hls4ml, but refused or broken under Keras 3.
_UNUSABLE = frozenset(
    [
        "GarNet",
        "GarNetStack",
        "UnaryLUT",
        "FixedPointQuantizer",
        "ThresholdedReLU",
        "AveragePooling3D",
        "MaxPooling3D",
        "GlobalAveragePooling3D",
        "GlobalMaxPooling3D",
    ]
)


def supported_layers() -> list[str]:
    """Names of the Keras and QKeras layer classes that convert."""
    with mended():
        modern = {k.rsplit(".", 1)[-1] for k in registry if not k.startswith("hgq.")}
    modern |= ATTENTION | FOLDED | ADAPTIVE | PLAIN_QKERAS | REVERSIBLE | UNIT | {"RNN", "QBidirectional"}
    old = {k for k in layer_handlers if ">" not in k and k not in ("Functional", "Sequential")}
    return sorted((modern | old | NORMALISATIONS) - _UNUSABLE - {n for n in modern if n.startswith("Random")} - _OWN)


def check_model(model: Any | None) -> None:
    """One error for the first layer or activation that hls4ml does not convert."""
    known = set(supported_layers()) | _OWN
    if model is None:
        return  # hls4ml's own reader checks a Keras-2 model
    for call in calls(model):
        layer = call.layer
        name = type(layer).__name__
        where = f"layer '{layer.name}' of model '{model.name}'"
        if name not in known:
            raise FpgaMlError(_unknown(layer, name), where=where, do=_instead(layer, name))
        _check_options(call, where)
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
    if type(layer).__module__.split(".")[0] in ("keras", "qkeras"):
        return f"layer '{layer.name}' is a {name}, which hls4ml {hls4ml.__version__} does not convert"
    return f"layer '{layer.name}' is of a class of your own, {name}, of which no tool knows what it computes"


def _instead(layer: Any, name: str) -> str:
    ours = type(layer).__module__.split(".")[0] in ("keras", "qkeras")  # then no base computes the same
    base = next((k.__name__ for k in type(layer).__mro__[1:] if k.__name__ in supported_layers() and not ours), None)
    return f"use a {base}, from which it is derived, if it computes the same" if base else instead.for_layer(name)


# Options of layers that hls4ml drops, or misreads: the one value that it takes.
_TAKEN: Mapping[str, Any] = {
    "dilation_rate": 1,
    "groups": 1,
    "depth_multiplier": 1,
    "data_format": "channels_last",
    "interpolation": "nearest",
    "shared_axes": None,
}


def _check_options(call: Call, where: str) -> None:
    """Raises FpgaMlError for an option of a layer that the C++ does not follow."""
    for name, taken in _options(call):
        value = getattr(call.layer, name)
        raise FpgaMlError(
            f"layer '{call.layer.name}' has {name} = {value!r}, which hls4ml {hls4ml.__version__} does not follow",
            where=where,
            do=f"use {name} = {taken}",
        )


def _options(call: Call) -> Iterator[tuple[str, str]]:
    """(name, what to put instead) of those that the C++ does not follow."""
    layer, kind = call.layer, type(call.layer).__name__
    for name, taken in _TAKEN.items() if kind not in NORMALISATIONS else ():
        value = getattr(layer, name, taken)
        if any(v != taken for v in (value if isinstance(value, (tuple, list)) else (value,))):
            yield name, repr(taken)
    if getattr(layer, "padding", "") == "causal":
        yield "padding", "'valid', behind a ZeroPadding1D of (kernel_size - 1, 0)"
    if kind == "Softmax" and isinstance(layer.axis, (tuple, list)):
        yield "axis", "one number"
    if "BatchNormalization" in kind and not over_last_axis(call):
        yield "axis", "-1"


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
