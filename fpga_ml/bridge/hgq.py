"""HGQ2's layers that hls4ml 1.3.0 has no handler of, and bare Keras operations, in a conversion by hls4ml's own HGQ2 flow.

hls4ml converts an HGQ2 model through nodes that round (FixedPointQuantizer). Its pass `bit_exact` then gives all other nodes
types that lose nothing. A layer that it does not know is taken apart as fpga_ml.compile does it (frontend/hgq). The parts
go through the handlers that hls4ml and we have of them, and the pass learns which types our nodes need.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from typing import Any

import hls4ml.converters
import numpy as np
from hls4ml.converters.keras_v3._base import KerasV3LayerHandler, registry
from hls4ml.model.optimizer.passes import bit_exact

from fpga_ml.bridge import tensors
from fpga_ml.bridge.patches import ADDED
from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend import tensors as keras_layers
from fpga_ml.frontend.hgq.apart import is_hgq, taken_apart
from fpga_ml.frontend.rebuild import as_functional, calls
from fpga_ml.frontend.rewrites.opened import opened

Kif = tuple[np.ndarray, np.ndarray, np.ndarray]  # signs, integer bits without the sign and fraction bits of each element


class PartsHandler(KerasV3LayerHandler):  # type: ignore[misc]
    """The parts of one layer, each by its own handler."""

    def __call__(self, layer: Any, in_tensors: Sequence[Any], out_tensors: Sequence[Any]) -> tuple[dict[str, Any], ...]:
        (made,) = out_tensors
        inside, inputs = taken_apart(layer, made)
        known = {inputs[id(t)].name: t.name for t in in_tensors}
        last = _source(inside.outputs[0]).name
        if last in known:
            raise FpgaMlError(
                f"layer '{layer.name}' ({type(layer).__name__}) computes nothing",
                where=f"layer '{layer.name}'",
                do="leave it out",
            )
        known[last] = made.name
        found: list[dict[str, Any]] = []
        for call in calls(inside):
            if call.inputs and not isinstance(call.layer, keras_layers.Kept):
                found += _of(call.layer, [_source(t) for t in call.inputs], call.outputs[0])
        for config in found:
            for side in ("input_keras_tensor_names", "output_keras_tensor_names"):
                config[side] = [known.get(name, f"{made.name}:{name}") for name in config[side]]
        return tuple(found)


class OfTables(PartsHandler):
    """hls4ml's own handler knows layers whose elements share a table."""

    def __init__(self, theirs: Any) -> None:
        self.theirs = theirs

    def __call__(self, layer: Any, in_tensors: Sequence[Any], out_tensors: Sequence[Any]) -> tuple[dict[str, Any], ...]:
        if layer._allow_heterogeneous_table:
            return super().__call__(layer, in_tensors, out_tensors)
        found: tuple[dict[str, Any], ...] = self.theirs(layer, in_tensors, out_tensors)
        return found


def _source(tensor: Any) -> Any:
    """The tensor that a layer makes, before what only says that it keeps its bits."""
    maker = tensor._keras_history.operation
    if isinstance(maker, keras_layers.Kept):
        return _source(maker._inbound_nodes[tensor._keras_history.node_index].input_tensors[0])
    return tensor


def _of(layer: Any, x: Sequence[Any], made: Any) -> list[dict[str, Any]]:
    """What hls4ml is told of one part."""
    if isinstance(layer, keras_layers.Quantise):
        return [_quantizer(layer, x[0], made)]
    handler = registry.get(f"{type(layer).__module__}.{type(layer).__name__}") or registry[type(layer).__name__]
    configs = [*handler(layer, x, [made])]
    if isinstance(layer, (keras_layers.Reduce, keras_layers.Einsum)):
        # Their sums have the type of their results. A rounding that follows becomes that of the layer before it.
        inner = f"{made.name}_sums"
        configs[-1]["output_keras_tensor_names"] = [inner]
        configs.append(
            _arrange(f"{layer.name}_kept", inner, made.name, np.arange(math.prod(made.shape[1:])), made.shape[1:])
        )
    return configs


def _arrange(name: str, read: str, made: str, places: np.ndarray, shape: Sequence[int]) -> dict[str, Any]:
    sides = {"input_keras_tensor_names": [read], "output_keras_tensor_names": [made]}
    return {"class_name": "Arrange", "name": name, "places": places, "out_shape": tuple(shape), **sides}


def _quantizer(layer: Any, x: Any, made: Any) -> dict[str, Any]:
    """hls4ml's node of the rounding (converters/keras_v3/hgq2/_base.py)."""
    shape = (1, *x.shape[1:])
    k, i, f = (np.broadcast_to(v, shape).astype(np.int16) for v in (layer.signed, layer.integer, layer.fraction))
    width = k + i + f
    return {
        "name": layer.name,
        "class_name": "FixedPointQuantizer",
        "mask_kbi": (k, width, np.where(width > 0, k + i, 0).astype(np.int16)),
        "RND": layer.rounding,
        "SAT": layer.overflow,
        "fusible": None,
        "overrides": {},
        "input_keras_tensor_names": [x.name],
        "output_keras_tensor_names": [made.name],
    }


