"""Weights whose quantizer is no plain fixed point become fixed-point weights of the same values.

Scales that are powers of two move the binary point of a weight, and a power-of-two weight is one bit of a word: a
fixed-point type holds both. Any other scale (alpha="auto") leaves the kernel, which keeps the whole numbers that the
quantizer made, and multiplies their sums in an Affine layer behind. hls4ml knows such quantizers, but it cuts a scale off to
ap_fixed<16,6>, applies it to the first position only of a dense layer over several, and loses bits of small powers of two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.layers import Affine, activation_layer
from fpga_ml.frontend.quantizers import signed_quantizer
from fpga_ml.frontend.rebuild import VARIABLES, Call, calls, copy_layer, copy_weights, rebuild, weight_quantizers
from fpga_ml.frontend.recurrent import VARIABLES as CELL_VARIABLES
from fpga_ml.frontend.recurrent import inner, is_recurrent, rewritten, twin
from fpga_ml.frontend.rewrites.values import Scaled, exact_affine, fixed_for, is_plain, rounded_to_fit, scaled_by


def exact_weights(model: Any) -> Any:
    """The model with every weight a fixed-point one; the model itself where that is so."""
    made: dict[int, _Rewritten] = {}
    for c in calls(model):
        if id(c.layer) not in made and (found := _of(c)) is not None:
            made[id(c.layer)] = found
    if not made:
        return model

    def make(layer: Any) -> Any:
        return made[id(layer)].layers[0] if id(layer) in made else copy_layer(layer)

    def after(call: Call, tensor: Any) -> Any:
        for layer in made[id(call.layer)].layers[1:] if id(call.layer) in made else ():
            tensor = layer(tensor)
        return tensor

    new = rebuild(model, make, after)
    weights = {layer.name: layer.get_weights() for layer in model.layers if id(layer) not in made}
    for found in made.values():
        weights |= found.weights
    return copy_weights(new, weights)


class _Rewritten:
    """Layers, one behind another, in the place of one; weights: {layer: values}."""

    def __init__(self, layers: list[Any], weights: Mapping[str, list[np.ndarray]]) -> None:
        self.layers, self.weights = layers, weights


def _of(c: Call) -> _Rewritten | None:
    """None for a layer that has plain weights."""
    if is_recurrent(c.layer):
        return _cell(c.layer)
    found = {a: q for a, q in weight_quantizers(c.layer).items() if not is_plain(q, a)}
    if not found or isinstance(c.layer, Affine):
        return None
    for quantizer in found.values():
        _check_random(quantizer, c.layer)
    values = {w.name: np.asarray(w) for w in c.layer.weights}
    names = {a: VARIABLES[a] if VARIABLES[a] in values else "kernel" for a in found}
    scaled = {a: scaled_by(q, values[names[a]]) for a, q in found.items() if names[a] in values}
    kernels = {a: s for a, s in scaled.items() if a != "bias_quantizer"}
    by_channel = all(s.scale.size == s.scale.shape[-1] for s in kernels.values())
    if by_channel and not all(s.is_shifted for s in kernels.values()):
        return _factored(c, kernels, names)
    return _held(c.layer, scaled, names)


def _check_random(quantizer: Any, layer: Any) -> None:
    """Raises FpgaMlError for a quantizer that draws its values anew each time that the model is evaluated."""
    kind = type(quantizer).__name__
    if kind == "bernoulli" or (kind == "binary" and quantizer.use_stochastic_rounding and quantizer.training):
        raise FpgaMlError(
            f"the weights' quantizer {kind} draws its values at random, in inference too",
            where=f"layer '{layer.name}'",
            do="use stochastic_binary or stochastic_ternary, which are random in training only, or give it training=False",
        )


def _held(layer: Any, scaled: Mapping[str, Scaled], names: Mapping[str, str]) -> _Rewritten:
    """The layer with its quantised values for weights."""
    values = {w.name: np.asarray(w) for w in layer.weights}
    changes = {}
    for argument, s in scaled.items():
        where = f"layer '{layer.name}', {names[argument]}"
        values[names[argument]] = s.whole
        changes[argument] = signed_quantizer(fixed_for(s.whole, where), where)
    return _Rewritten([copy_layer(layer, changes=changes)], {layer.name: list(values.values())})


def _factored(c: Call, kernels: Mapping[str, Scaled], names: Mapping[str, str]) -> _Rewritten:
    """The layer with whole numbers in its kernels; behind it their scale and the bias, then its activation."""
    layer, where = c.layer, f"layer '{c.layer.name}'"
    values = {w.name: np.asarray(w) for w in layer.weights}
    changes: dict[str, Any] = {"use_bias": False, "bias_quantizer": None, "activation": None}
    scale = np.ones(int(c.outputs[0].shape[-1]))
    for argument, s in kernels.items():
        values[names[argument]] = s.values
        changes[argument] = signed_quantizer(fixed_for(s.values, f"{where}, {names[argument]}"), where)
        scale = scale * s.scale.reshape(-1)
    bias, quantizer = values.pop("bias", np.zeros(len(scale))), weight_quantizers(layer).get("bias_quantizer")
    bias = rounded_to_fit(scaled_by(quantizer, bias).whole if quantizer is not None else np.asarray(bias, np.float64))
    scale = rounded_to_fit(scale)
    affine = exact_affine([scale, bias], f"{layer.name}_scale", where)
    layers = [copy_layer(layer, changes=changes), affine, *_activation(layer)]
    return _Rewritten(layers, {layer.name: list(values.values()), affine.name: [scale, bias]})


def _activation(layer: Any) -> list[Any]:
    """A layer's activation as a layer of its own; none where it has none."""
    function = getattr(layer, "activation", None)
    if function is None or function is keras.activations.linear:
        return []
    return [activation_layer(function, f"{layer.name}_activation")]


def _cell(layer: Any) -> _Rewritten | None:
    """A recurrent layer: between its products and its gates there is no place for a scale, so its weights hold it."""
    cell, values, quantizers = layer.cell, {w.name: np.asarray(w) for w in layer.weights}, {}
    for variable, (argument, _) in CELL_VARIABLES.items():
        quantizer = getattr(cell, f"{argument}_internal", None)
        if quantizer is None or variable not in values or is_plain(quantizer, "of a cell"):
            continue
        _check_random(quantizer, layer)
        where = f"layer '{layer.name}', {variable}"
        values[variable] = scaled_by(quantizer, values[variable]).whole
        quantizers[argument] = signed_quantizer(fixed_for(values[variable], where), where)
    if not quantizers:
        return None
    return _Rewritten([rewritten(layer, twin(inner(layer), quantizers))], {layer.name: list(values.values())})
