"""Recurrent layers for hls4ml: handlers that know all of Keras 3's and qkeras-v3's, and the C++ that hls4ml lacks.

hls4ml 1.3.0's own handlers ask a Bidirectional's cell whether it is a GRU layer, which a GRUCell never is: it gets no
recurrent bias, and `'NoneType' object has no attribute 'shape'` follows. They take the one bias of reset_after=False for
two, its C++ computes reset_after=True always, and for a SimpleRNN its Vivado and Vitis projects have no C++ at all: what
comes out is what happened to be in memory. nnet_recurrent_more.h has what is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hls4ml.backends.backend import get_available_backends, get_backend
from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate
from hls4ml.backends.vivado.passes import recurrent_templates as theirs
from hls4ml.converters.keras_v3.recurrent import BidirectionalHandler as TheirBidirectional
from hls4ml.converters.keras_v3.recurrent import RecurentHandler as TheirRecurrent
from hls4ml.model.layers import SimpleRNN
from hls4ml.model.optimizer.optimizer import optimizer_map

from fpga_ml.errors import FpgaMlError

HEADER = Path(__file__).parent / "nnet_recurrent_more.h"
ACTIVATIONS = frozenset(["relu", "sigmoid", "tanh", "linear"])
BACKENDS = ("Vivado", "Vitis", "OpenRTL")


def cell_config(layer: Any) -> dict[str, Any]:
    """Weights, rounded by their quantizers where the cell has some, and activations of one recurrent layer."""
    cell = layer.cell
    kernel, recurrent = _weight(cell, "kernel", "kernel"), _weight(cell, "recurrent_kernel", "recurrent")
    config = {
        "weight_data": kernel,
        "recurrent_weight_data": recurrent,
        "bias_data": np.zeros(kernel.shape[-1], np.float32),
        "recurrent_bias_data": np.zeros(kernel.shape[-1], np.float32),
        "activation": function_name(layer, "activation"),
    }
    if cell.use_bias:
        bias = _weight(cell, "bias", "bias")
        config["bias_data"] = bias if bias.ndim == 1 else bias[0]
        if bias.ndim == 2:
            config["recurrent_bias_data"] = bias[1]
    if hasattr(cell, "recurrent_activation"):
        config["recurrent_activation"] = function_name(layer, "recurrent_activation")
    if hasattr(cell, "reset_after"):
        config["apply_reset_gate"] = "after" if cell.reset_after else "before"
    return config


def function_name(layer: Any, role: str) -> str:
    """Of an activation inside the cell, a quantizer's by what it rounds. Raises FpgaMlError for what the C++ lacks."""
    function, where = getattr(layer.cell, role), f"layer '{layer.name}'"
    own = str(function.__name__ if hasattr(function, "__name__") else type(function).__name__)
    name = "linear" if own == "quantized_bits" else own.removeprefix("quantized_")
    if name not in ACTIVATIONS:
        raise FpgaMlError(
            f"{role} '{own}' of layer '{layer.name}' is not one of a cell's in C++",
            where=where,
            do=f"use {', '.join(sorted(ACTIVATIONS))}, or a quantizer of one",
        )
    if own in ("quantized_tanh", "quantized_sigmoid") and not getattr(function, f"use_real_{name}"):
        raise FpgaMlError(
            f"{role} of layer '{layer.name}' is a {own} that is piecewise linear",
            where=where,
            do=f"give it use_real_{name}=True",
        )
    return name


def _weight(cell: Any, variable: str, role: str) -> np.ndarray:
    value = getattr(cell, variable)
    quantizer = getattr(cell, f"{role}_quantizer_internal", None)
    return np.asarray(quantizer(value) if quantizer is not None else value)


def check(layer: Any, tensors: Sequence[Any]) -> None:
    """Raises FpgaMlError for a recurrent layer that has no C++: each would convert, and compute something else."""
    where = f"layer '{layer.name}'"
    if layer.return_state:
        raise FpgaMlError(
            f"layer '{layer.name}' returns its state, which hls4ml's C++ does not",
            where=where,
            do="use return_sequences, or the output: it is the state h",
        )
    if len(tensors) > 1:
        raise FpgaMlError(
            f"layer '{layer.name}' takes its first state from another layer",
            where=where,
            do="leave initial_state out: a state begins at zero",
        )
    if type(layer).__name__ == "Bidirectional":
        _check_two_ways(layer, where)
    elif layer.go_backwards:
        raise FpgaMlError(
            f"layer '{layer.name}' goes backwards, which hls4ml's C++ does inside a Bidirectional only",
            where=where,
            do="reverse the data, or use Bidirectional",
        )


def _check_two_ways(layer: Any, where: str) -> None:
    if layer.merge_mode != "concat":
        raise FpgaMlError(
            f"layer '{layer.name}' merges by {layer.merge_mode!r}, hls4ml's C++ joins the two",
            where=where,
            do='use merge_mode="concat"',
        )
    for way, inner in (("forward", layer.forward_layer), ("backward", layer.backward_layer)):
        kind = type(inner).__name__.removeprefix("Q")
        if kind not in ("LSTM", "GRU") or getattr(inner.cell, "reset_after", True) is False:
            raise FpgaMlError(
                f"layer '{layer.name}' holds a {kind} that hls4ml's C++ does not take in two directions",
                where=where,
                do="use LSTM, or GRU with reset_after=True",
            )
        if inner.go_backwards != (way == "backward"):
            raise FpgaMlError(f"the {way} layer of '{layer.name}' goes the other way", where=where, do="swap the two")


