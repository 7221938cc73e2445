"""What a stream makes of all tokens of a frame as it goes: sums, means and extremes whose terms are the same of every token.

A token gives terms, which are added to what the tokens before gave (or the larger are kept); behind the last one the result
is made of the totals. So hardware for one token is enough, and nothing holds the frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fpga_ml.ir.kernel import Builder, Kernel, Wire
from fpga_ml.layers.base import Layer
from fpga_ml.layers.linear import Linear
from fpga_ml.layers.pooling import AveragePool, MaxPool
from fpga_ml.numerics import FixedType, Interval
from fpga_ml.numerics.interval import type_of

_SPARE_BITS = 64
_FLAG = FixedType(False, 1, 1)


@dataclass(frozen=True)
class Accumulation:
    """terms: a layer of one token; largest: whether the largest term of all tokens is kept, in place of their sum; finish:
    the result of the totals."""

    terms: Layer
    largest: bool
    finish: Callable[[Builder, Sequence[int]], list[int]]

    def state(self, wires: Sequence[Wire], tokens: int) -> tuple[FixedType, ...]:
        """What is kept from token to token; of extremes also whether there was a token."""
        if self.largest:
            return (*(w.type for w in wires), _FLAG)
        return tuple(type_of(_times(w.interval, tokens), w.fraction) for w in wires)

    def step(self, name: str, wires: Sequence[Wire], state: Sequence[FixedType]) -> Kernel:
        """The state behind a token, of the token's terms and the state before."""
        b = Builder(name)
        terms, kept = [b.input(w) for w in wires], [b.input(Wire.of(t)) for t in state]
        if not self.largest:
            return b.build([b.cast(b.add(x, s), t) for x, s, t in zip(terms, kept, state, strict=True)])
        *values, seen = kept
        larger = [b.select(seen, b.max(x, s), x) for x, s in zip(terms, values, strict=True)]
        return b.build([*larger, b.const(1, 0)])

    def result(self, name: str, wires: Sequence[Wire]) -> Kernel:
        b = Builder(name)
        return b.build(self.finish(b, [b.input(w) for w in wires]))


def _times(interval: Interval, tokens: int) -> Interval:
    """Of up to so many terms, none included."""
    return Interval(min(0, tokens * interval.low), max(0, tokens * interval.high))


def accumulation(layer: Linear | MaxPool | AveragePool, wires: Sequence[Wire], tokens: int) -> Accumulation | None:
    """Of a layer whose only position reads tokens of these elements; None where tokens do not give the same terms, or sums
    are rounded on the way."""
    if isinstance(layer, Linear):
        return _of_sums(layer, wires, tokens)
    local = _local(layer.index, len(wires), tokens)
    if local is None:
        return None
    own, _ = local
    if isinstance(layer, MaxPool):
        wide = _wide(layer.accum)
        terms: Layer = replace(layer, name=f"{layer.name}_terms", index=own, accum=wide, result=wide)
        return Accumulation(terms, True, lambda b, x: [b.cast(b.cast(v, layer.accum), layer.result) for v in x])
    groups = np.ones((len(own), own.shape[1], 1), np.int64)
    terms = _sums(layer, own, groups, 0, layer.accum)
    return Accumulation(terms, False, lambda b, x: layer.means(b, x, layer.index.shape[1]))


def _of_sums(layer: Linear, wires: Sequence[Wire], tokens: int) -> Accumulation | None:
    if not layer.is_plain(max(w.fraction for w in wires) + layer.weight_fraction):
        return None
    local = _local(layer.index[0], len(wires), tokens)
    if local is None:
        return None
    own, order = local
    weights = np.take_along_axis(layer.weights, order[:, :, None], axis=1).reshape(len(own), tokens, own.shape[1], -1)
    if (weights != weights[:, :1]).any():
        return None
    return Accumulation(_sums(layer, own, weights[:, 0], layer.weight_fraction, layer.accum), False, layer.finish)


def _sums(
    layer: Layer, index: npt.NDArray[np.int64], weights: npt.NDArray[np.int64], fraction: int, accum: FixedType
) -> Linear:
    """Of a token; index (G, K), weights (G, K, M)."""
    outputs = weights.shape[0] * weights.shape[2]
    wide, zero = _wide(accum), np.zeros(outputs, np.int64)
    return Linear(f"{layer.name}_terms", layer.reads, (outputs,), wide, index[None], weights, fraction, zero, 0, wide)


def _wide(t: FixedType) -> FixedType:
    """With the same fraction bits, for values that may leave t until they are added up."""
    return FixedType(True, t.width + _SPARE_BITS, t.integer + _SPARE_BITS)


def _local(
    index: npt.NDArray[np.int64], channels: int, tokens: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]] | None:
    """index (G, K) of which elements of a frame are read: (G, K / tokens) of a token, and the order (G, K) in which the
    terms are those of one token after the other; None where tokens do not give the same elements."""
    if index.min() < 0 or index.shape[1] % tokens:
        return None
    order = np.argsort(index, axis=1, kind="stable")
    in_order = np.take_along_axis(index, order, axis=1).reshape(len(index), tokens, -1)
    same = (in_order // channels == np.arange(tokens)[:, None]).all() and (in_order % channels == in_order[:, :1] % channels)
    return (in_order[:, 0] % channels, order) if np.all(same) else None
