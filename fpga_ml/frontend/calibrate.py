"""Choosing a type for every tensor from sample data, and what each choice costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from fpga_ml.activations import FUNCTIONS, curve
from fpga_ml.config import Config
from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.inputs import InputType, input_types
from fpga_ml.frontend.layers import Function
from fpga_ml.frontend.normalise import UNROUNDED, Normalise
from fpga_ml.frontend.quantise import Choice, Quantised, Rounded, rewrite, weight_quantizers
from fpga_ml.frontend.quantizers import quantised as quantised_weights
from fpga_ml.frontend.quantizers import type_of, weight_type
from fpga_ml.frontend.rebuild import Array, Probe, calls
from fpga_ml.frontend.recurrent import is_recurrent, reaches
from fpga_ml.numerics import FixedType, Overflow, Rounding

# Enough samples for the error of each tensor; ranges are taken from all of them.
_ERROR_SAMPLES = 256
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


@dataclass(frozen=True)
class TensorError:
    """One tensor's type and what rounding to it adds.

    low, high: range of the values before rounding; signal_rms: of those values; added_rms, added_max: of the
    difference that this rounding alone makes; saturated: how many values left the type's range; quantiles: of the
    magnitudes before rounding that are not zero, at QUANTILES; zeros: how many are zero, of `values`; step, largest: the
    smallest magnitude above zero and the largest that the type holds, None of a quantizer that is no fixed-point type.
    """

    tensor: str
    kind: str
    type: str
    low: float
    high: float
    signal_rms: float
    added_rms: float
    added_max: float
    saturated: int
    origin: str  # qkeras | calibrated
    values: int
    zeros: int
    quantiles: tuple[float, ...]
    step: float | None
    largest: float | None


@dataclass(frozen=True)
class Calibrated:
    """The fully quantised model, and its inputs: their names, types and data (N, ...) as they came; layers: the names of
    those that the model had when it came; notes: what to know of its inputs."""

    quantised: Quantised
    inputs: tuple[str, ...]
    input_types: tuple[InputType, ...]
    x: tuple[Array, ...]
    layers: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def model(self) -> Any:
        return self.quantised.model

    @cached_property
    def tensors(self) -> tuple[TensorError, ...]:
        """The error that each tensor adds: inputs, weights and activations, in the order of the data's way."""
        return _errors(self.quantised, self.inputs, self.input_types, self.x)


def calibrate(model: Any, x: Sequence[Array], names: Sequence[str], config: Config) -> Calibrated:
    """A fully quantised model in which nothing overflows on the data x, one array (N, ...) per input.

    Types follow from the tensors' ranges on the float model; should a rounding upstream push a value over the edge,
    that tensor's range is widened and the model rewritten.
    """
    in_types, notes = input_types(model, x, config)
    rounded_x = [t.quantise(v) for t, v in zip(in_types, x, strict=True)]
    check_domains(model, rounded_x)
    ranges, states, values = _met(model, rounded_x, config)
    for _ in range(8):
        inputs = {n: t.type for n, t in zip(names, in_types, strict=True)}
        types = replace(_types(ranges, states, values, config), inputs=inputs)
        quantised = rewrite(model, types)
        seen = Probe(quantised.model).ranges(rounded_x)
        over = [r for r in quantised.rounded if r.before and _overflows(r, seen[r.before], config)]
        if not over:
            break
        for r in over:
            low, high = (
                end if np.isfinite(end) else known for end, known in zip(seen[r.before], ranges[r.tensor], strict=True)
            )
            ranges[r.tensor] = (min(low, ranges[r.tensor][0]), max(high, ranges[r.tensor][1]))
            states |= {r.tensor: max(-low, high, states[r.tensor])} if r.tensor in states else {}
    layers = tuple(c.layer.name for c in calls(model))
    return Calibrated(quantised, tuple(names), in_types, tuple(x), layers, notes)


