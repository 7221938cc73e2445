"""Recurrent layers for hls4ml: handlers that know all of Keras 3's and qkeras-v3's, and the C++ that hls4ml lacks.

hls4ml 1.3.0's own handlers ask a Bidirectional's cell whether it is a GRU layer, which a GRUCell never is: it gets no
recurrent bias, and `'NoneType' object has no attribute 'shape'` follows. They take the one bias of reset_after=False for
two, its C++ computes reset_after=True always, and for a SimpleRNN its Vivado and Vitis projects have no C++ at all: what
comes out is what happened to be in memory. nnet_recurrent_more.h has what is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hls4ml.backends.vivado.passes import recurrent_templates as theirs
from hls4ml.converters.keras_v3._base import KerasV3LayerHandler, registry
from hls4ml.converters.keras_v3.recurrent import BidirectionalHandler as TheirBidirectional
from hls4ml.converters.keras_v3.recurrent import RecurentHandler as TheirRecurrent
from hls4ml.model.layers import SimpleRNN
from hls4ml.model.optimizer.optimizer import optimizer_map

from fpga_ml.activations import GATES
from fpga_ml.bridge.patches import ADDED, MENDED
from fpga_ml.bridge.tables import with_gates
from fpga_ml.bridge.walk import INCLUDES, CellConfig, CellFunction, call_of
from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.walk import Pick


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
        "activation_slope": _slope(layer, "activation"),
    }
    if cell.use_bias:
        bias = _weight(cell, "bias", "bias")
        config["bias_data"] = bias if bias.ndim == 1 else bias[0]
        if bias.ndim == 2:
            config["recurrent_bias_data"] = bias[1]
    if hasattr(cell, "recurrent_activation"):
        config["recurrent_activation"] = function_name(layer, "recurrent_activation")
        config["recurrent_activation_slope"] = _slope(layer, "recurrent_activation")
    if hasattr(cell, "reset_after"):
        config["apply_reset_gate"] = "after" if cell.reset_after else "before"
    return config


def function_name(layer: Any, role: str) -> str:
    """Of an activation inside the cell, a quantizer's by what it rounds, a hard one's if that is made of straight lines.
    Raises FpgaMlError for what the C++ lacks."""
    function, where = getattr(layer.cell, role), f"layer '{layer.name}'"
    own = str(function.__name__ if hasattr(function, "__name__") else type(function).__name__)
    name = "linear" if own == "quantized_bits" else own.removeprefix("quantized_")
    if name not in GATES:
        raise FpgaMlError(
            f"{role} '{own}' of layer '{layer.name}' is not one of a cell's in C++",
            where=where,
            do=f"use {', '.join(sorted(GATES))}, or a quantizer of one",
        )
    is_hard = own in ("quantized_tanh", "quantized_sigmoid") and not getattr(function, f"use_real_{name}")
    return f"hard_{name}" if is_hard else name


def _slope(layer: Any, role: str) -> float:
    """Of a hard activation in the middle, where QKeras and Keras differ; only our tables (bridge/tables.py) ask for it."""
    if not function_name(layer, role).startswith("hard_"):
        return 1.0
    low, high = (float(getattr(layer.cell, role)(np.float32(x))) for x in (-0.25, 0.25))
    return 2 * (high - low)


def _weight(cell: Any, variable: str, role: str) -> np.ndarray:
    value = getattr(cell, variable)
    quantizer = getattr(cell, f"{role}_quantizer_internal", None)
    return np.asarray(quantizer(value) if quantizer is not None else value)


def check(layer: Any, tensors: Sequence[Any]) -> None:
    """Raises FpgaMlError for a recurrent layer that would convert, and compute something else. Models that fpga_ml has read
    hold none: frontend/unwrap.py takes it apart."""
    two = type(layer).__name__ == "Bidirectional"
    ways = [layer.forward_layer, layer.backward_layer] if two else []
    faults = {
        "returns its state": layer.return_state,
        "takes its first state from another layer": len(tensors) > 1,
        "is stateful": layer.stateful,
        "goes backwards": not two and layer.go_backwards,
        f"merges by {getattr(layer, 'merge_mode', None)!r}": two and layer.merge_mode != "concat",
        "has a forward layer that goes backwards": two and ways[0].go_backwards,
        "holds a cell that hls4ml does not take in two directions": two and not all(map(_in_two_directions, ways)),
    }
    for what in [w for w, found in faults.items() if found]:
        raise FpgaMlError(
            f"layer '{layer.name}' {what}, which hls4ml's C++ does not",
            where=f"layer '{layer.name}'",
            do="compile the model with fpga_ml, which takes such a layer apart",
        )


def _in_two_directions(layer: Any) -> bool:
    """Whether hls4ml's C++ takes it inside a Bidirectional."""
    kind = type(layer).__name__.removeprefix("Q")
    return kind != "SimpleRNN" and getattr(layer.cell, "reset_after", True)


