"""EinsumDense as a Dense between two arrangements of elements: hls4ml has no stream of it, and both have."""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from fpga_ml.frontend.rebuild import Call
from fpga_ml.frontend.standins import Activated, StandIn, layer_part, replaced
from fpga_ml.frontend.tensors import numbers


@dataclass(frozen=True)
class AsDense:
    """before: numbers of the input's elements, in the shape in which the Dense reads them; weights: its kernel, and its bias
    where there is one; after: numbers of its results in the shape of the output."""

    before: np.ndarray
    weights: list[np.ndarray]
    after: np.ndarray


def dense_einsums(model: Any) -> Any:
    """The model with such layers in place of its EinsumDense; the model itself where there is none that is one."""
    return replaced(model, _of)


def _of(c: Call) -> StandIn | None:
    layer = c.layer
    if type(layer).__name__ != "EinsumDense":
        return None
    bias = None if layer.bias is None else np.asarray(layer.bias)
    plan = dense_of(layer.equation, tuple(c.inputs[0].shape[1:]), np.asarray(layer.kernel), bias)
    if plan is not None:
        return _Dense(layer, plan)
    if layer.activation is keras.activations.linear:
        return None
    activation = layer_part(lambda name: keras.layers.Activation(layer.activation, name=name))
    return Activated(layer, [activation], inside=True)


class _Dense(StandIn):
    def __init__(self, layer: Any, plan: AsDense) -> None:
        super().__init__(layer)
        self.plan = plan

    def results(self, x: Any, *_: Any, **given: Any) -> Any:
        before, weights, after = self.plan.before, self.plan.weights, self.plan.after
        options = {"activation": self.layer.activation, "use_bias": len(weights) > 1}
        x = self.arranged("turned", x, before)
        y = self.part("", lambda name: keras.layers.Dense(weights[0].shape[1], name=name, **options), weights)(x)
        return self.arranged("placed", y, after)


def dense_of(equation: str, shape: tuple[int, ...], kernel: np.ndarray, bias: np.ndarray | None) -> AsDense | None:
    """None where the weights or the bias are not the same at all places. shape: of the input, without the batch."""
    read, out = equation.split("->")
    data, by = read.split(",")
    others = [c for c in string.ascii_letters if c not in equation]
    more = "".join(others[: len(shape) + 1 - len(data.replace("...", ""))])
    data, out = (letters.replace("...", more)[1:] for letters in (data, out))  # without the batch
    apart = [c for c in data if c not in by]
    summed = [c for c in data if c in by and c not in out]
    made = [c for c in by if c not in data]
    if len(apart) + len(summed) != len(data) or set(apart) | set(made) != set(out):
        return None
    sizes = dict(zip(data, shape, strict=True)) | dict(zip(by, kernel.shape, strict=True))
    whole = numbers(shape).transpose([data.index(c) for c in (*apart, *summed)])
    before = whole.reshape(*(sizes[c] for c in apart), -1)
    weights = [kernel.transpose([by.index(c) for c in (*summed, *made)]).reshape(before.shape[-1], -1)]
    placed = numbers([sizes[c] for c in (*apart, *made)])
    if bias is not None:
        on_all = np.broadcast_to(bias, [sizes[c] for c in out]).transpose([out.index(c) for c in (*apart, *made)])
        flat = on_all.reshape(-1, weights[0].shape[1])
        if (flat != flat[0]).any():
            return None
        weights.append(flat[0])
    return AsDense(before, weights, placed.transpose([(*apart, *made).index(c) for c in out]))
