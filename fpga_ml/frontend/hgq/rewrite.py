"""A float Keras model as one of HGQ2, whose training finds a width for each weight and each value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import keras
import numpy as np

from fpga_ml.config import check_bits
from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.folding import INFERENCE_IDENTITY, affine_of, folds, linear_weights
from fpga_ml.frontend.hgq.files import need_hgq
from fpga_ml.frontend.kinds import activation_name, function_name, is_relu
from fpga_ml.frontend.rebuild import Array, Call, Probe, as_functional, calls, copy_layer, inputs_of, rebuild
from fpga_ml.frontend.rewrites import rewritten
from fpga_ml.samples import load_samples

_TABLE_BITS = 8  # of a table's address beside the sign, at the start
_ENTRY_BITS = 10  # fraction bits of an entry of softmax's tables, at the start
_LEVEL = 3  # integer bits of an argument from which on these functions are level, or 0
_LEVELS = ("sigmoid", "tanh", "softsign")
_TABLES = (*_LEVELS, "softplus", "elu", "selu", "silu", "gelu", "exponential", "mish")
_MERGES = ("Add", "Subtract", "Multiply", "Maximum", "Minimum")
_POOLINGS = tuple(f"{g}{kind}Pooling{d}D" for g in ("", "Global") for kind in ("Max", "Average") for d in (1, 2))
_MOVES = (
    *("Concatenate", "Flatten", "Reshape", "Permute", "Arrange", "RepeatVector"),
    *(f"{kind}{d}D" for kind in ("ZeroPadding", "Cropping", "UpSampling") for d in (1, 2)),
)
_LINEAR = ("Dense", "Conv1D", "Conv2D", "EinsumDense")
_NORMS = ("BatchNormalization", "Affine")
_KNOWN = ("InputLayer", "ReLU", "Einsum", *_LINEAR, *_NORMS, *_MERGES, *_POOLINGS, *_MOVES, *INFERENCE_IDENTITY)


def to_hgq(model: Any, data: Any, bits: int = 8) -> Any:
    """The HGQ2 twin of a float model, weights carried over, to be trained on: each weight and each element of a vector gets
    a width of its own (of an image or of particles: each channel), which training changes by its gradient (C. Sun et al.,
    arXiv:2405.00645).

    Batch normalisation behind a linear layer is folded into it. Softmax becomes QSoftmax, other functions become
    QUnaryFunctionLUT; where these are outputs, their tables keep the widths that they have at the start.

    Parameters
    ----------
    model
        A float Keras model.
    data
        Samples, as `fpga_ml.compile` takes them, (N, ...) for each input. Integer bits follow from the values they give.
    bits
        Bits at the start, 2 to 24, beside the sign, of the largest value of each tensor.

    Returns
    -------
    keras.Model
        In HGQ2's layers. The resource weight `beta` is 0.

    Raises
    ------
    FpgaMlError
        For a layer that has no twin, for samples that do not fit, for other bits, and where HGQ2 is not installed.
    """
    check_bits(bits, "to_hgq")
    hgq = need_hgq()
    model = _apart(rewritten(as_functional(model)))
    _check(model)
    x = load_samples(data, inputs_of(model), 0).x
    with hgq.config.LayerConfigScope(beta0=0.0, enable_ebops=True, enable_iq=True, enable_oq=False):
        twin = _Rewrite(model, x, bits, hgq).run()
    fit_ranges(twin, x)
    return twin


def fit_ranges(model: Any, x: Sequence[Array]) -> float:
    """Give the quantizers of an HGQ2 model the signs and integer bits that the data x, (N, ...) for each input, need; the
    effective bit operations (EBOPs) that the model then takes."""
    single = [np.asarray(a, np.float32) for a in x]
    return float(need_hgq().utils.trace_minmax(model, single[0] if len(single) == 1 else single))


def _apart(model: Any) -> Any:
    """Functions inside linear layers, but for relu, as layers behind them."""
    inside = {c.layer.name for c in calls(model) if type(c.layer).__name__ in _LINEAR} - {
        c.layer.name for c in calls(model) if activation_name(c.layer) in ("", "relu")
    }
    if not inside:
        return model
    weights = {}

    def make(layer: Any) -> Any:
        weights[layer.name] = layer.get_weights()
        return copy_layer(layer, changes={"activation": None} if layer.name in inside else {})

    def after(call: Call, tensor: Any) -> Any:
        if call.layer.name not in inside:
            return tensor
        name = f"{call.key.replace('#', '_')}_{activation_name(call.layer)}"
        return keras.layers.Activation(call.layer.activation, name=name)(tensor)

    new = rebuild(model, make, after)
    for name, values in weights.items():
        new.get_layer(name).set_weights(values)
    return new


def _check(model: Any) -> None:
    """Raises FpgaMlError for the first layer that has no twin."""
    seen: dict[str, list[Any]] = {}
    for c in calls(model):
        layer, kind = c.layer, type(c.layer).__name__
        if (wrong := _refused(c)) is not None:
            raise FpgaMlError(f"layer '{layer.name}' {wrong[0]}", where=f"layer '{layer.name}'", do=wrong[1])
        shapes = [tuple(t.shape) for t in c.inputs]
        if seen.setdefault(layer.name, shapes) != shapes and kind not in _MOVES:
            raise FpgaMlError(
                f"layer '{layer.name}' is called with tensors of several shapes, and its widths in HGQ2 are of one",
                where=f"layer '{layer.name}'",
                do="use a layer for each shape",
            )


def _refused(c: Call) -> tuple[str, str] | None:
    """What is wrong with a layer, and what to do."""
    layer, kind = c.layer, type(c.layer).__name__
    if type(layer).__module__.partition(".")[0] in ("qkeras", "hgq"):
        return f"is a {kind}, which has quantizers already", "give the float model"
    if kind in ("Activation", "Softmax"):
        function = function_name(layer)
        if function not in ("", "relu", "softmax", *_TABLES):
            return f"is the activation '{function}', which has no twin in HGQ2", f"use relu, {', '.join(_TABLES)} or softmax"
        return None
    if kind == "ReLU" and not is_relu(layer):
        return "is a ReLU with a slope, a threshold or a maximum, which has no twin in HGQ2", "use a plain ReLU"
    if kind not in _KNOWN:
        return f"is a {kind}, for which to_hgq knows no layer of HGQ2", "build the model in HGQ2's layers, see docs/hgq.md"
    return None


class _Rewrite:
    def __init__(self, model: Any, x: Sequence[Array], bits: int, hgq: Any) -> None:
        self.model, self.bits, self.layers, self.config = model, bits, hgq.layers, hgq.config.QuantizerConfig
        every = calls(model)
        ranges = Probe(model).ranges(x)
        self.folded = folds(every, model.outputs)
        self.weights: dict[str, dict[str, Array]] = {}
        makers = {id(t): c.key for c in every for t in c.outputs}
        self.reads: dict[str, list[float]] = {}  # the largest magnitude that a layer reads of each of its inputs
        self.gives: dict[str, tuple[float, float]] = {}
        for c in every:
            met = [max(map(abs, ranges[makers[id(t)]])) for t in c.inputs]
            self.reads[c.layer.name] = [max(pair) for pair in zip(met, self.reads.get(c.layer.name, met), strict=True)]
            (low, high), (least, most) = ranges[c.key], self.gives.get(c.layer.name, ranges[c.key])
            self.gives[c.layer.name] = (min(low, least), max(high, most))

    def run(self) -> Any:
        new = rebuild(self.model, self._make)
        for name, values in self.weights.items():
            layer = new.get_layer(name)
            for variable, value in values.items():
                getattr(layer, variable).assign(value)
        return new

    def _make(self, layer: Any) -> Any:
        kind = type(layer).__name__
        if layer.name in self.folded or kind in INFERENCE_IDENTITY:
            return None
        if kind in _LINEAR:
            return self._linear(layer)
        if kind in _NORMS:
            return self._norm(layer)
        if kind in _MERGES:
            confs = [self._of_data(reach) for reach in self.reads[layer.name]]
            return getattr(self.layers, f"Q{kind}")(iq_confs=confs, name=layer.name)
        if kind == "Einsum":
            confs = [self._of_data(reach) for reach in self.reads[layer.name]]
            return self.layers.QEinsum(layer.equation, iq_confs=confs, name=layer.name)
        if kind in _POOLINGS:
            return self._pooling(layer)
        if kind in ("Activation", "Softmax"):
            return self._function(layer)
        return copy_layer(layer)

    def _linear(self, layer: Any) -> Any:
        values = {k: np.asarray(v, np.float64) for k, v in linear_weights(self.model, layer, self.folded).items()}
        self.weights[layer.name] = values
        if isinstance(layer, keras.layers.EinsumDense):
            given = {"equation": layer.equation, "output_shape": layer.partial_output_shape, "bias_axes": layer.bias_axes}
        else:
            same = ("units", "filters", "kernel_size", "strides", "padding", "data_format")
            given = {name: getattr(layer, name) for name in same if hasattr(layer, name)} | {"use_bias": "bias" in values}
        quantizers = {"kq_conf": self._of_weights(values["kernel"]), "iq_conf": self._of_data(*self.reads[layer.name])}
        if "bias" in values:
            quantizers["bq_conf"] = self._of_weights(values["bias"])
        made = getattr(self.layers, f"Q{type(layer).__name__}")
        return made(**given, **quantizers, activation=activation_name(layer) or None, name=layer.name)

    def _norm(self, layer: Any) -> Any:
        """A scale and an offset of each channel; its moving statistics give its results at the start."""
        scale, shift = affine_of(layer)
        variance = np.asarray(getattr(layer, "moving_variance", np.ones_like(scale)), np.float64)
        mean = np.asarray(getattr(layer, "moving_mean", np.zeros_like(scale)), np.float64)
        epsilon = getattr(layer, "epsilon", 1e-3)
        gamma = scale * np.sqrt(variance + epsilon)
        values = {"bn_gamma": gamma, "bn_beta": shift + mean * scale, "moving_mean": mean, "moving_variance": variance}
        self.weights[layer.name] = values
        quantizers = {"kq_conf": self._of_weights(scale), "bq_conf": self._of_weights(shift)}
        iq = self._of_data(*self.reads[layer.name])
        return self.layers.QBatchNormalization(epsilon=epsilon, iq_conf=iq, name=layer.name, **quantizers)

    def _pooling(self, layer: Any) -> Any:
        kind, same = type(layer).__name__, ("pool_size", "strides", "padding", "data_format", "keepdims")
        given = {name: getattr(layer, name) for name in same if hasattr(layer, name)}
        if "Average" in kind:  # of a number of values that may be no power of two
            given |= {"enable_oq": True, "oq_conf": self._of_data(*map(abs, self.gives[layer.name]))}
        return getattr(self.layers, f"Q{kind}")(**given, iq_conf=self._of_data(*self.reads[layer.name]), name=layer.name)

    def _function(self, layer: Any) -> Any:
        function = function_name(layer)
        if function == "softmax":
            return self._softmax(layer)
        if function == "relu":
            return keras.layers.ReLU(name=layer.name)
        if not function:
            return copy_layer(layer)
        (reach,), (low, high) = self.reads[layer.name], self.gives[layer.name]
        integer = min(_integer(reach), _LEVEL) if function in _LEVELS else _integer(reach)
        entry = _integer(low, high)
        table = partial(self._saturating, trainable=not self._is_output(layer))
        return self.layers.QUnaryFunctionLUT(
            function,
            iq_conf=table("datalane", integer, _TABLE_BITS - integer, signed=True, heterogeneous_axis=(-1,)),
            oq_conf=table("table", entry, self.bits - entry, signed=low < 0),
            name=layer.name,
        )

    def _softmax(self, layer: Any) -> Any:
        (read,) = next(c.inputs for c in calls(self.model) if c.layer is layer)
        total = _integer(read.shape[getattr(layer, "axis", -1)] + 1)
        table = partial(self._saturating, signed=False, trainable=not self._is_output(layer))
        return self.layers.QSoftmax(
            axis=getattr(layer, "axis", -1),
            enable_iq=True,
            iq_conf=self._of_data(*self.reads[layer.name]),
            exp_iq_conf=table("datalane", _LEVEL, _TABLE_BITS - _LEVEL),
            exp_oq_conf=table("table", 0, _ENTRY_BITS),
            inv_iq_conf=table("datalane", total, _TABLE_BITS - total),
            inv_oq_conf=table("table", 0, _ENTRY_BITS),
            name=layer.name,
        )

    def _is_output(self, layer: Any) -> bool:
        """Then its tables keep their widths: few bits of a probability hardly change the loss, but make samples equal."""
        return any(t is out for c in calls(self.model) if c.layer is layer for t in c.outputs for out in self.model.outputs)

    # Quantizers

    def _of_weights(self, values: Array) -> Any:
        """A width for each; integer bits are those that it needs, always."""
        fraction = self.bits - _integer(*np.abs(values).reshape(-1))
        return self.config("kif", "weight", i0=self.bits - fraction, f0=fraction, overflow_mode="WRAP", round_mode="RND")

    def _of_data(self, *reach: float) -> Any:
        """A width for each channel; integer bits follow the values in training, and `fit_ranges` settles them."""
        integer = _integer(*reach)
        return self.config("kif", "datalane", i0=integer, f0=self.bits - integer, heterogeneous_axis=(-1,))

    def _saturating(self, place: str, integer: int, fraction: int, *, signed: bool, **other: Any) -> Any:
        given = {"heterogeneous_axis": (), **other}
        modes = {"overflow_mode": "SAT", "round_mode": "RND_CONV"}
        return self.config("kif", place, k0=int(signed), i0=integer, f0=fraction, **modes, **given)


def _integer(*values: float) -> int:
    """Integer bits, beside the sign, of values of these magnitudes."""
    largest = max(map(abs, values))
    return math.ceil(math.log2(largest)) if largest > 0 else 0
