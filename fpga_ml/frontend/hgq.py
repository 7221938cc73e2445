"""HGQ2's layers as Keras layers and those of frontend/tensors.py: the same function, each type an element's own.

HGQ2 (C. Sun et al., arXiv:2405.00645) trains a width for each weight and each value. A layer of its rounds what it reads and
its weights, computes as Keras would, and may round its result. Taken apart like this, every value has a type. The package
itself is not needed here: layers are known by the names of their classes, and their quantizers are asked for numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.layers import Affine, exact_type
from fpga_ml.frontend.quantizers import signed_quantizer
from fpga_ml.frontend.rebuild import as_functional, copy_layer, rebuild
from fpga_ml.frontend.rewrites.attention import dot_equation
from fpga_ml.frontend.rewrites.einsum import dense_of, in_place
from fpga_ml.frontend.tensors import Arrange, Einsum, Kept, Lookup, Quantise, Reduce, Scale

_MOST_TABLE_BITS = 16
_MODES = ("TRN", "RND", "RND_CONV", "TRN_ZERO", "RND_ZERO", "RND_MIN_INF", "RND_INF")
_OVERFLOWS = {"WRAP": "WRAP", "SAT": "SAT", "SAT_SYM": "SAT_SYM"}
# Keras' own layers that compute without weights: exact, where what they read is.
_MERGES = ("Add", "Subtract", "Multiply", "Maximum", "Minimum")
_EXACT = frozenset(
    [
        *(*_MERGES, "Average", "ReLU"),
        *("AveragePooling1D", "AveragePooling2D", "GlobalAveragePooling1D", "GlobalAveragePooling2D"),
    ]
)


def is_hgq(layer: Any) -> bool:
    return type(layer).__module__.partition(".")[0] == "hgq"


def without_hgq(model: Any) -> Any:
    """The model, a Functional one, with HGQ2's layers taken apart; the model itself where there is none."""
    if not any(map(_holds_hgq, model.layers)):
        return model
    weights: dict[str, list[np.ndarray]] = {}

    def make(layer: Any) -> Any:
        if is_hgq(layer):
            return Parts(layer, weights)
        if _holds_hgq(layer):
            raise FpgaMlError(
                f"layer '{layer.name}' is a {type(layer).__name__} around a layer of HGQ2, which does not become hardware",
                where=f"layer '{layer.name}'",
                do="use HGQ2's own layers: QGRU and QSimpleRNN in place of an RNN; a QDense needs no TimeDistributed",
            )
        weights[layer.name] = layer.get_weights()
        copy = copy_layer(layer)
        return _Exact(copy) if type(layer).__name__ in _EXACT or _is_relu(layer) else copy

    new = rebuild(model, make)
    for layer in new.layers:
        if layer.weights:
            layer.set_weights(weights[layer.name])
    return new


def _holds_hgq(layer: Any) -> bool:
    return any(map(is_hgq, layer._flatten_layers()))


def taken_apart(layer: Any, made: Any) -> tuple[Any, dict[int, Any]]:
    """One call of an HGQ2 layer as a model of its parts, and its inputs by the id of the tensor for which each stands.

    made: what the call makes. Merges read tensors of one shape.
    """
    node = layer._inbound_nodes[made._keras_history.node_index]
    inputs = {id(t): keras.Input(t.shape[1:], dtype=t.dtype) for t in node.arguments.keras_tensors}
    weights: dict[str, list[np.ndarray]] = {}
    args, kwargs = node.arguments.fill_in(inputs)
    parts = Parts(layer, weights)
    outputs = parts(*args, **kwargs)
    model = rebuild(
        as_functional(keras.Model(list(inputs.values()), outputs)),
        lambda part: _Widened(parts, part) if type(part).__name__ in _MERGES else part,
        inputs=list(inputs.values()),
    )
    for part in model.layers:
        if part.weights:
            part.set_weights(weights[part.name])
    return model, inputs


