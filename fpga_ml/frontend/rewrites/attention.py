"""Attention, and products of two tensors, as projections, einsums of two tensors and softmax.

A. Vaswani et al., "Attention is all you need", arXiv:1706.03762, equation 1; J. Ainslie et al., arXiv:2305.13245, for heads
that share keys and values. The factor 1 / sqrt(size of a key) goes into the weights that make the queries.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from fpga_ml.frontend.rebuild import calls
from fpga_ml.frontend.rewrites.unit import normed
from fpga_ml.frontend.standins import Composed, with_standins
from fpga_ml.frontend.tensors import Einsum, numbers


def spelled_attention(model: Any) -> Any:
    """The model with such layers taken apart; the model itself where there is none."""
    made: dict[int, _Apart] = {}
    for c in calls(model):
        kind = _KINDS.get(type(c.layer).__name__)
        if kind is not None and (kind is not _Dot or c.layer.normalize or any(len(t.shape) > 2 for t in c.inputs)):
            made.setdefault(id(c.layer), kind(c.layer))
    return with_standins(model, made)


class _Apart(Composed):
    def projected(self, suffix: str, dense: Any, x: Any, factor: float = 1.0) -> Any:
        """By an EinsumDense of the layer, its weights times a factor."""

        def make(name: str) -> Any:
            read, out = dense.equation.split("->")
            sizes = dict(zip(read.replace(",", ""), (*x.shape, *dense.kernel.shape), strict=True))
            axes = None if dense.bias is None else dense.bias_axes
            return keras.layers.EinsumDense(dense.equation, [sizes[c] for c in out[1:]], bias_axes=axes, name=name)

        return self.part(suffix, make, [np.asarray(w) * factor for w in dense.get_weights()])(x)

    def einsum(self, suffix: str, equation: str, *x: Any) -> Any:
        return self.part(suffix, lambda name: Einsum(equation, name=name))(list(x))

    def weighed(self, scores: Any) -> Any:
        return self.part("softmax", lambda name: keras.layers.Softmax(axis=-1, name=name))(scores)

    def gated(self, mixed: Any, query: Any, used: bool) -> Any:
        """The heads' results times a function of the queries, where the layer has one."""
        if not used:
            return mixed
        found = self.projected("gates", self.layer._gate_dense, query)
        found = self.part("gate", lambda name: keras.layers.Activation("sigmoid", name=name))(found)
        return self.part("gated", lambda name: keras.layers.Multiply(name=name))([mixed, found])


class _MultiHead(_Apart):
    def results(self, query: Any, value: Any, key: Any = None, **given: Any) -> Any:
        layer = self.layer
        of_query = self.projected("query", layer._query_dense, query, layer._inverse_sqrt_key_dim)
        of_key = self.projected("key", layer._key_dense, value if key is None else key)
        of_value = self.projected("value", layer._value_dense, value)
        several = len(layer._attention_axes) != 1
        mixed = (self.over_several if several else self.over_one)(of_query, of_key, of_value)
        return self.projected("", layer._output_dense, self.gated(mixed, query, layer._use_gate))

    def over_one(self, query: Any, key: Any, value: Any) -> Any:
        """Along one axis."""
        scores = self.einsum("scores", self.layer._dot_product_equation, key, query)
        return self.einsum("mixed", self.layer._combine_equation, self.weighed(scores), value)

    def over_several(self, query: Any, key: Any, value: Any) -> Any:
        """Along several axes: their positions in one axis, those along the others in another."""
        q, k, v = (self._joined(name, x) for name, x in (("queries", query), ("keys", key), ("values", value)))
        scores = self.einsum("scores", "axqnh,axknh->axnqk", q, k)
        mixed = self.einsum("mixed", "axnqk,axknh->axqnh", self.weighed(scores), v)
        order, shape = self._order(query), (*query.shape[1:-1], value.shape[-1])
        return self.arranged("placed", mixed, numbers([shape[a] for a in order]).transpose(np.argsort(order)))

    def _order(self, x: Any) -> list[int]:
        """Axes behind the batch: those without attention, those with it, heads, and what heads hold."""
        attended = [a - 1 for a in self.layer._attention_axes]
        places = range(len(x.shape) - 3)
        return [*(a for a in places if a not in attended), *attended, len(places), len(places) + 1]

    def _joined(self, suffix: str, x: Any) -> Any:
        turned = numbers(x.shape[1:]).transpose(self._order(x))
        apart = len(x.shape) - 3 - len(self.layer._attention_axes)
        return self.arranged(suffix, x, turned.reshape(int(np.prod(turned.shape[:apart])), -1, *turned.shape[-2:]))


