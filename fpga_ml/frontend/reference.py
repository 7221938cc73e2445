"""The two Keras references of a build, in float64: the float model, and the quantised one tensor by tensor."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fpga_ml.activations import BY_TABLE
from fpga_ml.frontend.kinds import activation_name
from fpga_ml.frontend.layers import Bounded, Function, Steps
from fpga_ml.frontend.normalise import Normalise
from fpga_ml.frontend.quantizers import type_of
from fpga_ml.frontend.rebuild import Array, Call, Probe, calls
from fpga_ml.frontend.recurrent import TWINS
from fpga_ml.frontend.tensors import Quantise

# Kinds of layers behind which C-simulation and Keras are no longer the same function; of those that hold a table inside
# there is no tensor before it to compare.
BY_TABLES = BY_TABLE | {*TWINS, "Walk"}


@dataclass(frozen=True)
class Flow:
    """How tensors run through the quantised model.

    order: (key, keys read) of every call; kinds: {key: activation or layer class}; types: {key: C++ type} of tensors
    that a quantizer made; outputs: the model's; heads: the last tensor before the outputs' tables, one key an output
    (logits).
    """

    order: tuple[tuple[str, tuple[str, ...]], ...]
    kinds: dict[str, str]
    types: dict[str, str]
    outputs: tuple[str, ...]
    heads: tuple[str, ...]

    @property
    def behind(self) -> frozenset[str]:
        """Tensors that a table made or reached."""
        return self.behind_all_but(())

    def behind_all_but(self, exact: Collection[str]) -> frozenset[str]:
        """The same, where the tables that made the `exact` ones are the functions themselves, rounded."""
        found: set[str] = set()
        for key, reads in self.order:
            if (self.kinds[key] in BY_TABLES and key not in exact) or found.intersection(reads):
                found.add(key)
        return frozenset(found)

    @property
    def compared(self) -> tuple[str, ...]:
        """The heads, and the last tensors before other tables: if these are right, all is right that no table reached."""
        behind = self.behind
        made = [reads for key, reads in self.order if key in behind]
        last = {read for reads in made for read in reads if read not in behind}
        return (*self.heads, *(key for key, reads in self.order if key in last and reads and key not in self.heads))


def kind_of(layer: Any) -> str:
    """The layer's function where it is one, else its class."""
    name = type(layer).__name__
    named = {"Softmax": "softmax", "ELU": "elu"}.get(name)
    if named:
        return named
    if isinstance(layer, Function):
        return layer.function
    if name not in ("Activation", "QActivation"):
        return name
    activation = activation_name(layer)
    if name == "QActivation":
        real = {"quantized_tanh": "use_real_tanh", "quantized_sigmoid": "use_real_sigmoid"}
        quantizer = type(layer.activation).__name__
        return quantizer.removeprefix("quantized_") if getattr(layer.activation, real.get(quantizer, ""), False) else name
    return activation if activation not in ("", "quantizer") else name


def flow(model: Any) -> Flow:
    every = calls(model)
    maker = {id(t): c for c in every for t in c.outputs}
    types = {}
    for c in every:
        quantizer = c.layer.activation if type(c.layer).__name__ == "QActivation" else None
        t = c.layer.type if isinstance(c.layer, (Steps, Bounded, Normalise, Quantise)) else type_of(quantizer)
        if t is not None:
            types[c.key] = t.cpp()
    order = tuple((c.key, tuple(maker[id(t)].key for t in c.inputs)) for c in every)
    outputs = tuple(maker[id(t)].key for t in model.outputs)
    heads = tuple(_head(maker[id(t)], maker) for t in model.outputs)
    kinds = {c.key: kind_of(c.layer) for c in every}
    for key, reads in order:
        if kinds[key] == "QActivation" and kinds[reads[0]] in BY_TABLES:
            kinds[key] = kinds[reads[0]]  # the rounding of a table's values
    return Flow(order, kinds, types, outputs, heads)


def _head(last: Call, maker: dict[int, Call]) -> str:
    """Back from an output over its rounding and its table; the output itself if there is no table."""
    here = last
    if kind_of(here.layer) == "QActivation" and here.inputs:
        here = maker[id(here.inputs[0])]
    return maker[id(here.inputs[0])].key if kind_of(here.layer) in BY_TABLE and here.inputs else last.key


@dataclass(frozen=True)
class Reference:
    """Outputs of the quantised model and the `compared` tensors of its flow, on all samples; `probe` for any tensor;
    float_model, x: the model that it was made of, and the data as they came."""

    quantised_outputs: tuple[Array, ...]
    compared: dict[str, Array]
    flow: Flow
    probe: Probe
    float_model: Any
    x: tuple[Array, ...]

    @cached_property
    def float_outputs(self) -> tuple[Array, ...]:
        return tuple(Probe(self.float_model).outputs(self.x))


def evaluate(quantised: Any, float_model: Any, x: Sequence[Array], rounded_x: Sequence[Array]) -> Reference:
    """The float model on the data as they came, the quantised one on what the hardware receives."""
    found = flow(quantised)
    probe = Probe(quantised)
    values = probe.select([*found.outputs, *found.compared], rounded_x)
    outputs = tuple(values[key] for key in found.outputs)
    return Reference(outputs, {key: values[key] for key in found.compared}, found, probe, float_model, tuple(x))