class _Widened:
    """A merge whose inputs are repeated to the shape of its result."""

    def __init__(self, parts: Parts, merge: Any) -> None:
        self.parts, self.merge = parts, merge

    def __call__(self, x: Sequence[Any]) -> Any:
        shape = np.broadcast_shapes(*(tuple(t.shape[1:]) for t in x))
        return self.merge([self._wide(k, t, shape) for k, t in enumerate(x)])

    def _wide(self, number: int, x: Any, shape: tuple[int, ...]) -> Any:
        own = np.arange(math.prod(x.shape[1:])).reshape(x.shape[1:])
        return self.parts.arranged(f"{self.merge.name}_wide{number}", np.broadcast_to(own, shape), x)


def _is_relu(layer: Any) -> bool:
    return type(layer).__name__ == "Activation" and layer.activation is keras.activations.relu


class _Exact:
    """A Keras layer whose result keeps every bit."""

    def __init__(self, layer: Any) -> None:
        self.layer, self.kept = layer, Kept(name=f"{layer.name}_kept")

    def __call__(self, *x: Any, **kwargs: Any) -> Any:
        return self.kept(self.layer(*x, **kwargs))


class Parts:
    """What stands in the place of an HGQ2 layer: called like it, of Keras tensors. weights: {layer: its weights}, where
    those of the parts are put."""

    def __init__(self, layer: Any, weights: dict[str, list[np.ndarray]]) -> None:
        self.layer, self.weights = layer, weights
        self.made: dict[str, Any] = {}
        self.read_shapes: list[list[tuple[int | None, ...]]] = []

    def __call__(self, *x: Any, **kwargs: Any) -> Any:
        given = {k: v for k, v in kwargs.items() if k not in ("training",) and v is not None}
        tensors = list(x[0]) if len(x) == 1 and isinstance(x[0], (list, tuple)) else list(x)
        shapes = [tuple(t.shape) for t in tensors]
        if shapes not in self.read_shapes:
            self.read_shapes.append(shapes)
        other = self.read_shapes.index(shapes)  # parts are of a shape
        name = f"{self.layer.name}_shape{other}" if other else self.layer.name
        result = self.of(self.layer, name, tensors, given)
        if len(result.shape) < 2:
            raise self.refused(name, "gives one number, without an axis", "give it one of size 1 (keepdims=True)")
        return result

    # The vocabulary: each makes a layer of this name once, and calls it.

    def once(self, name: str, make: Callable[[str], Any]) -> Any:
        if name not in self.made:
            self.made[name] = make(name)
        return self.made[name]

    def kept(self, name: str, make: Callable[[str], Any], x: Any, weights: Sequence[Any] | None = None) -> Any:
        """A layer whose weights and results keep every bit."""
        if weights is not None:
            self.weights[name] = [np.asarray(w, np.float64) for w in weights]
        return self.once(f"{name}_kept", lambda n: Kept(name=n))(self.once(name, make)(x))

    def refused(self, name: str, what: str, do: str) -> FpgaMlError:
        return FpgaMlError(
            f"layer '{self.layer.name}' ({type(self.layer).__name__}) {what}", where=f"layer '{self.layer.name}'", do=do
        )

    def quantised(self, quantizer: Any, name: str, x: Any) -> Any:
        """As an HGQ2 quantizer rounds it."""
        found = self.fixed(quantizer, tuple(x.shape[1:]))
        if found is None:
            return x
        rounded = self.once(name, lambda n: Quantise(*found, name=n))(x)
        if quantizer.affine is None:
            return rounded
        scale, offset = quantizer.affine
        return self.affine(f"{name}_affine", scale, offset, rounded)

    def affine(self, name: str, scale: Any, offset: Any, x: Any) -> Any:
        """x * scale + offset, numbers of each channel or of all."""
        weights = [np.broadcast_to(np.asarray(v, np.float64), x.shape[-1:]) for v in (scale, offset)]
        quantizers = [signed_quantizer(exact_type(v), f"layer '{name}'") for v in weights]
        return self.kept(name, lambda n: Affine(*quantizers, name=n), x, weights)

    def fixed(self, quantizer: Any, shape: tuple[int, ...]) -> tuple[Any, Any, Any, str, str] | None:
        """Signs, integer and fraction bits and both modes of an HGQ2 quantizer; None for one that does nothing."""
        inner, scaler = quantizer.quantizer, 1.0 if quantizer.scaler is None else float(quantizer.scaler)
        if getattr(inner, "__dummy__", False) and scaler == 1 and quantizer.affine is None:
            return None
        if not hasattr(inner, "kif"):
            raise self.refused(
                quantizer.name,
                f"has a {type(inner).__name__}, which is no fixed-point quantizer",
                "use a kif or kbi quantizer",
            )
        bits = math.log2(scaler) if scaler > 0 else 0.5
        if not bits.is_integer():
            raise self.refused(
                quantizer.name, f"has a quantizer with a scaler of {scaler:g}", "give its QuantizerConfig a power of two"
            )
        rounding, overflow = inner.round_mode.removeprefix("S_"), inner.overflow_mode
        if overflow == "WRAP" and inner.trainable and inner._is_weight:
            raise self.refused(
                quantizer.name,
                "has a quantizer of weights for its data, which rounds them to a type without an end",
                "make its QuantizerConfig with place='datalane', or with overflow_mode='SAT'",
            )
        if rounding not in _MODES or overflow not in _OVERFLOWS:
            raise self.refused(
                quantizer.name,
                f"has a quantizer of mode {rounding}, {overflow}, which does not become hardware",
                f"use one of {', '.join(_MODES)} (or S_ before it) and one of {', '.join(_OVERFLOWS)}",
            )
        k, i, f = (np.broadcast_to(numpy_of(v), (1, *shape))[0] for v in inner.kif)
        return _trimmed(k), _trimmed(i + bits), _trimmed(f - bits), rounding, _OVERFLOWS[overflow]

    def activated(self, function: Any, name: str, x: Any) -> Any:
        if function is None or function is keras.activations.linear:
            return x
        if function is keras.activations.relu:
            return self.kept(name, lambda n: keras.layers.ReLU(name=n), x)
        return self.once(name, lambda n: keras.layers.Activation(function, name=n))(x)

    def read(self, layer: Any, name: str, x: Any) -> Any:
        """What the layer makes of its only input, before it computes."""
        return self.quantised(layer.iq, f"{name}_iq", x) if layer.enable_iq else x

    def given(self, layer: Any, name: str, x: Any) -> Any:
        """What the layer makes of its result, where it rounds it."""
        return self.quantised(layer.oq, f"{name}_oq", x) if layer.enable_oq else x

    def linear(self, make: Callable[[str], Any], layer: Any, name: str, x: Any) -> Any:
        """A layer with a kernel and perhaps a bias, and an activation behind."""
        bias = layer.qbias if getattr(layer, "bias", None) is not None else None
        weights = [numpy_of(w) for w in (layer.qkernel, bias) if w is not None]
        y = self.kept(name, make, self.read(layer, name, x), weights)
        return self.given(layer, name, self.activated(layer.activation, f"{name}_act", y))

    def arranged(self, name: str, index: np.ndarray, x: Any) -> Any:
        """The elements of these numbers, in the shape that they have."""
        if in_place(index, x):
            return x
        return self.once(name, lambda n: Arrange(index, index.shape, name=n))(x)

    def einsum(self, equation: str, name: str, x: Sequence[Any]) -> Any:
        return self.kept(name, lambda n: Einsum(equation, name=n), list(x))

    def reduced(self, op: Any, axes: Sequence[int], keepdims: bool, name: str, x: Any) -> Any:
        return self.kept(name, lambda n: Reduce(op, axes, keepdims, name=n), x)

    def scaled(self, factor: float, name: str, x: Any) -> Any:
        """factor: a power of two."""
        bits = round(math.log2(factor))
        return x if bits == 0 else self.kept(name, lambda n: Scale(bits, name=n), x)

    def of(self, layer: Any, name: str, x: list[Any], given: Mapping[str, Any]) -> Any:
        """An HGQ2 layer, or a part of one, under a name."""
        for kind in type(layer).__mro__:
            if kind.__name__ in _KINDS:
                return _KINDS[kind.__name__](self, layer, name, x, **given)
        raise self.refused(name, "is not one that becomes hardware", "see docs/hgq.md for HGQ2's layers that do")


