"""EinsumDense as a Dense between two arrangements of elements: hls4ml has no stream of it, and both have."""

from __future__ import annotations

import math
import string
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from fpga_ml.frontend.rebuild import calls, copy_layer, copy_weights, rebuild
from fpga_ml.frontend.tensors import Arrange


@dataclass(frozen=True)
class AsDense:
    """before: numbers of the input's elements, in the shape in which the Dense reads them; weights: its kernel, and its bias
    where there is one; after: numbers of its results in the shape of the output."""

    before: np.ndarray
    weights: list[np.ndarray]
    after: np.ndarray


def dense_einsums(model: Any) -> Any:
    """The model with such layers in place of its EinsumDense; the model itself where there is none that is one."""
    plans = {}
    for c in calls(model):
        if type(c.layer).__name__ == "EinsumDense":
            bias = None if c.layer.bias is None else np.asarray(c.layer.bias)
            plan = dense_of(c.layer.equation, tuple(c.inputs[0].shape[1:]), np.asarray(c.layer.kernel), bias)
            if plan is not None:
                plans[id(c.layer)] = _Dense(c.layer, plan)
    if not plans:
        return model
    new = rebuild(model, lambda layer: plans.get(id(layer)) or copy_layer(layer))
    weights = {layer.name: layer.get_weights() for layer in model.layers if layer.weights}
    return copy_weights(new, weights | {own.layer.name: own.plan.weights for own in plans.values()})


class _Dense:
    """Called like the EinsumDense, of a Keras tensor."""

    def __init__(self, layer: Any, plan: AsDense) -> None:
        self.plan, name = plan, layer.name
        units, biased = plan.weights[0].shape[1], len(plan.weights) > 1
        self.before = Arrange(plan.before, plan.before.shape, name=f"{name}_turned")
        self.layer = keras.layers.Dense(units, layer.activation, use_bias=biased, name=name)
        self.after = Arrange(plan.after, plan.after.shape, name=f"{name}_placed")

    def __call__(self, x: Any, **_: Any) -> Any:
        y = self.layer(x if in_place(self.plan.before, x) else self.before(x))
        return y if in_place(self.plan.after, y) else self.after(y)


def in_place(index: np.ndarray, x: Any) -> bool:
    """Whether elements of these numbers are a tensor as it stands."""
    return index.shape == tuple(x.shape[1:]) and np.array_equal(index.reshape(-1), np.arange(index.size))


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
    whole = np.arange(math.prod(shape)).reshape(shape).transpose([data.index(c) for c in (*apart, *summed)])
    before = whole.reshape(*(sizes[c] for c in apart), -1)
    weights = [kernel.transpose([by.index(c) for c in (*summed, *made)]).reshape(before.shape[-1], -1)]
    placed = np.arange(math.prod(sizes[c] for c in out)).reshape([sizes[c] for c in (*apart, *made)])
    if bias is not None:
        on_all = np.broadcast_to(bias, [sizes[c] for c in out]).transpose([out.index(c) for c in (*apart, *made)])
        flat = on_all.reshape(-1, weights[0].shape[1])
        if (flat != flat[0]).any():
            return None
        weights.append(flat[0])
    return AsDense(before, weights, placed.transpose([(*apart, *made).index(c) for c in out]))