class RecurrentHandler(TheirRecurrent):  # type: ignore[misc]
    """SimpleRNN, LSTM, GRU and their quantised forms; what is inside the cell stays inside the layer."""

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


class WalkHandler(KerasV3LayerHandler):  # type: ignore[misc]
    """A cell with what its states do, and the layer that picks some of them."""

    def handle(self, layer: Any, in_tensors: Sequence[Any], out_tensors: Sequence[Any]) -> tuple[dict[str, Any], ...]:
        config = {**self.default_config, "out_shape": [int(n) for n in out_tensors[0].shape[1:]]}
        if isinstance(layer, Pick):
            return ({**config, "first": layer.first, "reversed": layer.steps == "reversed"},)
        own = {
            "kind": type(layer.layer).__name__.removeprefix("Q"),
            "n_out": layer.cell.units,
            "return_sequences": layer.layer.return_sequences,
            "stateful": layer.stateful,
            "apply_reset_gate": "after",
            "recurrent_activation": "linear",  # of a cell without gates
        }
        return ({**config, **own, **cell_config(layer.layer)},)


class BidirectionalHandler(TheirBidirectional):  # type: ignore[misc]
    """Two layers side by side, the second on the reversed sequence."""

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


class _Function(theirs.RecurrentFunctionTemplate):  # type: ignore[misc]
    """hls4ml's; of a GRU whose reset gate acts before the product, ours."""

    def __init__(self) -> None:
        super().__init__()
        self.include_header = INCLUDES

    def format(self, node: Any) -> str:
        if node.get_attr("apply_reset_gate") == "before":
            return call_of(node)
        text: str = super().format(node)
        return text


class _Config(theirs.RecurrentConfigTemplate):  # type: ignore[misc]
    """hls4ml's, with our tables."""

    def format(self, node: Any) -> str:
        return with_gates(node, super().format(node))


for _backend in ("vivado", "vitis"):  # Vitis has its own copies of Vivado's templates, OpenRTL takes Vivado's
    MENDED.add(optimizer_map, f"{_backend}:lstm_gru_function_template", _Function())
    MENDED.add(optimizer_map, f"{_backend}:lstm_gru_config_template", _Config())
    MENDED.add(optimizer_map, f"{_backend}:simplernn_config_template", CellConfig(SimpleRNN))
    MENDED.add(optimizer_map, f"{_backend}:simplernn_function_template", CellFunction(SimpleRNN))
for _table, _handler, _kinds in (
    (ADDED, RecurrentHandler(), ("QSimpleRNN", "QLSTM", "QGRU")),
    (ADDED, WalkHandler(), ("Walk", "Pick")),
    (MENDED, RecurrentHandler(), TheirRecurrent.handles),
    (MENDED, BidirectionalHandler(), TheirBidirectional.handles),
):
    for _kind in _kinds:
        _table.add(registry, _kind, _handler)
