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
from fpga_ml.frontend.standins import StandIn, with_standins
from fpga_ml.frontend.tensors import Arrange, Einsum


def spelled_attention(model: Any) -> Any:
    """The model with such layers taken apart; the model itself where there is none."""
    made: dict[int, _Apart] = {}
    for c in calls(model):
        kind = _KINDS.get(type(c.layer).__name__)
        if kind is not None and (kind is not _Dot or any(len(t.shape) > 2 for t in c.inputs)):
            made.setdefault(id(c.layer), kind(c.layer))
    return with_standins(model, made)


class _Apart(StandIn):
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

    def refuse(self, options: Sequence[str], given: dict[str, Any]) -> None:
        """Raises FpgaMlError for an option of the layer, or of its call, that it does not follow."""
        used = [name for name in options if getattr(self.layer, name, None) or getattr(self.layer, f"_{name}", None)]
        used += [name for name, value in given.items() if value is not None and value is not False and name != "training"]
        if used:
            raise self.refused(
                f"has {used[0]}, which no C++ follows",
                f"leave {used[0]} out" + ": every position attends to every other" * ("mask" in used[0]),
            )


class _MultiHead(_Apart):
    def results(self, query: Any, value: Any, key: Any = None, **given: Any) -> Any:
        layer = self.layer
        self.refuse(("use_gate", "sliding_window"), given)
        if len(layer._attention_axes) != 1:
            raise self.refused(f"attends over {len(layer._attention_axes)} axes", "attend over one axis: reshape before it")
        of_query = self.projected("query", layer._query_dense, query, layer._inverse_sqrt_key_dim)
        of_key = self.projected("key", layer._key_dense, value if key is None else key)
        of_value = self.projected("value", layer._value_dense, value)
        scores = self.einsum("scores", layer._dot_product_equation, of_key, of_query)
        mixed = self.einsum("mixed", layer._combine_equation, self.weighed(scores), of_value)
        return self.projected("", layer._output_dense, mixed)


class _Grouped(_Apart):
    def results(self, query: Any, value: Any, key: Any = None, **given: Any) -> Any:
        layer = self.layer
        self.refuse(("use_gate", "sliding_window"), given)
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
        return self.projected("", layer._output_dense, mixed)

    def _repeated(self, suffix: str, x: Any) -> Any:
        """Each head as often as there are heads of queries for it."""
        every = np.arange(int(np.prod(x.shape[1:]))).reshape(x.shape[1:])
        index = every.repeat(self.layer.num_repeats, axis=1)
        return self.part(suffix, lambda name: Arrange(index, index.shape, name=name))(x)


class _Attention(_Apart):
    def results(self, inputs: Sequence[Any], *_: Any, **given: Any) -> Any:
        self.refuse((), given)
        other = self.layer.score_mode != "dot"
        if other or self.layer.scale is not None:
            option = f"score_mode = {self.layer.score_mode!r}" if other else "a scale"
            raise self.refused(
                f"has {option}, which no C++ follows",
                "use score_mode='dot'" if other else "use use_scale=False, and a Dense layer before it",
            )
        query, value, *key = inputs
        scores = self.einsum("scores", "bqd,bkd->bqk", query, key[0] if key else value)
        return self.einsum("", "bqk,bkd->bqd", self.weighed(scores), value)


class _Dot(_Apart):
    def results(self, inputs: Sequence[Any], *_: Any, **given: Any) -> Any:
        a, b = inputs
        self.refuse(("normalize",), {})
        return self.einsum("", dot_equation(self.layer.axes, len(a.shape), len(b.shape)), a, b)


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
    "Dot": _Dot,
}
ATTENTION = frozenset(["MultiHeadAttention", "GroupQueryAttention", "Attention"])
