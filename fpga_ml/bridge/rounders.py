"""Quantized activations whose C++ is ours (nnet_rounders.h): frontend/layers.py's Steps and Bounded as hls4ml layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hls4ml.backends import get_backend
from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate
from hls4ml.converters.keras_v3._base import KerasV3LayerHandler, registry
from hls4ml.model.attributes import Attribute
from hls4ml.model.layers import Layer, register_layer

from fpga_ml.bridge.handlers import QActivationHandler
from fpga_ml.bridge.own import WITH_OWN_CPP, add_source, check_backend, precision_of
from fpga_ml.bridge.patches import ADDED, MENDED
from fpga_ml.frontend.layers import Bounded as KerasBounded
from fpga_ml.frontend.layers import Steps as KerasSteps
from fpga_ml.frontend.layers import exact_type
from fpga_ml.frontend.rewrites.activations import layer_for
from fpga_ml.numerics import FixedType

HEADER = Path(__file__).parent / "nnet_rounders.h"


class RounderHandler(KerasV3LayerHandler):  # type: ignore[misc]
    """Each layer's own settings as attributes."""

    def handle(self, layer: Any, in_tensors: Sequence[Any], out_tensors: Sequence[Any]) -> dict[str, Any]:
        names = ("thresholds", "inclusive", "values") if isinstance(layer, KerasSteps) else ("slope", "low", "high")
        own = {name: getattr(layer, name) for name in names}
        return {**own, "n_in": math.prod(in_tensors[0].shape[1:]), "result_type": layer.type.cpp()}


class ExactActivationHandler(QActivationHandler):
    """What frontend/rewrites/activations.py does to a Keras model, for one that hls4ml is given as it is."""

    def handle(self, layer: Any, in_tensors: Sequence[Any], out_tensors: Sequence[Any]) -> Any:
        make = layer_for(layer.activation, f"layer '{layer.name}'")
        instead = layer if make is None else make(layer.name)
        if isinstance(instead, (KerasSteps, KerasBounded)):
            settings = RounderHandler().handle(instead, in_tensors, out_tensors)
            return ({**self.default_config, **settings, "class_name": type(instead).__name__},)
        return super().handle(instead, in_tensors, out_tensors)


class _Rounder(Layer):  # type: ignore[misc]
    """A function of each value, whose result's type the Keras layer said."""

    _expected_attributes = (Attribute("n_in"),)

    def initialize(self) -> None:
        check_backend(self, WITH_OWN_CPP)
        shape = self.get_input_variable().shape
        self.add_output_variable(shape, precision=precision_of(FixedType.parse(self.get_attr("result_type"))))


class Steps(_Rounder):
    """A staircase."""


class Bounded(_Rounder):
    """A leaky rounding with ends of its own."""


def thresholds_of(node: Any) -> tuple[list[int], FixedType]:
    """Of a staircase: the least raw value of its data that has passed each threshold, and a type of the data's fraction that
    holds these."""
    data = FixedType.parse(str(node.get_input_variable().type.precision))
    wider = FixedType(True, data.width + 2 - data.signed, data.integer + 2 - data.signed)
    reached = []
    for at, with_it in zip(node.get_attr("thresholds"), node.get_attr("inclusive"), strict=True):
        scaled = math.ldexp(at, data.fraction)
        first = math.ceil(scaled) if with_it else math.floor(scaled) + 1
        reached.append(min(max(first, data.min_raw), data.max_raw + 1))
    return reached, wider


class RounderConfig(LayerConfigTemplate):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__((Steps, Bounded))

    def format(self, node: Any) -> str:
        lines = [f"static const unsigned n_in = {node.get_attr('n_in')};"]
        if isinstance(node, Steps):
            reached, t = thresholds_of(node)
            lines.append(f"static const unsigned n_steps = {len(reached)};")
            lines.append(f"typedef {t.cpp()} threshold_t;")
            lines += [_table("threshold", [n * t.lsb for n in reached]), _table("value", node.get_attr("values"))]
        else:
            lines.append(f"typedef {exact_type(np.array([node.get_attr('slope')])).cpp()} slope_t;")
            lines += [f"static double {n}() {{ return {float(node.get_attr(n))!r}; }}" for n in ("slope", "low", "high")]
        return "\n".join([f"struct config{node.index} {{", *(f"    {line}" for line in lines), "};\n"])


def _table(name: str, values: Sequence[float]) -> str:
    numbers = ", ".join(repr(float(v)) for v in values)
    return (
        f"static double {name}(unsigned k) {{\n"
        f"        static const double entries[{len(values)}] = {{{numbers}}};\n        return entries[k];\n    }}"
    )


class RounderFunction(FunctionCallTemplate):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__((Steps, Bounded), include_header=[f"nnet_utils/{HEADER.name}"])

    def format(self, node: Any) -> str:
        p = self._default_function_params(node)
        function = "steps_of" if isinstance(node, Steps) else "bounded_of"
        types = f"nnet::{function}, {p['input_t']}, {p['output_t']}, {p['config']}"
        return f"nnet::rounder<{types}>({p['input']}, {p['output']});"


def _register() -> None:
    """With hls4ml; a Vitis project takes Vivado's templates."""
    for kind in (Steps, Bounded):
        register_layer(kind.__name__, kind)
        ADDED.add(registry, kind.__name__, RounderHandler())
    MENDED.add(registry, "QActivation", ExactActivationHandler())
    for template in (RounderConfig, RounderFunction):
        get_backend("Vivado").register_template(template)
    add_source(HEADER)


_register()
