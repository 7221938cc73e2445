"""An ONNX graph as a Keras model: the words in which its operations are written.

Values are stored as the layers that made them left them, channels last, with whole numbers in the place of real ones where
a Quant has a scale that is no power of two. What is pending, an order, a scale, a shift, a relu, is carried along and done
where something needs it; a Quant takes it all into its own steps.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.layers import Affine, exact_type
from fpga_ml.frontend.onnx.evaluate import Folded
from fpga_ml.frontend.onnx.graph import Node
from fpga_ml.frontend.onnx.meaning.operations import INSTEAD
from fpga_ml.frontend.onnx.meaning.settings import Array
from fpga_ml.frontend.onnx.values import UNKNOWN, Constant, Reach, Value, stored
from fpga_ml.frontend.quantizers import signed_quantizer
from fpga_ml.frontend.rebuild import copy_weights, float64
from fpga_ml.frontend.rewrites.values import rounded_to_fit
from fpga_ml.frontend.tensors import Arrange, Kept, Scale, numbers

MOST_WIDTH = 52  # of a tensor that keeps every bit: float64 holds it
MOST_WEIGHT_BITS = 20  # of a weight that is taken as it is
_WORTH = 4  # bits of weights, to put a scale behind the sums
_EPSILON = 1e-3
Operand = Value | Constant
Kind = Callable[["Builder", Node, list[Any]], Any]
KINDS: dict[str, Kind] = {}


def becomes(*ops: str) -> Callable[[Kind], Kind]:
    """What makes layers of such nodes: of the builder, the node, and its operands, None for one that is left out."""

    def register(kind: Kind) -> Kind:
        KINDS.update(dict.fromkeys(ops, kind))
        return kind

    return register


class Builder:
    """weights: {layer: its weights}; inexact: nodes that do not keep every bit; rounded: nodes whose scales are of single
    precision."""

    def __init__(self, folded: Folded) -> None:
        self.folded = folded
        self.values: dict[str, Value] = {}
        self.weights: dict[str, list[Array]] = {}
        self.inexact: dict[str, None] = {}
        self.rounded: dict[str, None] = {}
        self.layer = ""
        self._taken: set[str] = set()

    def model(self) -> Any:
        """In double precision."""
        with float64():
            inputs = []
            for name, shape in self.folded.graph.inputs:
                inputs.append(keras.Input(shape, name=self.named(name.strip("/"))))
                self.values[name] = stored(inputs[-1], numbers((1, *shape)), UNKNOWN, True)
            for node in self.folded.nodes:
                self.layer = node.name
                operands = [self.operand(n) if n else None for n in node.inputs]
                _check_finite(node, operands)
                if node.op not in KINDS:
                    raise node.refused("is not an operation that converts", INSTEAD)
                made = KINDS[node.op](self, node, operands)
                for name, value in zip(node.outputs, made if isinstance(made, list) else [made], strict=False):
                    self.values[name] = value
            outputs = [self._output(name) for name in self.folded.graph.outputs]
            model = keras.Model(inputs if len(inputs) > 1 else inputs[0], outputs if len(outputs) > 1 else outputs[0])
            return copy_weights(model, self.weights)

    def _output(self, name: str) -> Any:
        self.layer = name.strip("/")
        value = self.plain(self.values[name])
        if value.index.ndim and value.shape[0] != 1:
            raise FpgaMlError(
                f"output '{name}' has {value.shape[0]} rows for one sample",
                where=f"output '{name}'",
                do="make the samples its first axis",
            )
        sample = value.index[0] if value.index.ndim else value.index
        return self.laid(value, sample if sample.ndim else sample[None])

    def operand(self, name: str) -> Operand:
        if name in self.values:
            return self.values[name]
        return Constant(self.folded.constants[name], self.folded.scales.get(name))

    def named(self, part: str = "") -> str:
        """A name that no layer has, for a part of the present node."""
        base = (f"{part}_{self.layer}" if part and self.layer else self.layer or part).replace("/", "_")
        found = next(n for n in itertools.chain([base], (f"{base}_{k}" for k in itertools.count(2))) if n not in self._taken)
        self._taken.add(found)
        return found

    # Layers

    def called(
        self, make: Callable[[str], Any], x: Any, weights: Sequence[Array] = (), *, exact: bool, part: str = ""
    ) -> Any:
        """A layer of one result; exact: it keeps every bit, and so do its weights."""
        layer = make(self.named(part))
        made = layer(x)
        if weights:
            self.weights[layer.name] = [np.asarray(w, np.float64) for w in weights]
        if exact:
            return Kept(name=self.named(f"kept_{part}" if part else "kept"))(made)
        self.inexact[self.layer] = None
        return made

    def laid(self, value: Value, index: Array) -> Any:
        """The tensor of the stored elements of these numbers, in their shape."""
        tensor, shape = value.tensor, tuple(value.tensor.shape[1:])
        every, flat = numbers(shape), index.reshape(-1)
        if np.array_equal(flat, every.reshape(-1)):
            return tensor if index.shape == shape else self._reshaped(tensor, index.shape)
        for axes in itertools.permutations(range(len(shape))) if len(shape) <= 3 and flat.size == every.size else ():
            if np.array_equal(every.transpose(axes).reshape(-1), flat):
                turned = keras.layers.Permute([a + 1 for a in axes], name=self.named("turned"))(tensor)
                return turned if tuple(turned.shape[1:]) == index.shape else self._reshaped(turned, index.shape)
        return Arrange(index, index.shape, name=self.named("placed"))(tensor)

    def _reshaped(self, tensor: Any, shape: tuple[int, ...]) -> Any:
        return keras.layers.Reshape(shape, name=self.named("shaped"))(tensor)

    def relaid(self, value: Value, order: Sequence[int] | None = None) -> Value:
        """The value stored with its axes in this order, by default as the graph has them."""
        order = list(range(len(value.shape)) if order is None else order)
        turned = value.index.transpose(order)
        tensor = self.laid(value, of_sample(turned))
        return replace(value, tensor=tensor, index=numbers(turned.shape).transpose(np.argsort(order)))

    def channels_last(self, value: Value) -> Value:
        """Stored with the second axis last."""
        return self.relaid(value, [0, *range(2, len(value.shape)), 1])

    # What is pending

    def plain(self, value: Value) -> Value:
        """The value itself, stored."""
        if not value.pending:
            return value
        made = self.affine(value, value.scale, value.shift)
        if value.relu:
            made = self.relu(made)
        return made if value.curve is None else self.curved(made, value.curve.layer)

    def curved(self, value: Value, make: Callable[[str], Any]) -> Value:
        """A function of each value, which a table computes, of one of which nothing is pending."""
        value = self.relaid(value) if (value.index < 0).any() else value
        y = self.called(make, value.tensor, exact=False)
        return stored(y, value.index, UNKNOWN, False)

    def bent(self, value: Value) -> Value:
        """Without a relu or a curve that is pending; a scale may be that does not matter to a relu."""
        if not value.relu and value.curve is None:
            return value
        simple = value.curve is None and not value.shift.any() and bool((value.scale > 0).all())
        return self.relu(value) if simple else self.plain(value)

    def uniform(self, value: Value) -> Value:
        """Of which one factor is pending and nothing else."""
        value = self.bent(value)
        return value if value.factor is not None else self.plain(value)

    def relu(self, value: Value) -> Value:
        """Of one of which nothing else is pending but a positive scale."""
        y = self.called(lambda n: keras.layers.ReLU(name=n), value.tensor, exact=value.exact, part="relu")
        reach = value.reach.mapped(lambda s: np.maximum(s, 0.0), value.reach.fraction)
        return replace(value, tensor=y, reach=reach, relu=False)

    def affine(self, value: Value, scale: Array, shift: Array) -> Value:
        """scale * stored + shift at each element, stored; exact where both fit."""
        factor = float(scale.flat[0]) if (scale == scale.flat[0]).all() and not shift.any() else None
        if factor == 1:
            return stored(value.tensor, value.index, value.reach, value.exact)
        if factor and abs(np.frexp(factor)[0]) == 0.5 and factor > 0 and value.exact:
            bits = int(np.log2(factor))
            reach = value.reach.mapped(lambda s: s * factor, value.reach.fraction - bits)
            y = self.called(lambda n: Scale(bits, name=n), value.tensor, exact=True, part="scale")
            return stored(y, value.index, reach, True)
        value, scale, shift = self.by_channel(value, scale, shift)
        reach = self.reach_of(value.reach, scale, shift)
        if value.exact and not reach.known and max(exact_type(v).width for v in (scale, shift)) > MOST_WEIGHT_BITS:
            value = replace(value, exact=False)
        if value.exact and reach.width > MOST_WIDTH:
            scale, shift = rounded_to_fit(scale), rounded_to_fit(shift)
            self.rounded[self.layer] = None
            reach = self.reach_of(value.reach, scale, shift)
        return replace(value, tensor=self.on_channels(value, scale, shift), reach=reach)

    def reach_of(self, reach: Reach, scale: Array, shift: Array) -> Reach:
        """Of an affine function of stored values, by channel."""
        fraction = max(reach.fraction + fraction_of(scale), fraction_of(shift))
        if (scale == scale[0]).all() and (shift == shift[0]).all():
            return reach.mapped(lambda s: s * scale[0] + shift[0], fraction)
        ends = np.stack([scale * reach.low + shift, scale * reach.high + shift])
        return Reach(float(ends.min()), float(ends.max()), fraction, reach.known)

    def on_channels(self, value: Value, scale: Array, shift: Array) -> Any:
        """A layer of scale * stored + shift by channel: exact, or folded into the layer before and rounded."""
        if value.exact:
            where = f"node '{self.layer}'"
            quantizers = [signed_quantizer(exact_type(v), where) for v in (scale, shift)]
            return self.called(
                lambda n: Affine(*quantizers, name=n), value.tensor, [scale, shift], exact=True, part="affine"
            )
        norm = [scale, shift, np.zeros_like(scale), np.full_like(scale, 1 - _EPSILON)]
        return self.called(
            lambda n: keras.layers.BatchNormalization(epsilon=_EPSILON, name=n),
            value.tensor,
            norm,
            exact=False,
            part="affine",
        )

    def by_channel(self, value: Value, *of: Array) -> tuple[Any, ...]:
        """The value stored so that the arrays, which are of its shape, are of the last stored axis alone; these, by channel.
        Nothing is pending of it any more."""
        if not value.whole:
            value = self.relaid(value)
        shape = tuple(value.tensor.shape[1:])
        found = [np.zeros(math.prod(shape)) for _ in of]
        for own, a in zip(found, of, strict=True):
            own[value.index.reshape(-1)] = a.reshape(-1)
        for axis in range(len(shape) - 1, -1, -1):
            apart = [np.moveaxis(a.reshape(shape), axis, -1).reshape(-1, shape[axis]) for a in found]
            if all((a == a[0]).all() for a in apart):
                break
        else:
            value = replace(value, tensor=self._reshaped(value.tensor, (math.prod(shape),)))
            apart, axis, shape = [a[None] for a in found], 0, (math.prod(shape),)
        if axis != len(shape) - 1:
            order = [k for k in range(len(shape)) if k != axis] + [axis]
            turned = numbers(shape).transpose(order)
            place = np.empty(turned.size, np.int64)
            place[turned.reshape(-1)] = np.arange(turned.size)
            value = replace(value, tensor=self.laid(value, turned), index=place[value.index])
        plain = stored(value.tensor, value.index, value.reach, value.exact)
        return (plain, *(a[0] for a in apart))

    def stored_alike(self, first: Value, second: Value) -> tuple[Value, Any]:
        """Two values of one shape with their elements at the same places: the first, and the second's tensor."""
        shape = np.broadcast_shapes(first.shape, second.shape)
        first, second = (v.moved(lambda a: np.broadcast_to(a, shape)) for v in (first, second))
        if not first.whole and second.whole:
            first = replace(first, tensor=self.laid(first, self._as(second, first.index)), index=second.index)
        elif not first.whole:
            first = self.relaid(first)
        return first, self.laid(second, self._as(first, second.index))

    @staticmethod
    def _as(model: Value, index: Array) -> Array:
        """Numbers of elements in the order in which the model stores those at the same places."""
        placed = np.empty(index.size, np.int64)
        placed[model.index.reshape(-1)] = index.reshape(-1)
        return placed.reshape(tuple(model.tensor.shape[1:]))

    def weighed(self, weights: Constant, out_axis: int) -> tuple[Array, Array, bool]:
        """Weights as a layer is to hold them, the factor of each output, and whether they are exact."""
        values = np.asarray(weights.values, np.float64)
        one, width = np.ones(values.shape[out_axis]), exact_type(values).width
        if weights.scale is not None:
            apart = np.moveaxis(weights.scale, out_axis, 0).reshape(len(one), -1)
            whole = np.rint(values / weights.scale)
            same = (apart == apart[:, :1]).all() and np.allclose(whole * weights.scale, values, rtol=1e-12, atol=0)
            if same and exact_type(whole).width + _WORTH < width:
                return whole, apart[:, 0], True
        return values, one, width <= MOST_WEIGHT_BITS


def of_sample(index: Array) -> Array:
    """Without the axis of the samples, where that is the first."""
    return index[0] if index.ndim > 1 and index.shape[0] == 1 else index


def _check_finite(node: Node, operands: Sequence[Any]) -> None:
    """Raises FpgaMlError for weights that are no numbers; an end of a range may be infinite."""
    for name, operand in zip(node.inputs, operands, strict=True):
        if isinstance(operand, Constant) and node.op not in ("Clip", "Max", "Min") and operand.values.dtype.kind == "f":
            wrong = int((~np.isfinite(operand.values)).sum())
            if wrong:
                what = f"reads '{name}', of which {wrong} of {operand.values.size} values are NaN or infinite"
                raise node.refused(what, "train again, or load other weights")


def fraction_of(values: Array) -> int:
    """Fraction bits of numbers."""
    return max((float(v).as_integer_ratio()[1].bit_length() - 1 for v in np.unique(values)), default=0)