def _parse(model: Any, *args: Any, **kwargs: Any) -> Any:
    """hls4ml's own, of a model whose bare operations, which it overlooks, are layers.

    Raises FpgaMlError for an operation that no layer stands for, and for a layer of HGQ2 of which nothing has a handler.
    """
    made = opened(as_functional(model))
    for layer in filter(is_hgq, made.layers):
        if f"{type(layer).__module__}.{type(layer).__name__}" not in registry:
            raise FpgaMlError(
                f"neither hls4ml nor fpga_ml converts layer '{layer.name}' ({type(layer).__name__} of HGQ2)",
                where=f"layer '{layer.name}'",
                do="see docs/hls4ml.md for HGQ2's layers that convert",
            )
    return _parse_layers(made, *args, **kwargs)


def _of_arrange(node: Any) -> Kif:
    places = np.asarray(node.get_attr("places"))
    k, i, f = (np.where(places < 0, 0, v.reshape(-1)[places]) for v in _read(node))
    return _shaped(node, k, i, f)


def _of_scale(node: Any) -> Kif:
    (k, i, f), bits = _read(node), node.get_attr("bits")
    return _shaped(node, k, i + bits, f - bits)


def _of_lookup(node: Any) -> Kif:
    ends = [[int(np.max(v)) for v in bit_exact.minimal_kif(np.asarray(t))] for t in node.get_attr("tables")]
    return _shaped(node, *np.array(ends)[np.asarray(node.get_attr("which"))].T)


def _of_reduce(node: Any) -> Kif:
    terms = np.asarray(node.get_attr("terms"))
    k, i, f = (v.reshape(-1)[terms].max(-1) for v in _read(node))
    growth = math.ceil(math.log2(terms.shape[1])) if node.get_attr("op") == "sum" else 0
    return _shaped(node, k, i + growth, f)


def _of_products(node: Any) -> Kif:
    first, second = (np.asarray(node.get_attr(side)) for side in ("first", "second"))
    (k, i, f), (other_k, other_i, other_f) = (
        [v.reshape(-1)[terms] for v in _read(node, n)] for n, terms in enumerate((first, second))
    )
    growth = math.ceil(math.log2(first.shape[1]))
    widest = (i + other_i + (k & other_k)).max(-1)  # -1 times -1 is 1
    return _shaped(node, (k | other_k).max(-1), widest + growth, (f + other_f).max(-1))


def _read(node: Any, which: int = 0) -> Kif:
    k, i, f = (v.astype(np.int16) for v in bit_exact.get_input_kifs(node)[which])
    return k, i, f


def _shaped(node: Any, *kif: Any) -> Kif:
    k, i, f = (np.asarray(v, np.int16).reshape(node.get_attr("out_shape")) for v in kif)
    return k, i, f


def _set_type(node: Any) -> None:
    """The type of all that the node can make: its sums have it too, and need bits that nothing asks of its result."""
    k, i, f = bit_exact.kif_arrs_to_ints(bit_exact.produce_kif(node))
    named = bit_exact.to_hls4ml_fixed(k, i, f, f"{node.name}_t")
    node.attributes["result_t"] = named
    node.get_output_variable().type = named


# What the pass bit_exact asks of a node: which bits its values have, given those that it reads. Ours only, so for good.
_KIFS = {
    tensors.Arrange: _of_arrange,
    tensors.Scale: _of_scale,
    tensors.Lookup: _of_lookup,
    tensors.Reduce: _of_reduce,
    tensors.Products: _of_products,
}
for _node, _kif in _KIFS.items():
    bit_exact._produce_kif.register(_node, _kif)
    bit_exact.register_precision.register(_node, _set_type)
_parse_layers = hls4ml.converters.parse_keras_v3_model
for _module in (
    importlib.import_module("hls4ml.converters.keras_v3_to_hls"),
    hls4ml.converters,
):  # one has a function's name
    ADDED.add(_module, "parse_keras_v3_model", _parse)
_UNKNOWN = {
    "activation": ("QAffinedUnaryFunctionLUT",),
    "attn.linformer": ("QLinformerAttention",),
    "attn.mha": ("QMultiHeadAttention",),
    "ops.accum": ("QMeanPow2", "QSum"),
}
for _module_name, _kinds in _UNKNOWN.items():
    for _kind in _kinds:
        ADDED.add(registry, f"hgq.layers.{_module_name}.{_kind}", PartsHandler())
for _key in ("hgq.layers.activation.QUnaryFunctionLUT", "hgq.layers.softmax.QSoftmax"):
    ADDED.add(registry, _key, OfTables(registry[_key]))
