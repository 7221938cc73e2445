"""Permutations moved behind what they do not change, until one undoes another or a layer needs its order.

Channels first is a pair of permutations around each layer; between two such layers nothing remains of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from fpga_ml.frontend.rebuild import as_functional, copy_layer, copy_weights

_POINTWISE = frozenset(
    [
        *("Activation", "Clipped", "Dropout", "ELU", "Function", "LeakyReLU", "QActivation", "ReLU", "Steps", "Bounded"),
        *("AlphaDropout", "GaussianDropout", "Kept"),
    ]
)
_MERGES = frozenset(["Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract"])
Order = tuple[int, ...]  # of axes, without the samples, counted from 1: what Permute takes


def fewer_permutations(model: Any) -> Any:
    """The model with as few as that leaves; the model itself where there is at most one."""
    if sum(isinstance(layer, keras.layers.Permute) for layer in model.layers) < 2:
        return model
    return _Moving(model).run()


class _Moving:
    """pending: {id of a tensor: (the tensor before its permutation, the permutation)} of those not yet made."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.made: dict[int, Any] = {}
        self.pending: dict[int, tuple[Any, Order, str]] = {}
        self.kept: list[Any] = []
        self.permuted: dict[tuple[int, Order], Any] = {}
        self.taken = {layer.name for layer in model.layers}

    def run(self) -> Any:
        model = self.model
        inputs = [keras.Input(batch_shape=t.shape, dtype=t.dtype, name=t.name) for t in model.inputs]
        outputs = model._run_through_graph(inputs, operation_fn=self._copied, call_fn=self._call)
        outputs = keras.tree.map_structure(self._in_order, outputs)
        new = as_functional(keras.Model(inputs if len(inputs) > 1 else inputs[0], outputs, name=model.name))
        return copy_weights(new, {layer.name: layer.get_weights() for layer in model.layers if layer.weights})

    def _copied(self, layer: Any) -> Any:
        if id(layer) not in self.made:
            self.made[id(layer)] = copy_layer(layer)
        return self.made[id(layer)]

    def _call(self, layer: Any, *args: Any, **kwargs: Any) -> Any:
        kind = type(layer).__name__
        first = args[0] if args else None
        if kind == "Permute":
            return self._permuted(layer, first)
        if kind in _POINTWISE and not _mixes(layer) and id(first) in self.pending:
            source, order, name = self.pending[id(first)]
            return self._later(layer(source), order, name)
        if kind in _MERGES and isinstance(first, (list, tuple)):
            found = [self.pending.get(id(t)) for t in first]
            if all(found) and len({(p[1], tuple(p[0].shape)) for p in found if p}) == 1:
                return self._later(layer([p[0] for p in found if p]), found[0][1], found[0][2])  # type: ignore[index]
        given = {k: self._in_order(v) for k, v in kwargs.items() if v is not None}
        return layer(*keras.tree.map_structure(self._in_order, args), **given)

    def _permuted(self, layer: Any, x: Any) -> Any:
        source, before, _ = self.pending.get(id(x), (x, tuple(range(1, len(x.shape))), ""))
        order = tuple(before[d - 1] for d in layer.dims)
        if order == tuple(range(1, len(order) + 1)):
            return source
        return self._later(source, order, layer.name)

    def _later(self, source: Any, order: Order, name: str) -> Any:
        """A tensor that stands for the permuted one, which is made when something needs it."""
        stand = keras.KerasTensor((source.shape[0], *(source.shape[d] for d in order)), source.dtype)
        self.kept.append(stand)  # its id stays its own
        self.pending[id(stand)] = (source, order, name)
        return stand

    def _in_order(self, x: Any) -> Any:
        if id(x) not in self.pending:
            return x
        source, order, name = self.pending[id(x)]
        key = (id(source), order)
        if key not in self.permuted:
            self.kept.append(source)
            self.permuted[key] = keras.layers.Permute(order, name=self._free(name))(source)
        return self.permuted[key]

    def _free(self, name: str) -> str:
        used = {p._keras_history.operation.name for p in self.permuted.values()}
        names: Callable[[int], str] = lambda k: f"{name}_{k}" if k else name  # noqa: E731
        return next(names(k) for k in range(len(used) + 1) if names(k) not in used)


def _mixes(layer: Any) -> bool:
    """Whether an activation is a softmax."""
    return getattr(getattr(layer, "activation", None), "__name__", "") in ("softmax", "log_softmax")
