"""Operations that move values: they change the order in which a value is read, and become no layer where nothing needs
one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np

from fpga_ml.frontend.onnx.build import Builder, becomes
from fpga_ml.frontend.onnx.graph import Node
from fpga_ml.frontend.onnx.meaning.moves import MOVES
from fpga_ml.frontend.onnx.meaning.settings import Array
from fpga_ml.frontend.onnx.values import Constant, Reach, Value
from fpga_ml.frontend.tensors import numbers


@becomes(*MOVES, "Cast")
def move(b: Builder, node: Node, x: list[Any]) -> Any:
    value, *settings = x
    if not isinstance(value, Value) or any(isinstance(s, Value) for s in settings):
        raise node.refused("moves values to places that depend on data", "use constant shapes, places and sizes")
    if node.op == "Cast":
        return value
    constants = [None if s is None else s.values for s in settings]
    if node.op == "Pad" and node.attributes.get("mode", "constant") == "constant":
        return _padded(b, node, value, constants)
    count = len(_moved(node, value.index, constants))
    made = [value.moved(lambda a, k=n: _moved(node, a, constants)[k]) for n in range(count)]  # type: ignore[misc]
    return made if len(made) > 1 else made[0]


def _moved(node: Node, a: Array, settings: list[Any]) -> list[Array]:
    found = MOVES[node.op](node, a, *settings)
    return found if isinstance(found, list) else [found]


def _padded(b: Builder, node: Node, value: Value, settings: list[Any]) -> Value:
    pads, given, axes = [*settings, None, None, None][:3]
    fill = float(np.reshape(node.attributes.get("value", 0.0) if given is None else given, ()))
    value = b.bent(value) if fill < 0 or value.curve is not None else value
    first = value.scale.flat[0]
    parts = [(value.index, -1.0), (value.scale, first), (value.shift, fill)]
    index, scale, shift = (MOVES["Pad"](node, a, pads, np.array(v), axes) for a, v in parts)
    reach = value.reach.hull(Reach(0.0, 0.0, 0))
    return replace(value, index=index, scale=scale, shift=shift, reach=reach)


@becomes("Concat")
def concat(b: Builder, node: Node, x: list[Any]) -> Value:
    if any(isinstance(v, Constant) for v in x):
        raise node.refused("joins data with constants", "put the constants into the next layer's weights")
    rank = len(x[0].shape)
    axis, x = node.attributes["axis"] % rank, [b.bent(v) for v in x]
    if all(v.whole and v.index.size == v.shape[axis] for v in x):  # in the order in which they are stored
        parts = [b.laid(v, np.arange(v.index.size)) for v in x]
        starts = np.cumsum([0, *(v.index.size for v in x)])
        index = np.concatenate([v.index + start for v, start in zip(x, starts, strict=False)], axis)
        tensor = keras.layers.Concatenate(name=b.named())(parts)
    else:
        order = [0, *range(2, rank), 1] if rank > 2 and _is_last(x[0]) else list(range(rank))
        turned = [v.index.transpose(order) for v in x]
        alone = order[0] != axis and turned[0].shape[0] == 1
        parts = [b.laid(v, t[0] if alone else t) for v, t in zip(x, turned, strict=True)]
        tensor = keras.layers.Concatenate(axis=order.index(axis) + 1 - alone, name=b.named())(parts)
        shape = [sum(t.shape[k] for t in turned) if order[k] == axis else n for k, n in enumerate(turned[0].shape)]
        index = numbers(tuple(shape)).transpose(np.argsort(order))
    scale, shift = (np.concatenate([getattr(v, k) for v in x], axis) for k in ("scale", "shift"))
    reach, exact = x[0].reach, all(v.exact for v in x)
    for v in x[1:]:
        reach = reach.hull(v.reach)
    return Value(tensor, index, scale, shift, reach, exact)


def _is_last(value: Value) -> bool:
    """Whether it is stored with its channels last."""
    return np.array_equal(np.moveaxis(value.index, 1, -1).reshape(-1), np.arange(value.index.size))
