"""HGQ2's layers that hls4ml 1.3.0 has no handler of, and bare Keras operations, in a conversion by hls4ml's own HGQ2 flow.

hls4ml converts an HGQ2 model through nodes that round (FixedPointQuantizer), and its pass `bit_exact` gives every other node a
type that loses nothing. A layer that it does not know is taken apart as fpga_ml.compile does it (frontend/hgq.py). Its parts go
through the handlers that hls4ml and we have of them, and the pass learns which types our nodes need.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import hls4ml.converters
import keras
import numpy as np
from hls4ml.converters.keras_v3._base import KerasV3LayerHandler, registry
from hls4ml.model.optimizer.passes import bit_exact

from fpga_ml.bridge import tensors
from fpga_ml.bridge.patches import ADDED
from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend import tensors as keras_layers
from fpga_ml.frontend.hgq import Parts
from fpga_ml.frontend.operations import of_layers
from fpga_ml.frontend.rebuild import as_functional, calls

Kif = tuple[np.ndarray, np.ndarray, np.ndarray]  # signs, integer bits without the sign and fraction bits of each element
_MERGES = ("Add", "Subtract", "Multiply", "Maximum", "Minimum")


class PartsHandler(KerasV3LayerHandler):  # type: ignore[misc]
    """The parts of one layer, each by its own handler."""

    def __call__(self, layer: Any, in_tensors: Sequence[Any], out_tensors: Sequence[Any]) -> tuple[dict[str, Any], ...]:
        (made,) = out_tensors
        inside = _taken_apart(layer, made)
        every = calls(inside.model)
        known = {inside.inputs[id(t)].name: t.name for t in in_tensors}
        last = _source(inside.model.outputs[0]).name
        if last in known:
            raise FpgaMlError(
                f"layer '{layer.name}' ({type(layer).__name__}) computes nothing", where=f"layer '{layer.name}'", do="leave it out"
            )
        known[last] = made.name
        found: list[dict[str, Any]] = []
        for call in every:
            if not isinstance(call.layer, (keras.layers.InputLayer, keras_layers.Kept)):
                found += _of(call.layer, [_source(t) for t in call.inputs], call.outputs[0])
        for config in found:
            for side in ("input_keras_tensor_names", "output_keras_tensor_names"):
                config[side] = [known.get(name, f"{made.name}:{name}") for name in config[side]]
        return tuple(found)


class _Inside:
    """model: of the parts; inputs: its inputs, by the id of the tensor of the outer model that each stands for."""

    def __init__(self, model: Any, inputs: Mapping[int, Any]) -> None:
        self.model, self.inputs = model, inputs


def _taken_apart(layer: Any, made: Any) -> _Inside:
    """made: what the call of the layer that is meant makes."""
    node = layer._inbound_nodes[made._keras_history.node_index]
    inputs = {id(t): keras.Input(t.shape[1:], dtype=t.dtype) for t in node.arguments.keras_tensors}
    weights: dict[str, list[np.ndarray]] = {}
    args, kwargs = node.arguments.fill_in(inputs)
    model = as_functional(keras.Model(list(inputs.values()), Parts(layer, weights)(*args, **kwargs)))
    for part in model.layers:
        if part.weights:
            part.set_weights(weights[part.name])
    return _Inside(model, inputs)


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
    before: list[dict[str, Any]] = []
    if type(layer).__name__ in _MERGES:  # hls4ml repeats the smaller tensor as a whole
        wide = [_broadcast(f"{layer.name}_wide{k}", t, made) for k, t in enumerate(x)]
        before = [config for config, _ in wide if config]
        x = [t for _, t in wide]
    handler = registry.get(f"{type(layer).__module__}.{type(layer).__name__}") or registry[type(layer).__name__]
    configs = [*before, *handler(layer, x, [made])]
    if isinstance(layer, (keras_layers.Reduce, keras_layers.Einsum)):
        # Their sums have the type of their results. A rounding that follows becomes that of the layer before it.
        inner = f"{made.name}_sums"
        configs[-1]["output_keras_tensor_names"] = [inner]
        configs.append(_arrange(f"{layer.name}_kept", inner, made.name, np.arange(math.prod(made.shape[1:])), made.shape[1:]))
    return configs


def _broadcast(name: str, x: Any, made: Any) -> tuple[dict[str, Any] | None, Any]:
    """A tensor in the shape of what is made of it, and the node that makes it so."""
    shape = tuple(made.shape[1:])
    if tuple(x.shape[1:]) == shape:
        return None, x
    own = np.arange(math.prod(x.shape[1:])).reshape(x.shape[1:])
    wide = keras.KerasTensor(made.shape, name=f"{made.name}_{name}")
    return _arrange(name, x.name, wide.name, np.broadcast_to(own, shape).reshape(-1), shape), wide


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
    """hls4ml's own, of a model whose bare operations, which it overlooks, are layers."""
    return _parse_layers(of_layers(as_functional(model)), *args, **kwargs)


# What the pass bit_exact asks of a node: what its values need, given those that it reads. Our nodes only, so for good.


@bit_exact._produce_kif.register
def _(node: tensors.Arrange) -> Kif:
    places = np.asarray(node.get_attr("places"))
    k, i, f = (np.where(places < 0, 0, v.reshape(-1)[places]) for v in _read(node))
    return _shaped(node, k, i, f)


@bit_exact._produce_kif.register
def _(node: tensors.Scale) -> Kif:
    (k, i, f), bits = _read(node), node.get_attr("bits")
    return _shaped(node, k, i + bits, f - bits)


@bit_exact._produce_kif.register
def _(node: tensors.Lookup) -> Kif:
    ends = [[int(np.max(v)) for v in bit_exact.minimal_kif(np.asarray(t))] for t in node.get_attr("tables")]
    return _shaped(node, *np.array(ends)[np.asarray(node.get_attr("which"))].T)


@bit_exact._produce_kif.register
def _(node: tensors.Reduce) -> Kif:
    terms = np.asarray(node.get_attr("terms"))
    k, i, f = (v.reshape(-1)[terms].max(-1) for v in _read(node))
    growth = math.ceil(math.log2(terms.shape[1])) if node.get_attr("op") == "sum" else 0
    return _shaped(node, k, i + growth, f)


@bit_exact._produce_kif.register
def _(node: tensors.Products) -> Kif:
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


@bit_exact.register_precision.register
def _(node: tensors._Tensor) -> None:
    """The type of all that the node can make: its sums have it too, and need bits that nothing asks of its result."""
    k, i, f = bit_exact.kif_arrs_to_ints(bit_exact.produce_kif(node))
    named = bit_exact.to_hls4ml_fixed(k, i, f, f"{node.name}_t")
    node.attributes["result_t"] = named
    node.get_output_variable().type = named


_parse_layers = hls4ml.converters.parse_keras_v3_model
for _module in (importlib.import_module("hls4ml.converters.keras_v3_to_hls"), hls4ml.converters):  # one has a function's name
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