class RecurrentHandler(TheirRecurrent):  # type: ignore[misc]
    """SimpleRNN, LSTM, GRU and their quantised forms; what is inside the cell stays inside the layer."""

    handles = (*TheirRecurrent.handles, "QSimpleRNN", "QLSTM", "QGRU")

    def handle(self, layer: Any, in_tensors: Sequence[Any], out_tensors: Sequence[Any]) -> tuple[dict[str, Any], ...]:
        check(layer, in_tensors)
        steps, width = in_tensors[0].shape[1:]
        config = {
            "direction": "forward",
            "return_sequences": layer.return_sequences,
            "return_state": False,
            "time_major": False,
            "n_timesteps": steps,
            "n_in": width,
            "n_out": layer.cell.units,
            "pytorch": False,  # that it is there makes hls4ml's SimpleRNN take a second bias, as its cells in C++ do
        }
        return ({**self.default_config, **config, **cell_config(layer)},)


class BidirectionalHandler(TheirBidirectional):  # type: ignore[misc]
    """Two layers side by side, the second on the reversed sequence."""

    handles = TheirBidirectional.handles

    def handle(self, layer: Any, in_tensors: Sequence[Any], out_tensors: Sequence[Any]) -> dict[str, Any]:
        check(layer, in_tensors)
        ways = {"forward": layer.forward_layer, "backward": layer.backward_layer}
        config: dict[str, Any] = {
            "direction": "bidirectional",
            "return_sequences": layer.forward_layer.return_sequences,
            "return_state": False,
            "time_major": False,
            "n_timesteps": in_tensors[0].shape[1],
            "n_in": in_tensors[0].shape[2],
            "merge_mode": "concat",
            "n_out": sum(inner.cell.units for inner in ways.values()),
        }
        for way, inner in ways.items():
            own = cell_config(inner)
            own |= {"name": inner.name, "class_name": type(inner).__name__.removeprefix("Q"), "n_states": inner.cell.units}
            config |= {f"{way}_{key}": value for key, value in own.items()}
        return config


class _SimpleConfig(LayerConfigTemplate):  # type: ignore[misc]
    """As hls4ml's of a GRU, with one sum a unit; products always by the latency strategy."""

    def __init__(self) -> None:
        super().__init__(SimpleRNN)

    def format(self, node: Any) -> str:
        node.set_attr("strategy", "latency")
        params = self._default_config_params(node)
        units, activation = int(node.get_attr("n_out")), node.get_attr("activation")
        steps, width = node.get_input_variable().shape
        common = {
            "recurrent_activation": activation,
            "n_in": width,
            "n_out": units,
            "n_state": units,
            "n_sequence": steps,
            "n_sequence_out": steps if node.get_attr("return_sequences") else 1,
            "static": "false",
            "pytorch": "false",
            "recr_type": "gru",
            "RECR_TYPE": "GRU",
            "config_mult_t1": f"config{node.index}_1",
            "config_mult_t2": f"config{node.index}_2",
            "act_t": f"{activation}_config{node.index}",
            "recr_act_t": f"{activation}_config{node.index}",
        }
        products = []
        for number, inputs, name, template in (
            (1, width, "weight", theirs.recr_mult_config_template_1),
            (2, units, "recurrent_weight", theirs.recr_mult_config_template_2),
        ):
            own = {
                "index": f"{node.index}_{number}",
                "n_in": inputs,
                "n_out": units,
                "nzeros": node.get_weights(name).nzeros,
                "nonzeros": node.get_weights(name).nonzeros,
                "dense_function": "nnet::DenseLatency",
                "product_type": get_backend("vivado").product_type(
                    node.get_input_variable().type.precision, node.get_weights(name).type.precision
                ),
            }
            products.append(template.format(**{**params, **own}))
        act = theirs.activ_config_template.format(**{**params, "type": activation, "n_in": units})
        return "\n".join([*products, act, theirs.recr_config_template.format(**{**params, **common})])


class _SimpleFunction(FunctionCallTemplate):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(SimpleRNN, include_header=[*theirs.recr_include_list, f"nnet_utils/{HEADER.name}"])

    def format(self, node: Any) -> str:
        return _call(node, self._default_function_params(node), "nnet::simple_rnn_cell")


class _Function(theirs.RecurrentFunctionTemplate):  # type: ignore[misc]
    """hls4ml's; of a GRU whose reset gate acts before the product, ours."""

    def __init__(self) -> None:
        super().__init__()
        self.include_header = [*theirs.recr_include_list, f"nnet_utils/{HEADER.name}"]

    def format(self, node: Any) -> str:
        if node.get_attr("apply_reset_gate") == "before":
            return _call(node, self._default_function_params(node), "nnet::gru_before_cell")
        text: str = super().format(node)
        return text


def _call(node: Any, params: dict[str, Any], cell: str) -> str:
    weights = [node.get_weights(n).name for n in ("weight", "recurrent_weight", "bias", "recurrent_bias")]
    types = f"{cell}, {params['input_t']}, {params['output_t']}, {params['config']}"
    return f"nnet::recurrent_stack<{types}>({params['input']}, {params['output']}, {', '.join(weights)});"


for _backend in BACKENDS:
    if _backend.lower() in get_available_backends():
        get_backend(_backend).register_source(HEADER)
for _backend in ("vivado", "vitis"):  # Vitis has its own copies of Vivado's templates, OpenRTL takes Vivado's
    optimizer_map[f"{_backend}:lstm_gru_function_template"] = _Function()
    optimizer_map[f"{_backend}:simplernn_config_template"] = _SimpleConfig()
    optimizer_map[f"{_backend}:simplernn_function_template"] = _SimpleFunction()
