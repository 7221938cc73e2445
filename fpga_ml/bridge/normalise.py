"""Normalisations in whole numbers (nnet_normalise.h): frontend/normalise.py's Normalise as a layer of hls4ml."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hls4ml.backends import get_backend
from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate
from hls4ml.converters.keras_v3._base import KerasV3LayerHandler, registry
from hls4ml.model.attributes import Attribute, TypeAttribute, WeightAttribute
from hls4ml.model.layers import Layer, register_layer

from fpga_ml.bridge.handlers import quantizer_of
from fpga_ml.bridge.own import WITH_OWN_CPP, add_source, check_backend, precision_of
from fpga_ml.bridge.patches import ADDED
from fpga_ml.bridge.tables import cpp_array
from fpga_ml.frontend.normalise import Grouping
from fpga_ml.normalisation import Normalisation
from fpga_ml.numerics import FixedType

HEADER = Path(__file__).parent / "nnet_normalise.h"


class NormaliseHandler(KerasV3LayerHandler):  # type: ignore[misc]
    """The layer's own settings as attributes."""

    def handle(self, layer: Any, in_tensors: Sequence[Any], out_tensors: Sequence[Any]) -> dict[str, Any]:
        config, count = layer.get_config(), math.prod(layer.grouping.spread)
        return {
            **{name: config[name] for name in ("form", "grouping")},
            "n_in": math.prod(in_tensors[0].shape[1:]),
            "scale_data": np.ones(count) if layer.gamma is None else self.load_weight(layer, "gamma").reshape(-1),
            "bias_data": np.zeros(count) if layer.beta is None else self.load_weight(layer, "beta").reshape(-1),
            "scale_quantizer": quantizer_of(layer.gamma_quantizer),
            "bias_quantizer": quantizer_of(layer.beta_quantizer),
        }


class Normalise(Layer):  # type: ignore[misc]
    """A normalisation, of which the Keras layer said all types."""

    _expected_attributes = (
        Attribute("n_in"),
        *(kind(name) for name in ("scale", "bias") for kind in (WeightAttribute, TypeAttribute)),
    )

    @property
    def form(self) -> Normalisation:
        return Normalisation.of(self.get_attr("form"))

    @property
    def grouping(self) -> Grouping:
        return Grouping.from_dict(self.get_attr("grouping"))

    def initialize(self) -> None:
        check_backend(self, WITH_OWN_CPP)
        self.add_output_variable(self.get_input_variable().shape, precision=precision_of(self.form.result))
        for name, t in (("scale", self.form.factor), ("bias", self.form.offset)):
            quantizer = self.get_attr(f"{name}_quantizer")
            own = None if quantizer is not None else precision_of(t)
            self.add_weights_variable(name=name, var_name=f"{name[0]}{{index}}", quantizer=quantizer, precision=own)


def places(g: Grouping) -> tuple[np.ndarray, np.ndarray]:
    """(group, parameter) of each element."""
    grid = np.indices(g.shape)
    kept = [a for a in range(len(g.shape)) if a not in g.over]
    found = []
    for axes in (kept, g.parameters):
        number = np.zeros(g.shape, np.int64)
        for a in axes:
            number = number * g.shape[a] + grid[a]
        found.append(number.reshape(-1))
    return found[0], found[1]


def _once(node: Any) -> int:
    """How many elements in a row are normalised at once: of a stream, as few as the same is done for."""
    g, size = node.grouping, int(node.get_attr("n_in"))
    if node.model.config.get_config_value("IOType") != "io_stream":
        return size
    group, parameter = places(g)
    token = int(node.get_input_variable().shape[-1])
    groups, parameters = (p.reshape(-1, token) for p in (group, parameter))
    alone = len(np.unique(groups[0])) * len(groups) == len(np.unique(group))
    return token if alone and (parameters == parameters[0]).all() else size


def _number(name: str, g: Grouping, axes: Sequence[int]) -> str:
    """A function that numbers an element along some axes."""
    terms, behind = ["0"], 1
    for a in reversed(range(len(g.shape))):
        if a in axes:
            own = math.prod(g.shape[k] for k in axes if k > a)
            terms.append(f"i / {behind} % {g.shape[a]} * {own}")
        behind *= g.shape[a]
    return f"static unsigned {name}(unsigned i) {{ return {' + '.join(terms)}; }}"


class NormaliseConfig(LayerConfigTemplate):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(Normalise)

    def format(self, node: Any) -> str:
        f, g, once = node.form, node.grouping, _once(node)
        cut = f.width - f.place_bits
        numbers = {
            **{"n_in": node.get_attr("n_in"), "n_once": once, "n_groups": once // f.members, "members": f.members},
            **{f"n_{name}": node.get_weights(name).data.size for name in ("scale", "bias")},
            **{"mean": int(f.mean), "variance": int(f.variance), "guard": f.guard, "stages": f.stages, "w_bits": f.width},
            **{"place_bits": f.place_bits, "fine": f.fine, "first": f.first, "cut": max(cut, 0), "fill": max(-cut, 0)},
            **{"line_bits": f.inverse.width + f.inverse_cut + 2, "inverse_cut": f.inverse_cut},
            **{"inverse_bits": f.inverse.width, "up": f.up, "down": f.down},
            **{"raw_bits": f.data.width, "scaled_bits": f.scaled.width},
        }
        widest = max(f.square_bits + f.guard, f.width + max(-cut, 0)) + 2
        types = {
            "given_t": f.data.cpp(),
            "raw_t": f"ap_{'' if f.data.signed else 'u'}int<{f.data.width}>",
            "total_t": f"ap_int<{f.square_bits // 2 + 2}>",
            "w_t": f"ap_int<{widest}>",
            "distance_t": f"ap_int<{f.square_bits // 2 + 2}>",
            "product_t": f"ap_int<{f.product_bits + 2}>",
            "scaled_t": FixedType(True, f.scaled.width, f.scaled.integer).cpp(),
            "sum_t": f.sum.cpp(),
            **{f"{name}_t": node.get_weights(name).type.name for name in ("scale", "bias")},
        }
        kept = [a for a in range(len(g.shape)) if a not in g.over]
        lines = [
            *(f"static const int {name} = {value};" for name, value in numbers.items()),
            f"static const long long epsilon = {f.epsilon_raw}LL;",
            *(f"typedef {kind} {name};" for name, kind in types.items()),
            _number("group", g, kept),
            _number("parameter", g, g.parameters),
        ]
        text = "".join(f"    {line}\n" for line in lines) + cpp_array("entry", f.entries) + cpp_array("rise", f.rises)
        return f"struct config{node.index} {{\n{text}}};\n"


class NormaliseFunction(FunctionCallTemplate):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(Normalise, include_header=[f"nnet_utils/{HEADER.name}"])

    def format(self, node: Any) -> str:
        p = self._default_function_params(node)
        weights = ", ".join(node.get_weights(name).name for name in ("scale", "bias"))
        types = f"{p['input_t']}, {p['output_t']}, {p['config']}"
        return f"nnet::normalise<{types}>({p['input']}, {p['output']}, {weights});"


def _register() -> None:
    """With hls4ml; a Vitis project takes Vivado's templates."""
    register_layer("Normalise", Normalise)
    ADDED.add(registry, "Normalise", NormaliseHandler())
    for template in (NormaliseConfig, NormaliseFunction):
        get_backend("Vivado").register_template(template)
    add_source(HEADER)


_register()
