"""Recurrent layers whose C++ is ours (nnet_recurrent_more.h): two hls4ml layers and the templates of all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hls4ml.backends import get_backend
from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate
from hls4ml.backends.vivado.passes import recurrent_templates as theirs
from hls4ml.model.attributes import Attribute, ConfigurableAttribute, TypeAttribute, WeightAttribute
from hls4ml.model.layers import Layer, register_layer
from hls4ml.model.types import FixedPrecisionType

from fpga_ml.bridge.own import WITH_OWN_CPP, add_source, check_backend
from fpga_ml.bridge.tables import with_gates

HEADER = Path(__file__).parent / "nnet_recurrent_more.h"
INCLUDES = [*theirs.recr_include_list, f"nnet_utils/{HEADER.name}"]
_WEIGHTS = {"weight": "w", "recurrent_weight": "wr", "bias": "b", "recurrent_bias": "br"}
_GATES = {"SimpleRNN": 1, "GRU": 3, "LSTM": 4}


class _Ours(Layer):  # type: ignore[misc]
    """Of a shape that the Keras layer said."""

    def initialize(self) -> None:
        check_backend(self, WITH_OWN_CPP)
        self.add_output_variable(self.get_attr("out_shape"))


class Walk(_Ours):
    """A cell over the time steps; its second input, where it has one, is the first state."""

    _expected_attributes = (
        Attribute("n_out"),
        Attribute("kind", value_type=str),
        Attribute("activation", value_type=str),
        Attribute("recurrent_activation", value_type=str),
        Attribute("apply_reset_gate", value_type=str),
        Attribute("return_sequences", value_type=bool),
        Attribute("stateful", value_type=bool),
        *(WeightAttribute(name) for name in _WEIGHTS),
        *(TypeAttribute(name) for name in (*_WEIGHTS, "accum")),
        ConfigurableAttribute("reuse_factor", default=1),
        ConfigurableAttribute("table_size", default=1024),
        TypeAttribute("table", default=FixedPrecisionType(18, 8)),
    )

    def initialize(self) -> None:
        super().initialize()
        for name, short in _WEIGHTS.items():
            self.add_weights_variable(name=name, var_name=f"{short}{{index}}")


class Pick(_Ours):
    """Some elements of each time step, of the last one, or of all in reversed order."""

    _expected_attributes = (Attribute("first"), Attribute("reversed", value_type=bool))


def kind_of(node: Any) -> str:
    """SimpleRNN, LSTM or GRU."""
    return str(node.get_attr("kind") if node.class_name == "Walk" else node.class_name)


class CellConfig(LayerConfigTemplate):  # type: ignore[misc]
    """As hls4ml's of an LSTM or GRU; one without gates is a GRU of one sum a unit. Products by the latency strategy."""

    def format(self, node: Any) -> str:
        node.set_attr("strategy", "latency")
        params = self._default_config_params(node)
        kind, units, activation = kind_of(node), int(node.get_attr("n_out")), node.get_attr("activation")
        gate = node.get_attr("recurrent_activation") or activation
        steps, width = node.get_input_variable().shape
        common = {
            "recurrent_activation": gate,
            "n_in": width,
            "n_out": units,
            "n_state": units,
            "n_sequence": steps,
            "n_sequence_out": steps if node.get_attr("return_sequences") else 1,
            "static": "false",
            "pytorch": "false",
            "recr_type": "lstm" if kind == "LSTM" else "gru",
            "RECR_TYPE": "LSTM" if kind == "LSTM" else "GRU",
            "config_mult_t1": f"config{node.index}_1",
            "config_mult_t2": f"config{node.index}_2",
            "act_t": f"{activation}_config{node.index}",
            "recr_act_t": f"{gate}_config{node.index}_recr",
        }
        products = []
        for number, inputs, name, template in (
            (1, width, "weight", theirs.recr_mult_config_template_1),
            (2, units, "recurrent_weight", theirs.recr_mult_config_template_2),
        ):
            own = {
                "index": f"{node.index}_{number}",
                "n_in": inputs,
                "n_out": _GATES[kind] * units,
                "nzeros": node.get_weights(name).nzeros,
                "nonzeros": node.get_weights(name).nonzeros,
                "dense_function": "nnet::DenseLatency",
                "product_type": get_backend("vivado").product_type(
                    node.get_input_variable().type.precision, node.get_weights(name).type.precision
                ),
            }
            products.append(template.format(**{**params, **own}))
        act = theirs.activ_config_template.format(**{**params, "type": activation, "n_in": units})
        gates = {"type": gate, "n_in": max(_GATES[kind] - 1, 1) * units}
        recurrent = theirs.recr_activ_config_template.format(**{**params, **gates})
        whole = [*products, act, recurrent, theirs.recr_config_template.format(**{**params, **common})]
        return with_gates(node, "\n".join(whole))


class CellFunction(FunctionCallTemplate):  # type: ignore[misc]
    def __init__(self, layer: Any) -> None:
        super().__init__(layer, include_header=INCLUDES)

    def format(self, node: Any) -> str:
        return call_of(node)


def call_of(node: Any) -> str:
    """The call of our C++ for a recurrent node."""
    cell = {"SimpleRNN": "simple_rnn_cell", "LSTM": "lstm_cell", "GRU": "gru_cell"}[kind_of(node)]
    if node.get_attr("apply_reset_gate") == "before":
        cell = "gru_before_cell"
    result = node.get_output_variable()
    variables = [*(node.get_input_variable(name) for name in node.inputs), result]
    function = "recurrent_stack_from" if len(node.inputs) > 1 else "recurrent_stack"
    if node.get_attr("stateful"):
        function = "recurrent_stack_kept"
    types = ", ".join([f"nnet::{cell}", str(result.shape[-1]), *(v.type.name for v in variables), f"config{node.index}"])
    names = ", ".join([*(v.name for v in variables), *(node.get_weights(name).name for name in _WEIGHTS)])
    return f"nnet::{function}<{types}>({names});"


class PickConfig(LayerConfigTemplate):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(Pick)

    def format(self, node: Any) -> str:
        shapes = [[1, *(int(n) for n in v.shape)][-2:] for v in (node.get_input_variable(), node.get_output_variable())]
        (steps, n_in), (steps_out, n_out) = shapes
        numbers = {"n_steps": steps, "n_in": n_in, "n_steps_out": steps_out, "n_out": n_out, "first": node.get_attr("first")}
        return (
            f"struct config{node.index} {{\n"
            + "".join(f"    static const unsigned {name} = {value};\n" for name, value in numbers.items())
            + f"    static const bool reversed = {str(bool(node.get_attr('reversed'))).lower()};\n}};\n"
        )


class PickFunction(FunctionCallTemplate):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(Pick, include_header=INCLUDES)

    def format(self, node: Any) -> str:
        p = self._default_function_params(node)
        return f"nnet::pick<{p['input_t']}, {p['output_t']}, {p['config']}>({p['input']}, {p['output']});"


def _register() -> None:
    """With hls4ml; a Vitis project takes Vivado's templates."""
    for kind in (Walk, Pick):
        register_layer(kind.__name__, kind)
    for template in (lambda: CellConfig(Walk), lambda: CellFunction(Walk), PickConfig, PickFunction):
        get_backend("Vivado").register_template(template)
    add_source(HEADER)


_register()
