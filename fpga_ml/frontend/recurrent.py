"""Recurrent layers as Keras knows them: their QKeras twins, their types for hls4ml, and how far their states go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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
ROLES = ("activation", "recurrent_activation")
_ZERO = FixedType(False, 1, 1)  # of a bias that is not there
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


def is_hard_gate(layer: Any, function: Any) -> bool:
    """Whether a function of QKeras is inside a cell and made of straight lines: of another slope than Keras' function of
    that name, which the tables of cells take from the function itself."""
    return is_recurrent(layer) and function in (qkeras.quantizers.hard_sigmoid, qkeras.quantizers.hard_tanh)


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
        has_values = argument != "bias_quantizer" or layer.cell.use_bias
        t = type_of(getattr(layer.cell, f"{argument}_internal")) if has_values else _ZERO
        if t is not None:
            found |= dict.fromkeys(names, t.cpp())
    state = state_type(layer)
    if state is None:
        return found
    finest = max(gate_types(layer).values(), key=lambda t: t.fraction)
    return found | {"result": state.cpp(), "table": finest.cpp()}


def state_type(layer: Any) -> FixedType | None:
    """Of what a QKeras layer keeps between steps."""
    return type_of(layer.cell.state_quantizer_internal)


def gate_types(layer: Any) -> dict[str, FixedType]:
    """{role of an activation: the type of its values inside the cell}: a quantizer's own; else so fine that neither a
    product with the largest state nor a sum with the smallest one shows the difference."""
    state = state_type(layer)
    if state is None:
        return {}
    functions = {role: getattr(layer.cell, role) for role in ROLES if hasattr(layer.cell, role)}
    finest = max(state.width, state.fraction + 1)
    return {role: _gate_type(function, finest) for role, function in functions.items()}


def _gate_type(function: Any, fraction: int) -> FixedType:
    overflow = Overflow.SAT_SYM if getattr(function, "symmetric", False) else Overflow.SAT
    if hasattr(function, "bits"):
        fraction = int(function.bits) - ("tanh" in type(function).__name__)
    return FixedType(True, fraction + 1, 1, Rounding.RND_CONV, overflow)


def gate_reaches(model: Any, x: Sequence[Array]) -> dict[str, dict[str, tuple[float, float]]]:
    """{layer: {role: the least and the greatest argument of that activation on the data}}, of every recurrent layer that
    keeps no state between samples."""
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for layer, walk, arguments in _walks(model, x):
        if not walk.stateful:
            seen = found.setdefault(layer.name, {})
            with _watched(walk.cell, seen):
                walk.states(*arguments)
    return found


@contextmanager
def _watched(cell: Any, seen: dict[str, tuple[float, float]]) -> Iterator[None]:
    """While the activations of a cell note what they are given."""
    functions = {role: getattr(cell, role) for role in ROLES if hasattr(cell, role)}

    def watch(role: str, function: Any) -> Any:
        def applied(value: Any) -> Any:
            given = keras.ops.convert_to_numpy(value)
            low, high = seen.get(role, (np.inf, -np.inf))
            seen[role] = (min(low, float(given.min())), max(high, float(given.max())))
            return function(value)

        return applied

    for role, function in functions.items():
        setattr(cell, role, watch(role, function))
    try:
        yield
    finally:
        for role, function in functions.items():
            setattr(cell, role, function)


def reaches(model: Any, x: Sequence[Array]) -> dict[str, float]:
    """{layer: the largest magnitude in its states on the data}, of every recurrent layer."""
    found: dict[str, float] = {}
    for layer, walk, arguments in _walks(model, x):
        states = keras.ops.convert_to_numpy(walk.states(*arguments))
        far = max(float(np.abs(a).max()) for a in (states, *arguments[1:]))
        found[layer.name] = max(far, found.get(layer.name, 0.0))
    return found


def _walks(model: Any, x: Sequence[Array]) -> Iterator[tuple[Any, Walk, list[Any]]]:
    """(layer, its walk, the sequence and, where it reads one, the first state) of every use of a recurrent layer."""
    every = [c for c in calls(model) if is_recurrent(c.layer)]
    makers = {id(t): c.key for c in calls(model) for t in c.outputs}
    tensors = Probe(model).select([makers[id(t)] for c in every for t in c.inputs], x) if every else {}
    for c in every:
        walk = Walk(inner(c.layer), stateful=isinstance(c.layer, Walk) and c.layer.stateful)
        yield c.layer, walk, [keras.ops.cast(tensors[makers[id(t)]], walk.layer.compute_dtype) for t in c.inputs]
