"""What stands in the place of an HGQ2 layer, and the words in which its parts are written."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from fpga_ml.frontend.layers import Affine, exact_type
from fpga_ml.frontend.quantizers import signed_quantizer
from fpga_ml.frontend.standins import StandIn
from fpga_ml.frontend.tensors import Arrange, Einsum, Kept, Lookup, Quantise, Reduce, Scale, in_place

_MOST_TABLE_BITS = 16
_MODES = ("TRN", "RND", "RND_CONV", "TRN_ZERO", "RND_ZERO", "RND_MIN_INF", "RND_INF")
_OVERFLOWS = ("WRAP", "SAT", "SAT_SYM")


class Parts(StandIn):
    """Of an HGQ2 layer."""

    def results(self, x: Any, *others: Any, **given: Any) -> Any:
        tensors = [*(x if isinstance(x, (list, tuple)) else [x]), *others]
        name = f"{self.name}_shape{self.shape}" if self.shape else self.name
        result = self.of(self.layer, name, tensors, given)
        if len(result.shape) < 2:
            raise self.refused("gives one number, without an axis", "give it one of size 1 (keepdims=True)")
        return result

    # The vocabulary: each makes a layer of this name once, and calls it.

    def kept(self, name: str, make: Callable[[str], Any], x: Any, weights: Sequence[Any] | None = None) -> Any:
        """A layer whose weights and results keep every bit."""
        return self.once(f"{name}_kept", lambda n: Kept(name=n))(self.once(name, make, weights)(x))

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
                f"has a {type(inner).__name__}, which is no fixed-point quantizer",
                "use a kif or kbi quantizer",
            )
        bits = math.log2(scaler) if scaler > 0 else 0.5
        if not bits.is_integer():
            raise self.refused(f"has a quantizer with a scaler of {scaler:g}", "give its QuantizerConfig a power of two")
        rounding, overflow = inner.round_mode.removeprefix("S_"), inner.overflow_mode
        if overflow == "WRAP" and inner.trainable and inner._is_weight:
            raise self.refused(
                "has a quantizer of weights for its data, which rounds them to a type without an end",
                "make its QuantizerConfig with place='datalane', or with overflow_mode='SAT'",
            )
        if rounding not in _MODES or overflow not in _OVERFLOWS:
            raise self.refused(
                f"has a quantizer of mode {rounding}, {overflow}, which does not become hardware",
                f"use one of {', '.join(_MODES)} (or S_ before it) and one of {', '.join(_OVERFLOWS)}",
            )
        k, i, f = (np.broadcast_to(numpy_of(v), (1, *shape))[0] for v in inner.kif)
        return _trimmed(k), _trimmed(i + bits), _trimmed(f - bits), rounding, overflow

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

    def placed(self, name: str, index: np.ndarray, x: Any) -> Any:
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
        raise self.refused("is not one that becomes hardware", "see docs/hgq.md for HGQ2's layers that do")


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
            f"has a table of {bits} address bits", f"give its input quantizer at most {_MOST_TABLE_BITS} bits"
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