def twin(model: Any, x: Sequence[Array], config: Config) -> tuple[Quantised, tuple[InputType, ...]]:
    """The QKeras twin of a float model to be trained, with types as `calibrate` chooses them, and the types of its inputs.
    What is before a softmax is left unrounded, as an output is."""
    in_types, _ = input_types(model, x, config)
    rounded_x = [t.quantise(v) for t, v in zip(in_types, x, strict=True)]
    return rewrite(model, _types(*_met(model, rounded_x, config), config), round_logits=False), in_types


def _met(
    model: Any, rounded_x: Sequence[Array], config: Config
) -> tuple[dict[str, tuple[float, float]], dict[str, float], dict[str, Array]]:
    """What tensors meet on the data: ranges, reaches of states and, where types may saturate, some values."""
    probe = Probe(model)
    values = probe.layers([a[:_ERROR_SAMPLES] for a in rounded_x]) if config.saturate else {}
    return probe.ranges(rounded_x), reaches(model, rounded_x), values


def check_domains(model: Any, x: Sequence[Array]) -> None:
    """Raises FpgaMlError where a function has no finite value at an argument that it meets on the data."""
    every = calls(model)
    makers = {id(t): c.key for c in every for t in c.outputs}
    asked = {c.key: (c.layer, makers[id(c.inputs[0])]) for c in every if isinstance(c.layer, Function)}
    values = Probe(model).select([read for _, read in asked.values()], x) if asked else {}
    for layer, read in asked.values():
        met, (low, high) = values[read].reshape(-1), FUNCTIONS[layer.function].domain
        wrong = (met < low) | (met > high) | ~np.isfinite(curve(layer.function, *layer.parameters)(met))
        if wrong.any():
            raise FpgaMlError(
                f"layer '{layer.name}' is the {layer.function} of values from {met.min():g} to {met.max():g} on the data,"
                f" and has no finite value at {met[wrong][0]:g}",
                where=f"layer '{layer.name}'",
                do="keep its argument where the function is finite (a softplus is above 0); values that were rounded to 0"
                " need more bits before it",
            )


def _overflows(r: Rounded, reach: tuple[float, float], config: Config) -> bool:
    if config.layer(r.tensor.split("#")[0]).precision.get("result"):
        return False  # the user's own choice: saturation is reported, not undone
    if config.saturate and np.isfinite(reach).all():
        return False
    low, high = (end if np.isfinite(end) else 0.0 for end in reach)  # a pole saturates
    return bool(r.type.overflows(r.of(np.array([low, high]))))


def _types(
    ranges: Mapping[str, tuple[float, float]], states: Mapping[str, float], values: Mapping[str, Array], config: Config
) -> Choice:
    """values: of tensors that may saturate, some samples."""

    def weight(layer: str, variable: str, weights: np.ndarray) -> FixedType:
        own = config.layer(layer)
        role = "bias" if variable.endswith(("bias", "beta")) else "weight"
        given = own.precision.get(variable) or own.precision.get(role)
        if given:
            return FixedType.parse(given)
        bits = own.weight_bits or own.bits or config.weight_bits or config.bits
        return weight_type(weights, bits, saturate=config.saturate)

    def activation(tensor: str, relu: bool) -> FixedType:
        own = config.layer(tensor.split("#")[0])
        if given := own.precision.get("result"):
            return FixedType.parse(given)
        bits = own.bits or config.bits
        if tensor in values:
            met = values[tensor][np.isfinite(values[tensor])]
            return FixedType.for_values(np.maximum(met, 0.0) if relu else met, bits, signed=not relu)
        low, high = ranges.get(tensor, (-1.0, 1.0))
        return FixedType.for_range(max(low, 0.0) if relu else low, high, bits, signed=not relu)

    def state(layer: str) -> FixedType:
        own = config.layer(layer)
        if given := own.precision.get("result"):
            return FixedType.parse(given)
        return FixedType.for_range(-states[layer], states[layer], own.bits or config.bits, signed=True)

    return Choice(weight, activation, state)