class _Grouped(_Apart):
    def results(self, query: Any, value: Any, key: Any = None, **given: Any) -> Any:
        layer = self.layer
        of_query = self.projected("query", layer._query_dense, query, layer._inverse_sqrt_head_dim)
        of_key, of_value = (
            self._repeated(f"{n}s", self.projected(n, dense, x))
            for n, dense, x in (
                ("key", layer._key_dense, value if key is None else key),
                ("value", layer._value_dense, value),
            )
        )
        scores = self.einsum("scores", "bquh,bkuh->buqk", of_query, of_key)
        mixed = self.einsum("mixed", "buqk,bkuh->bquh", self.weighed(scores), of_value)
        return self.projected("", layer._output_dense, self.gated(mixed, query, layer.use_gate))

    def _repeated(self, suffix: str, x: Any) -> Any:
        """Each head as often as there are heads of queries for it."""
        return self.arranged(suffix, x, numbers(x.shape[1:]).repeat(self.layer.num_repeats, axis=1))


class _Attention(_Apart):
    def results(self, inputs: Sequence[Any], *_: Any, **given: Any) -> Any:
        query, value, *key = inputs
        scores = self.scores(query, key[0] if key else value)
        return self.einsum("", "bqk,bkd->bqd", self.weighed(scores), value)

    def scores(self, query: Any, key: Any) -> Any:
        layer = self.layer
        scale = None if layer.scale is None else float(np.asarray(layer.scale).item())
        if layer.score_mode == "dot":
            query = query if scale is None else self.affine("scaled", query, scale)
            return self.einsum("scores", "bqd,bkd->bqk", query, key)
        if scale is not None:
            query, key = self.affine("query", query, scale), self.affine("key", key, scale)
        weight = float(np.asarray(layer.concat_score_weight).item())
        return self.summed(query, key, np.full(query.shape[-1], weight))

    def summed(self, query: Any, key: Any, weights: np.ndarray) -> Any:
        """sum(weights * tanh(query + key)) of each pair of positions: D. Bahdanau et al., arXiv:1409.0473."""
        (queries, size), keys = query.shape[1:], key.shape[1]
        down, across = (queries, 1, size), (1, keys, size)
        pair = [self.reshaped("down", query, down), self.reshaped("across", key, across)]
        met = self.part("met", lambda name: keras.layers.Add(name=name))(pair)
        bent = self.part("bent", lambda name: keras.layers.Activation("tanh", name=name))(met)
        kernel = [weights.reshape(-1, 1)]
        total = self.part("total", lambda name: keras.layers.Dense(1, use_bias=False, name=name), kernel)(bent)
        return self.reshaped("scores", total, (queries, keys))


class _Additive(_Attention):
    def scores(self, query: Any, key: Any) -> Any:
        scale = self.layer.scale
        return self.summed(query, key, np.ones(query.shape[-1]) if scale is None else np.asarray(scale, np.float64))


class _Dot(_Apart):
    def results(self, inputs: Sequence[Any], *_: Any, **given: Any) -> Any:
        a, b = inputs
        axes = self.layer.axes
        if self.layer.normalize:
            first, second = (axes, axes) if isinstance(axes, int) else axes
            a, b = normed(self, "first", a, first), normed(self, "second", b, second)
        if len(a.shape) == len(b.shape) == 2:
            return self.part("", lambda name: keras.layers.Dot(axes, name=name))([a, b])
        return self.einsum("", dot_equation(axes, len(a.shape), len(b.shape)), a, b)


def dot_equation(axes: int | Sequence[int], of_first: int, of_second: int) -> str:
    """The einsum of a Dot layer of two tensors with so many axes, the batch counted."""
    both = (axes, axes) if isinstance(axes, int) else tuple(axes)
    first, second = string.ascii_lowercase[:of_first], "a" + string.ascii_uppercase[1:of_second]
    at_first, at_second = both[0] % of_first, both[1] % of_second
    second = second[:at_second] + first[at_first] + second[at_second + 1 :]
    return f"{first},{second}->" + "".join(c for c in first + second[1:] if c != first[at_first])


# GroupedQueryAttention is what Keras calls the class of keras.layers.GroupQueryAttention.
_KINDS: dict[str, type[_Apart]] = {
    "MultiHeadAttention": _MultiHead,
    "GroupedQueryAttention": _Grouped,
    "Attention": _Attention,
    "AdditiveAttention": _Additive,
    "Dot": _Dot,
}
ATTENTION = frozenset(["MultiHeadAttention", "GroupQueryAttention", "Attention", "AdditiveAttention"])
