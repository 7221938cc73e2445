"""From a float or partly quantised Keras model to one in which every tensor has a fixed-point type.

The result is a Keras model like any other: layers become their QKeras twins, weights carried over, and a QActivation
stands wherever a value is rounded. Post-training quantisation, completion of a partly quantised model and the twin for
quantisation-aware training are the same rewrite with types chosen differently. A layer that carries its quantizers is
left as it is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import qkeras

from fpga_ml.config import check_bits
from fpga_ml.frontend import recurrent
from fpga_ml.frontend.celeste import LAYERS as CELESTE
from fpga_ml.frontend.folding import INFERENCE_IDENTITY, affine_of, folds, is_affine, linear_weights
from fpga_ml.frontend.kinds import activation_name, is_relu
from fpga_ml.frontend.layers import Affine, Clipped, exact_type
from fpga_ml.frontend.normalise import NORMALISATIONS, UNROUNDED, normalise, type_behind, weights_of
from fpga_ml.frontend.quantizers import relu_quantizer, signed_quantizer, weight_type
from fpga_ml.frontend.rebuild import (
    Call,
    Probe,
    as_functional,
    calls,
    consumers,
    copy_layer,
    copy_weights,
    inputs_of,
    rebuild,
)
from fpga_ml.frontend.rewrites import rewritten
from fpga_ml.frontend.tensors import Arrange, Kept, Lookup, Quantise
from fpga_ml.numerics import FixedType
from fpga_ml.samples import load_samples

# Keras class -> (QKeras class, {weight variable: quantizer argument}). The QKeras classes are keys too: a layer with
# some quantizers missing is completed.
_LINEAR: dict[str, tuple[Any, dict[str, str]]] = {
    "Dense": (qkeras.QDense, {"kernel": "kernel_quantizer", "bias": "bias_quantizer"}),
    "Conv1D": (qkeras.QConv1D, {"kernel": "kernel_quantizer", "bias": "bias_quantizer"}),
    "Conv2D": (qkeras.QConv2D, {"kernel": "kernel_quantizer", "bias": "bias_quantizer"}),
    "DepthwiseConv2D": (qkeras.QDepthwiseConv2D, {"kernel": "depthwise_quantizer", "bias": "bias_quantizer"}),
    "SeparableConv1D": (
        qkeras.QSeparableConv1D,
        {
            "depthwise_kernel": "depthwise_quantizer",
            "pointwise_kernel": "pointwise_quantizer",
            "bias": "bias_quantizer",
        },
    ),
    "SeparableConv2D": (
        qkeras.QSeparableConv2D,
        {
            "depthwise_kernel": "depthwise_quantizer",
            "pointwise_kernel": "pointwise_quantizer",
            "bias": "bias_quantizer",
        },
    ),
}
_LINEAR |= {f"Q{name}": rule for name, rule in _LINEAR.items()}

# Layers without a QKeras twin: their weights are rounded and hls4ml is told the types. Keras variable -> hls4ml's name.
_TYPED: dict[str, dict[str, tuple[str, ...]]] = {
    "DepthwiseConv1D": {"kernel": ("weight",), "bias": ("bias",)},
    "EinsumDense": {"kernel": ("weight",), "bias": ("bias",)},
    "Embedding": {"embeddings": ("embeddings",)},
    "PReLU": {"alpha": ("param",)},
}

# Layers whose output needs no rounding of its own: they move or select values, or (softmax) own their tables.
_EXACT = frozenset(
    {
        "InputLayer",
        "MaxPooling1D",
        "MaxPooling2D",
        "GlobalMaxPooling1D",
        "GlobalMaxPooling2D",
        "Flatten",
        "Reshape",
        "Permute",
        "ZeroPadding1D",
        "ZeroPadding2D",
        "Cropping1D",
        "Cropping2D",
        "UpSampling1D",
        "UpSampling2D",
        "Concatenate",
        "Maximum",
        "Minimum",
        "Softmax",
        "Embedding",
        "QActivation",
        "Pick",
        "Steps",
        "Bounded",
        "Normalise",
    }
)
_EXACT |= {kind.__name__ for kind in (*CELESTE, Quantise, Lookup, Arrange, Kept)}
_ROUNDS = ("QActivation", "Steps", "Bounded", "Normalise", "Quantise")  # give their results a type


@dataclass(frozen=True)
class Rounded:
    """One rounding of the quantised model: the tensor's name, its type, and the calls before and behind the rounding; of:
    what is rounded of the values before, a function that keeps their order."""

    tensor: str
    kind: str  # input | weight | bias | activation
    type: FixedType
    before: str = ""
    behind: str = ""
    of: Callable[[np.ndarray], np.ndarray] = lambda values: values


@dataclass(frozen=True)
class Quantised:
    """model: the Keras model in which every tensor has a type.

    rounded: what the rewrite rounded, in order; precision: {layer: {hls4ml variable: type}} for layers without a
    QKeras twin; completed: layers that carried no quantizers when they came.
    """

    model: Any
    rounded: tuple[Rounded, ...] = ()
    precision: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    completed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Choice:
    """How types are chosen. weight(layer, variable, values), activation(tensor, relu) and state(layer), of what a
    recurrent layer keeps between steps, give a type; inputs: those of the model's inputs, where they are known."""

    weight: Callable[[str, str, np.ndarray], FixedType]
    activation: Callable[[str, bool], FixedType]
    state: Callable[[str], FixedType]
    inputs: Mapping[str, FixedType] = field(default_factory=dict)


