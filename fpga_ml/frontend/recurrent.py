"""Recurrent layers as Keras knows them: their QKeras twins, their types for hls4ml, and how far their states go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import qkeras

from fpga_ml.frontend.quantizers import type_of
from fpga_ml.frontend.rebuild import Array, Probe, calls
from fpga_ml.frontend.walk import Walk
from fpga_ml.numerics import FixedType, Overflow, Rounding

TWINS = {"SimpleRNN": qkeras.QSimpleRNN, "LSTM": qkeras.QLSTM, "GRU": qkeras.QGRU}
TWINS |= {twin.__name__: twin for twin in TWINS.values()}
# Keras variable -> (the quantizer's argument, what hls4ml calls it).
VARIABLES = {
    "kernel": ("kernel_quantizer", ("weight",)),
    "recurrent_kernel": ("recurrent_quantizer", ("recurrent_weight",)),
    "bias": ("bias_quantizer", ("bias", "recurrent_bias")),
}


def is_recurrent(layer: Any) -> bool:
    return type(layer).__name__ in TWINS or isinstance(layer, Walk)


def inner(layer: Any) -> Any:
    """The layer of Keras or QKeras: itself, or the one that a Walk holds."""
    return layer.layer if isinstance(layer, Walk) else layer


def rewritten(layer: Any, other: Any) -> Any:
    """The layer with another one in the place of its `inner`."""
    return layer.of(other) if isinstance(layer, Walk) else other


def missing(layer: Any) -> list[str]:
    """Quantizer arguments of a recurrent layer that are not given."""
    known = [argument for argument, _ in VARIABLES.values()] + ["state_quantizer"]
    needed = [a for a in known if a != "bias_quantizer" or layer.cell.use_bias]
    return [a for a in needed if getattr(layer.cell, a, None) is None]


def twin(layer: Any, quantizers: Mapping[str, Any]) -> Any:
    """The QKeras layer, with these quantizers besides those that it has."""
    made = TWINS[type(layer).__name__].from_config({**layer.get_config(), **quantizers})
    made.name = layer.name  # qkeras-v3 forgets it
    return made


def precision(layer: Any) -> dict[str, str]:
    """hls4ml's types of a QKeras layer: {variable: type}. What no fixed-point type expresses is left out."""
    found: dict[str, str] = {}
    for argument, names in VARIABLES.values():
        t = type_of(getattr(layer.cell, f"{argument}_internal"))
        if t is not None and (argument != "bias_quantizer" or layer.cell.use_bias):
            found |= dict.fromkeys(names, t.cpp())
    state = state_type(layer)
    return found | ({"result": state.cpp(), "table": _table_type(layer, state).cpp()} if state is not None else {})


def state_type(layer: Any) -> FixedType | None:
    """Of what a QKeras layer keeps between steps."""
    return type_of(layer.cell.state_quantizer_internal)


def _table_type(layer: Any, state: FixedType) -> FixedType:
    """As fine as the quantizers of the activations ask, else one bit finer than a state within -1 and 1."""
    functions: list[Any] = [getattr(layer.cell, role, None) for role in ("activation", "recurrent_activation")]
    asked = [int(f.bits) - ("tanh" in type(f).__name__) for f in functions if hasattr(f, "bits")]
    fraction = max(asked, default=state.width)
    return FixedType(True, fraction + 1, 1, Rounding.RND_CONV, Overflow.SAT)


def reaches(model: Any, x: Sequence[Array]) -> dict[str, float]:
    """{layer: the largest magnitude in its states on the data}, of every recurrent layer."""
    every = [c for c in calls(model) if is_recurrent(c.layer)]
    makers = {id(t): c.key for c in calls(model) for t in c.outputs}
    found: dict[str, float] = {}
    if every:
        tensors = Probe(model).select([makers[id(t)] for c in every for t in c.inputs], x)
        for c in every:
            series, *first = (tensors[makers[id(t)]] for t in c.inputs)
            walk = Walk(inner(c.layer), stateful=isinstance(c.layer, Walk) and c.layer.stateful)
            states = walk.states(*(keras.ops.cast(a, walk.layer.compute_dtype) for a in (series, *first)))
            far = max(float(np.abs(a).max()) for a in (keras.ops.convert_to_numpy(states), *first))
            found[c.layer.name] = max(far, found.get(c.layer.name, 0.0))
    return found