def numpy_of(tensor: Any) -> Any:
    return np.asarray(keras.ops.convert_to_numpy(tensor))


def _trimmed(values: Any) -> Any:
    """Axes along which all values are the same, to one entry."""
    whole: np.ndarray = np.rint(values).astype(np.int64)
    for axis in range(whole.ndim):
        first = whole.take([0], axis)
        if (whole == first).all():
            whole = first
    return whole


Kind = Callable[..., Any]
_KINDS: dict[str, Kind] = {}


def becomes(*names: str) -> Callable[[Kind], Kind]:
    def register(kind: Kind) -> Kind:
        _KINDS.update(dict.fromkeys(names, kind))
        return kind

    return register


@becomes("Quantizer")
def _quantizer(parts: Parts, layer: Any, name: str, x: list[Any]) -> Any:
    return parts.quantised(layer, name, x[0])


@becomes("QDense")
def _dense(parts: Parts, layer: Any, name: str, x: list[Any]) -> Any:
    def make(n: str) -> Any:
        return keras.layers.Dense(layer.units, use_bias=layer.bias is not None, name=n)

    return parts.linear(make, layer, name, x[0])


@becomes("QEinsumDense")
def _einsum_dense(parts: Parts, layer: Any, name: str, x: list[Any]) -> Any:
    kernel, bias = numpy_of(layer.qkernel), None if layer.bias is None else numpy_of(layer.qbias)
    value = parts.read(layer, name, x[0])
    plan = dense_of(layer.equation, tuple(value.shape[1:]), kernel, bias)
    if plan is None:

        def make(n: str) -> Any:
            axes = None if bias is None else layer.bias_axes
            return keras.layers.EinsumDense(layer.equation, layer.partial_output_shape, bias_axes=axes, name=n)

        y = parts.kept(name, make, value, [w for w in (kernel, bias) if w is not None])
    else:
        units = plan.weights[0].shape[1]
        value = parts.arranged(f"{name}_turned", plan.before, value)
        y = parts.kept(name, lambda n: keras.layers.Dense(units, use_bias=bias is not None, name=n), value, plan.weights)
        y = parts.arranged(f"{name}_placed", plan.after, y)
    return parts.given(layer, name, parts.activated(layer.activation, f"{name}_act", y))