def to_qkeras(model: Any, bits: int = 6, *, data: Any = None, activation_integer_bits: int = 3) -> Any:
    """The QKeras twin of a float model, for quantisation-aware training, weights carried over.

    Weights and biases become quantized_bits(bits) with the binary point that their values need, relu becomes
    quantized_relu(bits), other rounded tensors quantized_bits(bits). Batch normalisation after a linear layer is folded into
    it. Softmax stays as it is, and the tensor before it is left unrounded: the logits of the twin equal C-simulation bit for
    bit.

    Parameters
    ----------
    model
        A float Keras model.
    bits
        Width of weights and activations, 2 to 24.
    data
        Samples, as `fpga_ml.compile` takes them, from whose ranges the integer bits of activations follow.
    activation_integer_bits
        Integer bits of activations besides the sign, where there are no data.

    Returns
    -------
    keras.Model
        To be compiled and trained on.

    Raises
    ------
    FpgaMlError
        For samples that do not fit the model's inputs, and for other bits.
    """
    check_bits(bits, "to_qkeras")
    model = rewritten(as_functional(model))
    samples = () if data is None else load_samples(data, inputs_of(model), 0).x
    ranges = Probe(model).ranges(samples) if samples else {}

    def activation(tensor: str, relu: bool) -> FixedType:
        if tensor not in ranges:
            return FixedType(not relu, bits, activation_integer_bits + (not relu))
        return FixedType.for_range(*ranges[tensor], bits, signed=not relu)

    reaches = recurrent.reaches(model, samples) if samples else {}

    def state(layer: str) -> FixedType:
        if layer not in reaches:
            return FixedType(True, bits, activation_integer_bits + 1)
        return FixedType.for_range(-reaches[layer], reaches[layer], bits, signed=True)

    types = Choice(lambda _layer, _variable, values: weight_type(values, bits), activation, state)
    return rewrite(model, types, round_logits=False).model


def is_quantised(layer: Any) -> bool:
    """True if the layer rounds every weight it has by a quantizer of its own."""
    name = type(layer).__name__
    if name in _LINEAR and name.startswith("Q"):
        return not _missing(layer)
    return name.startswith("Q") or name == "Normalise" or (name == "Affine" and layer.scale_quantizer is not None)