def _errors(
    quantised: Quantised, names: Sequence[str], in_types: Sequence[InputType], x: Sequence[Array]
) -> tuple[TensorError, ...]:
    rows = [
        _row(name, "input", t.type, values, t.quantise(values), "data")
        for name, t, values in zip(names, in_types, x, strict=True)
    ]
    some = [t.quantise(a[:_ERROR_SAMPLES]) for t, a in zip(in_types, x, strict=True)]
    tensors = Probe(quantised.model).layers(some)
    ours = {r.behind: r for r in quantised.rounded if r.behind}
    rows += [_weight_row(quantised.model, r) for r in quantised.rounded if not r.behind]
    rows += _trained_rows(quantised)
    makers = {id(t): c.key for c in calls(quantised.model) for t in c.outputs}
    for c in calls(quantised.model):
        if isinstance(c.layer, Normalise):
            mine, before = ours.get(c.layer.name), tensors[f"{c.key}{UNROUNDED}"]
            origin = "calibrated" if mine else "qkeras"
            rows.append(_row(mine.tensor if mine else c.key, "activation", c.layer.type, before, tensors[c.key], origin))
        if type(c.layer).__name__ in ("QActivation", "Bounded"):
            before, after = tensors[makers[id(c.inputs[0])]], tensors[c.key]
            mine = ours.get(c.layer.name)
            if type(c.layer).__name__ == "Bounded" and mine is None:
                continue
            t = mine.type if mine else type_of(c.layer.activation)
            if mine:
                before = mine.of(before)
            elif type(c.layer.activation).__name__ == "quantized_relu":
                before = np.maximum(before, 0.0)
            name = mine.tensor if mine else c.key
            label = t or str(c.layer.activation)
            rows.append(_row(name, "activation", label, before, after, "calibrated" if mine else "qkeras"))
    return tuple(rows)


def _weight_row(model: Any, r: Rounded) -> TensorError:
    layer_name, variable = r.tensor.rsplit(".", 1)
    layer = model.get_layer(layer_name)
    if is_recurrent(layer):
        layer = layer.cell
    values = next((np.asarray(w, np.float64) for w in layer.weights if w.name == variable), np.zeros(1))
    return _row(r.tensor, r.kind, r.type, values, r.type.quantise(values), "calibrated")


def _trained_rows(quantised: Quantised) -> Iterator[TensorError]:
    """Of weights that the model itself rounds."""
    rounded = {r.tensor for r in quantised.rounded}
    for layer in quantised.model.layers:
        for variable, quantizer in weight_quantizers(layer):
            name = f"{layer.name}.{variable}"
            if name not in rounded:
                values = np.asarray(getattr(layer, variable), np.float64)
                after = np.asarray(quantised_weights(quantizer, values), np.float64)
                kind = "bias" if variable == "bias" else "weight"
                yield _row(name, kind, type_of(quantizer) or str(quantizer), values, after, "qkeras")


def _row(name: str, kind: str, t: FixedType | str, before: Array, after: Array, origin: str) -> TensorError:
    finite = np.isfinite(before)  # where it is not, the type's end holds
    before, after = before[finite], after[finite]
    added, magnitudes = after - before, np.abs(before[before != 0])
    fixed = None if isinstance(t, str) else t
    return TensorError(
        name,
        kind,
        str(t) if fixed is None else fixed.cpp(),
        float(before.min()),
        float(before.max()),
        float(np.sqrt(np.mean(before**2))),
        float(np.sqrt(np.mean(added**2))),
        float(np.abs(added).max()),
        0 if fixed is None else _modes_aside(fixed).overflows(before),
        origin,
        before.size,
        before.size - magnitudes.size,
        tuple(np.quantile(magnitudes, QUANTILES).tolist()) if magnitudes.size else (),
        None if fixed is None else fixed.lsb,
        None if fixed is None else max(-fixed.min, fixed.max),
    )


def _modes_aside(t: FixedType) -> FixedType:
    return FixedType(t.signed, t.width, t.integer, Rounding.RND_CONV, Overflow.SAT)