@becomes("QConv1D", "QConv2D")
def _convolution(parts: Parts, layer: Any, name: str, x: list[Any]) -> Any:
    same = ("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "groups", "use_bias")
    settings = {setting: getattr(layer, setting) for setting in same}
    if layer.padding == "causal":
        before = layer.dilation_rate[0] * (layer.kernel_size[0] - 1)
        x = [
            parts.once(f"{name}_padded", lambda n: keras.layers.ZeroPadding1D((before, 0), layer.data_format, name=n))(x[0])
        ]
        settings["padding"] = "valid"
    kind = {1: keras.layers.Conv1D, 2: keras.layers.Conv2D}[layer.rank]
    return parts.linear(lambda n: kind(**settings, name=n), layer, name, x[0])


@becomes("QBatchNormalization")
def _normalisation(parts: Parts, layer: Any, name: str, x: list[Any]) -> Any:
    if layer.axis not in (-1, len(x[0].shape) - 1):
        raise parts.refused(name, f"normalises axis {layer.axis}", "normalise the last axis")
    scale, offset = map(numpy_of, layer.qscaler_and_qoffset)
    return parts.given(layer, name, parts.affine(name, scale, offset, parts.read(layer, name, x[0])))


def _operands(parts: Parts, layer: Any, name: str, x: list[Any]) -> list[Any]:
    """What a layer of several inputs makes of them, before it computes."""
    if not layer.enable_iq:
        return x
    return [parts.quantised(q, f"{name}_iq{k}", t) for k, (q, t) in enumerate(zip(layer.iq, x, strict=True))]


@becomes("QAdd", "QSubtract", "QMultiply", "QMaximum", "QMinimum", "QAveragePow2")
def _merge(parts: Parts, layer: Any, name: str, x: list[Any]) -> Any:
    kinds = {
        "QAveragePow2": keras.layers.Add,
        "QSubtract": keras.layers.Subtract,
        "QMultiply": keras.layers.Multiply,
        "QMaximum": keras.layers.Maximum,
        "QMinimum": keras.layers.Minimum,
        "QAdd": keras.layers.Add,
    }
    kind = next(kinds[k.__name__] for k in type(layer).__mro__ if k.__name__ in kinds)
    merged, *rest = _operands(parts, layer, name, x)
    for k, other in enumerate(rest):
        own = name if k == len(rest) - 1 else f"{name}_{k}"
        merged = parts.kept(own, lambda n: kind(name=n), [merged, other])
    if any(k.__name__ == "QAveragePow2" for k in type(layer).__mro__):
        merged = parts.scaled(layer._scale, f"{name}_scale", merged)
    return parts.given(layer, name, merged)


@becomes("QDot")
def _dot(parts: Parts, layer: Any, name: str, x: list[Any]) -> Any:
    a, b = _operands(parts, layer, name, x)
    if len(a.shape) == len(b.shape) == 2:  # one number, of which Keras makes a vector
        column = parts.arranged(f"{name}_column", np.arange(b.shape[1])[:, None], b)
        return parts.given(layer, name, parts.einsum("ab,abc->ac", name, [a, column]))
    equation = dot_equation(layer.axes, len(a.shape), len(b.shape))
    return parts.given(layer, name, parts.einsum(equation, name, [a, b]))


@becomes("QEinsum")
def _einsum(parts: Parts, layer: Any, name: str, x: list[Any]) -> Any:
    if len(x) != 2:
        raise parts.refused(name, f"multiplies {len(x)} tensors", "use a chain of QEinsum layers of two tensors each")
    return parts.given(layer, name, parts.einsum(layer.equation, name, _operands(parts, layer, name, x)))


@becomes("QSum")
def _sum(parts: Parts, layer: Any, name: str, x: list[Any]) -> Any:
    total = parts.reduced("sum", layer.axes, layer.keepdims, name, parts.read(layer, name, x[0]))
    return parts.given(layer, name, parts.scaled(layer.scale, f"{name}_scale", total))


@becomes("QBasePooling")
def _pooling(parts: Parts, layer: Any, name: str, x: list[Any]) -> Any:
    plain = next(k for k in type(layer).__mro__ if k.__module__.startswith("keras."))
    names = ("pool_size", "strides", "padding", "data_format", "keepdims")
    settings = {n: getattr(layer, n) for n in names if hasattr(layer, n)}
    y = parts.kept(name, lambda n: plain(**settings, name=n), parts.read(layer, name, x[0]))
    return parts.given(layer, name, y)


@becomes("QUnaryFunctionLUT")
def _unary(parts: Parts, layer: Any, name: str, x: list[Any]) -> Any:
    return _table(parts, layer, name, parts.read(layer, name, x[0]))


def _table(parts: Parts, layer: Any, name: str, x: Any) -> Any:
    """A table for the function and the rounding of a QUnaryFunctionLUT, of a tensor whose elements have types."""
    read = x._keras_history.operation
    if not isinstance(read, Quantise):
        raise parts.refused(name, "has a table of values without a type", "give it an input quantizer (enable_iq=True)")
    if not layer.enable_oq:
        raise parts.refused(name, "has a table whose entries have no type", "give it an output quantizer (enable_oq=True)")

    def function(values: np.ndarray) -> Any:
        values = keras.ops.convert_to_tensor(values.astype(np.float32))
        if hasattr(layer, "scale") and type(layer).__name__ == "QAffinedUnaryFunctionLUT":
            values = values * layer.scale + layer.bias
        return layer.oq(layer.activation(values))

    own = name if layer.enable_iq else f"{name}_of_{read.name}"  # a shared layer may be given several types
    return parts.once(own, lambda n: tabulated(parts, read, function, tuple(x.shape[1:]), n))(x)


def tabulated(
    parts: Parts, read: Quantise, function: Callable[[np.ndarray], Any], shape: tuple[int, ...], name: str
) -> Lookup:
    """The tables of a function's value for every value that the elements of a tensor of this shape can have.

    function: of all elements (N, ...) at once, in single precision, as HGQ2 computes it.
    """
    types = read.types(shape)
    bits = max((t.width for t in types if t is not None), default=0)
    if bits > _MOST_TABLE_BITS:
        raise parts.refused(
            name, f"has a table of {bits} address bits", f"give its input quantizer at most {_MOST_TABLE_BITS} bits"
        )
    low = np.array([0 if t is None else t.min_raw for t in types])
    high = np.array([0 if t is None else t.max_raw for t in types])
    lsb = np.array([1.0 if t is None else t.lsb for t in types])
    raw = np.minimum(low + np.arange(1 << bits)[:, None], high)
    made = numpy_of(function((raw * lsb).reshape(-1, *shape))).reshape(1 << bits, -1).astype(np.float64)
    tables: dict[tuple[Any, ...], int] = {}
    which = []
    for n, t in enumerate(types):
        entries = tuple(made[: int(high[n] - low[n]) + 1, n].tolist())
        key = (int(low[n]), 0 if t is None else t.fraction, entries)
        which.append(tables.setdefault(key, len(tables)))
    first, fraction, entries = zip(*tables, strict=True)
    return Lookup(np.reshape(which, shape), first, fraction, entries, name=name)


@becomes("QSoftmax")
def _softmax(parts: Parts, layer: Any, name: str, x: list[Any], mask: Any = None) -> Any:
    if mask is not None:
        raise parts.refused(name, "is given a mask", "leave it out")
    value = parts.read(layer, name, x[0])
    if layer.stable:
        largest = parts.reduced("max", layer.axes, True, f"{name}_max", value)
        value = parts.kept(f"{name}_below", lambda n: keras.layers.Subtract(name=n), [largest, value])
        value = parts.quantised(layer.exp_table.iq, f"{name}_exp_iq", value)
    power = _table(parts, layer.exp_table, f"{name}_exp", value)
    total = parts.reduced("sum", layer.axes, True, f"{name}_total", power)
    inverse = _unary(parts, layer.inv_table, f"{name}_inv", [total])
    product = parts.kept(name, lambda n: keras.layers.Multiply(name=n), [power, inverse])
    return parts.given(layer, name, product)


@becomes("QMultiHeadAttention")
def _attention(parts: Parts, layer: Any, name: str, x: list[Any], value: Any = None, key: Any = None, **masks: Any) -> Any:
    for mask in masks:
        if masks[mask] is not False:
            others = "" if mask == "return_attention_scores" else ": every particle attends to every other"
            raise parts.refused(name, f"is given {mask}", f"leave it out{others}")
    query, *rest = x
    value = value if value is not None else rest.pop(0) if rest else query
    key = key if key is not None else rest.pop(0) if rest else value
    if hasattr(layer, "_lin_k_proj"):  # Linformer
        one = layer._lin_v_proj is layer._lin_k_proj and value is key
        key = parts.of(layer._lin_k_proj, f"{name}_lin_key", [key], {})
        value = key if one else parts.of(layer._lin_v_proj, f"{name}_lin_value", [value], {})
    of_query = parts.of(layer._query_dense, f"{name}_query", [query], {})
    of_key = parts.of(layer._key_dense, f"{name}_key", [key], {})
    of_value = parts.of(layer._value_dense, f"{name}_value", [value], {})
    scores = parts.einsum(layer._dot_product_equation, f"{name}_scores", [of_key, of_query])
    weights = parts.of(layer._softmax, f"{name}_softmax", [scores], {})
    mixed = parts.einsum(layer._combine_equation, f"{name}_mixed", [weights, of_value])
    return parts.given(layer, name, parts.of(layer._output_dense, f"{name}_output", [mixed], {}))


@becomes("QSALTAttention")
def _salt(parts: Parts, layer: Any, name: str, x: list[Any], **given: Any) -> Any:
    raise parts.refused(name, "convolves its attention scores", "use a QMultiHeadAttention or a QLinformerAttention")


@becomes("QLIF", "QSimpleSNN", "QLIFCell", "QSimpleSNNCell")
def _spiking(parts: Parts, layer: Any, name: str, x: list[Any], **given: Any) -> Any:
    raise parts.refused(name, "is a layer of spiking neurons", "use a QGRU or a QSimpleRNN")


@becomes(*(f"Q{kind}3D" for kind in ("Conv", "AveragePooling", "MaxPooling", "GlobalAveragePooling", "GlobalMaxPooling")))
def _volumes(parts: Parts, layer: Any, name: str, x: list[Any], **given: Any) -> Any:
    flat = type(layer).__name__.replace("3D", "2D")
    raise parts.refused(name, "computes on volumes", f"use a {flat}, with one of the three axes in the channels")


from fpga_ml.frontend import hgq_recurrent, hgq_tables  # noqa: E402, F401  (they add their kinds)