def _missing(layer: Any) -> list[str]:
    """Weight variables of a linear layer that no quantizer rounds."""
    _, arguments = _LINEAR[type(layer).__name__]
    present = {w.name for w in layer.weights}
    return [v for v, argument in arguments.items() if v in present and getattr(layer, argument, None) is None]


def weight_quantizers(layer: Any) -> Iterator[tuple[str, Any]]:
    """(weight variable, its quantizer) of what a linear layer rounds by itself."""
    _, arguments = _LINEAR.get(type(layer).__name__, (None, {}))
    for variable, argument in arguments.items():
        quantizer = getattr(layer, f"{argument}_internal", None)
        if quantizer is not None and variable in {w.name for w in layer.weights}:
            yield variable, quantizer


def rewrite(model: Any, types: Choice, *, round_logits: bool = True) -> Quantised:
    """The rewrite itself; see the module's text."""
    return _Rewrite(model, types, round_logits).run()


class _Rewrite:
    def __init__(self, model: Any, types: Choice, round_logits: bool) -> None:
        self.model, self.types, self.round_logits = as_functional(model), types, round_logits
        self.calls = calls(self.model)
        self.readers = consumers(self.calls, skip=INFERENCE_IDENTITY)
        self.taken = {c.layer.name for c in self.calls}
        self.weights: dict[str, list[np.ndarray]] = {}
        self.rounded: list[Rounded] = []
        self.precision: dict[str, dict[str, str]] = {}
        self.completed: dict[str, None] = {}
        self.states: dict[str, FixedType] = {}
        self.kept = {c.layer.name for c in self.calls if any(isinstance(r.layer, Kept) for r in self.readers[c.key])}
        self.folded = folds(self.calls, self.model.outputs, self.kept)

    def run(self) -> Quantised:
        new = copy_weights(rebuild(self.model, self._make, self._after), self.weights)
        return Quantised(new, tuple(self.rounded), self.precision, tuple(self.completed))

    def _make(self, layer: Any) -> Any:
        name = type(layer).__name__
        if layer.name in self.folded or name in INFERENCE_IDENTITY or isinstance(layer, Kept):
            return None
        if layer.name in self.kept:
            return self._exact(layer)
        if is_affine(layer):
            return self._affine(layer)
        if recurrent.is_recurrent(layer):
            return self._recurrent(layer)
        if is_quantised(layer):
            self.weights[layer.name] = [np.asarray(w) for w in layer.weights]
            is_plain = name in _LINEAR and activation_name(layer) != "quantizer"
            return copy_layer(layer, changes={"activation": None} if is_plain else {})  # `_after` puts it behind
        if name in _LINEAR:
            return self._linear(layer)
        if name in _TYPED:
            return self._typed(layer)
        if is_relu(layer) or isinstance(layer, Clipped):
            self.completed[layer.name] = None
            return None
        if name in NORMALISATIONS:
            return None  # `_after` has its types
        if name == "Activation" and activation_name(layer) == "leaky_relu":
            return self._plain(layer, layer.name)
        self.weights[layer.name] = [np.asarray(w) for w in layer.weights]
        slope = getattr(layer, "negative_slope", 0.0)
        return copy_layer(layer, changes={"negative_slope": self._slope(layer, slope)} if slope else {})

    def _exact(self, layer: Any) -> Any:
        """A layer that keeps every bit: its weights have types that hold them."""
        if type(layer).__name__ != "Affine":  # which has quantizers
            names = _TYPED.get(type(layer).__name__, {"kernel": ("weight",), "bias": ("bias",)})
            for weight in layer.weights:
                for variable in names[weight.name]:
                    self.precision.setdefault(layer.name, {})[variable] = exact_type(np.asarray(weight, np.float64)).cpp()
        self.weights[layer.name] = [np.asarray(w) for w in layer.weights]
        return copy_layer(layer)

    def _plain(self, layer: Any, name: str) -> Any:
        """The function that is a layer's activation, as a layer."""
        if activation_name(layer) != "leaky_relu":
            return keras.layers.Activation(layer.activation, name=name)
        default = inspect.signature(keras.activations.leaky_relu).parameters["negative_slope"].default
        return keras.layers.LeakyReLU(self._slope(layer, default), name=name)

    def _slope(self, layer: Any, slope: float) -> float:
        """A slope below zero is a weight, and rounded as one."""
        values = np.array([slope])
        (rounded,) = self._weight_type(layer.name, "negative_slope", values).quantise(values)
        return float(rounded)

    def _linear(self, layer: Any) -> Any:
        self.completed[layer.name] = None
        twin, arguments = _LINEAR[type(layer).__name__]
        values = linear_weights(self.model, layer, self.folded)
        missing = set(values) if not isinstance(layer, twin) else set(_missing(layer))
        config = {**layer.get_config(), "use_bias": "bias" in values}
        if activation_name(layer) != "quantizer":
            config["activation"] = None
        for variable in [v for v in arguments if v in missing]:
            t = self._weight_type(layer.name, variable, values[variable])
            config[arguments[variable]] = signed_quantizer(t, f"layer '{layer.name}', {variable}")
        self.weights[layer.name] = list(values.values())
        return twin.from_config(config)

    def _recurrent(self, layer: Any) -> Any:
        self.weights[layer.name] = [np.asarray(w) for w in layer.weights]
        twin = self._twin(layer.name, recurrent.inner(layer))
        self.precision[layer.name] = recurrent.precision(twin)
        found = recurrent.state_type(twin)
        if found is not None:
            self.states[layer.name] = found
        return recurrent.rewritten(layer, twin)

    def _twin(self, name: str, layer: Any) -> Any:
        """With the quantizers that it lacks."""
        quantizers: dict[str, Any] = {}
        lacking = recurrent.missing(layer)
        if lacking:
            self.completed[name] = None
        for variable, (argument, _) in recurrent.VARIABLES.items():
            if argument in lacking:
                t = self._weight_type(name, variable, np.asarray(getattr(layer.cell, variable)))
                quantizers[argument] = signed_quantizer(t, f"layer '{name}', {variable}")
        if "state_quantizer" in lacking:
            quantizers["state_quantizer"] = signed_quantizer(self.types.state(name), f"state of layer '{name}'")
        return recurrent.twin(layer, quantizers)

    def _affine(self, layer: Any) -> Any:
        self.completed[layer.name] = None
        scale, shift = affine_of(layer)
        chosen = [self._weight_type(layer.name, n, v) for n, v in (("scale", scale), ("bias", shift))]
        self.weights[layer.name] = [scale, shift]
        return Affine(*(signed_quantizer(t, f"layer '{layer.name}'") for t in chosen), name=layer.name)

    def _typed(self, layer: Any) -> Any:
        self.completed[layer.name] = None
        known = _TYPED[type(layer).__name__]
        new_values = []
        for weight in layer.weights:
            values = np.asarray(weight)
            if weight.name in known:
                t = self._weight_type(layer.name, weight.name, values)
                values = t.quantise(values)
                for variable in known[weight.name]:
                    self.precision.setdefault(layer.name, {})[variable] = t.cpp()
            new_values.append(values)
        self.weights[layer.name] = new_values
        return copy_layer(layer)

    def _weight_type(self, layer: str, variable: str, values: np.ndarray) -> FixedType:
        t = self.types.weight(layer, variable, values)
        kind = "bias" if variable.endswith(("bias", "beta")) else "weight"
        self.rounded.append(Rounded(f"{layer}.{variable}", kind, t))
        return t

    def _after(self, call: Call, tensor: Any) -> Any:
        """Behind a layer: its activation and the rounding of its output."""
        layer, name = call.layer, type(call.layer).__name__
        if layer.name in self.folded.values() or layer.name in self.kept or name in _EXACT | INFERENCE_IDENTITY:
            return tensor
        if name in NORMALISATIONS:
            return self._normalised(call, tensor)
        if isinstance(layer, Clipped):
            return self._clipped(call, tensor)
        if layer.name in self.states:
            return self._round(call, tensor, relu=False, given=self.states[layer.name])
        relu = is_relu(layer)
        if name in _LINEAR:
            inner = activation_name(layer)
            if inner == "quantizer":
                return tensor
            relu = inner == "relu" and not is_quantised(layer)  # the model's own quantizers are all that it rounds
            if inner and not relu:
                tensor = self._plain(layer, self._unique(call, inner))(tensor)
            if inner == "softmax":
                return tensor
        elif name == "Activation" and activation_name(layer) in ("softmax", ""):
            return tensor
        if relu:
            return self._round(call, tensor, relu=True)
        if is_quantised(layer):
            return tensor
        return tensor if self._is_rounded_next(call) else self._round(call, tensor, relu=False)

    def _normalised(self, call: Call, tensor: Any) -> Any:
        """In whole numbers, of a tensor that has a type; a layer of its own for each call."""
        layer, read = call.layer, call.inputs[0]
        self.completed[layer.name] = None
        if (data := type_behind(tensor, self.types.inputs)) is None:
            source = next(c for c in self.calls if any(t is read for t in c.outputs))
            tensor = self._round(source, tensor, relu=False)
            data = self.rounded[-1].type
        name = layer.name if "#" not in call.key else self._unique(call, "again")
        weights = weights_of(layer)
        types = {v: self._weight_type(layer.name, v, w) for v, w in weights.items()}
        types |= {"data": data, "result": self.types.activation(call.key, False)}
        made = normalise(layer, read.shape[1:], types, weights, name)
        self.weights[name] = list(weights.values())
        self.rounded.append(Rounded(call.key, "activation", made.type, f"{name}{UNROUNDED}", name))
        return made(tensor)

    def _clipped(self, call: Call, tensor: Any) -> Any:
        layer, t = call.layer, self.types.activation(call.key, call.layer.low >= 0)
        slope = layer.slope if layer.slope in (0, 1) else self._slope(layer, layer.slope)
        name = layer.name if "#" not in call.key else self._unique(call, "clipped")
        made = layer.rounded(t, slope, name)
        before = tensor._keras_history.operation.name
        self.rounded.append(Rounded(call.key, "activation", made.type, before, name, layer.of))
        return made(tensor)

    def _is_rounded_next(self, call: Call) -> bool:
        """True if every reader rounds: then the full precision of this tensor costs nothing and stays."""
        behind = self.readers[call.key]
        if not behind:
            return not self.round_logits
        rounds = [
            is_relu(b.layer)
            or isinstance(b.layer, Clipped)
            or type(b.layer).__name__ in _ROUNDS
            or (_is_softmax(b.layer) and not self.round_logits)
            for b in behind
        ]
        return bool(rounds) and all(rounds)

    def _unique(self, call: Call, suffix: str) -> str:
        """A name that no layer has, for what stands behind a call."""
        name = f"{call.key.replace('#', '_')}_{suffix}"
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name

    def _round(self, call: Call, tensor: Any, *, relu: bool, given: FixedType | None = None) -> Any:
        t = given or self.types.activation(call.key, relu)
        where = f"output of layer '{call.key}'"
        if relu:
            own_name = is_relu(call.layer)
            name = call.layer.name if own_name and "#" not in call.key else self._unique(call, "relu")
            quantizer = relu_quantizer(t, where)
        else:
            name, quantizer = self._unique(call, "round"), signed_quantizer(t, where)
        before = tensor._keras_history.operation.name
        of = {"of": lambda values: np.maximum(values, 0.0)} if relu else {}
        self.rounded.append(Rounded(call.key, "activation", t, before, name, **of))
        return qkeras.QActivation(quantizer, name=name)(tensor)


def _is_softmax(layer: Any) -> bool:
    return type(layer).__name__ == "Softmax" or (
        type(layer).__name__ == "Activation" and activation_name(layer) == "softmax"
    )
