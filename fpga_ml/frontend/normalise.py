"""Keras' LayerNormalization, RMSNormalization and GroupNormalization as one layer of ours that computes in whole numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops
from qkeras import get_quantizer

from fpga_ml.frontend.layers import Bounded, Steps
from fpga_ml.frontend.quantizers import signed_quantizer, type_of
from fpga_ml.normalisation import Normalisation
from fpga_ml.numerics import FixedType, Overflow, Rounding

NORMALISATIONS = frozenset({"LayerNormalization", "RMSNormalization", "GroupNormalization"})
UNROUNDED = ".unrounded"  # behind the key of a call of a Normalise: what it would give without rounding
_MOVES = frozenset(
    [
        *("Flatten", "Reshape", "Permute", "Pick", "Concatenate", "Maximum", "Minimum", "UpSampling1D", "UpSampling2D"),
        *("MaxPooling1D", "MaxPooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D"),
        *("Cropping1D", "Cropping2D", "ZeroPadding1D", "ZeroPadding2D"),
    ]
)  # values, but makes none


@dataclass(frozen=True)
class Grouping:
    """How a tensor falls into groups: its shape without the batch, the channels of a GroupNormalization as two axes; over:
    the axes of a group's members; parameters: those along which gamma and beta differ."""

    shape: tuple[int, ...]
    over: tuple[int, ...]
    parameters: tuple[int, ...]

    @classmethod
    def of(cls, layer: Any, shape: Sequence[int]) -> Grouping:
        """Of one of NORMALISATIONS on tensors of a shape without the batch."""
        if type(layer).__name__ != "GroupNormalization":
            axes = tuple(sorted(_axis(a, shape) for a in np.atleast_1d(layer.axis)))
            return cls(tuple(shape), axes, axes)
        at = _axis(layer.axis, shape)
        split = (*shape[:at], layer.groups, shape[at] // layer.groups, *shape[at + 1 :])
        return cls(split, tuple(a for a in range(len(split)) if a != at), (at, at + 1))

    @classmethod
    def from_dict(cls, written: Mapping[str, Sequence[int]]) -> Grouping:
        return cls(*(tuple(written[k]) for k in ("shape", "over", "parameters")))

    @property
    def members(self) -> int:
        return math.prod(self.shape[a] for a in self.over)

    @property
    def spread(self) -> tuple[int, ...]:
        """The shape of gamma and beta with all axes."""
        return tuple(n if a in self.parameters else 1 for a, n in enumerate(self.shape))


def _axis(axis: int, shape: Sequence[int]) -> int:
    """Counted from the first one behind the batch."""
    return int(axis) - 1 if axis >= 0 else len(shape) + int(axis)


@keras.saving.register_keras_serializable(package="fpga_ml")
class Normalise(keras.layers.Layer):  # type: ignore[misc]
    """A normalisation as normalisation.py has it: exact whole numbers from its rounded input to its rounded result.

    form, grouping: as their fields. exact=False: the formula in floats. In training the exact values have the formula's
    gradient.
    """

    def __init__(
        self,
        form: Mapping[str, Any],
        grouping: Mapping[str, Sequence[int]],
        gamma_quantizer: Any = None,
        beta_quantizer: Any = None,
        exact: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.form = Normalisation.of(form)
        self.grouping = Grouping.from_dict(grouping)
        self.gamma_quantizer, self.beta_quantizer = get_quantizer(gamma_quantizer), get_quantizer(beta_quantizer)
        self.exact = exact
        self.gamma = self.beta = None

    @property
    def type(self) -> FixedType:
        """Of the results."""
        return self.form.result

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        shape = (math.prod(self.grouping.spread),)
        if self.form.gamma is not None:
            self.gamma = self.add_weight(name="gamma", shape=shape, initializer="ones")
        if self.form.beta is not None:
            self.beta = self.add_weight(name="beta", shape=shape, initializer="zeros")

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not self.exact:
            return self.formula(inputs)
        found = self._whole(inputs)
        if not training:
            return found
        smooth = self.formula(inputs)
        return smooth + ops.stop_gradient(found - smooth)

    def _weights(self) -> list[Any]:
        """gamma and beta as they are multiplied with and added, None for 1 and 0."""
        pairs = ((self.gamma, self.gamma_quantizer), (self.beta, self.beta_quantizer))
        return [None if w is None else ops.reshape(q(w) if q else w, (1, *self.grouping.spread)) for w, q in pairs]

    def formula(self, inputs: Any) -> Any:
        """In floats."""
        f, axes = self.form, [a + 1 for a in self.grouping.over]
        x = ops.reshape(inputs, (-1, *self.grouping.shape))
        mean = ops.mean(x, axes, keepdims=True)
        square = ops.mean(ops.square(x - mean if f.variance else x), axes, keepdims=True)
        y = (x - mean if f.mean else x) * ops.rsqrt(square + f.epsilon)
        gamma, beta = self._weights()
        y = y if gamma is None else y * gamma
        y = y if beta is None else y + beta
        return ops.reshape(y, (-1, *inputs.shape[1:]))

    def _whole(self, inputs: Any) -> Any:
        """In int64, which holds every number on the way (Normalisation.check)."""
        f, axes = self.form, [a + 1 for a in self.grouping.over]
        x = _raw(ops.reshape(inputs, (-1, *self.grouping.shape)), f.data)
        total = ops.sum(x, axes, keepdims=True)
        squares = f.members * ops.sum(x * x, axes, keepdims=True) - (total * total if f.variance else 0)
        w = squares * 2**f.guard + f.epsilon_raw
        s = ops.zeros_like(w)
        for k in range(1, 1 << f.stages):
            if 2 * k < f.width:
                s = s + ops.cast(w < 1 << f.width - 2 * k, "int64")
        w = ops.left_shift(w, 2 * s)
        cut = f.width - f.place_bits
        place = ops.maximum(ops.right_shift(w, cut) if cut > 0 else w * 2**-cut, f.first << f.fine)
        step = ops.right_shift(place, f.fine) - f.first
        first = ops.take(ops.convert_to_tensor(f.entries, "int64"), step)
        rise = ops.take(ops.convert_to_tensor(f.rises, "int64"), step)
        line = first * 2**f.fine + rise * (place % 2**f.fine)
        inverse = ops.right_shift(line + (1 << f.inverse_cut - 1), f.inverse_cut)
        distance = f.members * x - (total if f.mean else 0)
        scaled = ops.right_shift(distance * inverse * 2**f.up, f.down - s)
        gamma, beta = self._weights()
        fraction = f.sum.fraction
        value = (
            scaled
            * (1 if gamma is None else _raw(gamma, f.factor))
            * 2 ** (fraction - f.scaled.fraction - f.factor.fraction)
        )
        value = value if beta is None else value + _raw(beta, f.offset) * 2 ** (fraction - f.offset.fraction)
        y = _to_even(value, fraction - f.result.fraction)
        y = ops.clip(y, f.result.min_raw, f.result.max_raw)
        return ops.reshape(ops.cast(y, inputs.dtype) * f.result.lsb, (-1, *inputs.shape[1:]))

    def unrounded(self) -> Normalise:
        """A layer of the same name and weights that computes in floats."""
        config = self.get_config()
        return type(self)(**{**config, "gamma_quantizer": None, "beta_quantizer": None, "exact": False})

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        g = self.grouping
        return {
            **super().get_config(),
            "form": self.form.as_dict(),
            "grouping": {"shape": g.shape, "over": g.over, "parameters": g.parameters},
            "gamma_quantizer": keras.saving.serialize_keras_object(self.gamma_quantizer),
            "beta_quantizer": keras.saving.serialize_keras_object(self.beta_quantizer),
            "exact": self.exact,
        }


def _raw(x: Any, t: FixedType) -> Any:
    """Floats rounded to even and held within a type, as int64."""
    return ops.cast(ops.clip(ops.round(x / t.lsb), float(t.min_raw), float(t.max_raw)), "int64")


def _to_even(value: Any, cut: int) -> Any:
    """Without so many of the lowest bits, rounded to the nearest, ties to even."""
    if cut <= 0:
        return value * 2**-cut
    whole, rest, half = ops.right_shift(value, cut), value % 2**cut, 1 << cut - 1
    up = ops.logical_or(rest > half, ops.logical_and(rest == half, whole % 2 == 1))
    return whole + ops.cast(up, "int64")


class Formula(keras.layers.Layer):  # type: ignore[misc]
    """What a Normalise would give without rounding, of its own weights."""

    def __init__(self, of: Normalise, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.of = of

    def call(self, inputs: Any) -> Any:
        return self.of.formula(inputs)


def normalise(
    layer: Any, shape: Sequence[int], types: Mapping[str, FixedType], weights: Mapping[str, np.ndarray], name: str
) -> Normalise:
    """What stands for one of NORMALISATIONS on tensors of a shape; types: of its data, its result, and of those of gamma and
    beta that it has. Raises FpgaMlError where there is no such layer."""
    where = f"layer '{layer.name}'"
    quantizers = {v: signed_quantizer(types[v], f"{where}, {v}") for v in ("result", *weights)}
    read = {v: type_of(q) for v, q in quantizers.items()}  # with the modes that were left out
    grouping = Grouping.of(layer, shape)
    rms, scaling = type(layer).__name__ == "RMSNormalization", bool(getattr(layer, "rms_scaling", False))
    form = Normalisation(
        types["data"],
        read.pop("result") or types["result"],
        grouping.members,
        float(layer.epsilon),
        mean=not (rms or scaling),
        variance=not rms,
        **read,
    )
    form.check(where)
    own = {"shape": grouping.shape, "over": grouping.over, "parameters": grouping.parameters}
    gamma, beta = (quantizers.get(v) for v in ("gamma", "beta"))
    return Normalise(form.as_dict(), own, gamma, beta, name=name)


def weights_of(layer: Any) -> dict[str, np.ndarray]:
    """gamma and beta of one of NORMALISATIONS, those that it has, in a row."""
    gamma = layer.scale if type(layer).__name__ == "RMSNormalization" else layer.gamma
    found = {"gamma": gamma, "beta": getattr(layer, "beta", None)}
    return {v: np.asarray(w).reshape(-1) for v, w in found.items() if w is not None}


def type_behind(tensor: Any, inputs: Mapping[str, FixedType]) -> FixedType | None:
    """A type that holds every value of a tensor of a quantised model, as far as roundings say one; inputs: types of the
    model's."""
    layer, number, _ = tensor._keras_history
    if isinstance(layer, keras.layers.InputLayer):
        return inputs.get(tensor.name)
    if isinstance(layer, (Steps, Bounded, Normalise)):
        return layer.type
    if type(layer).__name__ not in _MOVES:
        return type_of(layer.activation) if type(layer).__name__ == "QActivation" else None
    found = [type_behind(t, inputs) for t in layer._inbound_nodes[number].input_tensors]
    known = [t for t in found if t is not None]
    if len(known) < len(found):
        return None
    signed = any(t.signed for t in known)
    integer = max(t.integer + (signed and not t.signed) for t in known)
    width = integer + max(t.fraction for t in known)
    return FixedType(signed, width, integer, Rounding.RND_CONV, Overflow.SAT)
